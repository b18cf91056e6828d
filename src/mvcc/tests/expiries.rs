//! Block-to-live: what is scheduled, what goes, what stays. Collection `brief` lives for 2 blocks.

use super::*;
use crate::ledger::Expiry;

const BRIEF: NamespaceRef<'_> = NamespaceRef {
    name: "cc",
    collection: Some("brief"),
};

fn brief(key: &'static str, value: &'static str) -> RwSet<'static> {
    let hashed_writes = vec![hashed_put(key, value)];
    in_collection(
        "brief",
        CollectionRwSet {
            hashed_writes,
            ..CollectionRwSet::default()
        },
    )
}

/// `k` or another key of `brief`, as block `written` schedules it.
fn expiry(written: u64, key: &str) -> Expiry {
    let namespace = BRIEF.to_owned();
    let at = BlockNumber(written + 3);
    Expiry {
        at,
        written: BlockNumber(written),
        namespace,
        key: key.as_bytes().into(),
    }
}

/// A state with `k` of `brief`, last written in `block`, and candidates for [`BLOCK`].
fn written_in(block: u64, candidates: &[&str]) -> MemoryState {
    let mut state = MemoryState::default();
    state.put_at(BRIEF, b"k", b"v", b"", Version { block, tx: 0 });
    state.expiries = candidates
        .iter()
        .map(|key| expiry(BLOCK.0 - 3, key))
        .collect();
    state
}

fn expired(batch: &UpdateBatch) -> Vec<&[u8]> {
    let updates = batch.namespaces.iter().flat_map(|found| &found.updates);
    let gone = updates.filter(|update| update.effect == Effect::Expire);
    gone.map(|update| &*update.key).collect()
}

#[test]
fn a_put_is_scheduled_for_block_plus_life_plus_one() {
    let batch = check(&MemoryState::default(), &[brief("k", "v")], &[0]);
    assert_eq!(batch.expiries, [expiry(BLOCK.0, "k")]);
    let forever = check(
        &MemoryState::default(),
        &[hashed_writes([hashed_put("k", "v")])],
        &[0],
    );
    assert_eq!(forever.expiries, []);
    let deleted = in_collection(
        "brief",
        CollectionRwSet {
            hashed_writes: vec![hashed_delete("k")],
            ..CollectionRwSet::default()
        },
    );
    let batch = check(
        &MemoryState::default(),
        &[brief("k", "v"), deleted],
        &[0, 0],
    );
    assert_eq!(batch.expiries, []);
}

#[test]
fn f23_metadata_writes_restart_the_life() {
    let metadata_writes = vec![hashed_metadata("k", "m")];
    let metadata = in_collection(
        "brief",
        CollectionRwSet {
            metadata_writes,
            ..CollectionRwSet::default()
        },
    );
    let batch = check(&written_in(4, &["k"]), &[metadata], &[0]);
    assert_eq!(expired(&batch), [b""; 0]);
    assert_eq!(batch.expiries, [expiry(BLOCK.0, "k")]);
}

#[test]
fn f23_a_key_goes_with_its_block_and_its_block_still_reads_it() {
    let hashed_reads = vec![hashed_read("k", Some((4, 0)))];
    let read = in_collection(
        "brief",
        CollectionRwSet {
            hashed_reads,
            ..CollectionRwSet::default()
        },
    );
    let mut state = written_in(4, &["k"]);
    let batch = check(&state, std::slice::from_ref(&read), &[0]);
    assert_eq!(expired(&batch), [b"k"]);
    assert_eq!(batch.history, []);
    assert_eq!(
        commit_hash(None, &[0], &batch),
        commit_hash(None, &[0], &UpdateBatch::default())
    );
    state.apply(&batch);
    check(&state, &[read], &[11]);
}

#[test]
fn a_key_stays_that_was_written_again_or_is_touched_now() {
    let nothing = &[RwSet::default()];
    assert_eq!(
        expired(&check(&written_in(5, &["k"]), nothing, &[0])),
        [b""; 0]
    );
    assert_eq!(
        expired(&check(&written_in(4, &["absent"]), nothing, &[0])),
        [b""; 0]
    );
    assert_eq!(
        expired(&check(&written_in(4, &[]), nothing, &[0])),
        [b""; 0]
    );
    let again = check(&written_in(4, &["k"]), &[brief("k", "w")], &[0]);
    check_effect(&again, BRIEF, "k", Some((0, Some(("w", "")))));
    assert_eq!(again.expiries, [expiry(BLOCK.0, "k")]);
    // Another key's write does not save it; a doubled candidate goes once.
    let other = check(&written_in(4, &["k", "k"]), &[brief("j", "w")], &[0]);
    assert_eq!(expired(&other), [b"k"]);
    check_effect(&other, BRIEF, "j", Some((0, Some(("w", "")))));
}

#[test]
fn e37_a_key_of_block_100_with_life_10_is_gone_in_block_112() {
    let lives: Lives = [(("cc", "ten"), 10)].into();
    let ten = NamespaceRef::hashed("cc", "ten");
    let mut state = MemoryState::default();
    let write = [in_collection(
        "ten",
        CollectionRwSet {
            hashed_writes: vec![hashed_put("k", "v")],
            ..CollectionRwSet::default()
        },
    )];
    let read = [in_collection(
        "ten",
        CollectionRwSet {
            hashed_reads: vec![hashed_read("k", Some((100, 0)))],
            ..CollectionRwSet::default()
        },
    )];
    let written = fold_block(
        BlockNumber(100),
        &inputs(&write),
        &Prefetched::default(),
        &state,
        &lives,
    );
    state.apply(&written.unwrap().batch);
    for (block, code) in [(110, 0), (111, 0), (112, 11)] {
        let block = BlockNumber(block);
        let folded = fold_block(
            block,
            &inputs(&read),
            &Prefetched::default(),
            &state,
            &lives,
        );
        let folded = folded.unwrap();
        assert_eq!(folded.codes[0].1.number(), code, "{block}");
        state.apply(&folded.batch);
    }
    assert!(!state.namespaces.contains_key(&ten.to_owned()));
}

#[test]
fn lives_beyond_the_last_block_are_for_ever() {
    use crate::mvcc::expiry::expiring_block;
    let check = |block, blocks, expected: Option<u64>| {
        assert_eq!(
            expiring_block(BlockNumber(block), blocks),
            expected.map(BlockNumber)
        );
    };
    check(7, 0, None);
    check(7, 1, Some(9));
    check(7, u64::MAX, None);
    check(7, u64::MAX - 7, None);
    check(7, u64::MAX - 8, None); // the last block is Fabric's word for never
    check(7, u64::MAX - 9, Some(u64::MAX - 1));
}

#[test]
fn the_life_that_counts_is_that_of_the_write() {
    // The collection lives longer now, or is defined no more.
    for lives in [[(("cc", "brief"), 9)].into(), Lives::default()] {
        let state = written_in(4, &["k"]);
        let folded = fold_block(BLOCK, &[], &Prefetched::default(), &state, &lives).unwrap();
        assert_eq!(expired(&folded.batch), [b"k"]);
    }
    // Of two candidates for one key, the one that wrote what is there.
    let mut state = written_in(5, &["k"]);
    state.expiries.push(Expiry {
        at: BLOCK,
        ..expiry(5, "k")
    });
    assert_eq!(expired(&check(&state, &[], &[])), [b"k"]);
}
