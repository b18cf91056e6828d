//! Tests of decoding and of the small questions asked of a set.

use super::*;
use crate::proto::rwset::RwVersion;
use crate::proto::wire::{put_bytes, put_element, put_uint};

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_element(&mut out, number, value);
    out
}

/// A namespace with the given serialized `KVRWSet` and collections.
fn namespace(name: &str, rwset: &[u8], collections: &[Vec<u8>]) -> Vec<u8> {
    let mut inner = Vec::new();
    put_bytes(&mut inner, 1, name.as_bytes());
    put_bytes(&mut inner, 2, rwset);
    for collection in collections {
        put_element(&mut inner, 3, collection);
    }
    field(2, &inner)
}

fn collection(name: &str, rwset: &[u8]) -> Vec<u8> {
    [
        field(1, name.as_bytes()),
        field(2, rwset),
        field(3, b"hash"),
    ]
    .concat()
}

fn check_decodes(results: &[u8], expected: bool) {
    assert_eq!(RwSet::decode(results).is_ok(), expected, "{results:02x?}");
}

#[test]
fn a_set_decodes_to_what_stands_in_it() {
    let read = field(1, &[field(1, b"k"), field(2, &[0x08, 7])].concat());
    let write = field(3, &[field(1, b"w"), field(3, b"v")].concat());
    let hashed = field(2, &[field(1, b"h"), field(3, b"vh")].concat());
    let bytes = namespace(
        "cc",
        &[read, write].concat(),
        &[collection("coll", &hashed)],
    );
    let set = RwSet::decode(&bytes).unwrap();
    let expected = NsRwSet {
        name: "cc",
        reads: vec![KvRead {
            key: "k",
            version: Some(RwVersion {
                block_num: 7,
                tx_num: 0,
            }),
        }],
        writes: vec![KvWrite {
            key: "w",
            is_delete: false,
            value: b"v",
        }],
        collections: vec![CollectionRwSet {
            name: "coll",
            hashed_writes: vec![KvWriteHash {
                key_hash: b"h",
                value_hash: b"vh",
                ..KvWriteHash::default()
            }],
            pvt_rwset_hash: b"hash",
            ..CollectionRwSet::default()
        }],
        ..NsRwSet::default()
    };
    assert_eq!(set.namespaces, [expected]);
    assert_eq!(set.namespace("cc"), set.namespaces.first());
    assert_eq!(set.namespace("dd"), None);
}

#[test]
fn anything_undecodable_anywhere_spoils_the_set() {
    check_decodes(b"", true);
    check_decodes(&namespace("cc", b"", &[]), true);
    check_decodes(&namespace("cc", &[0xff], &[]), false);
    check_decodes(&namespace("cc", b"", &[collection("coll", &[0x0a])]), false);
    check_decodes(&field(2, &field(1, &[0xff])), false); // the name is not UTF-8
    check_decodes(&namespace("cc", &field(1, &field(1, &[0xff])), &[]), false); // nor a key
    check_decodes(
        &namespace("cc", b"", &[collection("c", &field(1, &field(1, &[0xff])))]),
        true,
    );
    check_decodes(&[0x12, 0x05, 0x0a], false);
    let mut data_model = Vec::new();
    put_uint(&mut data_model, 1, 77);
    check_decodes(&data_model, true); // the data model is ignored
    check_decodes(&field(1, b"wrong wire type"), true);
}

#[test]
fn e25_a_namespace_standing_twice_is_found_even_if_empty() {
    let check = |names: &[&str], expected: bool| {
        let bytes: Vec<u8> = names
            .iter()
            .flat_map(|name| namespace(name, b"", &[]))
            .collect();
        assert_eq!(
            RwSet::decode(&bytes).unwrap().has_duplicate_namespace(),
            expected,
            "{names:?}"
        );
    };
    check(&[], false);
    check(&["a", "b"], false);
    check(&["a", "b", "a"], true);
    check(&["", ""], true);
    let many: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&names, false);
    names.push("17");
    check(&names, true);
}

#[test]
fn what_counts_as_writing_follows_the_capabilities() {
    let check = |rwset: &[u8], hashed: &[u8], expected: [bool; 4]| {
        let bytes = namespace("cc", rwset, &[collection("coll", hashed)]);
        let set = RwSet::decode(&bytes).unwrap();
        let namespace = set.namespaces.first().unwrap();
        let actual = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(private, key_level)| namespace.writes_anything_with(private, key_level));
        assert_eq!(actual, expected);
        assert_eq!(namespace.writes_anything(), expected[3]);
        assert_eq!(set.writes_anything(), expected[3]);
    };
    check(b"", b"", [false; 4]);
    check(&field(1, b""), &field(1, b""), [false; 4]); // reads
    check(&field(3, b""), b"", [true; 4]);
    check(&field(4, b""), b"", [false, false, true, true]);
    check(b"", &field(2, b""), [false, true, false, true]);
    check(b"", &field(3, b""), [false, false, false, true]);
}

#[test]
fn e35_empty_values_and_hashes_of_nothing_delete() {
    let write = |is_delete, value| KvWrite {
        key: "k",
        is_delete,
        value,
    };
    assert!(is_delete(&write(true, b"v")));
    assert!(is_delete(&write(false, b"")));
    assert!(!is_delete(&write(false, b"v")));
    let hashed = |is_delete, value_hash| KvWriteHash {
        key_hash: b"k",
        is_delete,
        value_hash,
        is_purge: true,
    };
    assert!(is_hash_delete(&hashed(true, b"v")));
    assert!(is_hash_delete(&hashed(false, b"")));
    assert!(is_hash_delete(&hashed(false, &HASH_OF_NOTHING)));
    assert!(
        !is_hash_delete(&hashed(false, b"v")),
        "a purge flag alone does not delete"
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"");
    assert_eq!(digest.as_ref(), HASH_OF_NOTHING);
}
