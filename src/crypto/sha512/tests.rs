//! The lanes beside the library.

use super::sha512;
use crate::crypto::tests::numbers::Random;

#[test]
fn the_digest_of_abc_is_the_published_one() {
    let digest = sha512(&[b"a", b"", b"bc", b""]);
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        text,
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    );
}

/// Batches of any sizes, of messages of similar lengths or not, with their ends at and around those of
/// blocks.
#[cfg(target_arch = "x86_64")]
#[test]
fn many_digests_are_the_librarys() {
    let Some(lanes) = crate::crypto::lanes::Lanes::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return;
    };
    let mut random = Random(67);
    let bytes: Vec<u8> = (0..140_000)
        .map(|_| random.next().to_le_bytes()[0])
        .collect();
    let ends = [
        0, 1, 110, 111, 112, 113, 127, 128, 129, 239, 240, 255, 256, 257, 5000,
    ];
    for count in (0..40).chain([100, 300]) {
        let messages: Vec<[&[u8]; 4]> = (0..count)
            .map(|_| {
                let length = match random.below(4) {
                    0 => ends[random.below(ends.len())],
                    1 => random.below(700),
                    2 if count > 99 => 60_000 + random.below(70_000),
                    _ => 1000 + random.below(300),
                };
                let from = random.below(bytes.len() - length + 1);
                let (mut rest, mut pieces) = (&bytes[from..from + length], [[].as_slice(); 4]);
                for piece in &mut pieces[..3] {
                    (*piece, rest) = rest.split_at(random.below(rest.len() + 1));
                }
                pieces[3] = rest;
                pieces
            })
            .collect();
        let expected: Vec<_> = messages.iter().map(sha512).collect();
        assert_eq!(super::sha512_all(lanes, &messages), expected, "{count}");
    }
}
