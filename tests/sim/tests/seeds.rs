//! Runs of the simulated network: what CI sees of them.

use sim::{Failure, Report, Sabotage, SimOptions};

/// Seeds that a change is checked with; `cargo run --release -p simulate -- --seeds 10000` runs more.
const SEEDS: u64 = 500;

/// Seeds among which a broken rule has to show.
const SABOTAGED_SEEDS: u64 = 60;

fn run(seed: u64, sabotage: Sabotage) -> Result<Report, Failure> {
    let peers = None;
    sim::run(seed, SimOptions { peers, sabotage })
}

#[test]
fn seeds_hold() {
    for seed in 1..=SEEDS {
        if let Err(failure) = run(seed, Sabotage::None) {
            panic!("{failure}\nreplay: {}", failure.replay());
        }
    }
}

/// Seeds that failed once stay here.
#[test]
fn seeds_that_failed_once_hold() {
    for seed in [373, 873, 1236, 1622] {
        run(seed, Sabotage::None).expect("this seed was repaired");
    }
}

#[test]
fn a_seed_is_the_same_run_bit_for_bit() {
    for seed in [2, 19, 34] {
        let first = run(seed, Sabotage::None).expect("a good run");
        let again = run(seed, Sabotage::None).expect("a good run");
        assert_eq!(first, again);
        assert_ne!(first.trace, 0);
    }
}

/// The checks see what they are there for.
#[test]
fn a_broken_rule_is_noticed() {
    let broken = [
        (Sabotage::Signatures, "believes"),
        (Sabotage::Membership, "tells"),
        (Sabotage::Expiry, "certificate is over"),
        (Sabotage::Blocks, "that no orderer made"),
        (Sabotage::Binding, "believes a handshake that"),
    ];
    for (sabotage, complaint) in broken {
        let found = (1..=SABOTAGED_SEEDS).find_map(|seed| run(seed, sabotage).err());
        let problem = found.expect("one of the seeds shows it").problem;
        assert!(problem.contains(complaint), "{sabotage:?}: {problem}");
    }
}
