//! What each block is to hold: the part of the work that goes in order, because versions do.

use std::collections::VecDeque;
use std::sync::Arc;

use super::assets::Assets;
use super::cast::{Cast, Submission, found};
use super::definition::define;
use super::fault::Fault;
use super::label::{Kind, Label};
use super::mix::Mix;
use super::owned::Owned;
use super::place::{Key, Place};
use super::random::Random;
use super::ranges::Ranges;
use super::recipe::{Endorsed, RangeRead, Recipe, Step};
use super::reconfigure::reconfigure;
use super::secrets::Secrets;
use super::spec::WorkloadSpec;
use crate::testing::kit::Network;
use crate::types::ValidationCode;

/// Valid transactions whose ids may be used again.
const RECENT: usize = 64;

/// Transactions of a block that fills.
const FILL_TXS: u32 = 16;

/// Bytes that one of them writes, about, and keys at most.
const FILL_BYTES: usize = 256 << 10;
const FILL_KEYS: usize = 1000;

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
    /// About how large the block becomes.
    pub(super) fn bytes(&self) -> usize {
        match &self.content {
            Content::Recipes(recipes) => {
                let step = self.cast.spec.value_bytes + 48;
                let steps: usize = recipes.iter().map(|recipe| recipe.steps.len()).sum();
                recipes.len() * 3000 + steps * step
            }
            Content::Ready(_, envelope) => envelope.len(),
        }
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Definition,
    Setup,
    Fill,
    /// So many blocks of the workload are planned.
    Work(u64),
    /// As many, and a config update comes before the next one.
    Config(u64),
}

/// Plans one block after another.
#[derive(Debug)]
pub(super) struct Planner {
    cast: Arc<Cast>,
    network: Network,
    phase: Phase,
    /// The number of the next block.
    next: u64,
    mix: Mix,
    assets: Assets,
    ranges: Ranges,
    owned: Owned,
    secrets: Secrets,
    recent: VecDeque<Submission>,
}

impl Planner {
    pub(super) fn new(spec: &WorkloadSpec) -> Self {
        let network = found(spec);
        Self {
            cast: Arc::new(Cast::of(spec, &network)),
            network,
            phase: Phase::Definition,
            next: 1,
            mix: Mix::of(spec),
            assets: Assets::new(spec),
            ranges: Ranges::default(),
            owned: Owned::new(spec.orgs),
            secrets: Secrets::new(spec.block_to_live),
            recent: VecDeque::new(),
        }
    }

