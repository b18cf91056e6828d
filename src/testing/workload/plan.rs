//! What each block is to hold: the part of the work that goes in order, because versions do.

use std::sync::Arc;

use super::assets::Assets;
use super::cast::{Cast, Submission, found};
use super::label::{Kind, Label};
use super::place::Place;
use super::random::Random;
use super::recipe::{CHAINCODE, Endorsed, Recipe, Step};
use super::spec::WorkloadSpec;
use crate::testing::kit::{
    ChaincodeDefinition, Identity, Network, Principal, Rule, Transaction, by, out_of,
};
use crate::types::ValidationCode;

/// A block that is to be made.
#[derive(Debug, Clone)]
pub(super) struct BlockPlan {
    pub(super) number: u64,
    pub(super) cast: Arc<Cast>,
    pub(super) content: Content,
}

/// What is in it.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Transactions to be made.
    Recipes(Vec<Recipe>),
    /// One transaction that is there already.
    Ready(Kind, Vec<u8>),
}

impl BlockPlan {
    pub(super) fn transactions(&self) -> usize {
        match &self.content {
            Content::Recipes(recipes) => recipes.len(),
            Content::Ready(..) => 1,
        }
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Definition,
    Work { done: u64 },
}

/// Plans one block after another.
#[derive(Debug)]
pub(super) struct Planner {
    cast: Arc<Cast>,
    network: Network,
    phase: Phase,
    /// The number of the next block.
    next: u64,
    assets: Assets,
}

impl Planner {
    pub(super) fn new(spec: &WorkloadSpec) -> Self {
        let network = found(spec);
        Self {
            cast: Arc::new(Cast::of(spec, &network)),
            network,
            phase: Phase::Definition,
            next: 1,
            assets: Assets::new(spec),
        }
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// The next block; `None` after the last one.
    pub(super) fn next_block(&mut self) -> Option<BlockPlan> {
        let content = match self.phase {
            Phase::Definition => {
                self.phase = Phase::Work { done: 0 };
                Content::Ready(Kind::Definition, self.definition())
            }
            Phase::Work { done } if done < self.cast.spec.blocks => {
                self.phase = Phase::Work { done: done + 1 };
                Content::Recipes(self.work())
            }
            Phase::Work { .. } => return None,
        };
        let number = self.next;
        self.next += 1;
        let cast = Arc::clone(&self.cast);
        Some(BlockPlan {
            number,
            cast,
            content,
        })
    }

    fn definition(&self) -> Vec<u8> {
        let definition = ChaincodeDefinition::new(CHAINCODE).policy(self.policy());
        let submission = self.submission(0);
        let endorsers: Vec<&Identity> = self
            .cast
            .peers
            .iter()
            .filter_map(|peers| peers.first())
            .collect();
        let creator = self.cast.creator(submission);
        let creator = creator.unwrap_or(&self.network.orderer.client);
        let nonce = self.cast.nonce(submission);
        let spec = &self.cast.spec;
        Transaction::new(
            &spec.channel,
            creator,
            nonce,
            "_lifecycle",
            [definition.writes()],
        )
        .endorsed_by(endorsers)
        .envelope()
    }

    /// So many organizations out of all.
    fn policy(&self) -> Rule {
        let spec = &self.cast.spec;
        let orgs = self.network.orgs.iter().map(|org| {
            let msp_id = org.msp_id().to_owned();
            by(if spec.node_ous {
                Principal::Peer(msp_id)
            } else {
                Principal::Member(msp_id)
            })
        });
        out_of(i32::try_from(spec.required()).unwrap_or(i32::MAX), orgs)
    }

    fn submission(&self, tx: u32) -> Submission {
        Submission {
            place: Place {
                block: self.next,
                tx,
            },
            clients: self.cast.clients.len(),
        }
    }

    fn work(&mut self) -> Vec<Recipe> {
        let spec = Arc::clone(&self.cast);
        let txs = u32::try_from(spec.spec.txs).unwrap_or(u32::MAX);
        let recipes = (0..txs).map(|tx| self.plain(tx)).collect();
        self.assets.end_block();
        recipes
    }

    fn plain(&mut self, tx: u32) -> Recipe {
        let submission = self.submission(tx);
        let place = submission.place;
        let spec = &self.cast.spec;
        // A third stream beside those of the transaction's maker.
        let mut random = Random::of(spec.seed.rotate_left(32), place);
        let (reads, writes) = (spec.reads, spec.writes);
        let keys = self.assets.draw(reads.max(writes), &mut random);
        let mut steps = Vec::with_capacity(reads + writes);
        let mut conflict = false;
        for key in keys.iter().take(reads) {
            conflict |= self.assets.is_pending(*key);
            steps.push(Step::Read(*key, self.assets.version(*key)));
        }
        for key in keys.iter().take(writes) {
            let deletes = random.chance(self.cast.spec.deletes);
            steps.push(if deletes {
                Step::Delete(*key)
            } else {
                Step::Write(*key)
            });
            if !conflict {
                self.assets.write(*key, place, deletes);
            }
        }
        Recipe {
            submission,
            steps,
            endorsed: Endorsed::AsUsual,
            label: Label {
                kind: Kind::Plain,
                code: Some(if conflict {
                    ValidationCode::MvccReadConflict
                } else {
                    ValidationCode::Valid
                }),
            },
        }
    }
}
