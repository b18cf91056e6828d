//! What a peer's operations service says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{ATTEMPTS, HEDDLE, Peer, outcome, succeed};

impl Peer {
    /// Waits until `/healthz` says something, and gives all that it then says.
    pub(crate) fn wait_for_health(&self, what: &str) -> String {
        let mut health = String::new();
        for _ in 0..ATTEMPTS {
            health = self.health();
            if health.contains(what) {
                return health;
            }
            thread::sleep(Duration::from_millis(50));
        }
        assert!(health.is_empty(), "{}: {health}, not {what}", self.org);
        health
    }

    /// What `/healthz` says.
    pub(crate) fn health(&self) -> String {
        self.operation("/healthz")
    }

    /// What the operations service answers.
    pub(crate) fn operation(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.operations).expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// What `heddle gossip` says of this peer: of its `members`, or of its `state`; as JSON.
    pub(crate) fn gossip(&self, what: &str) -> String {
        let mut heddle = self.place.command(HEDDLE);
        heddle.args(["gossip", what, "--json"]);
        if self.operations_tls {
            self.with_files(
                &mut heddle,
                &[
                    ("cafile", "tls/ca.crt"),
                    ("certfile", "tls/server.crt"),
                    ("keyfile", "tls/server.key"),
                ],
            );
        }
        succeed(heddle.args(["--operations", &self.operations]))
    }

    /// Why `heddle gossip members` fails with these of the peer's files for its flags.
    pub(crate) fn gossip_refused(&self, files: &[(&str, &str)]) -> String {
        let mut heddle = self.place.command(HEDDLE);
        heddle.args(["gossip", "members", "--operations", &self.operations]);
        self.with_files(&mut heddle, files);
        let (ok, text) = outcome(&heddle.output().expect("it starts"));
        assert!(!ok, "{files:?}: {text}");
        text
    }

    fn with_files(&self, heddle: &mut Command, files: &[(&str, &str)]) {
        for (flag, file) in files {
            heddle.arg(format!("--{flag}"));
            heddle.arg(self.node_folder().join(file));
        }
    }
}
