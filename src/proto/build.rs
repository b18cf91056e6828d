//! Build script: compiles `definitions/` into Rust types, one file per protobuf package.
//!
//! Pure Rust (protox instead of protoc), so that a build needs nothing but cargo. What it writes is
//! included by `messages.rs`. Services that somebody serves or calls get clients and servers too.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::FileDescriptorSet;

const DEFINITIONS: &str = "src/proto/definitions";

/// Services with clients and servers, by package and name. The definitions name more.
const SERVICES: [&str; 3] = [
    "orderer.AtomicBroadcast",
    "protos.Deliver",
    "protos.Endorser",
];

/// Fields that carry blocks and transactions: sliced from what arrived instead of copied.
const SHARED_BYTES: [&str; 5] = [
    ".common.BlockData.data",
    ".common.BlockMetadata.metadata",
    ".common.Envelope.payload",
    ".gossip.Envelope.payload",
    ".gossip.Payload.data",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=src/proto/build.rs");
    println!("cargo:rerun-if-changed={DEFINITIONS}");
    let mut files = Vec::new();
    definitions_in(Path::new(DEFINITIONS), &mut files)?;
    files.sort(); // The order of a folder's entries differs between machines.
    let descriptors = protox::compile(&files, [DEFINITIONS])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?; // The tests read it.
    let mut config = prost_build::Config::new();
    config.bytes(SHARED_BYTES).btree_map(["."]); // Encoding the same message twice must give the same bytes.
    tonic_prost_build::configure()
        .codec_path("crate::proto::codec::SizedCodec")
        .compile_fds_with_config(used_services(descriptors), config)?;
    Ok(())
}

fn used_services(mut descriptors: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut descriptors.file {
        let package = file.package().to_owned();
        file.service
            .retain(|service| SERVICES.contains(&&*format!("{package}.{}", service.name())));
    }
    descriptors
}

fn definitions_in(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            definitions_in(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    Ok(())
}
