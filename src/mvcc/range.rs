//! Phantoms: a range that was read is read again, over the committed state and the block so far.
//!
//! Both are read side by side and lazily, until the results differ from what was recorded. On equal
//! keys the block's effect wins; what it deleted vanishes. If simulation stopped early, the end key
//! is the last key it saw, so it belongs to the range and is looked up at the end, once; that the
//! range is unbounded where the end key is empty, and the empty key looked up even so, is as in
//! Fabric.
//!
//! Fabric: `validation/rangequery_validator.go`, `validation/combined_iterator.go`.

use super::error::Fault;
use super::merkle::{Comparison, DEGREE_MIN};
use super::overlay::{NamespaceId, Overlay};
use super::place::Place;
use super::reads::version;
use crate::ledger::{self, StateReader};
use crate::proto::rwset::{KvRead, RangeQueryInfo, ReadsInfo};
use crate::rwset::NsRwSet;
use crate::types::{BlockNumber, NamespaceRef, TxIndex, Version};

/// Whether all ranges that a transaction read in a namespace still give what it saw (else code 12).
pub(super) fn ranges_hold<'a, S: StateReader + ?Sized>(
    (block, tx): (BlockNumber, TxIndex),
    ns: &'a NsRwSet<'a>,
    overlay: &mut Overlay<'a>,
    state: &S,
) -> Result<bool, Fault> {
    if ns.range_queries.is_empty() {
        return Ok(true);
    }
    let namespace = NamespaceRef::public(ns.name);
    let known = overlay.known_namespace(namespace);
    if let Some(id) = known {
        overlay.sort(id);
    }
    let merged = Merged {
        place: Place::new(namespace),
        known,
        overlay,
        state,
        block,
    };
    for query in &ns.range_queries {
        let mut results = Results::new(tx, query)?;
        merged.read(query, &mut results)?;
        if !results.finish() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What was recorded of a range, and how far the results agree with it.
enum Results<'a> {
    Raw {
        expected: std::slice::Iter<'a, KvRead<'a>>,
        differs: bool,
    },
    Merkle {
        comparison: Comparison<'a>,
        differs: bool,
    },
}

impl<'a> Results<'a> {
    fn new(tx: TxIndex, query: &'a RangeQueryInfo<'a>) -> Result<Self, Fault> {
        Ok(match &query.reads_info {
            ReadsInfo::Unset => Self::Raw {
                expected: [].iter(),
                differs: false,
            },
            ReadsInfo::Raw(reads) => Self::Raw {
                expected: reads.kv_reads.iter(),
                differs: false,
            },
            ReadsInfo::Merkle(summary) if summary.max_degree < DEGREE_MIN => {
                return Err(Fault::MerkleDegree {
                    tx,
                    degree: summary.max_degree,
                });
            }
            ReadsInfo::Merkle(summary) => Self::Merkle {
                comparison: Comparison::new(summary),
                differs: false,
            },
        })
    }

    /// Takes a result. Returns `false` once the range differs.
    fn result(&mut self, key: &[u8], found: Version) -> bool {
        match self {
            Self::Raw { expected, differs } => {
                // A recorded read without a version never matches; Fabric panics at one.
                let same = expected.next().is_some_and(|read| {
                    read.key.as_bytes() == key && version(read.version.as_ref()) == Some(found)
                });
                *differs |= !same;
                same
            }
            Self::Merkle {
                comparison,
                differs,
            } => {
                let same = comparison.result(key, found);
                *differs |= !same;
                same
            }
        }
    }

    /// Whether the range holds, after the last result.
    fn finish(self) -> bool {
        match self {
            Self::Raw {
                mut expected,
                differs,
            } => !differs && expected.next().is_none(),
            Self::Merkle {
                comparison,
                differs,
            } => !differs && comparison.finish(),
        }
    }
}

/// A namespace's committed keys with the block's effects on them.
struct Merged<'o, 'a, S: StateReader + ?Sized> {
    place: Place<'a>,
    known: Option<NamespaceId>,
    overlay: &'o Overlay<'a>,
    state: &'o S,
    block: BlockNumber,
}

impl<S: StateReader + ?Sized> Merged<'_, '_, S> {
    fn read(
        &self,
        query: &RangeQueryInfo<'_>,
        results: &mut Results<'_>,
    ) -> Result<(), ledger::Error> {
        let (start, end) = (query.start_key.as_bytes(), query.end_key.as_bytes());
        if (end.is_empty() || start < end) && !self.read_exclusive(start, end, results)? {
            return Ok(());
        }
        if !query.itr_exhausted
            && let Some(version) = self.version(end)?
        {
            results.result(end, version);
        }
        Ok(())
    }

    /// Reads `start..end`. Returns `false` where the results differ already.
    fn read_exclusive(
        &self,
        start: &[u8],
        end: &[u8],
        results: &mut Results<'_>,
    ) -> Result<bool, ledger::Error> {
        let in_block = self
            .known
            .into_iter()
            .flat_map(|id| self.overlay.range(id, start, end));
        let mut in_block = in_block
            .map(|(key, effect)| (key, effect.put.as_ref().map(|_| self.at(effect.tx))))
            .peekable();
        let mut same = true;
        self.place
            .range(self.state, start, end, &mut |key, committed| {
                while let Some((earlier, put)) = in_block.next_if(|(earlier, _)| *earlier < key) {
                    same = same && put.is_none_or(|version| results.result(earlier, version));
                }
                same = same
                    && match in_block.next_if(|(equal, _)| *equal == key) {
                        Some((_, put)) => put.is_none_or(|version| results.result(key, version)),
                        None => results.result(key, committed.version),
                    };
                same
            })?;
        Ok(same
            && in_block.all(|(key, put)| put.is_none_or(|version| results.result(key, version))))
    }

    /// A key's version with the block's effect on it.
    fn version(&self, key: &[u8]) -> Result<Option<Version>, ledger::Error> {
        match self.known.and_then(|id| self.overlay.effect(id, key)) {
            Some(effect) => Ok(effect.put.as_ref().map(|_| self.at(effect.tx))),
            None => self.place.version(self.state, key),
        }
    }

    fn at(&self, tx: TxIndex) -> Version {
        Version::new(self.block, tx)
    }
}
