//! Every digest beside that of the library: of each compression function, and of the schedule alone over one
//! in plain code, which runs on any CPU.

use std::sync::LazyLock;

use super::schedule::{self, Order};
use super::{Block, Compressor, Pieces, State, chain_digests, digests, one_by_one};
use crate::crypto::{Backend, sha256};
use crate::types::Digest;

/// More lanes than any compression function has.
const LANES_MAX: usize = 16;

/// The digests by each way that there is here.
fn by_lanes<'a, M: AsRef<[&'a [u8]]>>(messages: &[M]) -> Vec<Vec<Digest>> {
    let mut found = Vec::new();
    for order in [Order::LongestFirst, Order::AsGiven] {
        found.push(schedule::digests(messages, order, Plain([[0; 8]; 1])));
        found.push(schedule::digests(
            messages,
            order,
            Plain([[0; 8]; LANES_MAX]),
        ));
        #[cfg(target_arch = "x86_64")]
        match super::avx512::Lanes::detect() {
            Some(lanes) => found.push(schedule::digests(messages, order, lanes.compressor())),
            None => println!("skipped: this CPU has no AVX-512 BW"),
        }
        #[cfg(target_arch = "x86_64")]
        match super::extensions::Extensions::detect() {
            Some(extensions) => {
                let (two, four) = (extensions.compressor::<2>(), extensions.compressor::<4>());
                found.push(schedule::digests(messages, order, two));
                found.push(schedule::digests(messages, order, four));
            }
            None => println!("skipped: this CPU has no SHA instructions"),
        }
    }
    found
}

#[track_caller]
fn check(messages: &[Pieces<'_>]) {
    let expected: Vec<Digest> = messages
        .iter()
        .map(|pieces| sha256(&pieces.concat()))
        .collect();
    assert_eq!(one_by_one(messages), expected);
    for found in by_lanes(messages) {
        assert_eq!(found, expected);
    }
    for backend in Backend::ALL.into_iter().filter(|b| b.is_available()) {
        assert_eq!(digests(backend, messages), expected, "{backend}");
    }
}

/// One chain after the other.
struct Plain<const LANES: usize>([State; LANES]);

impl<const LANES: usize> Compressor<LANES> for Plain<LANES> {
    fn state(&self, lane: usize) -> State {
        self.0[lane]
    }

    fn set_state(&mut self, lane: usize, state: State) {
        self.0[lane] = state;
    }

    fn compress(&mut self, runs: &[&[Block]; LANES], blocks: usize) {
        for (state, run) in self.0.iter_mut().zip(runs) {
            for block in &run[..blocks] {
                *state = compressed(*state, block);
            }
        }
    }
}

/// FIPS 180-4, 6.2.2, as it stands there.
fn compressed(state: State, block: &Block) -> State {
    let xor = |word: u32, [one, two, three]: [u32; 3]| {
        word.rotate_right(one) ^ word.rotate_right(two) ^ word.rotate_right(three)
    };
    let mut words: Vec<u32> = block
        .as_chunks()
        .0
        .iter()
        .map(|&word| u32::from_be_bytes(word))
        .collect();
    for at in 16..64 {
        let (near, far) = (words[at - 2], words[at - 15]);
        let small_1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
        let small_0 = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
        let sum = words[at - 16].wrapping_add(words[at - 7]);
        words.push(sum.wrapping_add(small_0).wrapping_add(small_1));
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for (word, constant) in words.into_iter().zip(CONSTANTS.iter()) {
        let one = h
            .wrapping_add(xor(e, [6, 11, 25]))
            .wrapping_add((e & f) ^ (!e & g))
            .wrapping_add(*constant)
            .wrapping_add(word);
        let two = xor(a, [2, 13, 22]).wrapping_add((a & b) ^ (a & c) ^ (b & c));
        (h, g, f, e) = (g, f, e, d.wrapping_add(one));
        (d, c, b, a) = (c, b, a, one.wrapping_add(two));
    }
    let mut sums = [a, b, c, d, e, f, g, h];
    for (sum, before) in sums.iter_mut().zip(state) {
        *sum = sum.wrapping_add(before);
    }
    sums
}

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
static CONSTANTS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let is_prime = |number: &u128| (2..*number).all(|divisor| !number.is_multiple_of(divisor));
    let root = |prime: u128| {
        // The integer cube root of prime * 2^96.
        let (mut low, mut high) = (0_u128, 1 << 36);
        while high - low > 1 {
            let middle = u128::midpoint(low, high);
            if middle.pow(3) <= prime << 96 {
                low = middle;
            } else {
                high = middle;
            }
        }
        u32::try_from(low & 0xffff_ffff).unwrap()
    };
    (2..).filter(is_prime).take(64).map(root).collect()
});

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ z >> 31) % u64::try_from(bound).unwrap()).unwrap()
    }
}

