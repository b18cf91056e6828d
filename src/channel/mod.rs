//! A channel at one height: its members, policies, capabilities and ordering service.
//!
//! A [`Bundle`] is what a channel's configuration means. It is immutable; a config block leads to a
//! new one ([`Bundle::apply`]), which is in force from the next block on. Whatever a configuration
//! is refused for stops the channel: a config block is applied or it is never committed.
//!
//! Knows nothing of blocks' signatures, of the world state, and of who asks.
//!
//! Invariants:
//! - A bundle exists only of a configuration that Fabric's peer would run the channel with:
//!   validation-spec 7.2 and 7.5 hold, and application and orderer sections are there.
//! - A bundle made by `apply` follows the current one by 7.3 and 7.4.
//! - It owns all that it needs: nothing borrows from the block.

mod application;
mod block;
mod bundle;
mod capabilities;
mod envelope;
mod equality;
mod error;
mod ids;
mod lifecycle;
mod msps;
mod orderer;
mod sections;
mod transition;
pub mod update;
mod values;

#[cfg(test)]
pub(crate) mod tests;

pub use application::{AnchorPeer, ApplicationOrg};
pub use block::{ConfigBlock, channel_id_of_config_block};
pub use bundle::Bundle;
pub use capabilities::{ApplicationCapabilities, Capabilities};
pub use envelope::EnvelopeHeaders;
pub use error::{
    CapabilityLevel, ConfigError, Element, ElementKind, Part, TransitionError, UpdateError,
};
pub use lifecycle::{ImplicitCollectionPolicy, LIFECYCLE_ENDORSEMENT};
pub use orderer::{BatchSize, Consenter, OrdererConfig, OrdererOrg};
