//! Log levels that can be changed while the node runs.

use std::sync::{Mutex, PoisonError};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::LoggingSpec;
use crate::ops::LogControl;

/// The process's log.
#[derive(Debug)]
pub struct Logs {
    spec: Mutex<String>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Logs {
    /// Begins to write the log to standard error. Where a log is written already, it stays as it is.
    #[must_use]
    pub fn start(spec: &LoggingSpec) -> Self {
        let (filter, handle) = reload::Layer::new(filter_of(spec));
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
        let _ = tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init();
        Self {
            spec: Mutex::new(spec.to_string()),
            filter: handle,
        }
    }
}

impl LogControl for Logs {
    fn spec(&self) -> String {
        let spec = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        spec.clone()
    }

    fn set_spec(&self, text: &str) -> Result<(), String> {
        let spec = LoggingSpec::parse(text).map_err(|error| error.to_string())?;
        self.filter
            .reload(filter_of(&spec))
            .map_err(|error| error.to_string())?;
        *self.spec.lock().unwrap_or_else(PoisonError::into_inner) = spec.to_string();
        Ok(())
    }
}

/// A logger is a module of heddle; libraries say what the default lets them, warnings at most.
fn filter_of(spec: &LoggingSpec) -> EnvFilter {
    let mut filter = EnvFilter::new("warn");
    let default = format!("heddle={}", spec.default);
    let loggers = spec.loggers.iter().map(|(name, level)| {
        let module = name.trim_end_matches('.').replace('.', "::");
        format!("heddle::{module}={level}")
    });
    for directive in std::iter::once(default).chain(loggers) {
        // Loggers that heddle does not have may have names that are no modules.
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    filter
}
