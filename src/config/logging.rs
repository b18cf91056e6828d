//! Which loggers say how much: `FABRIC_LOGGING_SPEC` and `/logspec`.
//!
//! ```text
//! [<logger>[,<logger>...]=]<level>[:[<logger>[,<logger>...]=]<level>...]
//! ```
//!
//! A logger's name stands for itself and for all whose names go on with a dot; one that ends with a dot
//! stands for itself only. The longest name that fits decides.
//!
//! Fabric: fabric-lib-go `common/flogging/loggerlevels.go`.

use std::fmt;

/// How important a message is, least first. Fabric's panic, dpanic and fatal are [`LogLevel::Error`]
/// here, which stops nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// `debug`.
    Debug,
    /// `info`.
    #[default]
    Info,
    /// `warn` or `warning`.
    Warn,
    /// `error`, and what is above it.
    Error,
}

impl LogLevel {
    // Fabric: flogging.nameToLevel, which takes names in lower or upper case.
    fn parse(name: &str) -> Option<Self> {
        if name.chars().any(char::is_lowercase) && name.chars().any(char::is_uppercase) {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            "debug" | "payload" => Some(Self::Debug),
            "info" | "notice" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" | "critical" | "dpanic" | "panic" | "fatal" => Some(Self::Error),
            _ => None,
        }
    }

    /// Fabric's name of the level.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no logging specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoggingSpecError {
    /// A part between colons is neither a level nor loggers with one.
    #[error(
        "logging spec part '{part}': expected [logger[,logger...]=]level, with the level one of debug, info, warn, error"
    )]
    Part {
        /// The part.
        part: String,
    },
    /// A logger's name has characters that names do not have.
    #[error("logger '{name}': expected letters, digits, '_', '#', ':' and '-' between dots")]
    Name {
        /// The name.
        name: String,
    },
}

/// Which loggers say how much. [`Default`] is `info`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoggingSpec {
    /// The level of loggers that are not named.
    pub default: LogLevel,
    /// Names as written, in order, each once.
    pub loggers: Vec<(String, LogLevel)>,
}

impl LoggingSpec {
    /// Reads a specification; an empty one is `info`.
    ///
    /// # Errors
    /// Where Fabric refuses it.
    pub fn parse(text: &str) -> Result<Self, LoggingSpecError> {
        let mut spec = Self::default();
        for part in text.split(':') {
            let refused = || LoggingSpecError::Part {
                part: part.to_owned(),
            };
            let Some((names, level)) = part.split_once('=') else {
                if !part.is_empty() {
                    spec.default = LogLevel::parse(part).ok_or_else(refused)?;
                }
                continue;
            };
            let level = LogLevel::parse(level).ok_or_else(refused)?;
            if names.is_empty() {
                return Err(refused());
            }
            for name in names.split(',') {
                spec.set(name, level)?;
            }
        }
        Ok(spec)
    }

    fn set(&mut self, name: &str, level: LogLevel) -> Result<(), LoggingSpecError> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        let legal = |c: char| c.is_ascii_alphanumeric() || "_#:-".contains(c);
        let is_name = bare
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(legal));
        if !is_name {
            return Err(LoggingSpecError::Name {
                name: name.to_owned(),
            });
        }
        match self.loggers.iter_mut().find(|(other, _)| other == name) {
            Some((_, found)) => *found = level,
            None => self.loggers.push((name.to_owned(), level)),
        }
        Ok(())
    }

    /// The least level that `logger` says.
    #[must_use]
    pub fn level(&self, logger: &str) -> LogLevel {
        let covers = |name: &str| match name.strip_suffix('.') {
            Some(exact) => exact == logger,
            None => logger
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        };
        self.loggers
            .iter()
            .filter(|(name, _)| covers(name))
            .max_by_key(|(name, _)| name.len())
            .map_or(self.default, |(_, level)| *level)
    }
}

/// As [`LoggingSpec::parse`] reads it.
impl fmt::Display for LoggingSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, level) in &self.loggers {
            write!(f, "{name}={level}:")?;
        }
        self.default.fmt(f)
    }
}
