//! Workloads: chains of any size for load tests, benches, comparisons and the demo.
//!
//! A [`WorkloadSpec`] says what is wanted, a [`Workload`] is an iterator over the blocks: genesis, the
//! chaincode's definition, what has to be there beforehand, then the workload's own blocks with config
//! updates in between. The same specification gives the same bytes, on however many threads.
//!
//! ```text
//!  planner (in order: who writes what at which version)
//!     -> recipes -> envelopes -> block data (on all cores of the current rayon pool)
//!     -> chain (in order: numbers, previous hashes, the orderer's signature)
//! ```
//!
//! Invariants:
//! - a transaction's bytes follow from its recipe and the cast alone;
//! - what a label says about a code holds for any validator that follows Fabric's rules;
//! - real Fabric peers accept the blocks, except that mutations may stop them;
//! - memory does not grow with the number of blocks.

mod assets;
mod cast;
mod credential;
mod definition;
mod fault;
mod label;
mod mix;
mod mutation;
mod owned;
mod place;
mod plan;
mod random;
mod ranges;
mod recipe;
mod reconfigure;
mod secrets;
mod spec;
mod spoil;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use rayon::prelude::*;

pub use credential::Credential;
pub use fault::{Fault, UnknownFault};
pub use label::{Kind, Label};
pub use spec::{SpecError, WorkloadSpec};

use self::plan::{BlockPlan, Content, Planner};
use super::kit::{BlockData, Chain};
use crate::limits;

/// A block of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeBlock {
    /// Its number.
    pub number: u64,
    /// The serialized `common.Block`.
    pub bytes: Bytes,
    /// What its transactions are, in order.
    pub labels: Vec<Label>,
}

/// A chain in the making.
#[derive(Debug)]
pub struct Workload {
    planner: Planner,
    chain: Chain,
    ready: VecDeque<MadeBlock>,
}

impl Workload {
    /// A workload like this.
    ///
    /// # Errors
    /// The specification makes none.
    pub fn new(spec: WorkloadSpec) -> Result<Self, SpecError> {
        spec.validate()?;
        let planner = Planner::new(&spec);
        let (chain, genesis) = planner.network().found();
        let genesis = MadeBlock {
            number: 0,
            bytes: Bytes::from(genesis),
            labels: vec![Label::valid(Kind::Genesis)],
        };
        Ok(Self {
            planner,
            chain,
            ready: VecDeque::from([genesis]),
        })
    }

    /// How many blocks there will be in all.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.planner.blocks()
    }

    /// What the peers and administrators of the organizations that found the channel need to take part in it.
    #[must_use]
    pub fn credentials(&self) -> Vec<Credential> {
        let of = |member| credential::of_member(self.planner.spec(), member);
        self.planner.network().orgs.iter().flat_map(of).collect()
    }

    fn make_more(&mut self) {
        let mut plans = Vec::new();
        let mut bytes = 0;
        while bytes < limits::WORKLOAD_BATCH_BYTES {
            let Some(plan) = self.planner.next_block() else {
                break;
            };
            bytes += plan.bytes();
            plans.push(plan);
        }
        let unlinked: Vec<Unlinked> = plans.into_par_iter().map(Unlinked::of).collect();
        for block in unlinked {
            let block = block.link(&mut self.chain);
            self.ready.push_back(block);
        }
    }
}

impl Iterator for Workload {
    type Item = MadeBlock;

    fn next(&mut self) -> Option<MadeBlock> {
        if self.ready.is_empty() {
            self.make_more();
        }
        self.ready.pop_front()
    }
}

/// A block's content.
struct Unlinked {
    number: u64,
    labels: Vec<Label>,
    body: Body,
}

enum Body {
    Data(BlockData),
    Config(Vec<u8>),
}

impl Unlinked {
    fn of(plan: BlockPlan) -> Self {
        let BlockPlan {
            number,
            cast,
            content,
        } = plan;
        match content {
            Content::Recipes(recipes) => {
                let envelopes: Vec<Vec<u8>> = recipes
                    .par_iter()
                    .with_min_len(16)
                    .map(|recipe| recipe.make(&cast))
                    .collect();
                Self {
                    number,
                    labels: recipes.iter().map(|recipe| recipe.label).collect(),
                    body: Body::Data(BlockData::new(&envelopes)),
                }
            }
            Content::Ready(kind, envelope) => Self {
                number,
                labels: vec![Label::valid(kind)],
                body: if kind == Kind::Config {
                    Body::Config(envelope)
                } else {
                    Body::Data(BlockData::new(&[envelope]))
                },
            },
        }
    }

    fn link(self, chain: &mut Chain) -> MadeBlock {
        let bytes = match self.body {
            Body::Data(data) => chain.block_of(&data),
            Body::Config(envelope) => chain.config_block(envelope),
        };
        MadeBlock {
            number: self.number,
            bytes: Bytes::from(bytes),
            labels: self.labels,
        }
    }
}
