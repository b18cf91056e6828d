//! Which configurations are accepted, and which may follow which.
//!
//! The configurations are edits of a real genesis block, so that every refusal has one cause.

mod bundle;
mod capabilities;
mod duration;
mod equality;
mod kit;
mod transition;
mod update;
