//! Files of blocks: length-delimited ones, and the ledger's own segments.

use std::io::Cursor;
use std::path::Path;

use crate::ingress::{BlockFile, BlockSource};
use crate::proto::wire::put_varint;

/// The first byte says which file the others are.
pub fn block_file(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 4 {
        0 => delimited(data),
        // A file whose checksums are those of its content, or as it comes.
        kind => crate::ledger::fuzz_segments(data, kind == 1),
    }
}

/// Blocks that are read are read again once they are written, up to where the file was refused.
fn delimited(data: &[u8]) {
    let mut written = Vec::new();
    let mut blocks = Vec::new();
    read(data, |block| {
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
    read(&written, |block| {
        assert_eq!(Some(block), again.next().map(Vec::as_slice))
    });
    assert!(again.next().is_none(), "blocks were lost");
}

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes of blocks that are enough: a compressed file can hold very many.
const BYTES_MAX: usize = 16 << 20;

fn read(data: &[u8], mut block: impl FnMut(&[u8])) {
    let file = BlockFile::new(
        Path::new("fuzz"),
        Cursor::new(data.to_vec()),
        data.len() as u64,
    );
    let Ok(mut file) = file else { return };
    let mut bytes = 0;
    while bytes < BYTES_MAX
        && let Ok(Some(read)) = file.next_block()
    {
        bytes += read.len() + 1;
        block(&read);
    }
}
