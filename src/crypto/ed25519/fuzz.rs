//! Every backend beside the library on signatures of the caller's choice: what a fuzz target calls.

use super::{Check, Ed25519Key, good_ones};
use crate::crypto::Backend;

/// A signature over a message of two pieces.
pub(crate) struct FuzzSignature<'k> {
    /// The signer, with a table or without.
    pub(crate) key: &'k Ed25519Key,
    /// The message.
    pub(crate) message: [Vec<u8>; 2],
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

/// Verifies the signatures as one batch on each backend that is available: what it finds good is good
/// for the library, and nothing else is. Those by keys without tables are left out.
pub(crate) fn check_ed25519_backends(signatures: &[FuzzSignature<'_>]) {
    let with_tables: Vec<_> = signatures
        .iter()
        .filter_map(|one| Some((one, one.key.table_slot()?.table(0)?)))
        .collect();
    let mut expected = Vec::new();
    let mut checks: Vec<Check<'_>> = Vec::new();
    for (one, table) in &with_tables {
        let [head, tail] = &one.message;
        let message = [head.as_slice(), tail.as_slice()];
        let good = one.key.verify(&message, &one.signature);
        match one.key.check(table, message, &one.signature) {
            Some(check) => {
                checks.push(check);
                expected.push(good);
            }
            None => assert!(!good, "what is out of range is refused"),
        }
    }
    let with_sums = Backend::ALL.into_iter().skip(1);
    for backend in with_sums.filter(|backend| backend.is_available()) {
        assert_eq!(good_ones(backend, &checks), expected, "{backend}");
    }
}
