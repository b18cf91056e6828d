//! Where a program of the network runs, and listens.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::process::Command;

/// An address, on this machine or in a network namespace of it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `HOST:PORT`.
    pub(crate) address: String,
    /// The namespace; `None` for that of the test.
    pub(crate) namespace: Option<String>,
}

impl Place {
    /// At any port of this machine.
    pub(crate) fn anywhere() -> Self {
        Self {
            address: "127.0.0.1:0".to_owned(),
            namespace: None,
        }
    }

    /// At a port of this machine that nobody uses now.
    pub(crate) fn here() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0");
        let address = listener.and_then(|listener| listener.local_addr());
        Self {
            address: address.expect("a free port").to_string(),
            namespace: None,
        }
    }

    pub(crate) fn host(&self) -> &str {
        let (host, _) = self.address.rsplit_once(':').expect("a port");
        host
    }

    /// A command that runs there.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(namespace) = &self.namespace else {
            return Command::new(program);
        };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command
    }
}
