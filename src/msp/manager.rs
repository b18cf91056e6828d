//! All MSPs of a channel, and the identities that came by.
//!
//! Identities are interned by their serialized bytes: a few of them sign nearly everything, and
//! each is parsed and validated once. Bytes that are not an identity are remembered apart, in a
//! small cache of their own, so that no amount of them displaces an identity.
//!
//! Fabric: `msp/mspmgrimpl.go`, `msp/cache`.

use std::collections::HashMap;
use std::sync::Arc;

use super::cache::Cache;
use super::error::IdentityError;
use super::{Identity, Msp};
use crate::limits;
use crate::proto::msp::SerializedIdentity;
use crate::proto::wire::Message;

/// The MSPs of a channel: those of applications, orderers and consortiums alike.
#[derive(Debug)]
pub struct MspManager {
    msps: HashMap<Arc<str>, Arc<Msp>>,
    identities: Cache<Arc<Identity>>,
    refused: Cache<IdentityError>,
}

/// One part in so many of the cache is for bytes that are not an identity.
const REFUSED_PART: usize = 8;

/// What an identity takes in memory beside its bytes: the parsed certificate, its key and chain.
const IDENTITY_BYTES_OVERHEAD: usize = 2048;

impl MspManager {
    /// A manager of the given MSPs, by their ids. That no id stands for two definitions is checked
    /// by those who read the configuration.
    #[must_use]
    pub fn new(msps: Vec<Arc<Msp>>) -> Self {
        let entries = limits::IDENTITY_CACHE_ENTRIES;
        let bytes = limits::IDENTITY_CACHE_BYTES;
        let (entries_refused, bytes_refused) = (entries / REFUSED_PART, bytes / REFUSED_PART);
        Self {
            msps: msps
                .into_iter()
                .map(|msp| (Arc::clone(&msp.id), msp))
                .collect(),
            identities: Cache::new(entries - entries_refused, bytes - bytes_refused),
            refused: Cache::new(entries_refused, bytes_refused),
        }
    }

    /// The MSP with the given id.
    #[must_use]
    pub fn msp(&self, id: &str) -> Option<&Arc<Msp>> {
        self.msps.get(id)
    }

    /// All MSPs, in no particular order.
    pub fn msps(&self) -> impl Iterator<Item = &Arc<Msp>> {
        self.msps.values()
    }

    /// The identity that a `SerializedIdentity` stands for. Whether it is valid is not asked here.
    ///
    /// # Errors
    /// The bytes are not an identity of one of the channel's MSPs.
    pub fn deserialize(&self, serialized: &[u8]) -> Result<Arc<Identity>, IdentityError> {
        if let Some(identity) = self.identities.get(serialized) {
            return Ok(identity);
        }
        if serialized.len() > limits::IDENTITY_BYTES_CACHED_MAX {
            return self.read(serialized);
        }
        if let Some(error) = self.refused.get(serialized) {
            return Err(error);
        }
        match self.read(serialized) {
            Ok(identity) => {
                let bytes = IDENTITY_BYTES_OVERHEAD + 2 * serialized.len();
                Ok(self.identities.insert(serialized, identity, bytes))
            }
            // Found again at no cost.
            Err(error @ (IdentityError::Undecodable(_) | IdentityError::UnknownMsp { .. })) => {
                Err(error)
            }
            Err(error) => Err(self.refused.insert(serialized, error, serialized.len())),
        }
    }

    fn read(&self, serialized: &[u8]) -> Result<Arc<Identity>, IdentityError> {
        let decoded = SerializedIdentity::decode(serialized).map_err(IdentityError::Undecodable)?;
        let msp = self
            .msps
            .get(decoded.mspid)
            .ok_or_else(|| IdentityError::UnknownMsp {
                msp_id: decoded.mspid.into(),
            })?;
        let imported = msp.import(decoded.id_bytes)?;
        Ok(Arc::new(Identity::new(Arc::clone(msp), imported)))
    }
}
