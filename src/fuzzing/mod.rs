//! What the fuzz targets run: plain functions, so that the seeds run in ordinary tests as well.
//!
//! Each takes any bytes and panics where a property is broken:
//! - hostile bytes never panic a reader, hang it or overflow its stack;
//! - what the generated type accepts, the reader accepts, and reads the same after it was written
//!   again (the other way round it is no rule: Go, and so the reader, accepts more);
//! - what heddle writes itself, it reads again as it was;
//! - a clever path says what its dumb twin says.

/// A reader and the generated type of the same message agree, where the generated type accepts.
macro_rules! agree {
    ($reader:ty, $generated:ty, $data:expr) => {
        agree!($reader, $generated, $data, |_| {});
    };
    // `$forget` takes the unknown fields out of a reader that keeps them: generated types do not.
    ($reader:ty, $generated:ty, $data:expr, $forget:expr) => {
        let data: &[u8] = $data;
        let read = <$reader>::decode(data).map(|mut message| {
            let forget: fn(&mut $reader) = $forget;
            forget(&mut message);
            message
        });
        if let Ok(generated) = <$generated as prost::Message>::decode(data) {
            let again = prost::Message::encode_to_vec(&generated);
            assert!(read.is_ok(), "a plain message is read: {read:?}");
            assert_eq!(read, <$reader>::decode(&again));
        }
    };
}

mod block_file;
mod certificate;
mod chain;
mod choices;
mod config;
mod ed25519;
mod gossip;
mod messages;
mod p256;

pub use block_file::block_file;
pub use certificate::certificate;
pub use chain::generated_chain;
pub use config::{config, config_block, config_update};
pub use ed25519::ed25519_differential;
pub use gossip::{gossip_core, gossip_message};
pub use messages::{block, envelope, policy, rwset};
pub use p256::p256_differential;

/// A function of this module.
pub type Target = fn(&[u8]);

/// Every function by the name of its target and of its folder of seeds.
pub const TARGETS: [(&str, Target); 13] = [
    ("block", block),
    ("envelope", envelope),
    ("rwset", rwset),
    ("policy", policy),
    ("certificate", certificate),
    ("config", config),
    ("config_block", config_block),
    ("config_update", config_update),
    ("block_file", block_file),
    ("p256_differential", p256_differential),
    ("ed25519_differential", ed25519_differential),
    ("gossip_message", gossip_message),
    ("gossip_core", gossip_core),
];
