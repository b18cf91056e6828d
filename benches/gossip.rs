//! How long a block takes from the peer that got it to all of 8 peers' ledgers, and what peers send for it: one
//! that pulls from the orderer and fan-out 3, beside every peer pulling for itself.
//!
//! The peers are whole ones in this process: QUIC over loopback, checks, ledgers with their fdatasync. The
//! orderer is a list of blocks in memory: that every peer asks it costs nothing here, so its figure is what the
//! peers themselves need, and no more. `cargo run --release -p simulate -- --measure` has the same on a
//! simulated network, with the orderer's line.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::io::{Write as _, stderr};
use std::time::Duration;

use criterion::Criterion;
use heddle::gossip::core::{GossipOptions, LeaderMode, TransferOptions};
use heddle::testing::gossip::Bed;

const PEERS: usize = 8;

/// Peers of one channel that all have the same.
struct Eight {
    bed: Bed,
    height: u64,
    block_bytes: usize,
}

impl Eight {
    fn new(everybody_pulls: bool, block_bytes: usize) -> Self {
        let mut bed = Bed::new(GossipOptions {
            block_gossip: !everybody_pulls,
            fan_out: 3,
            transfer: TransferOptions {
                enabled: true,
                ..TransferOptions::default()
            },
            ..GossipOptions::default()
        });
        let mut known = Vec::new();
        for number in 0..PEERS {
            let leads = number == 0 || everybody_pulls;
            let mode = if leads {
                LeaderMode::Always
            } else {
                LeaderMode::Never
            };
            let at = bed.peer(&format!("peer{number}"), mode, &known);
            bed.join(at);
            known.push(at);
        }
        let mut eight = Self {
            bed,
            height: 1,
            block_bytes,
        };
        // Until everybody knows everybody, a block may have to be fetched.
        eight.block();
        std::thread::sleep(Duration::from_secs(5));
        eight
    }

    /// One more block, on every peer.
    fn block(&mut self) {
        self.bed.order_large(1, self.block_bytes);
        self.height += 1;
        self.bed.all_at(&[0, 1, 2, 3, 4, 5, 6, 7], self.height);
    }

    /// Bytes that each peer has sent.
    fn sent(&self) -> Vec<u64> {
        let sent = |at| self.bed.state(at).counters.bytes_sent;
        (0..PEERS).map(sent).collect()
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let is_test = std::env::args().any(|argument| argument == "--test");
    let sizes: &[usize] = if is_test {
        &[10_000]
    } else {
        &[10_000, 1_000_000]
    };
    for &block_bytes in sizes {
        for everybody_pulls in [false, true] {
            let way = if everybody_pulls {
                "every peer pulls"
            } else {
                "one pulls, fan-out 3"
            };
            let mut eight = Eight::new(everybody_pulls, block_bytes);
            let (before, height) = (eight.sent(), eight.height);
            criterion.bench_function(&format!("gossip/{way}/{block_bytes} bytes"), |bench| {
                bench.iter(|| eight.block());
            });
            let blocks = eight.height - height;
            let after = eight.sent();
            let of_blocks = |(after, before): (&u64, &u64)| {
                (after - before) as f64 / (blocks.max(1) * block_bytes as u64) as f64
            };
            let sent: Vec<f64> = after.iter().zip(&before).map(of_blocks).collect();
            let mean = sent.iter().sum::<f64>() / PEERS as f64;
            let most = sent.iter().copied().fold(0.0, f64::max);
            writeln!(
                stderr(),
                "{way}, {block_bytes} bytes: peers sent {mean:.2} bytes for each byte of {blocks} blocks, \
                 the busiest one {most:.2}"
            )
            .expect("standard error");
        }
    }
    criterion.final_summary();
}
