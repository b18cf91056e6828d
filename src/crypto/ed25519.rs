//! Ed25519 with Go's accept set.
//!
//! Go's `crypto/ed25519`: the public key is decoded permissively (y not reduced, x = 0 with a sign
//! bit, small order: all accepted), S must be below the group's order, and R is recomputed and
//! compared as bytes, without the cofactor. `ed25519_dalek`'s `verify` follows the same rule, which
//! the unit tests pin with vectors; its `verify_strict` and its batch equations do not.

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::ed25519::signature::MultipartVerifier as _;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::crypto::KeyError;

/// An Ed25519 public key: any 32 bytes. Bytes that are no point never verify anything. Cheap to
/// clone.
#[derive(Clone)]
pub struct Ed25519Key {
    bytes: [u8; 32],
    point: Option<Arc<VerifyingKey>>,
}

impl Ed25519Key {
    /// Takes 32 bytes.
    ///
    /// # Errors
    /// Where there are more or fewer.
    ///
    // Fabric: Go's x509 checks the length only; the point is decoded when a signature is verified.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| KeyError::Ed25519Length {
            length: bytes.len(),
        })?;
        Ok(Self {
            bytes,
            point: VerifyingKey::from_bytes(&bytes).ok().map(Arc::new),
        })
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Verifies a signature over the concatenation of `message`.
    pub(super) fn verify(&self, message: &[&[u8]], signature: &[u8]) -> bool {
        let (Some(point), Ok(signature)) = (&self.point, <&[u8; 64]>::try_from(signature)) else {
            return false;
        };
        point
            .multipart_verify(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

impl PartialEq for Ed25519Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Ed25519Key {}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key(")?;
        self.bytes
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
