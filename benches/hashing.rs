//! SHA-256 as a peer needs it: many messages at once, and a block's data with the payloads in it.
//!
//! `cargo bench --bench hashing` measures in CPU time of its thread, and sets each way beside the library, message
//! by message; under `cargo test` each case runs once. A hash of all digests is printed.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use heddle::crypto::{sha256, sha256_chain, sha256_many, sha256_parts};
use heddle::sys::process::thread_cpu_ns;
use heddle::types::Digest;

/// Bytes of messages: what an endorser signs, a transaction's id, a proposal, a payload.
const LENGTHS: [usize; 4] = [200, 900, 1500, 3300];
const MESSAGES: usize = 256;

/// Envelopes of a block, and bytes of each.
const ENVELOPES: usize = 500;
const ENVELOPE_BYTES: usize = 3437;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let bytes = bytes(ENVELOPES * ENVELOPE_BYTES);
    let mut found = Vec::new();
    many(&mut criterion, &bytes, &mut found);
    chain(&mut criterion, &bytes, &mut found);
    let all: Vec<&[u8]> = found.iter().map(AsRef::as_ref).collect();
    #[expect(
        clippy::print_stderr,
        reason = "the hash belongs to the bench's output"
    )]
    {
        eprintln!("digests: {}", sha256_parts(&all));
    }
    criterion.final_summary();
}

/// Messages side by side or in turns, as this CPU is faster.
fn many(criterion: &mut Criterion, bytes: &[u8], found: &mut Vec<Digest>) {
    let mut group = criterion.benchmark_group("hashing, 256 messages");
    for length in LENGTHS {
        let messages: Vec<[&[u8]; 3]> = bytes
            .chunks_exact(length)
            .take(MESSAGES)
            .map(|message| [message, &[], &[]])
            .collect();
        let by_library = || messages.iter().map(|pieces| sha256_parts(pieces)).collect();
        let expected: Vec<Digest> = by_library();
        assert_eq!(sha256_many(&messages), expected);
        found.extend(expected);
        let total = messages.len() * length;
        measure(&mut group, "library", (length, total), by_library);
        measure(&mut group, "together", (length, total), || {
            sha256_many(&messages)
        });
    }
    group.finish();
}

/// The data of a block, alone and with the payloads that creators sign.
fn chain(criterion: &mut Criterion, bytes: &[u8], found: &mut Vec<Digest>) {
    let mut group = criterion.benchmark_group("hashing, a block of 500");
    let envelopes: Vec<&[u8]> = bytes.chunks_exact(ENVELOPE_BYTES).collect();
    // A tag and a length before, a signature behind.
    let payloads: Vec<&[u8]> = envelopes
        .iter()
        .filter_map(|envelope| envelope.get(3..envelope.len() - 74))
        .collect();
    let expected: Vec<Digest> = payloads.iter().map(|payload| sha256(payload)).collect();
    let (of_data, of_payloads) = sha256_chain(&envelopes, &payloads);
    assert_eq!(of_data, sha256_parts(&envelopes));
    assert!(of_payloads.is_none_or(|digests| digests == expected));
    found.push(of_data);
    found.extend(expected);
    let size = (ENVELOPE_BYTES, bytes.len());
    measure(&mut group, "data by the library", size, || {
        sha256_parts(&envelopes)
    });
    measure(&mut group, "data and payloads by the library", size, || {
        let payloads = payloads.iter().map(|payload| sha256(payload));
        (sha256_parts(&envelopes), payloads.collect::<Vec<_>>())
    });
    measure(&mut group, "data and payloads together", size, || {
        sha256_chain(&envelopes, &payloads)
    });
    group.finish();
}

/// `size`: bytes of a message, and of all.
fn measure<R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    size: (usize, usize),
    work: impl Fn() -> R,
) {
    let (length, total) = size;
    group.throughput(Throughput::Bytes(total as u64));
    group.bench_function(BenchmarkId::new(name, length), |bencher| {
        bencher.iter_custom(|rounds| {
            let start = thread_cpu_ns();
            for _ in 0..rounds {
                black_box(work());
            }
            Duration::from_nanos(thread_cpu_ns() - start)
        });
    });
}

/// Bytes that no compression function likes more than others.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 32).to_le_bytes()
    });
    words.flatten().take(count).collect()
}
