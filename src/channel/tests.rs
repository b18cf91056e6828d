//! Which configurations are accepted, and which may follow which.
//!
//! The configurations are edits of a real genesis block, so that every refusal has one cause.

mod authorization;
mod bundle;
mod capabilities;
mod equality;
pub(crate) mod kit;
mod rebuild;
mod transition;
mod update;
mod values;
