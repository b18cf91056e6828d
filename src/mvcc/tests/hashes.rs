//! The commit hash: what goes into it, byte by byte.

use aws_lc_rs::digest::{SHA256, digest};

use super::*;
use crate::ledger::{KeyUpdate, NamespaceUpdates};
use crate::mvcc::commit_hash::version_bytes;
use crate::types::Digest;

fn sha256(bytes: &[u8]) -> Digest {
    Digest(digest(&SHA256, bytes).as_ref().try_into().unwrap())
}

fn update(key: &str, tx: u64, effect: Effect) -> KeyUpdate {
    KeyUpdate {
        key: key.as_bytes().into(),
        version: Version { block: 1, tx },
        effect,
    }
}

fn put(value: &str) -> Effect {
    Effect::Put {
        value: value.as_bytes().into(),
        metadata: (*b"metadata").into(),
    }
}

fn batch<const N: usize>(namespaces: [(NamespaceRef<'_>, Vec<KeyUpdate>); N]) -> UpdateBatch {
    let namespaces = namespaces
        .into_iter()
        .map(|(namespace, updates)| NamespaceUpdates {
            namespace: namespace.to_owned(),
            updates,
        })
        .collect();
    UpdateBatch {
        namespaces,
        ..UpdateBatch::default()
    }
}

#[test]
fn versions_are_in_order_preserving_form() {
    let check = |block, tx, expected: &[u8]| {
        let (bytes, length) = version_bytes(Version { block, tx });
        assert_eq!(&bytes[..length], expected);
    };
    check(0, 0, &[0, 0]);
    check(1, 0, &[1, 1, 0]);
    check(255, 256, &[1, 255, 2, 1, 0]);
    check(
        u64::MAX,
        u64::MAX,
        &[[8].as_slice(), &[255; 8], &[8], &[255; 8]].concat(),
    );
    check(1 << 56, 1 << 16, &[8, 1, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0]);
}

#[test]
fn an_empty_batch_hashes_codes_and_the_previous_hash() {
    let empty = UpdateBatch::default();
    assert_eq!(commit_hash(None, &[], &empty), sha256(&[0]));
    assert_eq!(commit_hash(None, &[0, 11], &empty), sha256(&[2, 0, 11]));
    let previous = Digest([7; 32]);
    let expected = sha256(&[[1, 0].as_slice(), &[7; 32]].concat());
    assert_eq!(commit_hash(Some(&previous), &[0], &empty), expected);
    let codes = [0; 300];
    assert_eq!(
        commit_hash(None, &codes, &empty),
        sha256(&[&[0xac, 2], &codes[..]].concat())
    );
}

#[test]
fn names_stand_only_in_the_first_update_they_belong_to() {
    let batch = batch([
        (
            NamespaceRef::public("ns1"),
            vec![update("k1", 1, put("v1")), update("k2", 2, put("v2"))],
        ),
        (
            NamespaceRef::hashed("ns1", "c1"),
            vec![update("k3", 3, put("v3")), update("k4", 4, Effect::Delete)],
        ),
        (
            NamespaceRef::hashed("ns1", "c2"),
            vec![update("k5", 5, put("v5"))],
        ),
        (
            NamespaceRef::hashed("ns2", "c2"),
            vec![update("k6", 6, put("v6"))],
        ),
    ]);
    let mut expected = vec![1, 0];
    expected.extend(b"\x0a\x13\x0a\x03ns1\x1a\x02k1\x2a\x02v1\x32\x04\x01\x01\x01\x01");
    expected.extend(b"\x0a\x0e\x1a\x02k2\x2a\x02v2\x32\x04\x01\x01\x01\x02");
    expected.extend(b"\x0a\x12\x12\x02c1\x1a\x02k3\x2a\x02v3\x32\x04\x01\x01\x01\x03");
    expected.extend(b"\x0a\x0c\x1a\x02k4\x20\x01\x32\x04\x01\x01\x01\x04");
    expected.extend(b"\x0a\x12\x12\x02c2\x1a\x02k5\x2a\x02v5\x32\x04\x01\x01\x01\x05");
    expected.extend(b"\x0a\x17\x0a\x03ns2\x12\x02c2\x1a\x02k6\x2a\x02v6\x32\x04\x01\x01\x01\x06");
    assert_eq!(commit_hash(None, &[0], &batch), sha256(&expected));
    assert_eq!(
        commit_hash(None, &[0], &batch),
        twin::commit_hash(&[], &[0], &batch)
    );
}

#[test]
fn the_configuration_and_expired_keys_are_left_out_with_their_names() {
    let rest = || {
        (
            NamespaceRef::hashed("cc", "coll"),
            vec![update("k", 1, put("v"))],
        )
    };
    let expected = commit_hash(None, &[0], &batch([rest()]));
    let config = || (NamespaceRef::public(""), vec![update("c", 1, put("v"))]);
    let nameless = || {
        (
            NamespaceRef::hashed("", "coll"),
            vec![update("c", 1, put("v"))],
        )
    };
    let expired = || {
        (
            NamespaceRef::hashed("cc", "brief"),
            vec![update("e", 1, Effect::Expire)],
        )
    };
    let with = batch([config(), nameless(), expired(), rest()]);
    assert_eq!(commit_hash(None, &[0], &with), expected);
    let (namespace, mut updates) = rest();
    updates.insert(0, update("e", 1, Effect::Expire));
    assert_eq!(
        commit_hash(None, &[0], &batch([(namespace, updates)])),
        expected
    );
}

#[test]
fn an_empty_key_and_a_long_value_are_framed_canonically() {
    let value = "v".repeat(200);
    let batch = batch([(NamespaceRef::public("n"), vec![update("", 0, put(&value))])]);
    let mut expected = vec![1, 0, 0x0a, 211, 1, 0x0a, 1, b'n', 0x2a, 200, 1];
    expected.extend(value.bytes());
    expected.extend([0x32, 3, 1, 1, 0]);
    assert_eq!(commit_hash(None, &[0], &batch), sha256(&expected));
}
