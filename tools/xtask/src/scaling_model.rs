//! heddle's pipeline as a row of stations, from what an import says of its stages.
//!
//! Follows `src/pipeline/run.rs` and `src/limits.rs`, and the sizes of tasks in the stages; who changes
//! those, changes this.

use serde_json::Value;

use crate::simulation::{Outcome, Station, Step, simulate};

/// Blocks between two stages, and in front of commit.
const STAGE_QUEUE_BLOCKS: usize = 8;
const COMMIT_QUEUE_BLOCKS: usize = 16;
/// Blocks, or units of small blocks, in decode and in verify at the same time.
const BLOCKS_TOGETHER: usize = 3;
/// Transactions of small blocks that go through these together.
const TRANSACTIONS_TOGETHER: u64 = 85;
/// Blocks that become durable with one sync.
const COMMIT_GROUP_BLOCKS: usize = 64;
/// Blocks that are durable and wait for the state, and of a group that is brought into it at least.
const OVERLAY_BLOCKS: usize = 128;
const APPLY_GROUP_BLOCKS: usize = 32;

/// A sync takes so long, and so much more for each byte: a local NVMe disk, preallocated segments.
const SYNC_NS: u64 = 120_000;
const SYNC_NS_PER_TX: u64 = 1500;
/// Nobody's CPU: from a task that is there to a sleeping worker that takes it, and back.
const WAKE_NS: u64 = 5000;

/// How the pipeline is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    /// Units in decode, and in verify, at the same time; they leave in order.
    verify_lanes: usize,
    /// Whether a thread of its own syncs what commit has written.
    sync_apart: bool,
    /// Blocks in endorsement at the same time.
    endorsement_lanes: usize,
    /// Parts into which the state is split, each with a writer of its own.
    state_parts: u64,
    /// Threads that read the source, and that copy and checksum for commit.
    copy_lanes: usize,
}

/// As it is.
pub(crate) const TODAY: Layout = Layout {
    name: "as it is",
    verify_lanes: BLOCKS_TOGETHER,
    sync_apart: false,
    endorsement_lanes: 1,
    state_parts: 1,
    copy_lanes: 1,
};

const SYNCED: Layout = Layout {
    name: "sync beside the next write",
    sync_apart: true,
    ..TODAY
};
const ALL: Layout = Layout {
    name: "and decode, verify 8, endorsement 4 at once, state in 4 parts, 4 readers and writers",
    verify_lanes: 8,
    endorsement_lanes: 4,
    state_parts: 4,
    copy_lanes: 4,
    ..SYNCED
};

/// Each is the one before with more changes.
pub(crate) const LAYOUTS: [Layout; 3] = [TODAY, SYNCED, ALL];

/// What an import says: CPU time for a block, in nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    pub(crate) block_txs: u64,
    pub(crate) blocks: usize,
    pub(crate) txs_per_s: f64,
    pub(crate) cores_busy: f64,
    stages: Vec<(String, Cost)>,
}

/// Of a block in a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    /// One thing after another.
    serial_ns: u64,
    /// Spread over tasks.
    tasks_ns: u64,
}

