//! What is wrong with a configuration, and what is only strange.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::limits::CONFIG_BYTES_MAX;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no `core.yaml` where it is looked for.
    #[error(
        "no core.yaml in {}: set FABRIC_CFG_PATH to the folder that holds it",
        list(looked_in)
    )]
    NotFound {
        /// The folders.
        looked_in: Vec<PathBuf>,
    },
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{}: expected a configuration of at most {CONFIG_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
    },
    /// The text is no YAML, or not a mapping.
    #[error("{}: expected a YAML mapping: {reason}", path.display())]
    Yaml {
        /// The file that the text is of.
        path: PathBuf,
        /// What the parser says, in one line.
        reason: String,
    },
    /// Keys have values that they cannot have.
    #[error(transparent)]
    Wrong(#[from] WrongValues),
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    names.join(" or ")
}

/// Every wrong value of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct WrongValues(pub Vec<WrongValue>);

impl fmt::Display for WrongValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> = self.0.iter().map(WrongValue::to_string).collect();
        f.write_str(&each.join("; "))
    }
}

/// A key with a value that it cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongValue {
    /// The key's path, such as `peer.keepalive.interval`.
    pub key: String,
    /// The environment variable that the value is from, where it is not from the file.
    pub variable: Option<String>,
    /// The value; `None` where there is none and has to be one.
    pub value: Option<String>,
    /// What is allowed.
    pub expected: String,
}

impl fmt::Display for WrongValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(variable) = &self.variable {
            write!(f, " (from {variable})")?;
        }
        match &self.value {
            Some(value) => write!(f, ": found '{value}', expected {}", self.expected),
            None => write!(f, ": not set, expected {}", self.expected),
        }
    }
}

/// Something in a configuration that does not keep a peer from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A key that neither heddle nor Fabric knows.
    UnknownKey {
        /// Its path, or the name of the environment variable.
        key: String,
        /// A known key that is spelled nearly so.
        nearest: Option<String>,
    },
    /// A value that Fabric's peer heeds and heddle does not.
    Unheeded {
        /// The key's path.
        key: &'static str,
        /// The value.
        value: String,
        /// What happens in its place.
        instead: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey {
                key,
                nearest: Some(nearest),
            } => write!(f, "{key}: unknown, and without effect; is {nearest} meant?"),
            Self::UnknownKey { key, nearest: None } => {
                write!(f, "{key}: unknown, and without effect")
            }
            Self::Unheeded {
                key,
                value,
                instead,
            } => write!(f, "{key}: '{value}' is not supported: {instead}"),
        }
    }
}
