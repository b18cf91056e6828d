//! The forty edge cases (E) and the observations on a real peer (F) by name: each with transactions of
//! the corpora that show it, and the code that a real Fabric peer gave them.
//!
//! Where an edge case has no transaction in the corpora, the unit test of its name has it; the list at
//! the end names every number and where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::support::{corpus, corpus_file, succeed};

/// Case to the codes that heddle gives its transactions, by corpus.
fn codes_by_case(name: &'static str, channel: &str) -> BTreeMap<String, BTreeSet<u64>> {
    let data = tempfile::tempdir().expect("a directory");
    let source = corpus_file(name, "blocks.pb.zst");
    succeed(
        "import",
        data.path(),
        channel,
        &[source.to_str().expect("UTF-8")],
    );
    let exported = succeed("export", data.path(), channel, &["--codes"]);
    let mut codes = BTreeMap::new();
    for line in String::from_utf8(exported).expect("UTF-8").lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if let (Some(block), Some(tx)) = (line["block"].as_u64(), line["tx"].as_u64()) {
            codes.insert((block, tx), line["code"].as_u64().expect("a number"));
        }
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&corpus(name, "manifest.json")).expect("JSON");
    let mut by_case: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for case in manifest["cases"].as_array().expect("cases") {
        let number = |name: &str| case[name].as_u64().expect("a number");
        let code = codes[&(number("block"), number("tx"))];
        let name = case["case"].as_str().expect("a name").to_owned();
        by_case.entry(name).or_default().insert(code);
    }
    by_case
}

fn check(corpus: &str, case: &str, code: u64) {
    type Cases = BTreeMap<String, BTreeSet<u64>>;
    static BASIC: OnceLock<Cases> = OnceLock::new();
    static KEYLEVEL: OnceLock<Cases> = OnceLock::new();
    static ED: OnceLock<Cases> = OnceLock::new();
    static CONFIG: OnceLock<Cases> = OnceLock::new();
    let cases = match corpus {
        "basic" => BASIC.get_or_init(|| codes_by_case("crafted-basic", "basic")),
        "keylevel" => KEYLEVEL.get_or_init(|| codes_by_case("crafted-keylevel", "keylevel")),
        "ed" => ED.get_or_init(|| codes_by_case("crafted-ed25519", "ed")),
        _ => CONFIG.get_or_init(|| codes_by_case("crafted-config", "config")),
    };
    let found = cases
        .get(case)
        .unwrap_or_else(|| panic!("the corpus has no case {case}"));
    assert_eq!(found, &BTreeSet::from([code]), "{corpus}: {case}");
}

macro_rules! cases {
    ($( $name:ident $corpus:literal { $( $case:literal $code:literal ),* $(,)? } )*) => { $(
        #[test]
        fn $name() {
            $( check($corpus, $case, $code); )*
        }
    )* };
}

