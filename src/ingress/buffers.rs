//! Buffers that blocks are read into, used again once a block has left the pipeline.
//!
//! A block is large enough that fresh memory for each costs more than reading it: the system clears
//! every page before it hands it out. The one that came back last is used first: it is the one that a core
//! may still have in its cache.
//!
//! Invariant: as many buffers wait to be used again as they were made for, and none is larger.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::limits;

/// Buffers of one source. Cloning is cheap, and shares them.
#[derive(Debug, Clone)]
pub struct Buffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
    kept_max: usize,
    bytes_max: usize,
}

impl Buffers {
    /// At most `kept_max` of at most `bytes_max` bytes wait to be used again.
    #[must_use]
    pub fn new(kept_max: usize, bytes_max: usize) -> Self {
        Self {
            free: Arc::default(),
            kept_max,
            bytes_max,
        }
    }

    /// A buffer, with whatever is in it.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.free().pop().unwrap_or_default()
    }

    /// What is in it does not depend on who panicked.
    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The buffer's bytes; it comes back when the last of them are dropped.
    #[must_use]
    pub fn fill(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Filled {
            bytes,
            buffers: self.clone(),
        })
    }
}

/// For single blocks.
impl Default for Buffers {
    fn default() -> Self {
        Self::new(limits::BLOCK_BUFFERS_KEPT, limits::BLOCK_BUFFER_BYTES_KEPT)
    }
}

struct Filled {
    bytes: Vec<u8>,
    buffers: Buffers,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut free = self.buffers.free();
        let is_kept =
            bytes.capacity() <= self.buffers.bytes_max && free.len() < self.buffers.kept_max;
        if is_kept {
            free.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Buffers come back, large ones do not.

    use super::Buffers;
    use crate::limits;

    #[test]
    fn a_buffer_comes_back_with_the_last_reference() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.extend_from_slice(&[7; 1000]);
        let bytes = buffers.fill(buffer);
        let part = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(buffers.take().capacity(), 0);
        assert_eq!(part, [7; 10].as_slice());
        drop(part);
        assert_eq!(buffers.take(), [7; 1000]);
    }

    #[test]
    fn a_very_large_buffer_is_given_back_to_the_system() {
        let buffers = Buffers::default();
        drop(buffers.fill(Vec::with_capacity(limits::BLOCK_BUFFER_BYTES_KEPT + 1)));
        assert_eq!(buffers.take().capacity(), 0);
    }

    #[test]
    fn only_so_many_are_kept() {
        let buffers = Buffers::default();
        let many = (0..2 * limits::BLOCK_BUFFERS_KEPT).map(|_| buffers.fill(vec![1]));
        drop(many.collect::<Vec<_>>());
        assert_eq!(buffers.free().len(), limits::BLOCK_BUFFERS_KEPT);
    }
}
