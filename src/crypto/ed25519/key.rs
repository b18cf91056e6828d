//! Ed25519 keys, decoded once, and the library's verdict.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ed25519_dalek::ed25519::signature::MultipartVerifier as _;
use ed25519_dalek::{Signature, VerifyingKey};

use super::{Check, Table, slot};
use crate::crypto::KeyError;
use crate::crypto::table_cache::{LeasedTable, Slot};

/// An Ed25519 public key: any 32 bytes. Bytes that are no point never verify anything. Cheap to
/// clone.
#[derive(Clone)]
pub struct Ed25519Key {
    bytes: [u8; 32],
    point: Option<Arc<Decoded>>,
}

/// A key that is a point.
struct Decoded {
    point: VerifyingKey,
    table_slot: OnceLock<Option<Arc<Slot<Table>>>>,
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
            point: VerifyingKey::from_bytes(&bytes).ok().map(|point| {
                Arc::new(Decoded {
                    point,
                    table_slot: OnceLock::new(),
                })
            }),
        })
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Where its table is, if it may have one.
    pub(in crate::crypto) fn table_slot(&self) -> Option<&Arc<Slot<Table>>> {
        self.point.as_ref()?.table_slot.get()?.as_ref()
    }

    /// A signature to check with its table; `None` where it is out of range, so not good.
    pub(in crate::crypto) fn check<'a>(
        &'a self,
        table: &'a LeasedTable<Table>,
        message: [&'a [u8]; 2],
        signature: &[u8],
    ) -> Option<Check<'a>> {
        Check::new(&table.table, &self.bytes, message, signature)
    }

    /// Tells that it may have a table, if it is a key of the kind that may.
    pub(in crate::crypto) fn expect_signatures(&self) {
        if let Some(decoded) = &self.point {
            let of_key = || slot(&self.bytes, &decoded.point);
            decoded.table_slot.get_or_init(of_key);
        }
    }

    /// The same key with a table of so many bytes that it keeps.
    #[cfg(any(test, feature = "testing"))]
    pub(in crate::crypto) fn with_table(&self, bytes: usize) -> Option<Self> {
        let point = self.point.as_ref()?.point;
        let table_slot = OnceLock::from(Some(super::pinned_slot(&point, bytes)?));
        Some(Self {
            bytes: self.bytes,
            point: Some(Arc::new(Decoded { point, table_slot })),
        })
    }

    /// The library's verdict on a signature over the concatenation of `message`.
    pub(in crate::crypto) fn verify(&self, message: &[&[u8]], signature: &[u8]) -> bool {
        let (Some(decoded), Ok(signature)) = (&self.point, <&[u8; 64]>::try_from(signature)) else {
            return false;
        };
        decoded
            .point
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