impl Figures {
    /// Reads the summary that `heddle ledger import --json` prints. CPU time that no stage accounts for is
    /// laid on all in proportion.
    pub(crate) fn of_summary(summary: &Value) -> Result<Self, String> {
        let number = |of: &Value, field: &str| {
            let value = of.get(field).and_then(Value::as_f64);
            value.ok_or_else(|| format!("the import's summary has no number {field:?}"))
        };
        let blocks = number(summary, "blocks")?;
        let txs = number(summary, "transactions")?;
        if blocks < 1.0 || txs < blocks {
            return Err("the import has no blocks with transactions".to_owned());
        }
        // loadgen's chain begins with two blocks of one transaction, genesis and definition.
        let block_txs = if blocks > 2.0 {
            (txs - 2.0) / (blocks - 2.0)
        } else {
            txs / blocks
        };
        let stages = summary.get("stages").and_then(Value::as_array);
        let stages = stages.map_or(&[][..], Vec::as_slice);
        let mut attributed = 0.0;
        for stage in stages {
            attributed += number(stage, "cpu_us_per_transaction")?;
        }
        let rest = number(summary, "cpu_us_per_transaction")? / attributed.max(1e-9);
        let ns_per_block = rest.max(1.0) * 1000.0 * block_txs;
        let mut costs = Vec::new();
        for stage in stages {
            let name = stage.get("stage").and_then(Value::as_str);
            let name = name.ok_or("the import's summary has a stage without a name")?;
            let cpu = number(stage, "cpu_us_per_transaction")?;
            let serial = number(stage, "serial_us_per_transaction")?.min(cpu);
            let cost = Cost {
                serial_ns: whole(serial * ns_per_block),
                tasks_ns: whole((cpu - serial) * ns_per_block),
            };
            costs.push((name.to_owned(), cost));
        }
        let blocks_count = usize::try_from(whole(blocks)).unwrap_or(1);
        Ok(Self {
            block_txs: whole(block_txs.round()).max(1),
            blocks: blocks_count,
            txs_per_s: number(summary, "transactions_per_s")?,
            cores_busy: number(summary, "cores_busy")?,
            stages: costs,
        })
    }

    fn of(&self, stage: &str) -> Cost {
        let found = self.stages.iter().find(|(name, _)| name == stage);
        found.map_or_else(Cost::default, |(_, cost)| *cost)
    }

    /// CPU time of one transaction, and the serial part of it for each stage, in microseconds.
    pub(crate) fn per_transaction(&self) -> Vec<(&str, f64, f64)> {
        let us = |ns: u64| real(ns) / 1000.0 / real(self.block_txs);
        let rows = self.stages.iter();
        rows.map(|(name, cost)| {
            let whole = cost.serial_ns + cost.tasks_ns;
            (name.as_str(), us(whole), us(cost.serial_ns))
        })
        .collect()
    }

    /// The pipeline with these figures.
    pub(crate) fn stations(&self, layout: Layout, cores: usize) -> Vec<Station> {
        let mut ingress = station("ingress", 0, &[Step::Alone(self.of("ingress").serial_ns)]);
        ingress.lanes = layout.copy_lanes;
        let mut stations = vec![ingress];
        stations.extend(self.spreading(layout, cores));
        stations.extend(self.writing(layout));
        stations
    }

    /// The stages that spread over the workers: decode, verify, endorsement, mvcc.
    fn spreading(&self, layout: Layout, cores: usize) -> [Station; 4] {
        let txs = self.block_txs;
        let spread = |cost: Cost, chain_ns, txs_per_task| {
            let tasks = txs.div_ceil(txs_per_task);
            Step::Spread {
                chain_ns,
                tasks,
                task_ns: cost.tasks_ns / tasks,
            }
        };
        // The data hash is one chain beside the tasks.
        let cost = self.of("decode");
        let steps = [WAKE, spread(cost, cost.serial_ns, 32)];
        let mut decode = station("decode", STAGE_QUEUE_BLOCKS, &steps);
        decode.lanes = layout.verify_lanes;
        let unit = usize::try_from(TRANSACTIONS_TOGETHER.div_ceil(txs)).unwrap_or(1);
        decode.group = (1, unit.min(STAGE_QUEUE_BLOCKS));
        let cost = self.of("verify");
        let even = (txs / (2 * cores.max(1) as u64)).clamp(16, 85);
        let steps = [WAKE, chain(cost.serial_ns), spread(cost, 0, even)];
        let mut verify = station("verify", STAGE_QUEUE_BLOCKS, &steps);
        verify.lanes = layout.verify_lanes;
        verify.group = decode.group;
        // Twice: index look-ups, policies.
        let cost = self.of("endorsement");
        let steps = [Step::Alone(cost.serial_ns), WAKE, spread(cost, 0, 32), WAKE];
        let mut endorsement = station("endorsement", STAGE_QUEUE_BLOCKS, &steps);
        endorsement.lanes = layout.endorsement_lanes;
        let cost = self.of("mvcc");
        let steps = [WAKE, spread(cost, 0, 16), chain(cost.serial_ns)];
        let mvcc = station("mvcc", STAGE_QUEUE_BLOCKS, &steps);
        [decode, verify, endorsement, mvcc]
    }

