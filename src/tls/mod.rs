//! TLS as a Fabric peer has it: servers, clients, and certificates that are read again while it runs.
//!
//! ```text
//!  files --> KeyPair ----------------> rustls: which certificate to show   <-- reload()
//!  files, channels --> authorities --> rustls: whom to believe             <-- reload(), set_channel_authorities()
//! ```
//!
//! Chains, names and times of certificates are judged by [`crate::x509`], that is, as Go's
//! `crypto/x509` judges them under Fabric; rustls does the handshake. In particular an authority of
//! the pool ends a chain, self-signed or not, and a server's name has to be an alternative name.
//!
//! As Fabric's `internal/pkg/comm`: TLS 1.2 and 1.3, no resumption of sessions, clients are always
//! asked for a certificate; where none is required, any is taken and nothing is believed about it but
//! that the client has its key.
//!
//! Invariants: time is a [`Clock`](crate::sys::clock::Clock); a file that cannot be used never
//! replaces one that could; nothing here logs.
//!
//! Knows nothing of channels, MSPs or services.

mod authorities;
mod causes;
mod client;
mod connect;
mod error;
mod expiry;
mod key_pair;
mod mutual;
mod server;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub use authorities::{add_pem, read_authorities};
pub use causes::{causes, refused_certificate};
pub use client::ClientTls;
pub use connect::{Connection, Connector, endpoint};
pub use error::{PeerCertificateError, TlsError};
pub use expiry::{CertificateRole, Expiry, ExpiryLevel};
pub use key_pair::KeyPair;
pub use mutual::{MutualTls, leaf_hash};
pub use server::{ServerProtocol, ServerTls};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::crypto::sha256;
use crate::sys::clock::Clock;
use crate::types::Digest;

/// What came of reading files again.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// Whether something new is used from now on.
    pub changed: bool,
    /// Why files were passed over; what they had before is still used.
    pub errors: Vec<TlsError>,
}

/// What binds a message to a connection: the SHA-256 of the client's certificate in DER.
// Fabric: `tls_cert_hash` of a channel header, internal/pkg/comm/util.go.
#[must_use]
pub fn tls_cert_hash(certificate: &[u8]) -> Digest {
    sha256(certificate)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The clock as rustls asks it.
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since = Duration::from_micros(self.0.unix_micros());
        Some(UnixTime::since_unix_epoch(since))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}
