//! Identities of the simulation, and a trust that knows them all.
//!
//! A signature is a hash over the signer's secret and the message: cheap, and nobody who does not have the
//! secret can make it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use heddle::crypto::sha256_parts;
use heddle::gossip::core::{MspId, PkiId, Standing, Trust};
use heddle::proto::messages::msp::SerializedIdentity;
use heddle::sys::clock::Instant;
use heddle::types::ChannelId;
use prost::Message as _;

use crate::Sabotage;

/// A certificate of the simulation.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) bytes: Vec<u8>,
    pub(crate) pki: PkiId,
    pub(crate) msp: MspId,
    pub(crate) expires: Instant,
    secret: [u8; 32],
}

impl Certificate {
    pub(crate) fn new(msp: &MspId, name: &str, expires: Instant, seed: u64) -> Self {
        let identity = SerializedIdentity {
            mspid: msp.0.to_string(),
            id_bytes: format!("{name}, until {}", expires.as_micros()).into_bytes(),
        };
        let bytes = identity.encode_to_vec();
        Self {
            pki: PkiId::of(&bytes).unwrap_or(PkiId([0; 32])),
            secret: sha256_parts(&[&seed.to_le_bytes(), &bytes]).0,
            bytes,
            msp: msp.clone(),
            expires,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        sha256_parts(&[&self.secret, message]).0.to_vec()
    }
}

/// What all certificate authorities together know.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    by_bytes: BTreeMap<Vec<u8>, Certificate>,
}

impl Registry {
    pub(crate) fn add(&mut self, certificate: &Certificate) {
        let bytes = certificate.bytes.clone();
        self.by_bytes.insert(bytes, certificate.clone());
    }
}

/// What one peer's MSPs say now: others may know of a change before it does.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Organizations by channel.
    pub(crate) channels: BTreeMap<ChannelId, BTreeSet<MspId>>,
    pub(crate) revoked: BTreeSet<PkiId>,
}

impl View {
    pub(crate) fn admits(&self, channel: &ChannelId, msp: &MspId, pki: PkiId) -> bool {
        let organizations = self.channels.get(channel);
        organizations.is_some_and(|all| all.contains(msp)) && !self.revoked.contains(&pki)
    }
}

/// One peer's trust.
#[derive(Debug)]
pub(crate) struct SimTrust {
    pub(crate) registry: Arc<Registry>,
    pub(crate) own: Certificate,
    pub(crate) view: Arc<Mutex<View>>,
    pub(crate) sabotage: Sabotage,
}

impl SimTrust {
    fn known(&self, identity: &[u8]) -> Option<&Certificate> {
        self.registry.by_bytes.get(identity)
    }
}

impl Trust for SimTrust {
    fn identify(&self, identity: &[u8]) -> Option<Standing> {
        let known = self.known(identity)?;
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let expires = match self.sabotage {
            Sabotage::Expiry => Instant::from_micros(u64::MAX),
            _ => known.expires,
        };
        (!view.revoked.contains(&known.pki)).then(|| Standing {
            msp: known.msp.clone(),
            expires,
        })
    }

    fn admits(&self, channel: &ChannelId, identity: &[u8]) -> bool {
        if self.sabotage == Sabotage::Membership {
            return true;
        }
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known(identity);
        known.is_some_and(|known| view.admits(channel, &known.msp, known.pki))
    }

    fn verify(&self, identity: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let known = self.known(identity);
        self.sabotage == Sabotage::Signatures
            || known.is_some_and(|known| known.sign(message) == signature)
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.own.sign(message))
    }
}
