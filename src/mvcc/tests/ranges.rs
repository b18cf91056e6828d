//! Ranges: what they contain, how they end, what the block does to them.

use super::*;

/// Folds one range after `before`, on a state with `a`, `b` and `d` at (3, 0), (3, 1) and (3, 3).
#[track_caller]
fn check_range(before: RwSet<'static>, query: RangeQueryInfo<'static>, code: u8) {
    let state = state([
        ("a", "v", "", (3, 0)),
        ("b", "v", "", (3, 1)),
        ("d", "v", "", (3, 3)),
    ]);
    check(&state, &[before, ranges([query])], &[0, code]);
}

fn a() -> KvRead<'static> {
    read("a", Some((3, 0)))
}

fn b() -> KvRead<'static> {
    read("b", Some((3, 1)))
}

fn d() -> KvRead<'static> {
    read("d", Some((3, 3)))
}

#[test]
fn a_range_holds_where_it_gives_the_same_keys_and_versions() {
    let check = |query, code| check_range(RwSet::default(), query, code);
    check(raw_range("a", "e", true, [a(), b(), d()]), 0);
    check(raw_range("", "", true, [a(), b(), d()]), 0);
    check(raw_range("aa", "d", true, [b()]), 0);
    check(raw_range("e", "f", true, []), 0);
    check(raw_range("a", "e", true, [a(), b()]), 12);
    check(raw_range("a", "e", true, [a(), d()]), 12);
    check(raw_range("a", "e", true, [b(), a(), d()]), 12);
    check(raw_range("a", "e", true, [a(), b(), d(), d()]), 12);
    check(
        raw_range("a", "e", true, [a(), read("b", Some((3, 2))), d()]),
        12,
    );
    check(raw_range("e", "f", true, [a()]), 12);
}

#[test]
fn neither_member_set_is_a_range_without_results() {
    let unset = |start_key, end_key| RangeQueryInfo {
        start_key,
        end_key,
        itr_exhausted: true,
        reads_info: ReadsInfo::Unset,
    };
    check_range(RwSet::default(), unset("e", "f"), 0);
    check_range(RwSet::default(), unset("a", "f"), 12);
}

#[test]
fn e33_an_unfinished_range_includes_its_end_and_nothing_after() {
    let unfinished = || raw_range("a", "b", false, [a(), b()]);
    check_range(RwSet::default(), unfinished(), 0);
    check_range(writes([put("aa", "v")]), unfinished(), 12);
    check_range(writes([put("c", "v")]), unfinished(), 0);
    check_range(writes([put("b", "v")]), unfinished(), 12);
    check_range(writes([delete("b")]), unfinished(), 12);
    check_range(writes([put("d", "w")]), unfinished(), 0);
    let finished = || raw_range("a", "b", true, [a()]);
    check_range(RwSet::default(), finished(), 0);
    check_range(writes([put("aa", "v")]), finished(), 12);
    check_range(writes([put("b", "w")]), finished(), 0);
}

#[test]
fn f22_an_unfinished_range_looks_its_end_up_once() {
    let check = |query, code| check_range(RwSet::default(), query, code);
    check(raw_range("a", "c", false, [a(), b()]), 0); // the end does not exist
    check(raw_range("b", "a", false, [a()]), 0); // the end is before the start
    check(raw_range("b", "a", true, []), 0);
    check(raw_range("b", "b", false, [b()]), 0);
    check(raw_range("b", "b", true, []), 0);
    check(raw_range("a", "", false, [a(), b(), d()]), 0); // without bound; no key is empty
    // An empty key comes first, and again at the end.
    let state = state([("", "v", "", (3, 0)), ("a", "v", "", (3, 1))]);
    let (empty, a) = (|| read("", Some((3, 0))), || read("a", Some((3, 1))));
    let twice = ranges([raw_range("", "", false, [empty(), a(), empty()])]);
    let once = ranges([raw_range("", "", false, [empty(), a()])]);
    super::check(&state, &[twice, once], &[0, 12]);
}

#[test]
fn e34_what_the_block_did_to_a_range_counts() {
    let range = || raw_range("a", "e", true, [a(), b(), d()]);
    check_range(writes([delete("b")]), range(), 12);
    check_range(writes([put("c", "v")]), range(), 12);
    check_range(writes([put("b", "v")]), range(), 12);
    check_range(metadata([new_metadata("b", "m")]), range(), 12);
    check_range(writes([delete("c")]), range(), 0); // it was never there
    check_range(writes([put("e", "v"), put("", "v")]), range(), 0);
    // What was recorded may be the block's own result.
    check_range(
        writes([delete("b")]),
        raw_range("a", "e", true, [a(), d()]),
        0,
    );
    let c = || read("c", Some((7, 0)));
    check_range(
        writes([put("c", "v")]),
        raw_range("a", "e", true, [a(), b(), c(), d()]),
        0,
    );
    check_range(
        writes([put("c", "v")]),
        raw_range("c", "c", false, [c()]),
        0,
    );
    check_range(
        writes([put("z", "v")]),
        raw_range("e", "", true, [read("z", Some((7, 0)))]),
        0,
    );
}

#[test]
fn ranges_follow_the_block_from_one_transaction_to_the_next() {
    let state = state([("a", "v", "", (3, 0))]);
    let range = |results: &[KvRead<'static>]| {
        let reads_info = ReadsInfo::Raw(QueryReads {
            kv_reads: results.to_vec(),
        });
        ranges([RangeQueryInfo {
            itr_exhausted: true,
            reads_info,
            ..RangeQueryInfo::default()
        }])
    };
    let (new_a, b) = (read("a", Some((7, 1))), read("b", Some((7, 3))));
    let txs = [
        range(&[a()]),
        writes([put("a", "w")]),
        range(std::slice::from_ref(&new_a)),
        writes([put("b", "v")]),
        range(&[new_a.clone(), b.clone()]),
        writes([delete("a")]),
        range(std::slice::from_ref(&b)),
        writes([put("c", "v"), delete("c")]),
        range(&[b]),
    ];
    check(&state, &txs, &[0; 9]);
}

#[test]
fn a_recorded_read_without_version_never_matches() {
    let query = || raw_range("a", "b", true, [read("a", None)]);
    check_range(RwSet::default(), query(), 12);
    check_range(writes([delete("a")]), query(), 12);
}

#[test]
fn several_ranges_are_checked_in_order_until_one_fails() {
    let state = state([("a", "v", "", (3, 0))]);
    let good = || raw_range("", "", true, [a()]);
    check(&state, &[ranges([good(), good()])], &[0]);
    check(
        &state,
        &[ranges([good(), raw_range("", "", true, [])])],
        &[12],
    );
    // A range that stops the channel, behind one that fails, is not reached.
    let stops = || RangeQueryInfo {
        reads_info: ReadsInfo::Merkle(Default::default()),
        ..RangeQueryInfo::default()
    };
    check(
        &state,
        &[ranges([raw_range("", "", true, []), stops()])],
        &[12],
    );
}
