//! The channel's true blocks, and what a peer stores of them.

use bytes::Bytes;
use heddle::crypto::sha256_parts;

const SECRET: &[u8] = b"what only the orderers of the simulation know";
const HEADER: usize = 40;
const SIGNATURE: usize = 32;

/// What the orderers have made: `number, previous hash, content, signature`.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    blocks: Vec<Bytes>,
}

impl Chain {
    pub(crate) fn append(&mut self, content: &[u8]) {
        let previous = self.blocks.last().map_or([0; 32], |block| hash(block));
        let block = signed(self.blocks.len() as u64, previous, content, SECRET);
        self.blocks.push(block);
    }

    pub(crate) fn height(&self) -> u64 {
        self.blocks.len() as u64
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Bytes> {
        self.blocks.get(usize::try_from(number).ok()?)
    }
}

fn signed(number: u64, previous: [u8; 32], content: &[u8], secret: &[u8]) -> Bytes {
    let mut block = number.to_be_bytes().to_vec();
    block.extend(previous);
    block.extend(content);
    let signature = sha256_parts(&[secret, &block]).0;
    block.extend(signature);
    block.into()
}

/// A block that no orderer made.
pub(crate) fn forged(number: u64, previous: [u8; 32], content: &[u8]) -> Bytes {
    signed(number, previous, content, b"a guess")
}

pub(crate) fn hash(block: &[u8]) -> [u8; 32] {
    sha256_parts(&[block]).0
}

/// What a driver does for `Action::Verify`: number, hash chain, orderers' signature.
pub(crate) fn is_next(block: &[u8], number: u64, previous: [u8; 32]) -> bool {
    let Some(end) = block
        .len()
        .checked_sub(SIGNATURE)
        .filter(|end| *end >= HEADER)
    else {
        return false;
    };
    let (signed, signature) = block.split_at(end);
    signed.starts_with(&number.to_be_bytes())
        && signed.get(8..HEADER) == Some(&previous)
        && sha256_parts(&[SECRET, signed]).0 == signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_orderers_blocks_are_next() {
        let mut chain = Chain::default();
        chain.append(b"one");
        chain.append(b"two");
        let (first, second) = (chain.block(0).unwrap(), chain.block(1).unwrap());
        assert!(is_next(first, 0, [0; 32]));
        assert!(is_next(second, 1, hash(first)));
        assert!(!is_next(second, 1, [0; 32]), "another chain");
        assert!(!is_next(second, 2, hash(first)), "another number");
        assert!(!is_next(&forged(1, hash(first), b"two"), 1, hash(first)));
        assert!(!is_next(b"short", 0, [0; 32]));
    }
}
