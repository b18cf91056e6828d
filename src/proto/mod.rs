//! Wire messages: zero-copy readers with Go's decoding rules, and the generated types.
//!
//! Two families, for two needs:
//! - [`wire`] and the reader modules beside it decode what verdicts depend on. They borrow from the
//!   block's bytes and follow Go's runtime to the letter.
//! - [`messages`] holds the types generated from our `.proto` files, for everything that is built,
//!   served or sent.
//!
//! Knows nothing of what a message means.

pub mod chaincode;
pub mod codec;
pub mod common;
pub mod config;
pub mod lifecycle;
pub mod messages;
pub mod msp;
pub mod peer;
pub mod rwset;
pub mod wire;

#[cfg(test)]
mod tests;
