//! YAML files, with what is wrong in one line: the file, the key's path, what is allowed.

use std::fmt;
use std::path::{Path, PathBuf};

use heddle::sys::storage::read_file;
use serde::de::DeserializeOwned;

/// The largest file that is read: networks and edits are small.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum YamlError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// It is not YAML.
    #[error("{}: {reason}", path.display())]
    Syntax { path: PathBuf, reason: String },
    /// A key or value is not allowed.
    #[error("{}: {problem}", path.display())]
    Content { path: PathBuf, problem: Problem },
}

/// What is wrong at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The way to it, as `organizations[0].name`.
    pub(crate) key: String,
    /// What is wrong, and what is allowed.
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// Reads a file and makes of it what `check` says.
pub(crate) fn load<Raw: DeserializeOwned, T>(
    path: &Path,
    check: impl FnOnce(Raw) -> Result<T, Problem>,
) -> Result<T, YamlError> {
    let bytes = read_file(path, FILE_BYTES_MAX).map_err(|source| YamlError::Read {
        path: path.to_owned(),
        source,
    })?;
    let syntax = |reason: String| YamlError::Syntax {
        path: path.to_owned(),
        reason: one_line(&reason),
    };
    let text = String::from_utf8(bytes).map_err(|error| syntax(error.to_string()))?;
    // By way of a tree, so that a problem comes with the way to its key.
    let tree: serde_json::Value =
        serde_saphyr::from_str(&text).map_err(|error| syntax(error.to_string()))?;
    serde_path_to_error::deserialize(tree)
        .map_err(|error| {
            let key = error.path().to_string();
            let key = if key == "." {
                "the file".to_owned()
            } else {
                key
            };
            Problem::new(key, one_line(&error.into_inner().to_string()))
        })
        .and_then(check)
        .map_err(|problem| YamlError::Content {
            path: path.to_owned(),
            problem,
        })
}

/// Parsers draw what they complain about on several lines; the first one says it.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next().unwrap_or_default().to_owned()
}
