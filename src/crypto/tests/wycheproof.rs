//! Wycheproof's vectors through the seam, at every backend and with tables of every size.
//!
//! Fabric differs from Wycheproof in two ways: it refuses a high S, and reads DER as Go's encoding/asn1
//! does, which tolerates bytes after the sequence and elements in it after s.

use ::wycheproof::{TestResult, ecdsa, eddsa};

use super::job;
use crate::crypto::ecdsa_der::parse_strict;
use crate::crypto::{
    Backend, Curve, EcdsaKey, Ed25519Key, PublicKey, SignatureHash, SignatureJob,
    encode_ecdsa_signature, verify, verify_batch_with,
};

/// One vector.
struct Case {
    key: PublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
    valid: bool,
    id: usize,
}

impl Case {
    fn job<'a>(&'a self, key: &'a PublicKey) -> SignatureJob<'a> {
        job(key, SignatureHash::Sha256, &self.message, &self.signature)
    }

    fn verdict(&self) -> bool {
        verify(&self.job(&self.key))
    }
}

/// All verdicts of every backend, for all keys as they are and with each size of table, alone and in
/// batches, are those of the library.
fn check_backends(cases: &[Case], table_bytes: &[usize]) {
    let expected: Vec<bool> = cases.iter().map(Case::verdict).collect();
    let mut keys: Vec<Vec<PublicKey>> = vec![cases.iter().map(|case| case.key.clone()).collect()];
    for &bytes in table_bytes {
        let mut with_tables: Vec<PublicKey> = Vec::new();
        for (at, case) in cases.iter().enumerate() {
            let same = at
                .checked_sub(1)
                .filter(|&before| cases[before].key == case.key);
            with_tables.push(match same {
                Some(before) => with_tables[before].clone(),
                None => case.key.with_table(bytes).unwrap_or(case.key.clone()),
            });
        }
        keys.push(with_tables);
    }
    for keys in &keys {
        let jobs: Vec<SignatureJob<'_>> = cases
            .iter()
            .zip(keys)
            .map(|(case, key)| case.job(key))
            .collect();
        for backend in Backend::ALL
            .into_iter()
            .filter(|backend| backend.is_available())
        {
            for together in [7, jobs.len()] {
                let found: Vec<bool> = jobs
                    .chunks(together)
                    .flat_map(|jobs| verify_batch_with(backend, jobs))
                    .collect();
                for ((case, found), expected) in cases.iter().zip(found).zip(&expected) {
                    assert_eq!(found, *expected, "{backend}: vector {}", case.id);
                }
            }
        }
    }
}

#[test]
fn p256_vectors() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    let mut cases = Vec::new();
    for group in set.test_groups {
        let key = EcdsaKey::from_uncompressed_point(Curve::P256, &group.key.key).unwrap();
        let key = PublicKey::Ecdsa(key);
        cases.extend(group.tests.into_iter().map(|test| Case {
            key: key.clone(),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
            valid: test.result == TestResult::Valid,
            id: test.tc_id,
        }));
    }
    let (mut good, mut low) = (0, Vec::new());
    for case in &cases {
        match (case.valid, case.verdict()) {
            (true, true) => good += 1,
            // Valid with a high S: so is n - S, which is low.
            (true, false) => {
                let signature = parse_strict(&case.signature).unwrap();
                let case = Case {
                    key: case.key.clone(),
                    message: case.message.clone(),
                    signature: encode_ecdsa_signature(signature.r, &order_less(signature.s)),
                    ..*case
                };
                assert!(case.verdict(), "{}", case.id);
                low.push(case);
            }
            (false, found) => assert!(!found, "{}", case.id),
        }
    }
    assert_eq!((cases.len(), good, low.len()), (484, 103, 71));
    cases.extend(low);
    check_backends(&cases, &[8 << 10, 64 << 10]);
}

/// n - s.
fn order_less(s: &[u8]) -> [u8; 32] {
    let mut difference: [u8; 32] = Curve::P256.order().try_into().unwrap();
    let mut borrow = false;
    let s = s.iter().rev().chain(std::iter::repeat(&0));
    for (digit, &minus) in difference.iter_mut().rev().zip(s) {
        (*digit, borrow) = digit.borrowing_sub(minus, borrow);
    }
    assert!(!borrow);
    difference
}

#[test]
fn ed25519_vectors() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut cases = Vec::new();
    for group in set.test_groups {
        let key = PublicKey::Ed25519(Ed25519Key::from_bytes(&group.key.pk).unwrap());
        cases.extend(group.tests.into_iter().map(|test| Case {
            key: key.clone(),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
            valid: test.result == TestResult::Valid,
            id: test.tc_id,
        }));
    }
    for case in &cases {
        assert_eq!(case.verdict(), case.valid, "{}", case.id);
    }
    assert!(cases.len() > 100, "{}", cases.len());
    check_backends(&cases, &[12 << 10, 96 << 10]);
}
