//! Who peers are, and whom to believe.

use std::fmt;
use std::sync::Arc;

use prost::Message as _;

use crate::crypto::sha256_parts;
use crate::proto::messages::msp::SerializedIdentity;
use crate::sys::clock::Instant;
use crate::types::{ChannelId, Digest};

/// A peer's name: the hash of its organization's name and its certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PkiId(pub [u8; 32]);

impl PkiId {
    /// The name that goes with a serialized identity; `None` where that is none.
    // Fabric: internal/pkg/peer/gossip/mcs.go:GetPKIidOfCert, SHA-256 of MSP name and certificate.
    #[must_use]
    pub fn of(identity: &[u8]) -> Option<Self> {
        let identity = SerializedIdentity::decode(identity).ok()?;
        Some(Self(
            sha256_parts(&[identity.mspid.as_bytes(), &identity.id_bytes]).0,
        ))
    }

    /// A name as it stands in a message.
    #[must_use]
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for PkiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digest(self.0).fmt(f)
    }
}

impl fmt::Debug for PkiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "PkiId({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// An organization, by the name of its MSP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MspId(pub Arc<str>);

impl fmt::Display for MspId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an MSP says of an identity that it holds valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its organization.
    pub msp: MspId,
    /// When its certificate ends, on the core's time line.
    pub expires: Instant,
}

/// The peer's MSPs and its key. Answers are for now: they change with [`super::Core::trust_changed`]
/// and with time, and the core asks again then.
pub trait Trust: fmt::Debug + Send + Sync {
    /// What is known of a serialized identity, if the peer's own MSP or one of a channel holds it valid:
    /// chain, validity period, revocation lists.
    fn identify(&self, identity: &[u8]) -> Option<Standing>;

    /// Whether the channel's MSPs let a peer with this identity have the channel's data.
    // Fabric: the channel's /Channel/Application/Readers, and that the organization is in the channel.
    fn admits(&self, channel: &ChannelId, identity: &[u8]) -> bool;

    /// Whether the identity's key made this signature.
    fn verify(&self, identity: &[u8], message: &[u8], signature: &[u8]) -> bool;

    /// The peer's own signature; `None` where its key cannot be used.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// A peer's certificate and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `msp.SerializedIdentity`.
    pub bytes: Arc<[u8]>,
    /// Its organization, and until when.
    pub standing: Standing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_hash_of_organization_and_certificate() {
        let identity = SerializedIdentity {
            mspid: "Org1MSP".to_owned(),
            id_bytes: b"certificate".to_vec(),
        };
        let expected = crate::crypto::sha256(b"Org1MSPcertificate");
        let name = PkiId::of(&identity.encode_to_vec()).unwrap();
        assert_eq!(name.0, expected.0);
        assert_eq!(PkiId::from_wire(&name.0), Some(name));
        assert_eq!(PkiId::from_wire(b"short"), None);
        assert_eq!(PkiId::of(&[0xff; 9]), None);
    }
}
