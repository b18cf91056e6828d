//! Somebody who signs: a certificate, its key, the MSP it belongs to.

use std::sync::Arc;

use super::signer::Signer;
use super::wire::Wire;

/// An identity. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity {
    serialized: Arc<[u8]>,
    signer: Arc<dyn Signer>,
}

impl Identity {
    /// An identity of the MSP `msp_id` with a certificate in PEM.
    #[must_use]
    pub fn new(msp_id: &str, pem: &[u8], signer: Arc<dyn Signer>) -> Self {
        let serialized = Wire::new().bytes(1, msp_id).bytes(2, pem).done();
        Self::from_serialized(serialized, signer)
    }

    /// An identity whose serialized form is given: for odd ones.
    #[must_use]
    pub fn from_serialized(serialized: Vec<u8>, signer: Arc<dyn Signer>) -> Self {
        Self {
            serialized: serialized.into(),
            signer,
        }
    }

    /// The serialized form: what creators and endorsers are named by.
    #[must_use]
    pub fn serialized(&self) -> &[u8] {
        &self.serialized
    }

    /// Signs the concatenation of `message`.
    #[must_use]
    pub fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        self.signer.sign(message)
    }

    /// Who makes the signatures.
    #[must_use]
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }
}