cases! {
    e1_a_gate_goes_on_after_it_is_satisfied "basic" {
        "policy/greedy/gate-does-not-stop-at-n" 0, "policy/nest/and-eats-org2-peer-member-left-none" 10,
    }
    e2_first_fit_without_backtracking "basic" {
        "policy/order/member-first-takes-the-peer" 10, "policy/order/user-first" 0,
        "policy/order2/peer-principal-first" 0,
    }
    e3_a_failed_branch_gives_back_what_it_took "basic" {
        "policy/nest/and+member" 0, "policy/nest/and-half" 10,
    }
    e4_an_identity_counts_once "basic" {
        "endorse/same-identity-twice-2of3" 10, "endorse/same-cert-two-serialisations" 10,
        "endorse/cert/signature-high-s-and-low-s-are-one-identity" 10,
        "endorse/bad-sig-first-then-good-of-same-identity" 0,
    }
    e5_garbage_beside_enough_is_ignored "basic" { "endorse/one-unparsable-plus-enough-good" 0 }
    e6_a_threshold_of_zero "basic" {
        "policy/zero/no-endorsements" 0, "policy/neg/no-endorsements" 0, "policy/index-out-of-range" 10,
    }
    e7_the_version_of_a_chaincode_policy "basic" { "policy/version-1-envelope" 0 }
    e9_whose_policy_guards_a_write "keylevel" {
        "private/klpv2/collection-policy-instead-of-chaincode-policy" 0,
        "keylevel/key-policy-replaces-chaincode-policy" 0,
        "private/klpv2/only-hashed-read-needs-chaincode-policy" 10,
    }
    e10_chaincode_calls_chaincode "basic" {
        "rwset/read-only-other-namespace-policy-does-not-count" 0,
        "rwset/written-other-namespace-policy-counts" 10,
        "rwset/called-chaincode-policy-counts-though-not-written" 10,
    }
    e11_an_approval_needs_its_organization_only "keylevel" {
        "private/lifecycle-approval-by-one-org" 0, "private/lifecycle-approval-by-wrong-org" 10,
    }
    e12_collections_that_do_not_exist "keylevel" {
        "private/implicit/no-such-org" 10, "private/implicit/orderer-org" 10,
    }
    e13_definitions_of_the_block_before "basic" {
        "policy/upgrade/same-block-old-policy-holds" 0, "policy/upgrade/same-block-new-org-fails" 10,
        "policy/upgrade/after-org1" 10, "policy/upgrade/after-org2" 0,
    }
    e14_a_key_policy_changed_in_the_same_block "keylevel" {
        "keylevel/inblock/write-after-change-all-met" 10,
        "keylevel/inblock/write-after-change-that-fails-mvcc" 10,
        "keylevel/inblock/write-after-change-of-duplicate" 10,
        "keylevel/inblock/write-before-change" 0, "keylevel/inblock/change-after-write" 0,
    }
    e15_a_change_that_fails_its_own_policy "keylevel" {
        "keylevel/inblock/invalid-change" 10, "keylevel/inblock/write-after-invalid-change" 0,
    }
    e16_a_deleted_key_has_no_policy "keylevel" {
        "keylevel/after/deleted-key-recreated-no-policy" 0,
        "keylevel/setup/policy-on-missing-key-is-dropped" 0, "keylevel/missing-key-has-no-policy" 0,
    }
    e17_an_empty_key_policy "keylevel" { "keylevel/entry-without-value-means-none" 0 }
    e18_a_key_policy_is_a_signature_policy "keylevel" {
        "keylevel/key-policy-met" 0, "keylevel/key-policy-not-met" 10,
    }
    e19_header_types "basic" {
        "malformed/header-type-2-config-update" 7,
        "malformed/header-type-2-config-update-bad-signature" 4, "malformed/header-type-0" 3,
        "malformed/header-type-4" 3, "malformed/header-type-6" 3,
    }
    e20_transaction_ids "basic" {
        "malformed/txid-upper-case" 8, "malformed/action-header-differs-but-hash-fits" 0,
    }
    e21_a_proposal_payload_that_was_not_endorsed "basic" { "malformed/proposal-payload-changed" 5 }
    e22_the_response_status_is_not_looked_at "basic" { "malformed/response-status-500" 0 }
    e23_events "basic" {
        "malformed/event-no-chaincode" 255, "malformed/event-other-chaincode" 255,
        "malformed/event-wrong-txid" 0,
    }
    e24_wrong_wire_types_are_unknown_fields "basic" {
        "proto/channel-header-epoch-wrong-wire-type" 0, "proto/kvread-version-wrong-wire-type" 0,
        "proto/payload-data-wrong-wire-type-appended" 0,
    }
    e25_a_namespace_twice "basic" {
        "rwset/duplicate-namespace" 23, "rwset/duplicate-empty-namespaces" 23,
        "malformed/bad-event-and-duplicate-namespace" 255,
    }
    e26_system_namespaces_are_undefined "basic" {
        "rwset/lscc-written" 25, "rwset/qscc-written" 25, "rwset/cscc-written" 25,
        "rwset/empty-namespace-written" 25,
    }
    e27_a_creator_of_the_orderers "basic" { "creator/orderer-as-creator" 0 }
    e28_every_stored_id_is_taken "basic" {
        "dup/next-block-of-bad-creator-signature" 9, "dup/next-block-of-policy-invalid" 9,
        "dup/next-block-of-squatted-id" 9, "dup/next-block-of-empty-txid" 9,
    }
    e29_duplicates_within_a_block "basic" {
        "dup/same-block-after-policy-invalid" 0, "dup/same-block-after-mvcc-invalid" 9,
        "dup/same-block-second" 9,
    }
    e30_reads_of_what_the_block_wrote "basic" {
        "mvcc/inblock/second-reads-same-version" 11, "mvcc/inblock/reads-key-of-invalid-writer" 0,
        "mvcc/inblock/read-old-of-just-deleted" 11,
    }
    e31_a_definition_that_changed_since "basic" { "mvcc/lifecycle-namespace-stale-read" 11 }
    e32_the_order_of_namespaces "basic" {
        "mvcc/phantom-before-mvcc-of-later-namespace" 12, "mvcc/mvcc-before-phantom" 11,
    }
    e33_the_end_of_a_range "basic" {
        "phantom/insert/raw/exhausted-false/inblock-false" 12,
        "phantom/insert-after-end/raw/exhausted-false/inblock-false" 0,
        "phantom/insert-at-end-key/raw/exhausted-true/inblock-false" 0,
        "phantom/insert-at-end-key/raw/exhausted-false/inblock-false" 12,
    }
    e34_ranges_over_what_the_block_wrote "basic" {
        "phantom/delete/raw/exhausted-true/inblock-true" 12,
        "phantom/insert/merkle2/exhausted-true/inblock-true" 12,
    }
    e35_an_empty_value_deletes "keylevel" {
        "private/value-hash-of-nothing-is-delete" 0, "private/mvcc/nil-of-empty-hash-write-ok" 0,
    }
    e36_a_metadata_write_bumps_the_version "keylevel" {
        "keylevel/inblock/read-after-change-is-mvcc" 11, "keylevel/version/stale-after-metadata-bump" 11,
        "keylevel/version/fresh-after-metadata-bump" 0,
    }
    e37_the_block_in_which_hashes_expire "keylevel" {
        "expiry/colT-plus3/read-original-version" 0, "expiry/colT-plus4/read-original-version" 11,
        "expiry/colT-plus4/read-nil" 0,
    }
    e38_certificates_and_time "basic" {
        "creator/expired" 0, "endorse/cert/expired-long-ago" 0, "endorse/cert/starts-before-its-ca" 10,
        "endorse/cert/eku-client-auth-only" 10,
    }
    e39_ecdsa_signatures "basic" {
        "creator/sig-high-s" 4, "creator/sig-trailing-bytes" 0,
        "endorse/sig-trailing-bytes-after-sequence" 0,
    }
    e40_exactly_one_role "basic" {
        "endorse/cert/two-roles" 10, "endorse/cert/same-role-twice" 10, "endorse/cert/no-ou" 10,
    }

    f3_time_is_not_the_clock "basic" {
        "endorse/cert/not-yet-valid" 0, "endorse/cert/starts-after-its-ca-ended" 10,
        "endorse/cert/ends-before-it-starts" 10,
    }
    f4_signature_encodings "basic" {
        "endorse/sig-third-integer-in-sequence" 0, "endorse/sig-long-form-length" 10,
        "endorse/sig-nonminimal-integer" 10, "endorse/sig-negative-r" 10, "endorse/sig-r-plus-n" 10,
        "endorse/cert/key-p224" 0, "endorse/cert/key-p384" 0, "endorse/cert/key-p521" 0,
        "endorse/cert/key-rsa" 10, "endorse/cert/key-ed25519-without-v3-capability" 10,
    }
    f5_high_s_certificates "basic" { "creator/cert-high-s" 0, "endorse/cert/signature-high-s" 0 }
    f6_key_usage "basic" {
        "endorse/cert/no-digital-signature-usage" 0, "endorse/cert/eku-any" 0,
        "endorse/cert/critical-unknown-extension" 10, "endorse/cert/noncritical-unknown-extension" 0,
    }
    f7_pem "basic" {
        "endorse/garbage-before-pem" 0, "endorse/garbage-after-pem" 0, "endorse/pem-type-other" 0,
        "endorse/pem-with-headers" 0, "endorse/two-pem-blocks-second-other" 0,
        "endorse/der-trailing-bytes-in-pem" 10, "endorse/der-instead-of-pem" 10,
    }
    f8_only_a_good_signature_counts_as_seen "basic" {
        "endorse/bad-sig-first-then-good-of-same-identity" 0,
        "endorse/good-sig-first-then-bad-of-same-identity" 0,
    }
    f11_nominal_identities_are_not_validated "ed" {
        "ed25519/self-signed-ed25519-nominal-policy" 0, "ed25519/self-signed-ecdsa-nominal-policy" 10,
        "ed25519/certificate-signature-broken-nominal-policy" 0,
    }
    f12_greedy_evaluation "basic" {
        "policy/greedy/member-takes-peer-so-and-fails" 0, "policy/greedy/only-two" 10,
        "policy/greedy/and-takes-org2" 0,
    }
    f13_an_organization_without_the_policy_counts "config" {
        "config-after-org2-endorsement-removed/ccdef-org1+2" 10,
        "config-after-org2-endorsement-removed/ccdef-all" 0,
    }
    f14_ed25519_as_go_has_it "ed" {
        "ed25519/endorser/s-plus-l" 10, "ed25519/endorser/r-identity-noncanonical-y" 10,
        "ed25519/endorser/key-identity-noncanonical-y" 0,
        "ed25519/endorser/key-identity-with-sign-bit" 0,
        "ed25519/endorser/key-order-8-k-divisible-by-8" 0,
        "ed25519/endorser/key-order-8-k-not-divisible-by-8" 10,
        "ed25519/endorser/key-and-r-mixed-order-torsion-cancels" 0,
    }
    f15_the_header_of_the_action "basic" {
        "malformed/action-header-differs-but-hash-fits" 0, "malformed/action-header-other-nonce" 5,
        "malformed/nonce-1-byte" 0,
    }
    f16_ids_in_the_ledger "basic" {
        "dup/next-block-of-mvcc-invalid" 9, "dup/squatting-on-an-id" 8,
        "dup/same-block-after-bad-creator-signature" 0,
    }
    f17_the_first_failure_counts "basic" {
        "malformed/bad-rwset-and-nil-chaincode-id" 22, "malformed/empty-name-and-bad-event" 25,
        "creator/bad-creator-and-bad-endorsement" 4, "malformed/bad-txid-and-no-actions" 8,
        "dup/next-block-dup-and-no-actions" 5, "dup/next-block-dup-and-no-endorsement" 9,
    }
    f18_protobuf_as_go_reads_it "basic" {
        "proto/payload-header-split-in-two-merged" 0, "proto/range-query-oneof-both-last-wins-merkle" 12,
        "proto/channel-header-type-as-64-bit-varint-truncates-to-3" 0,
        "proto/payload-deep-unknown-group-10001" 0, "proto/response-message-not-utf8" 21,
    }
    f19_a_key_written_more_than_once "basic" {
        "quirk/put-put-same-key" 0, "quirk/absent-put-put-same-key" 0, "quirk/put-x257-same-key" 0,
        "quirk/read-back-anchor" 0,
    }
    f20_a_put_after_a_delete_in_the_same_block "keylevel" {
        "keylevel/quirk/put-in-same-block-after-delete" 0, "keylevel/quirk/after/delblk-org1" 0,
    }
    f21_reads_of_what_is_not_there "basic" {
        "mvcc/inblock/read-nil-of-absent-after-delete" 11,
        "mvcc/absent-key-with-zero-version-message" 11,
        "mvcc/config-key-in-empty-namespace-read-0-0" 0,
    }
    f22_raw_or_merkle "basic" {
        "phantom/odd/merkle-for-too-few-results" 12, "phantom/odd/no-reads-info-empty-range" 0,
    }
    f23_hashes_expire_one_block_later "keylevel" {
        "expiry/colT/rewrite-in-expiry-block" 0, "expiry/colT-plus3/upd-read-nil" 11,
        "expiry/colT-plus5/md-read-nil" 0,
    }
    f24_a_change_counts_once_its_policy_held "keylevel" {
        "keylevel/inblock/two-changes-second-fails" 10, "keylevel/inblock/write-after-clear" 10,
        "private/keypolicy/inblock-write-after-change" 10,
    }
    f25_policies_of_collections "keylevel" {
        "private/colB/collection-policy-not-met" 10, "private/colC/policy-by-reference-met" 0,
        "private/mvcc/undefined-collection-nil-read-ok" 0,
    }
}

