//! The hashes of the chain, with values of a real Fabric ledger; and ids as keys.

use super::*;

fn digest(hex: &str) -> Digest {
    let bytes: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    Digest(bytes.try_into().unwrap())
}

/// Data hash and header hash of blocks 0 to 3 of Fabric's sample ledger.
const SAMPLE: [(&str, &str); 4] = [
    (
        "2aaa2d6e91d8b6ca889004b975328e114f9169c30fe437284385095cd5584104",
        "c4a1491ab9a62e9125b3cbab3a782ea1f56e24c608620d85bb940585d059a2a1",
    ),
    (
        "f38eb85e2157d17b41a4220a356ec22111851951df646ab1b30c3c8ad1627575",
        "e785e7c8a054685b73763ab79750bd7e4ffe4fe377992f96a3618e19ea6b29d9",
    ),
    (
        "dbb0455f14f0c504e3554487a2fd107d7ca4f9a144fd587b32df8021c7263c22",
        "0fe6b0856a5e8d74cea299466591035af24aafe455de11c2ef350d944b6c463e",
    ),
    (
        "28bb5bca666c26c8c907fb02b03ed907af08229621ce25757a6a6e300dc1aeeb",
        "ad341e2d64cb236d5f045033ffa214c780fc66faccfd5aec1f5e4219d62704bb",
    ),
];

#[test]
fn header_hashes_are_fabrics() {
    let mut previous = Vec::new();
    for ((data_hash, expected), number) in SAMPLE.into_iter().zip(0..) {
        let hash = header_hash(BlockNumber(number), &previous, digest(data_hash).as_ref());
        assert_eq!(hash, digest(expected), "block {number}");
        previous = hash.0.to_vec();
    }
}

/// The number is a minimal positive integer, and lengths over 127 take more bytes.
#[test]
fn header_is_der() {
    let check = |number: u64, previous: &[u8], der: &[u8]| {
        assert_eq!(
            header_hash(BlockNumber(number), previous, &[]),
            sha256_parts(&[der]),
            "{number}"
        );
    };
    check(0, &[], &[0x30, 7, 2, 1, 0, 4, 0, 4, 0]);
    check(127, &[], &[0x30, 7, 2, 1, 127, 4, 0, 4, 0]);
    check(128, &[], &[0x30, 8, 2, 2, 0, 128, 4, 0, 4, 0]);
    check(256, &[5], &[0x30, 9, 2, 2, 1, 0, 4, 1, 5, 4, 0]);
    let most = [&[0x30, 15, 2, 9, 0][..], &[255; 8], &[4, 0, 4, 0]].concat();
    check(u64::MAX, &[], &most);
    let long = [
        &[0x30, 0x81, 208, 2, 1, 1, 4, 0x81, 200][..],
        &[6; 200],
        &[4, 0],
    ]
    .concat();
    check(1, &[6; 200], &long);
    let longer = [
        &[0x30, 0x82, 1, 53, 2, 1, 1, 4, 0x82, 1, 44][..],
        &[6; 300],
        &[4, 0],
    ]
    .concat();
    check(1, &[6; 300], &longer);
}

#[test]
fn data_hash_is_that_of_the_envelopes_without_borders() {
    assert_eq!(data_hash(&[b"ab", b"", b"c"]), sha256_parts(&[b"abc"]));
    assert_eq!(
        data_hash(&[]),
        digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
}

#[test]
fn tx_keys_are_exact() {
    let hex = "0123456789abcdef".repeat(4);
    let encoded = |id: &str| {
        let mut buffer = [0; TxKey::BYTES_MAX];
        TxKey::of(id).encode(&mut buffer).to_vec()
    };
    assert_eq!(encoded(&hex), digest(&hex).0);
    for other in [
        "",
        "odd",
        &hex[1..],
        &hex.to_uppercase(),
        &(hex.clone() + "0"),
        &hex.replace('a', "g"),
    ] {
        assert_eq!(encoded(other).len(), 33, "{other}");
        assert_eq!(
            encoded(other)[..32],
            sha256_parts(&[b"\x01", other.as_bytes()]).0
        );
        assert_ne!(TxKey::of(other), TxKey::of(&hex));
    }
    // An id that looks like the hash of another one is still not that one.
    let hash = sha256_parts(&[b"\x01", b"odd"]).to_string();
    assert_ne!(TxKey::of(&hash), TxKey::of("odd"));
    assert_ne!(encoded(&hash), encoded("odd"));
}
