//! A transaction id as a key of indexes.

use std::fmt;

use crate::crypto::sha256_parts;

/// What stands for a transaction id in indexes: exact for ids in Fabric's form, a hash of any other.
///
/// Ids in Fabric's form (64 lower-case hex digits) are their 32 bytes. Others, which only a
/// transaction with a wrong id has, are hashed with a tag, so that they never meet one of the former.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxKey {
    bytes: [u8; 32],
    hashed: bool,
}

impl TxKey {
    /// Bytes of the longest encoded key.
    pub(crate) const BYTES_MAX: usize = 33;

    /// The key of an id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        match from_hex(id.as_bytes()) {
            Some(bytes) => Self {
                bytes,
                hashed: false,
            },
            None => Self {
                bytes: sha256_parts(&[b"\x01", id.as_bytes()]).0,
                hashed: true,
            },
        }
    }

    /// The 32 bytes.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Whether the id was not in Fabric's form.
    pub(crate) fn is_hashed(&self) -> bool {
        self.hashed
    }

    /// The key as tables have it: ids in Fabric's form have 32 bytes, others one more.
    pub(crate) fn encode<'b>(&self, buffer: &'b mut [u8; Self::BYTES_MAX]) -> &'b [u8] {
        for (to, from) in buffer.iter_mut().zip(self.bytes) {
            *to = from;
        }
        let len = if self.hashed {
            Self::BYTES_MAX
        } else {
            Self::BYTES_MAX - 1
        };
        if let Some(last) = buffer.last_mut() {
            *last = 1;
        }
        buffer.get(..len).unwrap_or_default()
    }

    /// The key that was encoded so; `None` for other bytes.
    pub(crate) fn decode(encoded: &[u8]) -> Option<Self> {
        let (bytes, rest) = encoded.split_first_chunk()?;
        let hashed = match rest {
            [] => false,
            [1] => true,
            _ => return None,
        };
        Some(Self {
            bytes: *bytes,
            hashed,
        })
    }
}

impl fmt::Debug for TxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hashed { "#" } else { "" })?;
        self.bytes
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn from_hex(id: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, rest) = id.as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (to, [high, low]) in bytes.iter_mut().zip(pairs) {
        *to = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
