//! A case for every validation code, and for every way in which a transaction can be malformed.

use serde_json::{Value, json};

use super::*;
use crate::testing::kit::Wire;
use crate::types::ValidationCode;

/// Makes a transaction with a certain code; the kind of its reason.
type Case = (fn(&mut Play) -> Vec<u8>, &'static str);

fn structure(make: fn(&mut Play) -> Vec<u8>) -> Result<Case, &'static str> {
    Ok((make, "structure"))
}

fn edited(play: &Play, edit: impl FnOnce(&mut Transaction<'_>)) -> Vec<u8> {
    write(play).with(edit).envelope()
}

/// The case of a code, or why there is none. A new code does not compile until it has one.
fn case(code: ValidationCode) -> Result<Case, &'static str> {
    use ValidationCode as V;
    match code {
        V::Valid => Ok((|play| edited(play, |_| {}), "valid")),
        V::BadPayload => structure(|play| edited(play, |tx| tx.raw.payload = Some(vec![0xff]))),
        V::BadCommonHeader => structure(|play| edited(play, |tx| tx.epoch = 1)),
        V::BadCreatorSignature => Ok((
            |play| edited(play, |tx| tx.raw.signature = Some(vec![1])),
            "creator",
        )),
        V::InvalidEndorserTransaction => {
            structure(|play| edited(play, |tx| tx.raw.proposal_hash = Some(vec![1])))
        }
        V::InvalidConfigTransaction => structure(|play| {
            edited(play, |tx| {
                tx.header_type = 1;
                tx.raw.data = Some(Vec::new());
            })
        }),
        V::UnsupportedTxPayload => structure(|play| edited(play, |tx| tx.header_type = 2)),
        V::BadProposalTxid => structure(|play| edited(play, |tx| tx.id = Some("wrong".to_owned()))),
        V::DuplicateTxid => Ok((duplicate, "duplicate")),
        V::EndorsementPolicyFailure => {
            Ok((|play| write(play).endorsed_by([]).envelope(), "policy"))
        }
        V::MvccReadConflict => Ok((
            |play| play.tx("cc", [ns("cc").read("k", (9, 9))]).envelope(),
            "read_conflict",
        )),
        V::PhantomReadConflict => Ok((conflicts::phantom, "phantom")),
        V::ExpiredChaincode => Err("tests of the old rules have it"),
        V::ChaincodeVersionConflict => Err("tests of the old rules have it"),
        V::BadHeaderExtension => {
            structure(|play| edited(play, |tx| tx.raw.header_extension = Some(vec![0xff])))
        }
        V::BadResponsePayload => {
            structure(|play| edited(play, |tx| tx.raw.action = Some(vec![0xff])))
        }
        V::BadRwset => structure(|play| edited(play, |tx| tx.raw.results = Some(vec![0xff]))),
        V::IllegalWriteset => Ok((
            |play| play.tx("cc", [ns("cc"), ns("cc")]).envelope(),
            "namespace_twice",
        )),
        V::InvalidChaincode => Ok((
            |play| play.tx("none", [ns("none").write("k", "1")]).envelope(),
            "not_defined",
        )),
        V::InvalidOtherReason => {
            structure(|play| edited(play, |tx| tx.raw.header_extension = Some(Vec::new())))
        }
        V::NilEnvelope
        | V::UnknownTxType
        | V::TargetChainNotFound
        | V::MarshalTxError
        | V::NilTxaction
        | V::BadChannelHeader => Err("no bytes on the wire lead to it"),
        V::InvalidWriteset => Err("only peers with CouchDB say it"),
        V::NotValidated => Err("never committed"),
    }
}

fn duplicate(play: &mut Play) -> Vec<u8> {
    let first = write(play);
    let again = write(play).with(|tx| tx.nonce.clone_from(&first.nonce));
    let (first, again) = (first.envelope(), again.envelope());
    play.commit([first]).unwrap();
    again
}

#[test]
fn every_code_has_its_reason() {
    let mut play = channel(1, peer("Org1"));
    for code in ValidationCode::ALL {
        let Ok((make, kind)) = case(*code) else {
            continue;
        };
        let envelope = make(&mut play);
        let found = explain_one(&mut play, envelope);
        assert_eq!(found["code"], code.number(), "{found:#}");
        assert_eq!(found["code_name"], code.name());
        assert_eq!(found["reason"]["kind"], kind, "{found:#}");
    }
}

