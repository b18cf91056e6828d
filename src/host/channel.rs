//! One hosted channel.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::access::{Denied, SignedData, default_policy};
use crate::channel::Bundle;
use crate::commit::CommittedBlock;
use crate::ledger::{self, Ledger};
use crate::pipeline::{Stop, config_in_force};
use crate::policy::accepted_signers;
use crate::types::ChannelId;

/// How a channel is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ChannelState {
    /// It takes blocks.
    #[default]
    Running,
    /// It takes none for now, and will again by itself; what it has is served.
    Waiting {
        /// For what, and what to do.
        why: String,
    },
    /// It takes none until somebody does something; what it has is served.
    Stopped {
        /// Why, and what to do.
        why: String,
    },
}

/// A channel's ledger, the configuration for its next block, and its height.
#[derive(Debug)]
pub struct Channel {
    ledger: Arc<Ledger>,
    bundle: ArcSwap<Bundle>,
    height: watch::Sender<u64>,
    state: Mutex<ChannelState>,
}

impl Channel {
    /// A channel that has its genesis block.
    ///
    /// # Errors
    /// The ledger failed, or its configuration is not one that this version can use.
    pub fn new(ledger: Arc<Ledger>) -> Result<Self, Stop> {
        let view = ledger.view()?;
        let bundle = config_in_force(&ledger, &view)?;
        let height = view.height();
        Ok(Self {
            ledger,
            bundle: ArcSwap::from_pointee(bundle),
            height: watch::Sender::new(height),
            state: Mutex::default(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &ChannelId {
        self.ledger.channel()
    }

    /// Its ledger.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The configuration in force after the last durable block.
    #[must_use]
    pub fn bundle(&self) -> Arc<Bundle> {
        self.bundle.load_full()
    }

    /// Tells how many blocks are durable, and whenever there are more.
    #[must_use]
    pub fn heights(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }

    /// How the channel is.
    #[must_use]
    pub fn state(&self) -> ChannelState {
        self.lock().clone()
    }

    /// Says how the channel is.
    pub fn set_state(&self, state: ChannelState) {
        *self.lock() = state;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ChannelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block is durable: its configuration, if it has one, is in force before anybody hears of its
    /// height.
    ///
    /// # Errors
    /// The ledger failed. The configuration is the old one.
    pub fn committed(&self, block: &CommittedBlock) -> Result<(), Stop> {
        let validated = block.validated();
        let height = validated.decoded().number().next().0;
        let changed = validated.config_changed().then(|| {
            let view = self.ledger.view()?;
            let bundle = config_in_force(&self.ledger, &view)?;
            self.bundle.store(Arc::new(bundle));
            Ok(())
        });
        self.height.send_replace(height);
        changed.unwrap_or(Ok(()))
    }

    /// Whether the signer of `signed` may have `resource`: what the channel's ACLs say, or else Fabric's
    /// defaults.
    ///
    /// # Errors
    /// Why not.
    ///
    /// Fabric: `core/aclmgmt/resourceprovider.go:CheckACL`.
    pub fn check(&self, resource: &str, signed: &SignedData<'_>) -> Result<(), Denied> {
        let bundle = self.bundle();
        let unknown = || Denied::UnknownResource {
            resource: resource.to_owned(),
        };
        let configured = bundle.acls().get(resource).map(String::as_str);
        let policy_name = configured
            .or_else(|| default_policy(resource))
            .ok_or_else(unknown)?;
        let no_policy = || Denied::NoPolicy {
            policy: policy_name.to_owned(),
        };
        let policy = bundle
            .policies()
            .policy(policy_name)
            .ok_or_else(no_policy)?;
        let identity = bundle.msps().deserialize(signed.creator)?;
        signed.check(&identity)?;
        let signers = accepted_signers([(&identity, true)]);
        if policy.evaluate(&signers) {
            Ok(())
        } else {
            Err(Denied::Policy {
                policy: policy_name.to_owned(),
                msp_id: identity.msp_id().to_owned(),
            })
        }
    }

    /// What the ledger says of itself.
    ///
    /// # Errors
    /// The ledger failed.
    pub fn info(&self) -> Result<ledger::LedgerInfo, ledger::Error> {
        self.ledger.info()
    }
}
