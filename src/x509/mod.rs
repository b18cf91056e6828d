//! X.509 certificates, chains and revocation lists, exactly as Go and Fabric take them.
//!
//! What is a certificate and what is not decides over transactions, so the rules are those of the
//! Go release under Fabric (1.26), lenient and strict in the same places:
//! - [`pem::first_block`] and [`pem::blocks`] are `encoding/pem`;
//! - [`Certificate::parse`] is `crypto/x509.ParseCertificate`;
//! - [`chains`] is `Certificate.Verify` with roots, intermediates and a time, nothing else set, and
//!   [`chains_for`] with a key usage; [`Certificate::is_for_host`] is `Certificate.VerifyHostname`;
//! - [`unique_chain`], [`Certificate::with_low_s`], [`Crl`] are what Fabric's MSP builds on them.
//!
//! Invariants: time is an argument; everything is owned or shared, nothing is global; hostile bytes
//! give an error, never a panic; nothing recurses deeper than a chain is long.
//!
//! Knows nothing of MSPs, roles or channels.

mod asn1;
mod certificate;
mod chain;
mod constraints;
mod crl;
mod der;
mod error;
mod extensions;
mod general_names;
mod host;
mod low_s;
mod names;
pub mod pem;
mod policies;
mod pool;
mod spki;
mod time;
mod uri;

#[cfg(test)]
mod tests;

pub use certificate::Certificate;
pub use chain::{Purpose, chains, chains_for, has_legacy_name_constraints_violation, unique_chain};
pub use crl::Crl;
pub use error::{ChainError, Error};
pub use extensions::Extension;
pub use pool::CertPool;
