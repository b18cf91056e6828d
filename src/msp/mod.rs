//! Stub, replaced by the msp part.

use std::sync::Arc;

use crate::crypto::SignatureJob;
use crate::proto::msp::{FabricMspConfig, MspConfig, SerializedIdentity};
use crate::proto::wire::Message;

/// Stub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MspVersion {
    /// Stub.
    V1_0,
    /// Stub.
    V1_1,
    /// Stub.
    V1_3,
    /// Stub.
    V1_4_3,
    /// Stub.
    V3_0,
}

/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct SetupError;

/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct IdentityError;

/// Stub.
#[derive(Debug)]
pub struct Msp {
    id: Arc<str>,
}

impl Msp {
    /// Stub.
    pub fn new(_version: MspVersion, config: &[u8]) -> Result<Arc<Self>, SetupError> {
        let config = MspConfig::decode(config).map_err(|_| SetupError)?;
        let fabric = FabricMspConfig::decode(config.config).map_err(|_| SetupError)?;
        if fabric.root_certs.is_empty() || config.r#type != 0 {
            return Err(SetupError);
        }
        Ok(Arc::new(Self {
            id: fabric.name.into(),
        }))
    }

    /// Stub.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Stub.
#[derive(Debug)]
pub struct MspManager {
    msps: Vec<Arc<Msp>>,
}

impl MspManager {
    /// Stub.
    #[must_use]
    pub fn new(msps: Vec<Arc<Msp>>) -> Self {
        Self { msps }
    }

    /// Stub.
    pub fn deserialize(&self, identity: &[u8]) -> Result<Arc<Identity>, IdentityError> {
        let identity = SerializedIdentity::decode(identity).map_err(|_| IdentityError)?;
        if self.msps.iter().any(|msp| msp.id() == identity.mspid) {
            Ok(Arc::new(Identity))
        } else {
            Err(IdentityError)
        }
    }
}

/// Stub.
#[derive(Debug)]
pub struct Identity;

/// Stub.
#[derive(Debug, Clone, Copy)]
pub struct SignedMessage<'a> {
    /// Stub.
    pub head: &'a [u8],
    /// Stub.
    pub tail: &'a [u8],
}

impl Identity {
    /// Stub.
    #[must_use]
    pub fn signature_job(&self, _message: SignedMessage<'_>, _sig: &[u8]) -> Option<SignatureJob> {
        Some(SignatureJob)
    }
}
