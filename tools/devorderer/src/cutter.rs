//! When a batch is full: by count, by bytes, as Fabric's orderers cut.
//!
//! Knows nothing of time: who waits for a batch that does not fill, cuts it.
//!
//! Fabric: `orderer/common/blockcutter/blockcutter.go`.

use bytes::Bytes;
use heddle::channel::BatchSize;

/// A transaction to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The serialized envelope.
    pub(crate) envelope: Bytes,
    /// Its size as limits count it: payload and signature.
    pub(crate) size: usize,
}

/// Serialized envelopes that become a block.
pub(crate) type Batch = Vec<Bytes>;

/// The batch that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    pending: Batch,
    pending_bytes: usize,
}

impl Cutter {
    /// Takes a message. Returns the batches that are full now, two at most.
    pub(crate) fn take(&mut self, message: Message, limits: &BatchSize) -> Vec<Batch> {
        let preferred = usize::try_from(limits.preferred_bytes_max).unwrap_or(usize::MAX);
        let mut full = Vec::new();
        if message.size > preferred {
            // Larger than blocks like to be: it gets one of its own.
            full.extend(self.cut());
            full.push(vec![message.envelope]);
            return full;
        }
        if self.pending_bytes + message.size > preferred {
            full.extend(self.cut());
        }
        self.pending_bytes += message.size;
        self.pending.push(message.envelope);
        let count = usize::try_from(limits.message_count_max).unwrap_or(usize::MAX);
        if self.pending.len() >= count {
            full.extend(self.cut());
        }
        full
    }

    /// Whether messages wait for the batch to fill.
    pub(crate) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Cuts what is there, if anything is.
    pub(crate) fn cut(&mut self) -> Option<Batch> {
        self.pending_bytes = 0;
        let batch = std::mem::take(&mut self.pending);
        (!batch.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchSize = BatchSize {
        message_count_max: 3,
        absolute_bytes_max: 1000,
        preferred_bytes_max: 100,
    };

    /// Takes messages of these sizes; the batches by the sizes in them, and what is left pending.
    fn check(sizes: &[usize], expected: &[&[usize]], left: &[usize]) {
        let mut cutter = Cutter::default();
        let mut cut = Vec::new();
        for &size in sizes {
            let message = Message {
                envelope: vec![0; size].into(),
                size,
            };
            cut.extend(cutter.take(message, &LIMITS));
        }
        let sizes = |batch: &Batch| batch.iter().map(Bytes::len).collect::<Vec<_>>();
        let batches: Vec<Vec<usize>> = cut.iter().map(sizes).collect();
        assert_eq!(batches, expected, "{cut:?}");
        assert_eq!(cutter.is_pending(), !left.is_empty());
        let pending = cutter.cut().unwrap_or_default();
        assert_eq!(sizes(&pending), left);
        assert!(!cutter.is_pending() && cutter.cut().is_none());
    }

    #[test]
    fn batches_are_cut_as_fabric_cuts_them() {
        check(&[], &[], &[]);
        check(&[10, 10], &[], &[10, 10]);
        check(&[10, 10, 10, 10], &[&[10, 10, 10]], &[10]);
        // Exactly the preferred size fits; one byte more does not.
        check(&[60, 40], &[], &[60, 40]);
        check(&[60, 41], &[&[60]], &[41]);
        check(&[100], &[], &[100]);
        // What is larger than preferred goes alone, after what was waiting.
        check(&[101], &[&[101]], &[]);
        check(&[10, 101, 20], &[&[10], &[101]], &[20]);
        // The count starts anew after every cut.
        check(&[60, 50, 10, 10], &[&[60], &[50, 10, 10]], &[]);
    }
}