    /// How many blocks there will be in all, genesis included.
    pub(super) fn blocks(&self) -> u64 {
        let spec = &self.cast.spec;
        let setup = u64::from(spec.has_ranges());
        let fill = if spec.fill {
            let keys = fill_keys(spec) as u64 * u64::from(FILL_TXS);
            spec.keys.div_ceil(keys)
        } else {
            0
        };
        let between = spec.blocks.saturating_sub(1);
        let updates = between.checked_div(spec.config_every).unwrap_or(0);
        2 + setup + fill + spec.blocks + updates
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn spec(&self) -> &WorkloadSpec {
        &self.cast.spec
    }

    /// The next block; `None` after the last one.
    pub(super) fn next_block(&mut self) -> Option<BlockPlan> {
        let cast = Arc::clone(&self.cast);
        let spec = &cast.spec;
        if self.phase == Phase::Setup && !spec.has_ranges() {
            self.phase = Phase::Fill;
        }
        if self.phase == Phase::Fill && (!spec.fill || self.assets.is_filled()) {
            self.phase = Phase::Work(0);
        }
        let (content, phase) = match self.phase {
            Phase::Definition => {
                let submission = self.submission(0);
                self.recent.push_back(submission);
                let envelope = define(&cast, submission);
                (Content::Ready(Kind::Definition, envelope), Phase::Setup)
            }
            Phase::Setup => {
                let steps = self.ranges.set_up(self.submission(0).place);
                let recipe = self.recipe(0, steps, Label::valid(Kind::Setup));
                (Content::Recipes(vec![recipe]), Phase::Fill)
            }
            Phase::Fill => (Content::Recipes(self.fill()), Phase::Fill),
            Phase::Work(done) if done < spec.blocks => {
                let done = done + 1;
                let updates = done.checked_rem(spec.config_every) == Some(0);
                let more = done < spec.blocks;
                let phase = if updates && more {
                    Phase::Config(done)
                } else {
                    Phase::Work(done)
                };
                (Content::Recipes(self.work()), phase)
            }
            Phase::Work(_) => return None,
            Phase::Config(done) => {
                let (envelope, cast) = reconfigure(&mut self.network, &self.cast);
                self.cast = cast;
                (Content::Ready(Kind::Config, envelope), Phase::Work(done))
            }
        };
        self.phase = phase;
        let number = self.next;
        self.next += 1;
        Some(BlockPlan {
            number,
            cast,
            content,
        })
    }

    fn submission(&self, tx: u32) -> Submission {
        let block = self.next;
        Submission {
            place: Place { block, tx },
            clients: self.cast.clients.len(),
        }
    }

    fn recipe(&self, tx: u32, steps: Vec<Step>, label: Label) -> Recipe {
        let submission = self.submission(tx);
        Recipe {
            place: submission.place,
            submission,
            steps,
            endorsed: Endorsed::AsUsual,
            label,
        }
    }

    /// Writes keys that were not written yet.
    fn fill(&mut self) -> Vec<Recipe> {
        let keys = fill_keys(&self.cast.spec);
        let mut recipes = Vec::new();
        for tx in 0..FILL_TXS {
            let place = self.submission(tx).place;
            let steps: Vec<Step> = self.assets.fill(keys, place).map(Step::Write).collect();
            if !steps.is_empty() {
                recipes.push(self.recipe(tx, steps, Label::valid(Kind::Fill)));
            }
        }
        recipes
    }

    fn work(&mut self) -> Vec<Recipe> {
        let seed = self.cast.spec.seed.rotate_left(16);
        let txs = u32::try_from(self.cast.spec.txs).unwrap_or(u32::MAX);
        let kinds = self.mix.kinds(txs, &mut Random::part(seed, self.next));
        let recipes = (0..).zip(kinds).map(|(tx, kind)| self.one(tx, kind));
        let recipes = recipes.collect();
        self.assets.end_block();
        self.ranges.end_block();
        self.owned.end_block();
        self.secrets.end_block();
        recipes
    }

    fn one(&mut self, tx: u32, kind: Kind) -> Recipe {
        let place = self.submission(tx).place;
        // A stream beside those of the transaction's maker.
        let mut random = Random::of(self.cast.spec.seed.rotate_left(32), place);
        match kind {
            Kind::Conflict => self.conflict(tx, &mut random),
            Kind::RawRange | Kind::MerkleRange => self.range(tx, kind, &mut random),
            Kind::KeyPolicy => {
                let access = self.owned.access(&mut random);
                let label = label(kind, access.valid, ValidationCode::EndorsementPolicyFailure);
                Recipe {
                    endorsed: access.endorsed,
                    ..self.recipe(tx, access.steps, label)
                }
            }
            Kind::Private => {
                let (steps, valid) = self.secrets.access(place, &mut random);
                let label = label(kind, valid, ValidationCode::MvccReadConflict);
                self.recipe(tx, steps, label)
            }
            Kind::Invalid(fault) => self.invalid(tx, fault, &mut random),
            Kind::Genesis
            | Kind::Definition
            | Kind::Setup
            | Kind::Fill
            | Kind::Config
            | Kind::Plain => self.plain(tx, &mut random),
        }
    }

    /// Reads keys as they were before the block, as real endorsers have seen them, and writes them.
    fn plain(&mut self, tx: u32, random: &mut Random) -> Recipe {
        let WorkloadSpec { reads, writes, .. } = self.cast.spec;
        let keys = self.assets.draw(reads.max(writes), random);
        let recipe = self.access(tx, Kind::Plain, &keys, random);
        if recipe.label.code == Some(ValidationCode::Valid) {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(recipe.submission);
        }
        recipe
    }

    /// Reads what an earlier transaction of the block has written, if there is one.
    fn conflict(&mut self, tx: u32, random: &mut Random) -> Recipe {
        let Some(pending) = self.assets.some_pending(random) else {
            return self.plain(tx, random);
        };
        let WorkloadSpec { reads, writes, .. } = self.cast.spec;
        let count = reads.max(writes).max(1);
        let mut keys = self.assets.draw(count, random);
        keys.retain(|key| *key != pending);
        keys.truncate(count - 1);
        keys.insert(0, pending);
        self.access(tx, Kind::Conflict, &keys, random)
    }

    fn access(&mut self, tx: u32, kind: Kind, keys: &[Key], random: &mut Random) -> Recipe {
        let place = self.submission(tx).place;
        let WorkloadSpec {
            reads,
            writes,
            deletes,
            ..
        } = self.cast.spec;
        let mut steps = Vec::with_capacity(reads + writes + 1);
        let conflicting = kind == Kind::Conflict;
        let reads = reads.max(usize::from(conflicting));
        let mut valid = !conflicting;
        for key in keys.iter().take(reads) {
            valid &= !self.assets.is_pending(*key);
            steps.push(Step::Read(*key, self.assets.version(*key)));
        }
        for key in keys.iter().take(writes) {
            let deletes = random.chance(deletes);
            steps.push(if deletes {
                Step::Delete(*key)
            } else {
                Step::Write(*key)
            });
            if valid {
                self.assets.write(*key, place, deletes);
            }
        }
        let label = label(kind, valid, ValidationCode::MvccReadConflict);
        self.recipe(tx, steps, label)
    }

    /// Reads a range, and sometimes changes a key that is in some range.
    fn range(&mut self, tx: u32, kind: Kind, random: &mut Random) -> Recipe {
        let place = self.submission(tx).place;
        let (read, valid) = self.ranges.read(kind == Kind::MerkleRange, random);
        let write = if random.chance(0.25) {
            self.ranges.change(place, valid, random)
        } else {
            Step::Write(place.own_key())
        };
        let steps = vec![Step::Range(Box::new(read)), write];
        let label = label(kind, valid, ValidationCode::PhantomReadConflict);
        self.recipe(tx, steps, label)
    }

    /// A sound transaction with a key of its own, made wrong here or when it is made.
    fn invalid(&mut self, tx: u32, fault: Fault, random: &mut Random) -> Recipe {
        let mut submission = self.submission(tx);
        let place = submission.place;
        let key = place.own_key();
        if fault == Fault::DuplicateTxId {
            let recent = random.index(self.recent.len());
            submission = self.recent.get(recent).copied().unwrap_or(submission);
        }
        // A version that the key never had.
        let before = (place.block - 1, random.below(100));
        let read = if fault == Fault::StaleRead {
            Step::Read(key, Some(before))
        } else if fault == Fault::StalePrivateRead {
            Step::PrivateRead(key, Some(before))
        } else if fault == Fault::Phantom {
            own_range(key, 1, before)
        } else if fault == Fault::PhantomSummary {
            own_range(key, 60, before)
        } else {
            Step::Read(key, None)
        };
        let mut steps = vec![read, Step::Write(key)];
        if fault == Fault::Mutation {
            self.enrich(&mut steps, key, random);
        }
        let label = Label {
            kind: Kind::Invalid(fault),
            code: self.cast.spec.code_of(fault),
        };
        Recipe {
            submission,
            ..self.recipe(tx, steps, label)
        }
    }

    /// More for mutations to change.
    fn enrich(&self, steps: &mut Vec<Step>, key: Key, random: &mut Random) {
        let spec = &self.cast.spec;
        if random.chance(0.3) {
            steps.push(own_range(key, 0, (0, 0)));
        }
        if spec.has_key_policies() && random.chance(0.3) {
            steps.push(Step::Owner(key, random.index(spec.orgs)));
        }
        if spec.has_collection() && random.chance(0.3) {
            steps.extend([Step::PrivateRead(key, None), Step::PrivateWrite(key)]);
        }
    }
}

/// Keys that one transaction fills.
fn fill_keys(spec: &WorkloadSpec) -> usize {
    (FILL_BYTES / (spec.value_bytes + 48)).clamp(1, FILL_KEYS)
}

fn label(kind: Kind, valid: bool, otherwise: ValidationCode) -> Label {
    let code = if valid {
        ValidationCode::Valid
    } else {
        otherwise
    };
    Label {
        kind,
        code: Some(code),
    }
}

/// A range from a transaction's own key on, in which so many keys are claimed to be.
fn own_range(key: Key, claimed: u64, height: (u64, u64)) -> Step {
    let Key { space, number } = key;
    Step::Range(Box::new(RangeRead {
        space,
        start: number,
        end: number + claimed.max(1),
        exhausted: true,
        found: (0..claimed).map(|n| (number + n, height)).collect(),
    }))
}