fn data(bytes: usize) -> Vec<u8> {
    let mut random = Random(1);
    (0..bytes)
        .map(|_| u8::try_from(random.below(256)).unwrap())
        .collect()
}

#[test]
fn nist_vectors_hold() {
    let long = vec![b'a'; 1_000_000];
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let messages: [Pieces<'_>; 4] = [
        [b"", b"", b""],
        [b"abc", b"", b""],
        [two_blocks, b"", b""],
        [&long, b"", b""],
    ];
    let expected = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ];
    for found in by_lanes(&messages) {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn every_length_is_hashed() {
    let data = data(400);
    let messages: Vec<Pieces<'_>> = (0..=300)
        .map(|length| [&data[length % 64..][..length], b"", b""] as Pieces<'_>)
        .collect();
    check(&messages);
    let reversed: Vec<Pieces<'_>> = messages.into_iter().rev().collect();
    check(&reversed);
}

#[test]
fn any_number_of_lanes_is_used() {
    let data = data(400);
    for count in 0..=2 * LANES_MAX + 1 {
        for length in [0, 55, 56, 63, 64, 65, 119, 120, 128, 300] {
            let messages: Vec<Pieces<'_>> = (0..count)
                .map(|at| [&data[at..][..length], b"", b""] as Pieces<'_>)
                .collect();
            check(&messages);
        }
    }
}

#[test]
fn messages_in_pieces_are_those_in_one() {
    let data = data(2048);
    let mut random = Random(2);
    for _ in 0..100 {
        let count = random.below(70);
        let messages: Vec<Pieces<'_>> = (0..count)
            .map(|_| {
                std::array::from_fn(|_| {
                    let longest = [1, 65, 200, 1024][random.below(4)];
                    let length = random.below(longest);
                    &data[random.below(1024)..][..length]
                })
            })
            .collect();
        check(&messages);
    }
}

#[test]
fn shared_heads_serve_all_their_tails() {
    let data = data(2048);
    let mut random = Random(3);
    for _ in 0..100 {
        let mut messages: Vec<Pieces<'_>> = Vec::new();
        while messages.len() < 40 {
            let head = &data[random.below(1024)..][..random.below(400)];
            for _ in 0..=random.below(5) {
                let tail = &data[random.below(1024)..][..random.below(200)];
                messages.push([head, tail, &data[..random.below(3)]]);
            }
        }
        check(&messages);
    }
    // All tails empty, and heads that end with a block.
    let heads = [0, 63, 64, 65, 128].map(|length| &data[..length]);
    let messages: Vec<Pieces<'_>> = heads
        .iter()
        .flat_map(|&head| [[head, b"", b""]; 3])
        .collect();
    check(&messages);
}

#[test]
fn a_chain_and_what_goes_along_have_the_digests_of_the_library() {
    let data = data(2048);
    let mut random = Random(4);
    for _ in 0..100 {
        let chain: Vec<&[u8]> = (0..random.below(40))
            .map(|_| &data[random.below(1024)..][..random.below(500)])
            .collect();
        // Within the pieces, mostly; some of them empty, and of another number.
        let mut messages: Vec<&[u8]> = chain
            .iter()
            .map(|piece| &piece[random.below(piece.len() + 1)..])
            .collect();
        messages.truncate(random.below(50));
        let of_chain = sha256(&chain.concat());
        let of_messages: Vec<Digest> = messages.iter().map(|message| sha256(message)).collect();
        for backend in Backend::ALL.into_iter().filter(|b| b.is_available()) {
            let (chain, messages) = chain_digests(backend, &chain, &messages);
            assert_eq!(chain, of_chain, "{backend}");
            assert!(
                messages.is_none_or(|messages| messages == of_messages),
                "{backend}"
            );
        }
        let all: Vec<&[&[u8]]> = std::iter::once(chain.as_slice())
            .chain(messages.iter().map(std::slice::from_ref))
            .collect();
        for found in by_lanes(&all) {
            assert_eq!(found[0], of_chain);
            assert_eq!(found[1..], of_messages);
        }
    }
}
