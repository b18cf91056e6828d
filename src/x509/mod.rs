//! Stand-in until the real module is merged: signatures only.
#![allow(
    missing_docs,
    unused_variables,
    clippy::unimplemented,
    clippy::missing_panics_doc,
    clippy::allow_attributes_without_reason
)]

use crate::crypto::PublicKey;

pub mod pem {
    #[derive(Debug)]
    pub struct PemBlock<'a> {
        pub label: &'a [u8],
        pub bytes: Vec<u8>,
    }
    pub fn first_block(text: &[u8]) -> Option<PemBlock<'_>> {
        unimplemented!()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("malformed")]
    Malformed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("no chain")]
    None,
}

#[derive(Debug, Clone)]
pub struct Certificate;

impl Certificate {
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        unimplemented!()
    }
    pub fn raw(&self) -> &[u8] {
        unimplemented!()
    }
    pub fn key(&self) -> Option<&PublicKey> {
        unimplemented!()
    }
    pub fn is_ca(&self) -> bool {
        unimplemented!()
    }
    pub fn is_ecdsa_signed(&self) -> bool {
        unimplemented!()
    }
    pub fn is_signed_by(&self, issuer: &Certificate) -> bool {
        unimplemented!()
    }
    pub fn with_low_s(&self, issuer: &Certificate) -> Result<Self, Error> {
        unimplemented!()
    }
    pub fn not_before(&self) -> i64 {
        unimplemented!()
    }
    pub fn serial(&self) -> &[u8] {
        unimplemented!()
    }
    pub fn organizational_units(&self) -> &[String] {
        unimplemented!()
    }
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        unimplemented!()
    }
}

#[derive(Debug, Clone, Default)]
pub struct CertPool;

impl CertPool {
    pub fn new() -> Self {
        Self
    }
    pub fn add(&mut self, certificate: Certificate) {
        unimplemented!()
    }
}

#[derive(Debug, Clone)]
pub struct Crl;

impl Crl {
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        unimplemented!()
    }
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        unimplemented!()
    }
    pub fn revokes(&self, serial: &[u8]) -> bool {
        unimplemented!()
    }
    pub fn is_signed_by(&self, issuer: &Certificate) -> bool {
        unimplemented!()
    }
}

pub fn unique_chain(
    leaf: &Certificate,
    roots: &CertPool,
    intermediates: &CertPool,
    at: i64,
) -> Result<Vec<Certificate>, ChainError> {
    unimplemented!()
}
