//! Sources of blocks beside plain files, with the built binary: a Fabric peer's chain folder, and the
//! block-ingest socket.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod chain_folder;
mod ingest;
mod soak;
