//! Whom to believe: the organization's own MSP, and those of the channels.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::crypto::{SignedMessage, verify};
use crate::gossip::core::{ChannelConfig, MspId, Standing, Trust};
use crate::host::{Channel, LocalAccess};
use crate::msp::{Identity, SigningIdentity};
use crate::policy::accepted_signers;
use crate::sys::clock::Clock;
use crate::tls::add_pem;
use crate::types::ChannelId;
use crate::x509::Certificate;

/// The policy that says who may have a channel's data.
// Fabric: internal/pkg/peer/gossip/mcs.go:VerifyByChannel asks the channel's readers.
const READERS: &str = "/Channel/Application/Readers";

/// The peer's MSPs as they are now, and its key.
#[derive(Debug)]
pub(super) struct MspTrust {
    local: LocalAccess,
    /// TLS authorities that the operator believes.
    authorities: Vec<Certificate>,
    signer: Arc<SigningIdentity>,
    clock: Arc<dyn Clock>,
    channels: RwLock<BTreeMap<ChannelId, Arc<Channel>>>,
}

impl MspTrust {
    pub(super) fn new(
        local: LocalAccess,
        authorities: Vec<Certificate>,
        signer: Arc<SigningIdentity>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            local,
            authorities,
            signer,
            clock,
            channels: RwLock::default(),
        }
    }

    pub(super) fn add(&self, channel: &Arc<Channel>) {
        let mut channels = self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        channels.insert(channel.id().clone(), Arc::clone(channel));
    }

    pub(super) fn remove(&self, channel: &ChannelId) {
        let mut channels = self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        channels.remove(channel);
    }

    fn channels(&self) -> Vec<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().cloned().collect()
    }

    fn channel(&self, channel: &ChannelId) -> Option<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.get(channel).cloned()
    }

    /// TLS authorities of the own organization and of all organizations of the channels.
    // Fabric: core/peer/peer.go:updateTrustedRoots.
    pub(super) fn tls_authorities(&self) -> Vec<Certificate> {
        let mut authorities = self.authorities.clone();
        let mut add = |pem: &[u8]| {
            let mut found = Vec::new();
            add_pem(&mut found, pem);
            for certificate in found {
                if !authorities.contains(&certificate) {
                    authorities.push(certificate);
                }
            }
        };
        self.local.tls_authorities().for_each(&mut add);
        for channel in self.channels() {
            for msp in channel.bundle().msps().msps() {
                msp.tls_roots()
                    .chain(msp.tls_intermediates())
                    .for_each(&mut add);
            }
        }
        authorities
    }

    /// Who the identity is, by the first MSP that holds it valid.
    fn valid(&self, serialized: &[u8]) -> Option<Arc<Identity>> {
        let valid = |identity: Arc<Identity>| identity.is_valid().then_some(identity);
        let local = self.local.deserialize(serialized).ok().and_then(valid);
        local.or_else(|| {
            self.channels().iter().find_map(|channel| {
                let found = channel.bundle().msps().deserialize(serialized);
                found.ok().and_then(valid)
            })
        })
    }
}

impl Trust for MspTrust {
    fn identify(&self, identity: &[u8]) -> Option<Standing> {
        let identity = self.valid(identity)?;
        let not_after = u64::try_from(identity.certificate().not_after()).ok()?;
        let left = Duration::from_secs(not_after)
            .checked_sub(Duration::from_micros(self.clock.unix_micros()))?;
        Some(Standing {
            msp: MspId(identity.msp_id().into()),
            expires: self.clock.now().plus(left),
        })
    }

    fn admits(&self, channel: &ChannelId, identity: &[u8]) -> bool {
        let Some(channel) = self.channel(channel) else {
            return false;
        };
        let bundle = channel.bundle();
        let Ok(identity) = bundle.msps().deserialize(identity) else {
            return false;
        };
        let mut members = bundle.application_msp_ids().iter();
        members.any(|member| **member == *identity.msp_id())
            && identity.is_valid()
            && bundle
                .policies()
                .policy(READERS)
                .is_some_and(|readers| readers.evaluate(&accepted_signers([(&identity, true)])))
    }

    fn verify(&self, identity: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let Some(identity) = self.valid(identity) else {
            return false;
        };
        let message = SignedMessage {
            head: message,
            tail: &[],
        };
        let job = identity.signature_job(message, signature);
        job.is_some_and(|job| verify(&job))
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.signer.sign(&[message]))
    }
}

/// What gossip needs of a channel's configuration.
pub(super) fn config_of(channel: &Channel) -> ChannelConfig {
    let bundle = channel.bundle();
    let anchors = bundle.application_orgs().iter().flat_map(|org| {
        let anchors = org.anchor_peers.iter();
        anchors.map(|anchor| {
            let endpoint = format!("{}:{}", anchor.host, anchor.port);
            (MspId(Arc::clone(&org.msp_id)), endpoint.into())
        })
    });
    ChannelConfig {
        anchors: anchors.collect(),
    }
}