/// What is not a transaction's code in a corpus: where its test is, as `file:function`.
const ELSEWHERE: &[(&str, &str)] = &[
    ("e8", "src/policy/tests/trees.rs:fn e8_"),
    (
        "f1",
        "tests/conformance/main.rs:fn refused_and_deadly_blocks",
    ),
    (
        "f2",
        "tests/conformance/main.rs:fn refused_and_deadly_blocks",
    ),
    ("f9", "src/msp/tests/roles.rs"),
    ("f10", "src/msp/tests/identities.rs"),
    (
        "f26",
        "tests/conformance/main.rs:fn refused_and_deadly_blocks",
    ),
];

#[test]
fn every_number_has_its_test() {
    let here = include_str!("edge_cases.rs");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let numbers = (1..=40)
        .map(|n| format!("e{n}"))
        .chain((1..=26).map(|n| format!("f{n}")));
    for number in numbers {
        if here.contains(&format!("    {number}_")) {
            continue;
        }
        let place = ELSEWHERE.iter().find(|(known, _)| *known == number);
        let (_, place) = place.unwrap_or_else(|| panic!("{number} has no test"));
        let (path, function) = place.split_once(':').unwrap_or((place, ""));
        let path = root.join(path);
        assert!(path.exists(), "{number}: {}", path.display());
        if path.is_file() {
            let text = std::fs::read_to_string(&path).expect("text");
            assert!(text.contains(function), "{number}: {function} is gone");
        }
    }
}
