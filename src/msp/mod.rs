//! Membership service providers: who belongs to an organization, and in which role.
//!
//! An [`Msp`] is one organization's definition from the channel configuration; an [`MspManager`]
//! holds all of a channel and turns serialized identities into [`Identity`] values, each of which
//! exists once per channel while it is in use. An identity answers the three questions of
//! validation: is it valid, does it satisfy a [`Principal`], and what is to be verified for a
//! signature of its.
//!
//! Invariants:
//! - every answer depends on the identity's bytes and the MSP's definition alone, never on
//!   the time:
//!   a certificate is looked at one second after it began, so an expired one stays valid;
//! - an MSP never changes once it is built; a new configuration builds new ones;
//! - what is cached is bounded and never changes an answer.
//!
//! A folder of certificates and keys, as nodes and administrators have it, becomes a definition by
//! [`msp_config`] and somebody who signs by [`SigningIdentity`].
//!
//! Knows nothing of policies, channels or transactions, and never verifies an identity's signature
//! itself: that is gathered into batches by those who have many.
//!
//! Fabric: `msp/`.

mod cache;
mod error;
mod identity;
mod local;
mod manager;
mod principal;
mod provider;
mod setup;
#[cfg(test)]
pub(crate) mod tests;
mod validation;

pub use error::{
    CertificatePlace, ChainError, IdentityError, InvalidIdentity, NodeOuRole, SetupError,
    SetupFault, Unsatisfied,
};
pub use identity::{Identity, IdentityId};
pub use local::{LocalMspError, SigningIdentity, msp_config};
pub use manager::MspManager;
pub use principal::{BrokenPrincipal, Principal, Role};
pub use provider::Msp;

/// The rules that an MSP follows, by the channel's capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MspVersion {
    /// No channel capability: no node OUs.
    V1_0,
    /// `V1_1`: client and peer OUs.
    V1_1,
    /// `V1_3` and `V1_4_2`: combined and anonymity principals.
    V1_3,
    /// `V1_4_3` and `V2_0`: any subset of client, peer, admin and orderer OUs.
    V1_4_3,
    /// `V3_0`: Ed25519 identities.
    V3_0,
}