    /// The stages behind the verdict: commit, notify, and the applier, which is last here, for a row
    /// has no branches.
    fn writing(&self, layout: Layout) -> Vec<Station> {
        let sync = Step::Wait {
            group_ns: SYNC_NS,
            block_ns: SYNC_NS_PER_TX * self.block_txs,
        };
        let write = Step::Alone(self.of("commit").serial_ns);
        let mut stations = if layout.sync_apart {
            let mut write = station("commit", COMMIT_QUEUE_BLOCKS, &[write]);
            write.lanes = layout.copy_lanes;
            let mut sync = station("sync", COMMIT_QUEUE_BLOCKS, &[sync]);
            sync.group = (1, COMMIT_GROUP_BLOCKS);
            vec![write, sync]
        } else {
            let mut commit = station("commit", COMMIT_QUEUE_BLOCKS, &[write, sync]);
            commit.group = (1, COMMIT_GROUP_BLOCKS);
            vec![commit]
        };
        let notify = Step::Alone(self.of("notify").serial_ns);
        stations.push(station("notify", STAGE_QUEUE_BLOCKS, &[notify]));
        let cost = self.of("apply");
        let apply_ns = cost.serial_ns + cost.tasks_ns;
        let step = match layout.state_parts {
            0 | 1 => Step::Alone(apply_ns),
            parts => Step::Spread {
                chain_ns: 0,
                tasks: parts,
                task_ns: apply_ns / parts,
            },
        };
        let mut apply = station("apply", OVERLAY_BLOCKS - APPLY_GROUP_BLOCKS, &[step]);
        apply.group = (APPLY_GROUP_BLOCKS, OVERLAY_BLOCKS);
        stations.push(apply);
        stations
    }

    /// The pipeline on so many cores.
    pub(crate) fn simulate(&self, layout: Layout, cores: usize, blocks: usize) -> Simulated {
        let stations = self.stations(layout, cores);
        let outcome = simulate(&stations, blocks, cores);
        Simulated::of(&outcome, &stations, self.block_txs, cores)
    }
}

const WAKE: Step = Step::Wait {
    group_ns: WAKE_NS,
    block_ns: 0,
};

fn chain(chain_ns: u64) -> Step {
    Step::Spread {
        chain_ns,
        tasks: 0,
        task_ns: 0,
    }
}

/// One block at a time.
fn station(name: &'static str, room: usize, steps: &[Step]) -> Station {
    Station {
        name,
        room,
        lanes: 1,
        group: (1, 1),
        steps: steps.to_vec(),
    }
}

/// What a simulation says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Simulated {
    pub(crate) txs_per_s: f64,
    pub(crate) cores_busy: f64,
    /// The stage that never waits for another, or the cores.
    pub(crate) limit: &'static str,
}

/// Above that share all cores are busy.
const BUSY: f64 = 0.95;

