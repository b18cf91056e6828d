//! Views are one height each, whatever appends and applies meanwhile.
#![expect(
    clippy::cast_possible_truncation,
    reason = "the tests' numbers are small"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::limits;

const BLOCKS: u64 = 150;

#[test]
fn views_are_consistent_while_blocks_are_appended_and_applied() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    let expected: Vec<_> = (0..=BLOCKS).map(expected_state).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while ledger.height() < BLOCKS {
                let count = 1 + ledger.height() % 4;
                append(&ledger, count.min(BLOCKS - ledger.height()) as usize);
            }
            done.store(true, Ordering::SeqCst);
            ledger.wake_applier();
        });
        scope.spawn(|| {
            while ledger.wait_for_group(Duration::ZERO, &|| done.load(Ordering::SeqCst)) {
                ledger.apply().unwrap();
            }
        });
        for readers in 1..3 {
            let (ledger, expected, done) = (&ledger, &expected, &done);
            scope.spawn(move || {
                let mut seen = 0;
                while !done.load(Ordering::SeqCst) {
                    let view = ledger.view_for(readers).unwrap();
                    assert!(view.height() >= seen, "went back");
                    seen = view.height();
                    check_quickly(&view, &expected[usize::try_from(seen).unwrap()]);
                }
            });
        }
    });
    assert_eq!(ledger.info().unwrap().state_height, BLOCKS);
    check_view(&ledger.view().unwrap());
}

fn check_quickly(view: &View, expected: &BTreeMap<String, String>) {
    for key in ["log", "last", "toggle", "new-0", "new-77"] {
        let found = view.get(NamespaceRef::public(CC), key.as_bytes()).unwrap();
        let found = found.map(|state| String::from_utf8(state.value).unwrap());
        assert_eq!(
            found.as_ref(),
            expected.get(key),
            "{key} at {}",
            view.height()
        );
    }
    let mut keys = Vec::new();
    let visit = &mut |key: &[u8], _: &StateValue| {
        keys.push(String::from_utf8(key.to_vec()).unwrap());
        true
    };
    view.range(NamespaceRef::public(CC), b"new-1", Some(b"new-5"), visit)
        .unwrap();
    let range = expected.range("new-1".to_owned().."new-5".to_owned());
    assert_eq!(keys, range.map(|(key, _)| key.clone()).collect::<Vec<_>>());
    if let Some(last) = view.height().checked_sub(1) {
        assert!(view.block(BlockNumber(last)).unwrap().is_some());
        let tx = view.tx(&TxKey::of(&format!("id-{last}"))).unwrap();
        assert_eq!(tx.unwrap().block.0, last);
        assert!(
            !view
                .contains_tx(&TxKey::of(&format!("id-{}", view.height())))
                .unwrap()
        );
    }
}

#[test]
fn waiting_for_a_group_ends_with_many_blocks_with_time_and_at_the_end() {
    const FOR_EVER: Duration = Duration::from_secs(600);
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    assert!(!ledger.wait_for_group(FOR_EVER, &|| true));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ledger.wait_for_group(Duration::from_millis(1), &|| false));
        append(&ledger, 1);
        assert!(waiting.join().unwrap(), "one block, after a while");
    });
    assert!(ledger.wait_for_group(FOR_EVER, &|| true));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ledger.wait_for_group(FOR_EVER, &|| false));
        (1..limits::APPLY_GROUP_BLOCKS).for_each(|_| append(&ledger, 1));
        assert!(waiting.join().unwrap(), "as many blocks as a group has");
    });
    ledger.apply().unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| ledger.wait_for_group(FOR_EVER, &|| ended.load(Ordering::SeqCst)));
        ended.store(true, Ordering::SeqCst);
        ledger.wake_applier();
        assert!(!waiting.join().unwrap());
    });
}
