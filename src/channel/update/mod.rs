//! Config updates: whether an update leads from a configuration to the next one.
//!
//! An update has a read set (what its authors saw, by version) and a write set (what they want).
//! Both are parts of the configuration's tree. What of the write set the read set does not have at
//! the same version is the *delta*:
//! 1. Every element of the read set is in the current configuration, at the same version.
//! 2. Every element of the delta is new (version 0) or the next version of an existing element, and
//!    then its current mod_policy is satisfied by the update's signatures.
//! 3. The delta overlaid on the current configuration, followed from the root down each group's own
//!    list of children, is the proposed configuration.
//!
//! Fabric works on maps by path; here the three trees are walked side by side, which is the same
//! since no key contains a slash. Elements that the delta adds below a group that does not change
//! are checked, then dropped: no list has them.
//!
//! Write sets may nest thousands of levels deep, valid configurations may not. Write sets are decoded
//! and dropped on a thread with a deep stack; nothing here recurses along them.

mod compute;
mod delta;
mod encode;
mod rebuild;

pub use compute::{ComputedUpdate, compute_update};
pub use encode::{encode_config_envelope, encode_config_group};

use std::sync::Arc;

use crate::crypto::{SignedMessage, verify_batch};
use crate::msp::Identity;
use crate::policy::accepted_signers;
use crate::proto::common::{Envelope, SignatureHeader, header_type};
use crate::proto::config::{
    Config, ConfigEnvelope, ConfigGroup, ConfigUpdate, ConfigUpdateEnvelope,
};

use super::block::{decode, open};
use super::bundle::{Bundle, on_deep_stack};
use super::equality::group_difference;
use super::error::{ConfigError, Part, UpdateError};
use super::sections::ROOT;

/// The configuration that an update proposes, where it may be proposed: what an orderer puts into
/// the next config block. `update` is a serialized `common.Envelope` of type CONFIG_UPDATE.
///
/// The proposed configuration is not checked by itself: [`Bundle::apply`] does.
///
/// # Errors
/// Where the update does not fit the bundle or its signatures do not suffice.
///
/// Fabric: `common/configtx/validator.go:ProposeConfigUpdate`.
pub fn validate_update<'a>(
    bundle: &'a Bundle,
    update: &'a [u8],
) -> Result<Config<'a>, ConfigError> {
    let sequence = bundle.sequence().wrapping_add(1);
    let channel_group = on_deep_stack(|| {
        let envelope: Envelope<'_> = decode(update, Part::Envelope)?;
        let current = bundle.decode_config()?.channel_group.unwrap_or_default();
        propose(bundle, &current, envelope.payload)
    })?;
    Ok(Config {
        sequence,
        channel_group: Some(channel_group),
    })
}

/// Refuses an envelope whose configuration is not what its last update makes of the current one.
///
/// Fabric: `common/configtx/validator.go:Validate`.
pub(super) fn check(bundle: &Bundle, envelope: &ConfigEnvelope<'_>) -> Result<(), ConfigError> {
    let missing = |missing| ConfigError::Incomplete {
        part: Part::ConfigEnvelope,
        missing,
    };
    let next = envelope.config.as_ref().ok_or_else(|| missing("config"))?;
    let expected = bundle.sequence().wrapping_add(1);
    if next.sequence != expected {
        return Err(UpdateError::Sequence {
            expected,
            found: next.sequence,
        }
        .into());
    }
    let update = envelope
        .last_update
        .as_ref()
        .ok_or_else(|| missing("last update"))?;
    let group = next
        .channel_group
        .as_ref()
        .ok_or_else(|| missing("channel group"))?;
    let current = bundle.decode_config()?.channel_group.unwrap_or_default();
    let proposed = propose(bundle, &current, update.payload)?;
    match group_difference(&proposed, group, ROOT) {
        Some(element) => Err(UpdateError::Result { element }.into()),
        None => Ok(()),
    }
}

/// Fabric: `common/configtx/update.go:authorizeUpdate`, `configmap.go:configMapToConfig`.
fn propose<'a>(
    bundle: &Bundle,
    current: &ConfigGroup<'a>,
    payload: &'a [u8],
) -> Result<ConfigGroup<'a>, ConfigError> {
    let (_, data) = open(payload, header_type::CONFIG_UPDATE, "CONFIG_UPDATE")?;
    let envelope: ConfigUpdateEnvelope<'_> = decode(data, Part::ConfigUpdateEnvelope)?;
    let update: ConfigUpdate<'_> = decode(envelope.config_update, Part::ConfigUpdate)?;
    if update.channel_id != bundle.channel_id().as_str() {
        return Err(ConfigError::Update(UpdateError::Channel {
            expected: bundle.channel_id().as_str().to_owned(),
            found: update.channel_id.to_owned(),
        }));
    }
    let signers = valid_signers(bundle, &envelope)?;
    delta::check(bundle.policies(), current, &update, &signers)?;
    rebuild::rebuild(current, &update)
}

/// Who signed the update: each identity once, in the order of the signatures.
///
/// Fabric: `protoutil/signeddata.go:ConfigUpdateEnvelopeAsSignedData`.
fn valid_signers(
    bundle: &Bundle,
    envelope: &ConfigUpdateEnvelope<'_>,
) -> Result<Vec<Arc<Identity>>, ConfigError> {
    let mut creators = Vec::with_capacity(envelope.signatures.len());
    for (index, signature) in envelope.signatures.iter().enumerate() {
        let header: SignatureHeader<'_> =
            decode(signature.signature_header, Part::SignatureHeader(index))?;
        creators.push(header.creator);
    }
    let signed: Vec<_> = envelope
        .signatures
        .iter()
        .zip(creators)
        .filter_map(|(signature, creator)| {
            Some((bundle.msps().deserialize(creator).ok()?, signature))
        })
        .collect();
    let (jobs, identities): (Vec<_>, Vec<_>) = signed
        .iter()
        .filter_map(|(identity, signature)| {
            let message = SignedMessage {
                head: signature.signature_header,
                tail: envelope.config_update,
            };
            Some((
                identity.signature_job(message, signature.signature)?,
                identity,
            ))
        })
        .unzip();
    Ok(accepted_signers(
        identities.into_iter().zip(verify_batch(&jobs)),
    ))
}
