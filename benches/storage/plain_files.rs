//! Layouts in files of our own.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::{Key, Layout, VALUE};

fn create(dir: &Path) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[expect(
        clippy::disallowed_methods,
        reason = "what is measured is the file, not the door to it"
    )]
    let file = options.open(dir.join("rows"));
    file.expect("a file")
}

/// Rows behind each other, and in memory where the newest of each key is.
pub(crate) struct Log {
    file: File,
    end: u64,
    index: HashMap<Key, u64>,
}

impl Log {
    pub(crate) fn new(dir: &Path, keys: &[Key]) -> Self {
        let mut log = Self {
            file: create(dir),
            end: 0,
            index: HashMap::new(),
        };
        for keys in keys.chunks(100_000) {
            let rows: Vec<_> = keys.iter().map(|key| (*key, 0)).collect();
            log.apply(0, &rows);
        }
        log
    }
}

impl Layout for Log {
    fn apply(&mut self, number: u64, group: &[(Key, u64)]) {
        let mut bytes = Vec::new();
        for (key, _) in group {
            self.index.insert(*key, self.end + bytes.len() as u64);
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(&VALUE);
        }
        self.file.write_all(&bytes).expect("writes");
        self.file.sync_data().expect("syncs");
        self.end += bytes.len() as u64;
    }
}

/// A version for each key, at a place of its own that never changes.
pub(crate) struct Slots {
    file: File,
}

const SLOT_BYTES: usize = 16;

impl Slots {
    pub(crate) fn new(dir: &Path, keys: &[Key]) -> Self {
        let mut file = create(dir);
        for keys in keys.chunks(100_000) {
            let slots = vec![0; keys.len() * SLOT_BYTES];
            file.write_all(&slots).expect("writes");
        }
        file.sync_data().expect("syncs");
        Self { file }
    }
}

impl Layout for Slots {
    fn apply(&mut self, number: u64, group: &[(Key, u64)]) {
        for (_, place) in group {
            let version = [number.to_le_bytes(), place.to_le_bytes()].concat();
            let at = place * SLOT_BYTES as u64;
            self.file.write_all_at(&version, at).expect("writes");
        }
        self.file.sync_data().expect("syncs");
    }
}
