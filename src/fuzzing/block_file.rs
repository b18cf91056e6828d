//! Files of blocks: length-delimited ones, a Fabric peer's, and the ledger's own segments.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use crate::ingress::{BlockFile, BlockSource, ChainFolder};
use crate::proto::common::Block;
use crate::proto::wire::{Message, put_varint};

/// The first byte says which file the others are.
pub fn block_file(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 4 {
        0 => delimited(data),
        3 => fabric(data),
        // Segments whose checksums are those of their content, or as they come.
        kind => crate::ledger::fuzz_segments(&temporary_folder(), data, kind == 1),
    }
}

/// Blocks that are read are read again once they are written, up to where the file was refused.
fn delimited(data: &[u8]) {
    let mut written = Vec::new();
    let mut blocks = Vec::new();
    read_delimited(data, |block| {
        put_varint(&mut written, block.len() as u64);
        written.extend_from_slice(block);
        blocks.push(block.to_vec());
    });
    let mut again = blocks.iter();
    // The frame of zstd is recognised by its first bytes: a first block that looks like one is read
    // as such.
    if written.first_chunk() == Some(&ZSTD_MAGIC) {
        return;
    }
    read_delimited(&written, |block| {
        assert_eq!(Some(block), again.next().map(Vec::as_slice))
    });
    assert!(again.next().is_none(), "blocks were lost");
}

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A peer's block file, and the file that a peer would write with the blocks in it.
fn fabric(data: &[u8]) {
    let mut written = Vec::new();
    let mut blocks = Vec::new();
    read_fabric(data, |block| {
        let stored = stored(block);
        put_varint(&mut written, stored.len() as u64);
        written.extend(stored);
        blocks.push(block.to_vec());
    });
    let mut again = blocks.iter();
    read_fabric(&written, |block| {
        assert_eq!(Some(block), again.next().map(Vec::as_slice));
    });
    assert!(again.next().is_none(), "blocks were lost");
}

/// A block as a peer stores it.
fn stored(block: &[u8]) -> Vec<u8> {
    let block = Block::decode(block);
    assert!(block.is_ok(), "what was rebuilt is a block: {block:?}");
    let block = block.unwrap_or_default();
    let header = block.header.unwrap_or_default();
    let mut out = Vec::new();
    let put_bytes = |out: &mut Vec<u8>, bytes: &[u8]| {
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    };
    put_varint(&mut out, header.number);
    put_bytes(&mut out, header.data_hash);
    put_bytes(&mut out, header.previous_hash);
    let envelopes = block.data.unwrap_or_default().data;
    let metadata = block.metadata.unwrap_or_default().metadata;
    for list in [envelopes, metadata] {
        put_varint(&mut out, list.len() as u64);
        for element in list {
            put_bytes(&mut out, element);
        }
    }
    out
}

fn read_fabric(data: &[u8], block: impl FnMut(&[u8])) {
    let folder = temporary_folder();
    let path = folder.join("blockfile_000000");
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, data));
    assert!(written.is_ok(), "a temporary folder: {written:?}");
    if let Ok(mut file) = ChainFolder::open(&path) {
        read(&mut file, block);
    }
    let removed = fs::remove_dir_all(&folder);
    assert!(removed.is_ok(), "a temporary folder: {removed:?}");
}

/// In memory where the system has such a place: a sync costs nothing there.
fn temporary_folder() -> PathBuf {
    let root = Path::new("/dev/shm");
    let root = if root.is_dir() {
        root.to_owned()
    } else {
        std::env::temp_dir()
    };
    let thread = std::thread::current().id();
    root.join(format!("heddle-fuzz-{}-{thread:?}", std::process::id()))
}

/// Bytes of blocks that are enough: a compressed file can hold very many.
const BYTES_MAX: usize = 16 << 20;

fn read(file: &mut dyn BlockSource, mut block: impl FnMut(&[u8])) {
    let mut bytes = 0;
    while bytes < BYTES_MAX
        && let Ok(Some(read)) = file.next_block()
    {
        bytes += read.len() + 1;
        block(&read);
    }
}

fn read_delimited(data: &[u8], block: impl FnMut(&[u8])) {
    let (path, length) = (Path::new("fuzz"), data.len() as u64);
    if let Ok(mut file) = BlockFile::new(path, Cursor::new(data.to_vec()), length) {
        read(&mut file, block);
    }
}
