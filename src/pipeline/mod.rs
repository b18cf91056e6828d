//! The pipeline: wires the seven stages of one channel.
//!
//! ```text
//! source -> ingress -> decode -> verify -> endorsement -> mvcc -> commit -> notify -> listener
//!                         |        |           |            |        |
//!                         +--------+           +------------+     applier
//!                        the workers           later workers
//! ```
//!
//! One thread per stage, one bounded queue between two of them, and two pools of workers (rayon): the
//! stages that have most to do, which work on two blocks side by side, do not keep the later ones
//! waiting. A stage
//! that stops drops its ends of the queues: those behind it see a closed door and end, those in front
//! drain what they have, so every block before the one that stopped becomes durable.
//!
//! A run starts at the ledger's height and ends with its source, with a refused block, or with a
//! fault. Starting anew costs nothing but the threads: another source is another run.

mod error;
mod frontier;
mod ingest_door;
mod report;
mod run;
mod start;

pub use error::Stop;
pub use frontier::{PipelineFrontier, PipelineView};
pub use ingest_door::IngestDoor;
pub use report::{Gauges, Report};
pub use run::{Pipeline, PipelineOptions, PipelineWorkers};
pub use start::config_in_force;