impl Simulated {
    fn of(outcome: &Outcome, stations: &[Station], block_txs: u64, cores: usize) -> Self {
        let wall_ns = real(outcome.wall_ns.max(1));
        let txs = real(outcome.left.len() as u64 * block_txs);
        let cores_busy = real(outcome.cpu_ns) / wall_ns;
        let share = |row: usize, working_ns: u64| {
            let lanes = stations.get(row).map_or(1, |station| station.lanes.max(1));
            real(working_ns) / real(lanes as u64)
        };
        let rows = outcome.stations.iter().enumerate();
        let busiest = rows.max_by(|(row, one), (other_row, other)| {
            let (one, other) = (
                share(*row, one.working_ns),
                share(*other_row, other.working_ns),
            );
            one.total_cmp(&other)
        });
        let limit = if cores_busy >= BUSY * real(cores as u64) {
            "cores"
        } else {
            busiest.map_or("", |(_, station)| station.name)
        };
        Self {
            txs_per_s: txs * 1e9 / wall_ns,
            cores_busy,
            limit,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate or a share")]
fn real(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count or a time, never negative"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// 20 us of stages and 5 of the rest, in blocks of 100 transactions.
    pub(crate) fn summary() -> Value {
        let stage = |name: &str, cpu: f64, serial: f64| {
            json!({
                "stage": name, "cpu_us_per_transaction": cpu, "serial_us_per_transaction": serial,
            })
        };
        json!({
            "blocks": 202, "transactions": 20_002, "cores_busy": 1.9,
            "transactions_per_s": 75_000.0, "cpu_us_per_transaction": 25.0,
            "stages": [
                stage("ingress", 0.5, 0.5), stage("decode", 3.5, 2.0), stage("verify", 7.0, 0.1),
                stage("endorsement", 1.0, 0.5), stage("mvcc", 2.0, 1.0), stage("commit", 1.0, 1.0),
                stage("apply", 5.0, 5.0), stage("notify", 0.0, 0.0),
            ],
        })
    }

    #[test]
    fn what_no_stage_accounts_for_is_laid_on_all() {
        let figures = Figures::of_summary(&summary()).expect("figures");
        let sum: f64 = figures.per_transaction().iter().map(|row| row.1).sum();
        assert!((sum - 25.0).abs() < 0.01, "{sum}");
        assert_eq!(figures.of("apply").serial_ns, 625_000);
        assert!(Figures::of_summary(&json!({})).is_err());
    }

    #[test]
    fn one_core_is_the_sum_of_all_stages_and_many_are_the_slowest_stage() {
        let figures = Figures::of_summary(&summary()).expect("figures");
        let one = figures.simulate(TODAY, 1, 500);
        assert!((one.txs_per_s / 40_000.0 - 1.0).abs() < 0.05, "{one:?}");
        assert_eq!(one.limit, "cores");
        // Without a wait, the applier takes 6.25 us for a transaction.
        let many = figures.simulate(TODAY, 64, 2000);
        assert!((many.txs_per_s / 160_000.0 - 1.0).abs() < 0.05, "{many:?}");
        assert_eq!(many.limit, "apply");
    }

    #[test]
    fn each_change_helps_on_many_cores() {
        let figures = Figures::of_summary(&summary()).expect("figures");
        let found = LAYOUTS.map(|layout| figures.simulate(layout, 64, 1000).txs_per_s);
        for pair in found.windows(2) {
            assert!(pair[0] < pair[1] * 1.01, "{found:?}");
        }
        assert!(found[0] * 2.0 < found[LAYOUTS.len() - 1], "{found:?}");
    }

    #[test]
    fn parallel_work_is_cut_into_tasks_as_the_stages_do() {
        let figures = Figures::of_summary(&summary()).expect("figures");
        let tasks = |cores| -> Vec<u64> {
            let stations = figures.stations(TODAY, cores);
            let steps = stations.iter().flat_map(|station| &station.steps);
            let tasks = steps.filter_map(|step| match step {
                Step::Spread { tasks, .. } if *tasks > 0 => Some(*tasks),
                Step::Alone(_) | Step::Spread { .. } | Step::Wait { .. } => None,
            });
            tasks.collect()
        };
        assert_eq!(tasks(1), [4, 2, 4, 7]);
        assert_eq!(tasks(64), [4, 7, 4, 7]);
    }
}
