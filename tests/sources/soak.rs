//! Four feeders, one of them hostile, at full speed: no loss, no block twice, bounded memory.
//!
//! 5 seconds as a test; `cargo xtask soak-ingest --seconds 60` runs it for longer. The chain goes
//! through a fresh server again and again until the time is over.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use heddle::ingress;
use heddle::ingress::ingest::{Greeting, ServerFrame};
use heddle::proto::wire::put_varint;
use serde_json::Value;

use crate::ingest::{Server, check_fed, feed};
use crate::support::{corpus_file, succeed};

/// What the server may take at its peak.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Blocks that the hostile feeder forges from: not a whole long chain.
const KNOWN_BYTES_MAX: usize = 64 << 20;

/// What runs, and for how long.
struct Plan {
    time: Duration,
    chain: PathBuf,
    channel: String,
}

impl Plan {
    fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(format!("HEDDLE_SOAK_{name}")).ok();
        let seconds = variable("SECONDS").and_then(|text| text.parse().ok());
        let chain = variable("CHAIN").map(PathBuf::from);
        Self {
            time: Duration::from_secs(seconds.unwrap_or(5)),
            chain: chain.unwrap_or_else(|| corpus_file("real-cars", "blocks.pb.zst")),
            channel: variable("CHANNEL").unwrap_or_else(|| "cars".to_owned()),
        }
    }
}

#[derive(Debug, Default)]
struct Figures {
    rounds: u64,
    blocks: u64,
    transactions: u64,
    received: u64,
    doubles: u64,
    restarts: u64,
    attacks: u64,
    memory_bytes: u64,
    refusals: std::collections::BTreeMap<String, u64>,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a soak runs for a time")]
fn four_feeders_one_hostile() {
    let plan = Plan::of_environment();
    let room = tempfile::tempdir().expect("a directory");
    let reference = room.path().join("reference");
    let chain = plan.chain.to_str().expect("UTF-8");
    let imported = succeed("import", &reference, &plan.channel, &["--json", chain]);
    let imported: Value = serde_json::from_slice(&imported).expect("a summary");
    let height = imported["height"].as_u64().expect("a height");
    let export = |data: &Path, what| succeed("export", data, &plan.channel, &[what]);
    let codes = export(&reference, "--codes");
    let known = known(&plan.chain);

    let (start, mut figures) = (Instant::now(), Figures::default());
    while start.elapsed() < plan.time {
        let room = tempfile::tempdir().expect("a directory");
        let summary = round(&plan, room.path(), height, &known, &mut figures);
        let data = room.path().join("data");
        assert_eq!(
            summary["blocks"], height,
            "no block is lost or twice: {summary}"
        );
        assert!(export(&data, "--codes") == codes, "the codes differ");
        succeed("verify", &data, &plan.channel, &[]);
        figures.add(&summary);
    }
    figures.print(height, start.elapsed());
    assert!(figures.memory_bytes < MEMORY_BYTES_MAX, "{figures:?}");
    assert!(!figures.refusals.is_empty(), "somebody was hostile");
}

/// One chain through one server.
fn round(plan: &Plan, room: &Path, height: u64, known: &[Vec<u8>], figures: &mut Figures) -> Value {
    let server = Server::start(room, &plan.channel);
    let done = AtomicBool::new(false);
    let seed = figures.rounds + 1;
    thread::scope(|scope| {
        let (server, done) = (&server, &done);
        let hostile = scope.spawn(move || harass(server, known, seed, done));
        let restless = scope.spawn(move || feed_out_of_order(server, &plan.chain, height, seed));
        let plain = [server.unix(), server.tcp.clone()]
            .map(|to| feed(&to, &plan.chain, &[]).spawn().expect("heddle starts"));
        for feed in plain {
            let fed = check_fed(&feed.wait_with_output().expect("it ends"));
            assert_eq!(fed["durable"], height);
        }
        restless.join().expect("the third feeder");
        done.store(true, Ordering::SeqCst);
        figures.attacks += hostile.join().expect("the hostile feeder");
    });
    server.stop()
}

/// The chain's first blocks.
fn known(chain: &Path) -> Vec<Vec<u8>> {
    let mut source = ingress::open(chain).expect("a chain");
    let (mut known, mut bytes) = (Vec::new(), 0);
    while let Some(block) = source.next_block().expect("a block") {
        bytes += block.len();
        known.push(block.to_vec());
        if bytes > KNOWN_BYTES_MAX {
            break;
        }
    }
    known
}

/// Sends the chain a little out of order and some of it twice, and waits for the end.
fn feed_out_of_order(server: &Server, chain: &Path, height: u64, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut source = ingress::open(chain).expect("a chain");
    let (mut stream, _) = server.connect();
    let mut writer = stream.try_clone().expect("a stream");
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut hand = Vec::new();
            loop {
                let block = source.next_block().expect("a block");
                let over = block.is_none();
                hand.extend(block);
                while hand.len() > if over { 0 } else { 3 } {
                    let block = hand.swap_remove(dice.roll(hand.len()));
                    let bytes = framed(&block);
                    for _ in 0..=usize::from(dice.roll(8) == 0) {
                        writer.write_all(&bytes).expect("writes");
                    }
                }
                if over {
                    return;
                }
            }
        });
        loop {
            match ServerFrame::read(&mut stream).expect("a frame") {
                ServerFrame::Durable(durable) if durable >= height => return,
                ServerFrame::Durable(_) => {}
                ServerFrame::Refusal { reason, .. } => panic!("refused: {reason}"),
            }
        }
    });
}