#[test]
fn codes_without_a_case_never_come_from_a_peer_like_this() {
    let without = ValidationCode::ALL
        .iter()
        .filter(|code| case(**code).is_err());
    let numbers: Vec<u8> = without.map(|code| code.number()).collect();
    assert_eq!(numbers, [1, 13, 14, 15, 16, 17, 18, 20, 24, 254]);
}

#[test]
fn malformed_parts_are_named() {
    let truncated = json!("truncated");
    let undecodable = |part: &str| json!({"kind": "structure", "flaw": "undecodable", "part": part, "error": truncated});
    let missing = |part: &str| json!({"kind": "structure", "flaw": "missing", "part": part});
    type Edit = fn(&mut Transaction<'_>);
    let cases: [(Edit, u8, Value); 12] = [
        (
            |tx| tx.raw.payload = Some(vec![0x0a, 9]),
            2,
            undecodable("payload"),
        ),
        (
            |tx| tx.raw.channel_header = Some(vec![0x0a, 9]),
            3,
            undecodable("channel_header"),
        ),
        (
            |tx| tx.raw.signature_header = Some(vec![0x0a, 9]),
            3,
            undecodable("signature_header"),
        ),
        (|tx| tx.nonce.clear(), 3, missing("nonce")),
        (
            |tx| tx.header_type = 99,
            3,
            json!({"kind": "structure", "flaw": "header_type", "found": 99}),
        ),
        (
            |tx| tx.epoch = 7,
            3,
            json!({"kind": "structure", "flaw": "epoch", "found": 7}),
        ),
        (
            |tx| tx.raw.data = Some(vec![0x0a, 9]),
            5,
            undecodable("transaction"),
        ),
        (
            |tx| tx.raw.data = Some([0x0a, 0].repeat(2)),
            5,
            json!({"kind": "structure", "flaw": "action_count", "found": 2}),
        ),
        (
            |tx| tx.raw.proposal_response_payload = Some(vec![0x0a, 9]),
            5,
            undecodable("proposal_response"),
        ),
        (
            |tx| tx.raw.action = Some(Vec::new()),
            21,
            missing("chaincode_action"),
        ),
        (
            |tx| tx.raw.results = Some(vec![0x0a, 9]),
            22,
            undecodable("read_write_set"),
        ),
        (
            |tx| tx.raw.header_extension = Some(vec![0x0a, 9]),
            19,
            undecodable("header_extension"),
        ),
    ];
    let mut play = channel(1, peer("Org1"));
    let envelopes: Vec<_> = cases.iter().map(|case| edited(&play, case.0)).collect();
    let all = explain_block(&mut play, envelopes);
    for (found, (_, code, reason)) in all.iter().zip(cases) {
        check_reason(found, code, &reason);
    }
}

#[test]
fn wrong_hashes_come_with_the_right_ones() {
    let mut play = channel(1, peer("Org1"));
    let tx = write(&play);
    let (id, hash) = (tx.tx_id(), tx.proposal_hash());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let wrong_id = tx.clone().with(|tx| tx.id = Some("wrong".to_owned()));
    let wrong_hash = tx.with(|tx| tx.raw.proposal_hash = Some(vec![1]));
    let envelopes = [wrong_id.envelope(), wrong_hash.envelope()];
    let all = explain_block(&mut play, envelopes);
    let reason = json!({"kind": "structure", "flaw": "tx_id", "computed": id});
    check_reason(&all[0], 8, &reason);
    let reason = json!({
        "kind": "structure", "flaw": "proposal_hash", "computed": hash, "found": {"bytes": 1},
    });
    check_reason(&all[1], 5, &reason);
}

#[test]
fn creators_are_refused_for_a_reason() {
    let mut play = channel(1, peer("Org1"));
    let org = play.network.orgs[0].clone();
    let stranger = Identity::new("NoMSP", b"x", Arc::clone(org.client.signer()));
    let two_roles = org
        .organization
        .enroll_with("odd", &["peer", "client"], |_| {});
    let forger = forged(&org.client);
    let by = |creator: &Identity| write(&play).with(|tx| tx.creator = creator).envelope();
    let envelopes = [
        edited(&play, |tx| tx.channel = "other".to_owned()),
        by(&stranger),
        by(&two_roles),
        by(&forger),
    ];
    let all = explain_block(&mut play, envelopes);
    let expected = [
        json!({"problem": "other_channel", "found": "other"}),
        json!({"problem": "not_an_identity", "error": {"unknown_msp": {"msp_id": "NoMSP"}}}),
        json!({"problem": "invalid", "rule": "several_roles"}),
        json!({"problem": "bad_signature", "signature": "does_not_verify"}),
    ];
    for (found, problem) in all.iter().zip(expected) {
        check_reason(found, 4, &json!({"kind": "creator", "problem": problem}));
    }
    assert_eq!(all[1]["creator"]["msp_id"], "NoMSP");
    assert_eq!(all[3]["creator"]["name"], "user1.Org1");
    assert_eq!(all[3]["creator"]["units"], json!(["client"]));
}

#[test]
fn duplicates_name_the_earlier_transaction() {
    let mut play = channel(1, peer("Org1"));
    let first = write(&play);
    let again = || {
        write(&play)
            .with(|tx| tx.nonce.clone_from(&first.nonce))
            .envelope()
    };
    // The one that is refused does not reserve the id in its block.
    let refused = write(&play)
        .endorsed_by([])
        .with(|tx| tx.nonce.clone_from(&first.nonce));
    let id = first.tx_id();
    let blocks = [
        vec![refused.envelope(), again(), again()],
        vec![edited(&play, |_| {}), again()],
    ];
    let [one, two] = blocks;
    let all = explain_block(&mut play, one);
    assert_eq!(all[0]["code"], 10);
    assert_eq!(all[1]["code"], 0);
    let earlier = |block: u64, tx: u64| json!({"kind": "duplicate", "earlier": {"block": block, "tx": tx, "txid": id}});
    check_reason(&all[2], 9, &earlier(2, 1));
    let all = explain_block(&mut play, two);
    // In the ledger, whatever carried the id first counts.
    check_reason(&all[1], 9, &earlier(2, 0));
}

#[test]
fn chaincodes_and_events_are_refused_for_a_reason() {
    let mut play = channel(1, peer("Org1"));
    define(
        &mut play,
        &ChaincodeDefinition::new("noplug").with(|cc| cc.plugin = String::new()),
    );
    define(
        &mut play,
        &ChaincodeDefinition::new("nopol").with(|cc| cc.policy = Vec::new()),
    );
    let id = |name: &str, version: &str| Wire::new().bytes(2, name).bytes(3, version).done();
    let event = |name: &str| Some(Wire::new().bytes(1, name).done());
    let envelopes = [
        edited(&play, |tx| {
            tx.raw.action_chaincode_id = Some(id("other", "1"))
        }),
        edited(&play, |tx| tx.version.clear()),
        edited(&play, |tx| tx.event = event("other")),
        edited(&play, |tx| tx.event = Some(vec![0xff])),
        play.tx("none", [ns("none").write("k", "1")]).envelope(),
        play.tx("cc", [ns("cc").write("k", "1"), ns("none").write("k", "1")])
            .envelope(),
        play.tx("noplug", [ns("noplug").write("k", "1")]).envelope(),
        play.tx("nopol", [ns("nopol").write("k", "1")]).envelope(),
        play.tx("cc", [ns("cc").write("k", "1"), ns("odd"), ns("odd")])
            .envelope(),
    ];
    let undefined = |chaincode: &str, problem: &str| json!({"kind": "not_defined", "chaincode": chaincode, "problem": problem});
    let name = |problem: Value| json!({"kind": "chaincode_name", "problem": problem});
    let expected = [
        (
            25,
            name(json!({"problem": "differs", "header": "cc", "action": "other"})),
        ),
        (25, name(json!({"problem": "no_version"}))),
        (
            255,
            json!({"kind": "event", "problem": {"problem": "other_chaincode", "expected": "cc"}}),
        ),
        (
            255,
            json!({"kind": "event", "problem": {"problem": "undecodable"}}),
        ),
        (25, undefined("none", "missing")),
        (25, undefined("none", "missing")),
        (25, undefined("noplug", "no_plugin")),
        (25, undefined("nopol", "no_policy")),
        (23, json!({"kind": "namespace_twice", "namespace": "odd"})),
    ];
    let all = explain_block(&mut play, envelopes);
    for (found, (code, reason)) in all.iter().zip(expected) {
        check_reason(found, code, &reason);
    }
}
