//! Folders and files that are to be made, all at once or not at all.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use heddle::sys::file::create_for_writing;

/// A file's bytes, and whether only its owner may read them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    bytes: Vec<u8>,
    secret: bool,
}

/// Folders and files by their paths below the root. A folder is a path without a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<PathBuf, Option<File>>);

impl Tree {
    /// A folder, which may stay empty.
    pub(crate) fn folder(&mut self, path: impl Into<PathBuf>) {
        self.0.insert(path.into(), None);
    }

    /// A file that everybody may read.
    pub(crate) fn file(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.insert(path.into(), bytes.into(), false);
    }

    /// A private key.
    pub(crate) fn secret(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.insert(path.into(), bytes.into(), true);
    }

    fn insert(&mut self, path: PathBuf, bytes: Vec<u8>, secret: bool) {
        self.0.insert(path, Some(File { bytes, secret }));
    }

    /// Writes everything below `root`.
    pub(crate) fn write(&self, root: &Path) -> Result<(), WriteError> {
        for (path, file) in &self.0 {
            let path = root.join(path);
            write_one(&path, file.as_ref()).map_err(|source| WriteError { path, source })?;
        }
        Ok(())
    }
}

/// Writes one file that everybody may read.
pub(crate) fn write_file(path: &Path, bytes: Vec<u8>) -> Result<(), WriteError> {
    let secret = false;
    write_one(path, Some(&File { bytes, secret })).map_err(|source| failed(path, source))
}

fn write_one(path: &Path, file: Option<&File>) -> io::Result<()> {
    let Some(file) = file else {
        return fs::create_dir_all(path);
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut handle = create_for_writing(path)?;
    if file.secret {
        handle.set_permissions(Permissions::from_mode(0o600))?;
    }
    handle.write_all(&file.bytes)?;
    handle.sync_all()
}

/// Something could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(crate) struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// A folder that gets its name when it is whole: made as `NAME.partial` beside it.
#[derive(Debug)]
pub(crate) struct NewFolder {
    target: PathBuf,
    partial: PathBuf,
}

/// Why there can be no new folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("{}: there is something already, and nothing is overwritten", .0.display())]
    Taken(PathBuf),
    #[error("{}: expected the name of a new folder", .0.display())]
    Unnamed(PathBuf),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl NewFolder {
    /// Begins a folder at `target`, which must not exist or be empty.
    pub(crate) fn begin(target: &Path) -> Result<Self, FolderError> {
        let empty = match fs::read_dir(target) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(source) => return Err(failed(target, source).into()),
        };
        if !empty {
            return Err(FolderError::Taken(target.to_owned()));
        }
        let name = target.file_name();
        let mut name = name.map(std::ffi::OsStr::to_owned);
        let name = name
            .as_mut()
            .ok_or_else(|| FolderError::Unnamed(target.to_owned()))?;
        name.push(".partial");
        let partial = target.with_file_name(name);
        // What an interrupted run has left.
        match fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&partial, error).into());
            }
            _ => {}
        }
        fs::create_dir_all(&partial).map_err(|source| failed(&partial, source))?;
        Ok(Self {
            target: target.to_owned(),
            partial,
        })
    }

    /// Where to write meanwhile.
    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives it its name.
    pub(crate) fn finish(self) -> Result<(), FolderError> {
        fs::rename(&self.partial, &self.target)
            .map_err(|source| failed(&self.target, source).into())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // Nothing is there after `finish`; what else is left is of no use to anybody.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError {
        path: path.to_owned(),
        source,
    }
}
