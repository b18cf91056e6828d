//! Gossip in a simulated network: many cores, one virtual clock, one seed.
//!
//! A run draws organizations, peers, a network and its faults from its seed. While faults go on, and after
//! every step, nothing must ever be wrong (*safety*); once they have ended, everybody has to be where the
//! orderers are, within a bound (*liveness*). The same seed gives the same run, bit for bit.
//!
//! ```text
//!  scenario (seed) --> world: clock, events --> net: connections, loss, partitions
//!                        |                         |
//!                        v                         v
//!                      peers: driver + core <--> liar (some of them)
//!                        |
//!                        +--> checks at every step and every second
//! ```
//! [`measure`] uses the same world, without faults, for figures.

#![expect(
    clippy::indexing_slicing,
    reason = "peers are numbered by the run itself, and a run fails by panicking"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "checks and lies are about some kinds of messages, and leave the others alone"
)]

mod chain;
mod checks;
mod driver;
mod liar;
pub mod measure;
mod net;
mod scenario;
mod trust;
mod world;

use heddle::sys::clock::Instant;

/// What a run is told beside its seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SimOptions {
    /// So many peers, instead of 3 to 50.
    pub peers: Option<usize>,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
}

/// A rule that is broken on purpose: the checks have to notice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Every signature of a peer is believed.
    Signatures,
    /// Every channel admits everybody.
    Membership,
    /// Certificates never end.
    Expiry,
    /// Every block is stored.
    Blocks,
    /// All show the same certificate in TLS, so that a handshake is not bound to its connection.
    Binding,
}

/// What a good run was like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Of everything that happened, in its order.
    pub trace: u64,
    /// Things that happened.
    pub events: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// Peers that took part.
    pub peers: usize,
    /// Of these, liars.
    pub liars: usize,
    /// Bans that honest peers pronounced.
    pub bans: u64,
    /// Blocks that honest peers refused.
    pub rejected: u64,
    /// Virtual time from the end of the faults until everybody was there.
    pub convergence: std::time::Duration,
}

/// A run that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed} at {at:?}: {problem}")]
pub struct Failure {
    /// The run.
    pub seed: u64,
    /// The virtual time.
    pub at: Instant,
    /// What is wrong.
    pub problem: String,
}

impl Failure {
    /// How to see it again.
    #[must_use]
    pub fn replay(&self) -> String {
        format!(
            "cargo run --release -p simulate -- --seeds 1 --first-seed {}",
            self.seed
        )
    }
}

/// Runs a seed.
///
/// # Errors
/// Where a check fails.
pub fn run(seed: u64, options: SimOptions) -> Result<Report, Failure> {
    let mut world = world::World::new(seed, scenario::Scenario::draw(seed, &options), options);
    let report = world.run();
    report.map_err(|problem| Failure {
        seed,
        at: world.now(),
        problem,
    })
}
