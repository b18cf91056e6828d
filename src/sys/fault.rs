//! A disk for tests that knows what a crash would leave of it, and that can fail.
//!
//! [`FaultStorage`] does everything on real files and keeps a log of what changes them. After a run,
//! [`FaultStorage::image`] builds what a crash after any operation of the log may leave, as a directory of
//! its own that is opened like any other. So one run gives every crash of it.
//!
//! The model: a file's bytes and a directory's entries are durable once synced; what is not synced may
//! survive wholly, partly or not at all, in any order.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mmap::FileMap;
use super::storage::{Disk, OpenMode, Storage, StorageFile};

/// What survives of operations that were not synced when the crash came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// All of them: the process was killed, the machine went on.
    Everything,
    /// None of them: the power went before anything was written back.
    SyncedOnly,
    /// All, but of the last write only the first half.
    TornLast,
    /// Of each file all but the first unsynced write: written back in another order.
    FirstLost,
    /// Any sectors of any of them, chosen by the seed.
    Sectors(u64),
}

impl Survival {
    /// One of each kind.
    pub const ALL: [Self; 6] = [
        Self::Everything,
        Self::SyncedOnly,
        Self::TornLast,
        Self::FirstLost,
        Self::Sectors(1),
        Self::Sectors(2),
    ];
}

#[derive(Debug, Clone)]
enum Op {
    Create {
        name: PathBuf,
        inode: usize,
    },
    Write {
        inode: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    Resize {
        inode: usize,
        len: usize,
    },
    SyncFile {
        inode: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        name: PathBuf,
    },
    SyncDir {
        dir: PathBuf,
    },
}

/// Which error operations end with, from which on.
#[derive(Debug)]
struct Failure {
    /// The first write, preallocation or sync that fails; counts down to 0.
    after: AtomicUsize,
    /// The error's number.
    errno: i32,
}

#[derive(Debug, Clone, Default)]
struct Log {
    /// What the directory held at the start, all durable.
    base: BTreeMap<PathBuf, Vec<u8>>,
    ops: Vec<Op>,
    /// The inode of each name now.
    names: BTreeMap<PathBuf, usize>,
    inodes: usize,
}

/// A recording, failing disk.
#[derive(Debug, Clone)]
pub struct FaultStorage {
    root: PathBuf,
    log: Arc<Mutex<Log>>,
    failure: Arc<Option<Failure>>,
}

impl FaultStorage {
    /// Records what happens below `root`, whose present files count as durable.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(root: &Path) -> io::Result<Self> {
        let mut log = Log::default();
        read_tree(root, root, &mut log.base)?;
        log.names = log.base.keys().cloned().zip(0..).collect();
        log.inodes = log.names.len();
        Ok(Self {
            root: root.to_owned(),
            log: Arc::new(Mutex::new(log)),
            failure: Arc::new(None),
        })
    }

    /// As [`FaultStorage::new`], but after `after` operations that may fail (writes, reservations of
    /// space, syncs) all further ones fail with the error of this number.
    ///
    /// # Errors
    /// What the system says.
    pub fn failing(root: &Path, after: usize, errno: i32) -> io::Result<Self> {
        let failure = Failure {
            after: AtomicUsize::new(after),
            errno,
        };
        Ok(Self {
            failure: Arc::new(Some(failure)),
            ..Self::new(root)?
        })
    }

    /// How many operations there were.
    #[must_use]
    pub fn op_count(&self) -> usize {
        self.log().ops.len()
    }

