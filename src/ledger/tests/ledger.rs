//! What a ledger says: of blocks in the overlay, in the state, after a restart.

use super::*;
use crate::limits::OVERLAY_BLOCKS_MAX;

#[test]
fn an_empty_ledger_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!Ledger::exists(dir.path(), &channel()));
    let ledger = open(dir.path()).unwrap();
    assert!(Ledger::exists(dir.path(), &channel()));
    let expected = LedgerInfo {
        channel: channel(),
        height: 0,
        state_height: 0,
        header_hash: None,
        commit_hash: None,
        last_config: None,
    };
    assert_eq!(ledger.info().unwrap(), expected);
    check_view(&ledger.view().unwrap());
    assert_eq!(ledger.apply().unwrap(), 0);
    ledger.append(&[]).unwrap();
}

#[test]
fn what_was_appended_is_visible_at_once_and_after_it_was_applied() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    let empty = ledger.view().unwrap();
    append(&ledger, 3);
    let three = ledger.view().unwrap();
    let blocks = next_blocks(&ledger, 4);
    ledger.append(&blocks).unwrap();
    let seven = ledger.view().unwrap();
    drop(empty.clone());
    let check = |state_height| {
        assert_eq!((empty.height(), three.height(), seven.height()), (0, 3, 7));
        [&empty, &three, &seven].into_iter().for_each(check_view);
        check_view(&ledger.view().unwrap());
        let info = ledger.info().unwrap();
        assert_eq!((info.height, info.state_height), (7, state_height));
        assert_eq!(info.header_hash, Some(blocks[3].header_hash));
        assert_eq!(info.commit_hash, blocks[3].commit_hash);
        assert_eq!(info.last_config, Some(BlockNumber(5)));
    };
    check(0);
    assert_eq!(ledger.apply().unwrap(), 7);
    check(7);
    drop((empty, three, seven, ledger));
    let ledger = open(dir.path()).unwrap();
    let info = ledger.info().unwrap();
    assert_eq!(
        (info.height, info.state_height, info.last_config),
        (7, 7, Some(BlockNumber(5)))
    );
    assert_eq!(info.commit_hash, blocks[3].commit_hash);
    check_view(&ledger.view().unwrap());
}

#[test]
fn history_goes_through_overlay_and_state() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 2);
    ledger.apply().unwrap();
    append(&ledger, 2);
    let view = ledger.view().unwrap();
    let history = |key: &str, count: usize| {
        let mut versions = Vec::new();
        let visit = &mut |version: Version| {
            versions.push((version.block, version.tx));
            versions.len() < count
        };
        view.history(CC, key.as_bytes(), visit).unwrap();
        versions
    };
    let all = [
        (3, 4),
        (3, 0),
        (2, 4),
        (2, 0),
        (1, 4),
        (1, 0),
        (0, 4),
        (0, 0),
    ];
    for count in 1..10 {
        assert_eq!(history("log", count), all[..count.min(8)]);
    }
    assert_eq!(
        history("toggle", 9),
        [(3, 2), (2, 2), (1, 2), (0, 2)],
        "deletes too"
    );
    assert_eq!(history("no such key", 9), []);
}

#[test]
fn pending_blocks_lie_on_the_view() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 2);
    let blocks = next_blocks(&ledger, 3);
    let batches: Vec<PendingBatch> = blocks.iter().map(|block| block.batch.clone()).collect();
    let last = |state: &LayeredState| {
        let value = state
            .get(NamespaceRef::public(CC), b"last")
            .unwrap()
            .unwrap()
            .value;
        (state.height(), String::from_utf8(value).unwrap())
    };
    let view = ledger.view().unwrap();
    assert_eq!(
        last(&view.with_pending(&batches).unwrap()),
        (5, "4".to_owned())
    );
    ledger.append(&blocks[..1]).unwrap();
    ledger.apply().unwrap();
    let newer = ledger.view().unwrap();
    // The ledger has got past the first of them meanwhile.
    assert_eq!(
        last(&newer.with_pending(&batches).unwrap()),
        (5, "4".to_owned())
    );
    assert_eq!(last(newer.state()), (3, "2".to_owned()));
    assert_eq!(last(view.state()), (2, "1".to_owned()));
    assert!(view.with_pending(&batches[1..]).is_err());
}

#[test]
fn the_gap_is_replayed_in_groups() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 3);
    ledger.apply().unwrap();
    for _ in 0..10 {
        append(&ledger, 7);
    }
    drop(ledger);
    let mut progress = Vec::new();
    let ledger = Ledger::open(dir.path(), &channel(), &options(), &replay, &mut |step| {
        progress.push((step.done, step.total));
    });
    let ledger = ledger.unwrap();
    assert_eq!(progress, [(64, 70), (70, 70)]);
    assert_eq!(ledger.info().unwrap().state_height, 73);
    check_view(&ledger.view().unwrap());
}

#[test]
fn a_full_overlay_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    for _ in 0..OVERLAY_BLOCKS_MAX / 16 {
        append(&ledger, 16);
    }
    assert_eq!(ledger.info().unwrap().state_height, 0);
    append(&ledger, 1);
    assert_eq!(
        ledger.info().unwrap().state_height,
        OVERLAY_BLOCKS_MAX as u64
    );
    check_view(&ledger.view().unwrap());
}

#[test]
fn rebuilding_gives_the_same_state() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 30);
    ledger.apply().unwrap();
    append(&ledger, 5);
    let info = ledger.info().unwrap();
    drop(ledger);
    let ledger = Ledger::rebuild(dir.path(), &channel(), &options(), &replay, &mut |_| {}).unwrap();
    assert_eq!(
        ledger.info().unwrap(),
        LedgerInfo {
            state_height: 35,
            ..info
        }
    );
    check_view(&ledger.view().unwrap());
    append(&ledger, 1);
    drop(ledger);
    std::fs::remove_dir_all(dir.path().join("ch/state")).unwrap();
    check_view(&open(dir.path()).unwrap().view().unwrap());
}

#[test]
fn without_history_the_rest_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let options = LedgerOptions {
        history: false,
        ..options()
    };
    let ledger = open_with(dir.path(), &options).unwrap();
    append(&ledger, 2);
    ledger.apply().unwrap();
    let view = ledger.view().unwrap();
    let mut count = 0;
    let visit = &mut |_| {
        count += 1;
        true
    };
    view.history(CC, b"log", visit).unwrap();
    assert_eq!(count, 0);
    assert!(
        view.get(NamespaceRef::public(CC), b"log")
            .unwrap()
            .is_some()
    );
}

#[test]
fn blocks_can_be_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    let blocks = next_blocks(&ledger, 1);
    ledger.append(&blocks).unwrap();
    let block = ledger
        .view()
        .unwrap()
        .block(BlockNumber(0))
        .unwrap()
        .unwrap();
    let bytes = Bytes::from_owner(block.clone());
    drop((block, ledger));
    assert_eq!(bytes, blocks[0].payload.concat());
}

#[test]
fn verify_finds_nothing_wrong_with_a_good_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 40);
    let header_hash = ledger.info().unwrap().header_hash;
    let storage = options().storage;
    let verify = || verify(&storage, dir.path(), &channel(), &mut |_| {});
    assert!(matches!(verify().unwrap_err(), Error::Locked { .. }));
    drop(ledger);
    assert_eq!(
        verify().unwrap(),
        Verified {
            blocks: 40,
            header_hash,
            torn_bytes: 0
        }
    );
}
