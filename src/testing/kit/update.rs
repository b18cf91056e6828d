//! Config updates: from an edited configuration to the envelope that an orderer makes of it.

use prost::Message as _;

use super::identity::Identity;
use super::wire::Wire;
use crate::channel::EnvelopeHeaders;
use crate::channel::update::{ComputedUpdate, compute_update};
use crate::proto::messages::common::{Config, ConfigGroup, ConfigUpdate as Update};

/// An update from one configuration to another, with who signed it.
#[derive(Debug, Clone)]
pub struct ConfigUpdate {
    /// The next configuration: versions raised where something changed, sequence one up.
    pub next: Config,
    /// The serialized `ConfigUpdate`.
    pub update: Vec<u8>,
    /// Serialized `ConfigSignature`s.
    pub signatures: Vec<Vec<u8>>,
    channel: String,
}

impl ConfigUpdate {
    /// What leads from `current` to the channel group that `edit` makes of it; where that is nothing, an
    /// update with empty sets.
    #[must_use]
    pub fn new(channel: &str, current: &Config, edit: impl FnOnce(&mut ConfigGroup)) -> Self {
        let old = current.channel_group.clone().unwrap_or_default();
        let mut new = old.clone();
        edit(&mut new);
        let computed = compute_update(&old, &new).unwrap_or_else(|| ComputedUpdate {
            read_set: ConfigGroup::default(),
            write_set: ConfigGroup::default(),
            next: old.clone(),
        });
        let update = Update {
            channel_id: channel.to_owned(),
            read_set: Some(computed.read_set),
            write_set: Some(computed.write_set),
            ..Update::default()
        };
        let next = Config {
            sequence: current.sequence + 1,
            channel_group: Some(computed.next),
        };
        Self {
            next,
            update: update.encode_to_vec(),
            signatures: Vec::new(),
            channel: channel.to_owned(),
        }
    }

    /// Signed by these, too.
    #[must_use]
    pub fn signed_by<'i>(mut self, signers: impl IntoIterator<Item = &'i Identity>) -> Self {
        for signer in signers {
            let header = Wire::new()
                .bytes(1, signer.serialized())
                .bytes(2, "nonce of a config update")
                .done();
            let signature = signer.sign(&[&header, &self.update]);
            let entry = Wire::new().bytes(1, header).bytes(2, signature);
            self.signatures.push(entry.done());
        }
        self
    }

    /// The update's own envelope, of type CONFIG_UPDATE, submitted by `creator`.
    #[must_use]
    pub fn update_envelope(&self, creator: &Identity) -> Vec<u8> {
        let data = Wire::new().bytes(1, &self.update);
        let data = data.elements(2, &self.signatures).done();
        signed_envelope(2, &self.channel, creator, &data)
    }

    /// The `ConfigEnvelope` that the orderer makes.
    #[must_use]
    pub fn config_envelope(&self, creator: &Identity) -> Vec<u8> {
        Wire::new()
            .element(1, self.next.encode_to_vec())
            .element(2, self.update_envelope(creator))
            .done()
    }

    /// The config transaction: this update, submitted by `creator`, applied by `orderer`.
    #[must_use]
    pub fn envelope(&self, creator: &Identity, orderer: &Identity) -> Vec<u8> {
        config_envelope(&self.channel, orderer, &self.config_envelope(creator))
    }
}

/// A config transaction with these data, signed by an orderer.
#[must_use]
pub fn config_envelope(channel: &str, orderer: &Identity, data: &[u8]) -> Vec<u8> {
    signed_envelope(1, channel, orderer, data)
}

fn signed_envelope(header_type: i32, channel: &str, creator: &Identity, data: &[u8]) -> Vec<u8> {
    let headers = EnvelopeHeaders {
        r#type: header_type,
        channel,
        timestamp: (1_750_000_000, 0),
        creator: creator.serialized(),
        nonce: &crate::crypto::sha256(data).0[..24],
        ..EnvelopeHeaders::default()
    };
    headers.envelope(data, |payload| creator.sign(&[payload]))
}