/// Attacks until the others are done; how often.
fn harass(server: &Server, known: &[Vec<u8>], seed: u64, done: &AtomicBool) -> u64 {
    let mut dice = Dice(seed);
    let mut attacks = 0;
    // Some that stay connected and never read or finish.
    let mut hanging: Vec<UnixStream> = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let Ok(mut stream) = UnixStream::connect(&server.socket) else {
            continue;
        };
        let soon = Some(Duration::from_millis(50));
        stream.set_read_timeout(soon).expect("a timeout");
        stream.set_write_timeout(soon).expect("a timeout");
        attacks += 1;
        if hanging.len() < 6 {
            let half = framed(&known[dice.roll(known.len())]);
            let _ = stream.write_all(&half[..half.len() / 2]);
            hanging.push(stream);
            continue;
        }
        let Ok(greeting) = Greeting::read(&mut stream) else {
            continue;
        };
        let _ = stream.write_all(&attack(&mut dice, known, greeting.height));
        // It wants to know what came of it, most of the time.
        while dice.roll(16) > 0
            && matches!(ServerFrame::read(&mut stream), Ok(ServerFrame::Durable(_)))
        {}
        if dice.roll(64) == 0 {
            hanging.clear();
        }
    }
    attacks
}

/// Bytes that no good feeder sends.
fn attack(dice: &mut Dice, known: &[Vec<u8>], height: u64) -> Vec<u8> {
    // Ahead of the greeting: the others are fast.
    let next = usize::try_from(height).expect("small") + dice.roll(40);
    let block = &known[next.min(known.len() - 1)];
    match dice.roll(6) {
        0 => vec![0xff; 1 + dice.roll(5000)],
        1 => (0..200)
            .map(|_| u8::try_from(dice.roll(256)).expect("a byte"))
            .collect(),
        // The right numbers, something else changed.
        2 | 3 => {
            let coming = known.iter().skip(next).take(30);
            coming
                .flat_map(|block| framed(&changed(dice, block)))
                .collect()
        }
        // Blocks far ahead, as many as go in.
        4 => {
            let late = known.iter().rev().take(50);
            late.flat_map(|block| framed(block)).collect()
        }
        // Its bytes, cut off.
        _ => {
            let bytes = framed(block);
            bytes[..dice.roll(bytes.len())].to_vec()
        }
    }
}

/// The block with a few bits changed.
fn changed(dice: &mut Dice, block: &[u8]) -> Vec<u8> {
    let mut changed = block.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(changed.len());
        changed[at] ^= 1 << dice.roll(8);
    }
    changed
}

fn framed(block: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, block.len() as u64);
    bytes.extend_from_slice(block);
    bytes
}

/// A small generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("53 bits") % sides
    }
}

impl Figures {
    fn add(&mut self, summary: &Value) {
        let number = |name: &str| summary[name].as_u64().expect("a number");
        self.rounds += 1;
        self.blocks += number("blocks");
        self.transactions += number("transactions");
        self.received += number("blocks_received");
        self.doubles += number("blocks_doubled");
        self.restarts += number("pipeline_restarts");
        self.memory_bytes = self.memory_bytes.max(number("peak_memory_bytes"));
        for (kind, count) in summary["refusals"].as_object().expect("refusals") {
            *self.refusals.entry(kind.clone()).or_default() += count.as_u64().expect("a number");
        }
    }

    #[expect(clippy::print_stdout, reason = "what a soak is run for")]
    fn print(&self, height: u64, time: Duration) {
        println!(
            "{} rounds in {:.1} s, each to height {height}: {} blocks with {} transactions committed",
            self.rounds,
            time.as_secs_f64(),
            self.blocks,
            self.transactions
        );
        println!(
            "{} blocks received, {} of them doubles; {} attacks; the pipeline began anew {} times",
            self.received, self.doubles, self.attacks, self.restarts
        );
        for (kind, count) in &self.refusals {
            println!("  {count:>8}  feeders refused: {kind}");
        }
        println!("peak memory of the server {} MB", self.memory_bytes >> 20);
    }
}
