//! The Merkle summary of a range read: built from results, compared with what was recorded.
//!
//! Results are hashed as they come: a leaf's hash covers `degree + 1` results, and only hashes are
//! held, at most `degree` per level. So a range of any size, read with any recorded degree, needs
//! little memory.
//!
//! Invariants:
//! - level 1 holds the leaves' hashes; a level with more than `degree` hashes collapses into one of
//!   the next level;
//! - the top level only rises, and what stands in it only grows until it rises: once a hash differs
//!   from the recorded one, the summaries differ.
//!
//! Fabric: `rwsetutil/query_results_helper.go`.

use aws_lc_rs::digest::{Context, SHA256, digest};

use crate::proto::rwset::QueryReadsMerkleSummary;
use crate::proto::wire::{put_bytes, put_element, put_uint};
use crate::types::{Digest, Version};

/// The smallest degree: below it, Fabric panics.
pub(super) const DEGREE_MIN: u32 = 2;

/// A tree under construction.
pub(super) struct Builder {
    degree: usize,
    /// Hash over the results since the last leaf, and how many they are.
    pending: Context,
    pending_len: usize,
    /// The levels from 1 up; never empty.
    levels: Vec<Vec<Digest>>,
    /// Whether there was a leaf: until then there is no summary.
    any: bool,
    scratch: [Vec<u8>; 3],
}

/// A finished tree's top.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) level: usize,
    pub(super) hashes: Vec<Digest>,
}

impl Builder {
    /// An empty tree of a degree of at least [`DEGREE_MIN`].
    pub(super) fn new(degree: u32) -> Self {
        Self {
            degree: degree as usize,
            pending: Context::new(&SHA256),
            pending_len: 0,
            levels: vec![Vec::new()],
            any: false,
            scratch: Default::default(),
        }
    }

    /// Adds a result. Returns whether that made a new hash.
    pub(super) fn add(&mut self, key: &[u8], version: Version) -> bool {
        let [number, read, element] = &mut self.scratch;
        for buffer in [&mut *number, &mut *read, &mut *element] {
            buffer.clear();
        }
        put_uint(number, 1, version.block);
        put_uint(number, 2, version.tx);
        put_bytes(read, 1, key);
        put_element(read, 2, number); // present even where it is (0, 0)
        put_element(element, 1, read);
        self.pending.update(element);
        self.pending_len += 1;
        if self.pending_len <= self.degree {
            return false;
        }
        self.push_leaf();
        true
    }

    /// Completes the tree; `None` where there were too few results for one.
    pub(super) fn finish(mut self) -> Option<Summary> {
        if !self.any {
            return None;
        }
        if self.pending_len > 0 {
            self.push_leaf();
        }
        let mut top = self.levels.pop().unwrap_or_default();
        let mut level = self.levels.len() + 1;
        let mut carried: Option<Digest> = None;
        for mut hashes in self.levels {
            hashes.extend(carried.take());
            carried = match &*hashes {
                [] => None,
                [one] => Some(*one),
                many => Some(combine(many)),
            };
        }
        top.extend(carried);
        if top.len() > self.degree {
            top = vec![combine(&top)];
            level += 1;
        }
        Some(Summary { level, hashes: top })
    }

    fn top(&self) -> (usize, &[Digest]) {
        (
            self.levels.len(),
            self.levels.last().map_or(&[], Vec::as_slice),
        )
    }

    fn push_leaf(&mut self) {
        let leaf = std::mem::replace(&mut self.pending, Context::new(&SHA256)).finish();
        self.pending_len = 0;
        self.any = true;
        let mut next = Some(to_digest(leaf.as_ref()));
        for hashes in &mut self.levels {
            hashes.extend(next.take());
            if hashes.len() <= self.degree {
                return;
            }
            next = Some(combine(hashes));
            hashes.clear();
        }
        self.levels.push(next.into_iter().collect());
    }
}

/// Compares a range's results with a recorded summary as they come.
pub(super) struct Comparison<'a> {
    recorded: &'a QueryReadsMerkleSummary<'a>,
    builder: Builder,
}

impl<'a> Comparison<'a> {
    /// A comparison that has seen no results. The degree is at least [`DEGREE_MIN`].
    pub(super) fn new(recorded: &'a QueryReadsMerkleSummary<'a>) -> Self {
        Self {
            recorded,
            builder: Builder::new(recorded.max_degree),
        }
    }

    /// Takes a result. Returns `false` once the summaries cannot be equal any more.
    ///
    /// Fabric panics here in some cases where its tree has outgrown the recorded one; it can only
    /// mean a difference.
    pub(super) fn result(&mut self, key: &[u8], version: Version) -> bool {
        if !self.builder.add(key, version) {
            return true;
        }
        let recorded_level = self.recorded.max_level as usize;
        let (level, hashes) = self.builder.top();
        if level != recorded_level {
            return level < recorded_level;
        }
        let Some((newest, before)) = hashes.split_last() else {
            return true;
        };
        let recorded = self.recorded.max_level_hashes.get(before.len());
        recorded.is_some_and(|recorded| **recorded == newest.0)
    }

    /// Whether the summaries are equal, after the last result.
    pub(super) fn finish(self) -> bool {
        let Some(summary) = self.builder.finish() else {
            return false;
        };
        let recorded = &self.recorded.max_level_hashes;
        summary.level == self.recorded.max_level as usize
            && summary.hashes.len() == recorded.len()
            && summary
                .hashes
                .iter()
                .zip(recorded)
                .all(|(hash, recorded)| hash.0 == **recorded)
    }
}

fn combine(hashes: &[Digest]) -> Digest {
    let mut context = Context::new(&SHA256);
    hashes.iter().for_each(|hash| context.update(&hash.0));
    to_digest(context.finish().as_ref())
}

fn to_digest(hash: &[u8]) -> Digest {
    debug_assert_eq!(hash.len(), digest(&SHA256, b"").as_ref().len());
    Digest(hash.try_into().unwrap_or_default())
}
