//! Buffers that blocks are read into, used again once a block has left the pipeline.
//!
//! A block is large enough that fresh memory for each costs more than reading it: the system clears
//! every page before it hands it out.
//!
//! Invariant: at most [`limits::BLOCK_BUFFERS_KEPT`] buffers of at most
//! [`limits::BLOCK_BUFFER_BYTES_KEPT`] bytes wait to be used again.

use std::sync::Arc;

use bytes::Bytes;
use crossbeam::queue::ArrayQueue;

use crate::limits;

/// Buffers of one source. Cloning is cheap, and shares them.
#[derive(Debug, Clone)]
pub struct Buffers {
    free: Arc<ArrayQueue<Vec<u8>>>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::new(ArrayQueue::new(limits::BLOCK_BUFFERS_KEPT)),
        }
    }

    /// A buffer, with whatever is in it.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.free.pop().unwrap_or_default()
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

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
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
        if bytes.capacity() <= limits::BLOCK_BUFFER_BYTES_KEPT {
            // A full queue drops it.
            let _ = self.buffers.free.push(bytes);
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
        let buffers = Buffers::new();
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
        let buffers = Buffers::new();
        drop(buffers.fill(Vec::with_capacity(limits::BLOCK_BUFFER_BYTES_KEPT + 1)));
        assert_eq!(buffers.take().capacity(), 0);
    }

    #[test]
    fn only_so_many_are_kept() {
        let buffers = Buffers::new();
        let many = (0..2 * limits::BLOCK_BUFFERS_KEPT).map(|_| buffers.fill(vec![1]));
        drop(many.collect::<Vec<_>>());
        assert_eq!(buffers.free.len(), limits::BLOCK_BUFFERS_KEPT);
    }
}
