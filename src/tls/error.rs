//! Why there is no TLS, and why a counterpart's certificate is refused.

use std::io;
use std::path::PathBuf;

use crate::limits::MSP_FILE_BYTES_MAX;
use crate::sys::clock::Rfc3339;
use crate::x509;

/// Why TLS cannot be set up, or files cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is larger than certificates and keys are.
    #[error("{}: expected a PEM file of at most {MSP_FILE_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
    },
    /// A file has no certificate.
    #[error("{}: no certificate there: expected a PEM block CERTIFICATE", path.display())]
    NoCertificate {
        /// Which one.
        path: PathBuf,
    },
    /// A file has a block that is no certificate.
    #[error("{}: block {position} is not an X.509 certificate", path.display())]
    Certificate {
        /// Which one.
        path: PathBuf,
        /// Which of its certificates, from 1.
        position: usize,
        /// What is wrong with it.
        #[source]
        source: x509::Error,
    },
    /// A file has no private key.
    #[error(
        "{}: no private key there: expected a PEM block PRIVATE KEY (PKCS#8), EC PRIVATE KEY or RSA \
         PRIVATE KEY, not encrypted",
        path.display()
    )]
    NoKey {
        /// Which one.
        path: PathBuf,
    },
    /// A key cannot be used.
    #[error("{}: not a private key that TLS can use", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// Certificate and key do not belong together.
    #[error(
        "{}: not the key of the certificate in {}: replace both files",
        key_file.display(),
        cert_file.display()
    )]
    KeyMismatch {
        /// The certificate's file.
        cert_file: PathBuf,
        /// The key's file.
        key_file: PathBuf,
    },
    /// A client certificate is configured without key, or a key without certificate.
    #[error("peer.tls: expected clientCert.file and clientKey.file both set, or neither")]
    HalfClientKeyPair,
    /// The library refuses the settings.
    #[error("TLS cannot be set up")]
    Setup {
        /// What it says.
        #[from]
        source: rustls::Error,
    },
}

/// Why a counterpart's certificate is refused, as it stands in the error of a handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerCertificateError {
    /// A certificate of the chain does not parse.
    #[error(
        "certificate {position} of the counterpart's chain is not an X.509 certificate: {source}"
    )]
    Malformed {
        /// Its position, from 1.
        position: usize,
        /// What is wrong with it.
        source: x509::Error,
    },
    /// The time of validity is over.
    #[error(
        "the certificate of {subject} has expired: it was valid until {}",
        Rfc3339(*not_after)
    )]
    Expired {
        /// The common name.
        subject: String,
        /// The last second of validity.
        not_after: i64,
    },
    /// The time of validity has not begun.
    #[error(
        "the certificate of {subject} is not valid before {}: compare the clocks",
        Rfc3339(*not_before)
    )]
    NotYetValid {
        /// The common name.
        subject: String,
        /// The first second of validity.
        not_before: i64,
    },
    /// No chain leads to an authority.
    #[error(
        "the certificate of {subject} leads to none of the {authorities} TLS authorities known here, \
         or is not made for {purpose}"
    )]
    Untrusted {
        /// The common name.
        subject: String,
        /// How many authorities there are.
        authorities: usize,
        /// What it would have to be for.
        purpose: &'static str,
    },
    /// The server is another one.
    #[error(
        "the certificate of {subject} is not for {host}: expected it among the alternative names"
    )]
    WrongHost {
        /// The common name.
        subject: String,
        /// The name or address that was connected to.
        host: String,
    },
}