    /// Builds in `into` what a crash after the first `count` operations may leave.
    ///
    /// # Errors
    /// What the system says.
    pub fn image(&self, count: usize, survival: Survival, into: &Path) -> io::Result<()> {
        let log = self.log();
        let mut image = Image::new(&log.base);
        for op in log.ops.iter().take(count) {
            image.apply(op);
        }
        std::fs::create_dir_all(into)?;
        for (name, bytes) in image.surviving(survival) {
            let path = into.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }

    /// The recording up to now; what is done later is not in it.
    #[must_use]
    pub fn clone_at_now(&self) -> Self {
        let log = Arc::new(Mutex::new(self.log().clone()));
        Self {
            root: self.root.clone(),
            log,
            failure: Arc::new(None),
        }
    }

    /// The machine went on after its process was killed after the first `count` operations: builds in
    /// `into` what the next process finds, and goes on recording there. What was not synced still is
    /// not.
    ///
    /// # Errors
    /// What the system says.
    pub fn reopened(&self, count: usize, into: &Path) -> io::Result<Self> {
        self.image(count, Survival::Everything, into)?;
        let mut log = self.log().clone();
        log.ops.truncate(count);
        log.names = log.base.keys().cloned().zip(0..).collect();
        for op in &log.ops {
            apply_to_names(&mut log.names, op);
        }
        Ok(Self {
            root: into.to_owned(),
            log: Arc::new(Mutex::new(log)),
            failure: Arc::new(None),
        })
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    fn fail(&self) -> io::Result<()> {
        let Some(failure) = &*self.failure else {
            return Ok(());
        };
        // Ordering: a counter of its own.
        let passed = failure
            .after
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        passed
            .map(|_| ())
            .map_err(|_| io::Error::from_raw_os_error(failure.errno))
    }
}

impl Storage for FaultStorage {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        // Directories are made anew on every open: their loss is no case of its own.
        Disk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Disk.list(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        let file = Disk.open(path, mode)?;
        let name = self.name(path);
        let mut log = self.log();
        let inode = match (mode, log.names.get(&name)) {
            (OpenMode::Read | OpenMode::Write, Some(inode)) => *inode,
            _ => {
                let inode = log.inodes;
                log.inodes += 1;
                log.names.insert(name.clone(), inode);
                log.ops.push(Op::Create { name, inode });
                inode
            }
        };
        Ok(Box::new(FaultFile {
            file,
            inode,
            storage: self.clone(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)?;
        let (from, to) = (self.name(from), self.name(to));
        let mut log = self.log();
        if let Some(inode) = log.names.remove(&from) {
            log.names.insert(to.clone(), inode);
        }
        log.ops.push(Op::Rename { from, to });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)?;
        let name = self.name(path);
        let mut log = self.log();
        log.names.remove(&name);
        log.ops.push(Op::Remove { name });
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.fail()?;
        let dir = self.name(path);
        self.log().ops.push(Op::SyncDir { dir });
        Ok(())
    }
}

#[derive(Debug)]
struct FaultFile {
    file: Box<dyn StorageFile>,
    inode: usize,
    storage: FaultStorage,
}

impl FaultFile {
    fn resized(&self, len: u64) {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.storage.log().ops.push(Op::Resize {
            inode: self.inode,
            len,
        });
    }

    fn written(&self, offset: u64, bytes: Vec<u8>) {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.storage.log().ops.push(Op::Write {
            inode: self.inode,
            offset,
            bytes,
        });
    }
}

impl StorageFile for FaultFile {
    fn byte_len(&self) -> io::Result<u64> {
        self.file.byte_len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, slices: &[&[u8]]) -> io::Result<()> {
        let mut bytes = slices.concat();
        if let Err(error) = self.storage.fail() {
            bytes.truncate(bytes.len() / 2);
            self.file.write_at(offset, &[&bytes])?;
            self.written(offset, bytes);
            return Err(error);
        }
        self.file.write_at(offset, slices)?;
        self.written(offset, bytes);
        Ok(())
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.storage.fail()?;
        if len > self.file.byte_len()? {
            self.file.truncate(len)?;
            self.resized(len);
        }
        Ok(())
    }

    fn forget(&self, from: u64, until: u64) {
        self.file.forget(from, until);
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)?;
        self.resized(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.storage.fail()?;
        self.storage
            .log()
            .ops
            .push(Op::SyncFile { inode: self.inode });
        Ok(())
    }

    fn freeze(&self, end: u64) -> io::Result<()> {
        self.file.freeze(end)
    }

    fn map(&self, len: u64) -> io::Result<FileMap> {
        self.file.map(len)
    }
}

/// A file on the way to an image.
#[derive(Debug, Clone, Default)]
struct Inode {
    synced: Vec<u8>,
    pending: Vec<Op>,
}

struct Image {
    inodes: BTreeMap<usize, Inode>,
    synced_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<Op>,
}

impl Image {
    fn new(base: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let inodes = base
            .values()
            .map(|bytes| Inode {
                synced: bytes.clone(),
                pending: Vec::new(),
            })
            .enumerate()
            .collect();
        let synced_names = base.keys().cloned().zip(0..).collect();
        Self {
            inodes,
            synced_names,
            pending_names: Vec::new(),
        }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { inode, .. } => {
                self.inodes.insert(*inode, Inode::default());
                self.pending_names.push(op.clone());
            }
            Op::Rename { .. } | Op::Remove { .. } => self.pending_names.push(op.clone()),
            Op::Write { inode, .. } | Op::Resize { inode, .. } => {
                self.inodes
                    .entry(*inode)
                    .or_default()
                    .pending
                    .push(op.clone());
            }
            Op::SyncFile { inode } => {
                let inode = self.inodes.entry(*inode).or_default();
                for op in std::mem::take(&mut inode.pending) {
                    apply_to_bytes(&mut inode.synced, &op);
                }
            }
            Op::SyncDir { dir } => {
                let (synced, pending): (Vec<Op>, Vec<Op>) = std::mem::take(&mut self.pending_names)
                    .into_iter()
                    .partition(|op| op_name(op).parent() == Some(dir.as_path()));
                self.pending_names = pending;
                for op in synced {
                    apply_to_names(&mut self.synced_names, &op);
                }
            }
        }
    }

    fn surviving(mut self, survival: Survival) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut random = match survival {
            Survival::Sectors(seed) => Random(seed),
            Survival::Everything
            | Survival::SyncedOnly
            | Survival::TornLast
            | Survival::FirstLost => Random(0),
        };
        for op in std::mem::take(&mut self.pending_names) {
            let survives = match survival {
                Survival::Everything | Survival::TornLast | Survival::FirstLost => true,
                Survival::SyncedOnly => false,
                Survival::Sectors(_) => random.coin(),
            };
            if survives {
                apply_to_names(&mut self.synced_names, &op);
            } else if matches!(survival, Survival::Sectors(_)) {
                // Entries of one directory survive in their order.
                break;
            }
        }
        for inode in self.inodes.values_mut() {
            survive(inode, survival, &mut random);
        }
        let bytes = |inode: &usize| self.inodes.get(inode).map(|inode| inode.synced.clone());
        self.synced_names
            .iter()
            .map(|(name, inode)| (name.clone(), bytes(inode).unwrap_or_default()))
            .collect()
    }
}

/// Applies of a file's unsynced operations what survives.
fn survive(inode: &mut Inode, survival: Survival, random: &mut Random) {
    let mut pending = std::mem::take(&mut inode.pending);
    match survival {
        Survival::SyncedOnly => pending.clear(),
        Survival::FirstLost => {
            let first = pending.iter().position(|op| matches!(op, Op::Write { .. }));
            first.map(|index| pending.remove(index));
        }
        Survival::TornLast => {
            let last = pending
                .iter_mut()
                .rev()
                .find(|op| matches!(op, Op::Write { .. }));
            if let Some(Op::Write { bytes, .. }) = last {
                bytes.truncate(bytes.len() / 2);
            }
        }
        Survival::Everything | Survival::Sectors(_) => {}
    }
    for op in pending {
        match (survival, &op) {
            (
                Survival::Sectors(_),
                Op::Write {
                    inode: file,
                    offset,
                    bytes,
                },
            ) => {
                let sectors = bytes.chunks(512).zip((*offset..).step_by(512));
                for (bytes, offset) in sectors.filter(|_| random.coin()) {
                    let part = Op::Write {
                        inode: *file,
                        offset,
                        bytes: bytes.to_vec(),
                    };
                    apply_to_bytes(&mut inode.synced, &part);
                }
            }
            _ => apply_to_bytes(&mut inode.synced, &op),
        }
    }
}

fn apply_to_bytes(file: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { offset, bytes, .. } => {
            let end = offset + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            if let Some(target) = file.get_mut(*offset..end) {
                target.copy_from_slice(bytes);
            }
        }
        Op::Resize { len, .. } => file.resize(*len, 0),
        Op::Create { .. }
        | Op::SyncFile { .. }
        | Op::Rename { .. }
        | Op::Remove { .. }
        | Op::SyncDir { .. } => {}
    }
}

fn apply_to_names(names: &mut BTreeMap<PathBuf, usize>, op: &Op) {
    match op {
        Op::Create { name, inode } => {
            names.insert(name.clone(), *inode);
        }
        Op::Rename { from, to } => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Op::Remove { name } => {
            names.remove(name);
        }
        Op::Write { .. } | Op::Resize { .. } | Op::SyncFile { .. } | Op::SyncDir { .. } => {}
    }
}

fn op_name(op: &Op) -> &Path {
    match op {
        Op::Create { name, .. } | Op::Remove { name } | Op::Rename { to: name, .. } => name,
        Op::SyncDir { dir } => dir,
        Op::Write { .. } | Op::Resize { .. } | Op::SyncFile { .. } => Path::new(""),
    }
}

/// A small generator; its seed is all there is to a run.
struct Random(u64);

impl Random {
    fn coin(&mut self) -> bool {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 63 == 1
    }
}

fn read_tree(root: &Path, dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            read_tree(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
            files.insert(name, std::fs::read(&path)?);
        }
    }
    Ok(())
}
