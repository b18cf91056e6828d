//! Builders of Fabric-format material: certificates, channels, transactions, blocks.
//!
//! Real Fabric peers accept what comes out, unless it was asked to be odd. Everything is made from a
//! [`Seed`], so the same calls give the same bytes. The keys are worthless: whoever knows the seed has
//! them, and the fast signer gives them away.
//!
//! From small to large: [`Seed`] -> [`Key`] -> [`Authority`] -> [`Identity`] -> [`Organization`] ->
//! [`Network`] (a channel's configuration and who is in it) -> [`Transaction`] -> [`Chain`] (blocks).
//!
//! Knows nothing of validation: what a peer thinks of the result is for the tests to say.

mod authority;
mod chain;
mod config;
mod definition;
mod der;
mod identity;
mod key;
mod network;
mod organization;
mod policy;
mod read_write_set;
mod seed;
mod signer;
mod transaction;
mod update;
mod wire;

pub use authority::{Authority, CertificateSpec, NodeRole};
pub use chain::{BlockData, BlockDraft, BlockSigning, Chain};
pub use config::{
    ChannelSpec, bft_policy, config_group, config_policy, config_value, implicit_policy,
    set_capabilities, signature_policy,
};
pub use definition::{ChaincodeDefinition, Collection};
pub use identity::Identity;
pub use key::{Key, KeyKind};
pub use network::{Member, Network};
pub use organization::Organization;
pub use policy::{
    DEFAULT_ENDORSEMENT, Principal, Rule, SignaturePolicy, all_of, any_of, by, key_policy_entries,
    out_of, policy_reference,
};
pub use read_write_set::{Collected, Ns, Range, RangeReads, RwSet, merkle_summary, ns};
pub use seed::Seed;
pub use signer::{FastSigner, Rfc6979Signer, Signer, WrongSigner, high_s};
pub use transaction::{Endorsement, RawParts, Transaction};
pub use update::{ConfigUpdate, config_envelope};
pub use wire::Wire;
