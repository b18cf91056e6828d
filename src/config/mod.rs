//! The peer's configuration: Fabric's own `core.yaml`, and `CORE_*` environment variables over it.
//!
//! Keys have Fabric's names, defaults and meaning, so that an existing peer's configuration starts a
//! heddle peer. Rules, as Fabric's viper has them:
//! - keys are compared without regard to case; `peer.tls.enabled` is `CORE_PEER_TLS_ENABLED` in the
//!   environment, where a variable that is not empty wins over the file;
//! - relative paths are relative to the folder of `core.yaml`;
//! - a key without a value, or with an empty one, is not set.
//!
//! Where viper takes a value that it cannot read for zero or false, it is refused here, and all wrong
//! values are reported at once. A key that no Fabric peer knows gives a [`Warning`]; one that has no
//! meaning for heddle stands in [`KNOWN_WITHOUT_MEANING`].
//!
//! Invariants: text, folder and environment are arguments, only [`PeerConfig::of_process`] reads those
//! of the process; no file that the configuration names is opened here.

mod document;
mod error;
mod gossip;
mod logging;
mod peer;
mod reader;
mod settings;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, Warning, WrongValue, WrongValues};
pub use gossip::{ElectionSettings, GossipSettings, StateTransferSettings};
pub use logging::{LogLevel, LoggingSpec, LoggingSpecError};
pub use peer::{Loaded, PeerConfig};
pub use reader::{KNOWN_WITHOUT_MEANING, host_and_port};
pub use settings::{
    AddressOverride, Bccsp, DeliverClient, DeliverPolicy, Keepalive, KeepalivePing, LedgerSettings,
    MetricsProvider, Operations, PeerTls, ServerTlsFiles, ServiceLimits,
};
