//! The channels that this peer hosts, as its services see them.
//!
//! A [`Channel`] is a ledger, the configuration in force, and how high it is, which can be waited for.
//! The [`Host`] knows them all, and the organization's own MSP. Who may do what is asked here: every
//! service passes what somebody signed, and the name of what is asked for.
//!
//! Knows nothing of services, of the network, or of how blocks get into a ledger.

mod access;
mod channel;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use access::{
    Denied, LocalAccess, LocalAccessError, LocalRole, SignedData, default_policy, unexpired,
};
pub use channel::{Channel, ChannelState};

use crate::limits::CHANNELS_MAX;
use crate::types::ChannelId;

/// The channels of this peer.
#[derive(Debug)]
pub struct Host {
    channels: RwLock<BTreeMap<String, Arc<Channel>>>,
    local: LocalAccess,
}

/// Why a channel is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// It is there.
    #[error(
        "cannot create ledger from genesis block: ledger [{channel}] already exists with state [ACTIVE]"
    )]
    Joined {
        /// Which one.
        channel: ChannelId,
    },
    /// There is no room.
    #[error("this peer has {CHANNELS_MAX} channels, and takes no more")]
    Full,
}

impl Host {
    /// A host without channels.
    #[must_use]
    pub fn new(local: LocalAccess) -> Self {
        Self {
            channels: RwLock::default(),
            local,
        }
    }

    /// The organization's own MSP.
    #[must_use]
    pub fn local(&self) -> &LocalAccess {
        &self.local
    }

    /// The channel of this name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.get(name).cloned()
    }

    /// All channels, in the order of their names.
    #[must_use]
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().cloned().collect()
    }

    /// Takes a channel in.
    ///
    /// # Errors
    /// It is there already, or there are too many.
    pub fn add(&self, channel: Arc<Channel>) -> Result<(), HostError> {
        let mut channels = self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let name = channel.id().to_string();
        if channels.contains_key(&name) {
            let channel = channel.id().clone();
            return Err(HostError::Joined { channel });
        }
        if channels.len() >= CHANNELS_MAX {
            return Err(HostError::Full);
        }
        channels.insert(name, channel);
        Ok(())
    }
}
