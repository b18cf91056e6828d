//! Chaincode definitions: who validates a namespace, with which policy, which collections it has.
//!
//! Two tables hold definitions, both in the world state: the new lifecycle's (`_lifecycle`) hides
//! the legacy one's (`lscc`). All reads are of the state that the block before left: definitions
//! that a block writes are first used for the next one.
//!
//! Knows nothing of blocks, transactions or caches; of the channel only [`ChannelFacts`].
//!
//! Invariants:
//! - what is merely missing is an answer ([`Definition::NotDefined`], code 25); what stands there but
//!   is broken is a [`Fault`] and stops the channel, as it stops Fabric;
//! - all four fields of a definition are decoded, whichever is asked for: one broken field stops.

mod collections;
mod definitions;
mod error;
#[cfg(test)]
pub(crate) mod memory;
mod policies;
#[cfg(test)]
mod tests;

pub use collections::{
    Collection, CollectionInfo, CollectionPolicy, block_to_live, collection_info,
    collection_is_known, collection_policy, key_policy, legacy_collections,
};
pub use definitions::{
    ChaincodeDefinition, CommittedDefinition, Definition, LegacyDefinition, LegacyEntry,
    committed_definition, definition, legacy_definition,
};
pub use error::{DefinitionField, Fault, Flaw};
pub use policies::{
    ApplicationOrg, ChannelFacts, any_member_policy, implicit_org_policy, lifecycle_policy,
};

/// The namespace of the new lifecycle: its definitions, and a chaincode of its own.
pub const LIFECYCLE_NAMESPACE: &str = "_lifecycle";

/// The namespace of the legacy definitions.
pub const LEGACY_NAMESPACE: &str = "lscc";

/// How the names of implicit collections begin; the organization's MSP id follows.
pub const IMPLICIT_COLLECTION_PREFIX: &str = "_implicit_org_";

/// The only validation plugin that a default peer has.
pub const DEFAULT_PLUGIN: &str = "vscc";
