//! Channel configurations: their messages, config blocks, and updates from one to the next.

use std::sync::LazyLock;

use super::messages::policy;
use crate::channel::update::{encode_config_envelope, validate_update};
use crate::channel::{Bundle, ConfigBlock, ConfigError};
use crate::proto::wire::Message;
use crate::proto::{config, messages, msp};
use crate::testing::kit::{ChannelSpec, Identity, Network, Seed, Wire};

/// A channel configuration, as a config block has it or as an update of it.
pub fn config(data: &[u8]) {
    let envelope = config::ConfigEnvelope::decode(data).unwrap_or_default();
    if let Some(group) = envelope.config.and_then(|config| config.channel_group) {
        config_group(&group);
    }
    if let Ok(envelope) = config::ConfigUpdateEnvelope::decode(data) {
        let update = config::ConfigUpdate::decode(envelope.config_update).unwrap_or_default();
        for group in update.read_set.iter().chain(&update.write_set) {
            config_group(group);
        }
    }
}

fn config_group(group: &config::ConfigGroup<'_>) {
    let mut open = vec![group];
    while let Some(group) = open.pop() {
        for value in group.values.values() {
            agree!(
                config::Capabilities<'_>,
                messages::common::Capabilities,
                value.value
            );
            agree!(
                config::ConsensusType<'_>,
                messages::orderer::ConsensusType,
                value.value
            );
            agree!(config::Acls<'_>, messages::protos::AcLs, value.value);
            agree!(msp::MspConfig<'_>, messages::msp::MspConfig, value.value);
            let msp = msp::MspConfig::decode(value.value).unwrap_or_default();
            agree!(
                msp::FabricMspConfig<'_>,
                messages::msp::FabricMspConfig,
                msp.config
            );
        }
        for named in group.policies.values() {
            policy(named.policy.as_ref().map_or(&[], |policy| policy.value));
        }
        open.extend(group.groups.values());
    }
}

/// A config block, or the config envelope alone: what no predecessor is needed for.
pub fn config_block(data: &[u8]) {
    let Some(Fixed {
        bundle: current, ..
    }) = &*FIXED
    else {
        return;
    };
    let block = ConfigBlock::read(data);
    let (channel, envelope) = match &block {
        Ok(block) => (&block.channel_id, block.config_envelope),
        Err(_) => (current.channel_id(), data),
    };
    // It follows no configuration without an update that leads to it.
    let _ = current.apply(envelope);
    let Ok(bundle) = Bundle::from_genesis(channel, envelope) else {
        return;
    };
    assert_eq!(bundle.config_envelope(), envelope);
    // Written again, it means the same; so it is a configuration, too.
    let config = config::ConfigEnvelope::decode(envelope).unwrap_or_default();
    let config = config.config.unwrap_or_default();
    let written = encode_config_envelope(&config, &[]);
    let read = config::ConfigEnvelope::decode(&written).unwrap_or_default();
    assert_eq!(read.config.as_ref(), Some(&config));
    let again = Bundle::from_genesis(channel, &written);
    assert!(again.is_ok(), "a bundle of what was written: {again:?}");
    if let Ok(again) = again {
        assert_eq!(again.sequence(), bundle.sequence());
        assert_eq!(again.application_msp_ids(), bundle.application_msp_ids());
        assert_eq!(again.capabilities(), bundle.capabilities());
    }
}

/// A config update of a fixed channel: odd first bytes are followed by an envelope as it comes, even
/// ones by a `ConfigUpdate` that all administrators sign.
pub fn config_update(data: &[u8]) {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let Some(fixed) = &*FIXED else { return };
    let bundle = &fixed.bundle;
    let signed = fixed.signed(data);
    let envelope = if first % 2 == 1 { data } else { &signed };
    let Ok(proposed) = validate_update(bundle, envelope) else {
        return;
    };
    // What the orderer makes of an update is what the peer expects of it. The new configuration may
    // still be none.
    let applied = bundle.apply(&encode_config_envelope(&proposed, envelope));
    assert!(
        !matches!(applied, Err(ConfigError::Update(_))),
        "an orderer and a peer agree: {applied:?}"
    );
    if let Ok(next) = applied {
        assert_eq!(next.sequence(), bundle.sequence() + 1);
        assert_eq!(next.channel_id(), bundle.channel_id());
    }
}

/// The channel of config updates.
struct Fixed {
    bundle: Bundle,
    admins: Vec<Identity>,
}

static FIXED: LazyLock<Option<Fixed>> = LazyLock::new(|| {
    let network = Network::new(&Seed::new(1), 2, ChannelSpec::default());
    let (_, genesis) = network.found();
    let block = ConfigBlock::read(&genesis).ok()?;
    let members = network.orgs.iter().chain([&network.orderer]);
    Some(Fixed {
        bundle: Bundle::from_genesis(&block.channel_id, block.config_envelope).ok()?,
        admins: members.map(|member| member.admin.clone()).collect(),
    })
});

impl Fixed {
    /// An update that all administrators signed, in its envelope.
    fn signed(&self, update: &[u8]) -> Vec<u8> {
        let signatures = self.admins.iter().map(|admin| {
            let header = Wire::new().bytes(1, admin.serialized()).bytes(2, "nonce");
            let signature = admin.sign(&[header.as_ref(), update]);
            Wire::new().bytes(1, header).bytes(2, signature)
        });
        let data = Wire::new().bytes(1, update).elements(2, signatures).done();
        let channel = self.bundle.channel_id().as_str();
        let header = Wire::new().uint(1, 2).bytes(4, channel);
        let header = Wire::new().bytes(1, header);
        let payload = Wire::new().element(1, header).bytes(2, data);
        Wire::new().bytes(1, payload).done()
    }
}
