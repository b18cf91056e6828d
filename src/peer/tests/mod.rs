//! What a peer's services answer, and to whom: joining, `qscc`, the rules of the channel's configuration.

pub(crate) mod bed;

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use crate::host::{ChannelState, Denied, SignedData, unexpired};
use crate::ledger::Ledger;
use crate::peer::{LedgerFolder, PeerError};
use crate::proto::messages::common::BlockchainInfo;
use crate::proto::messages::protos::{ChaincodeAction, ProposalResponsePayload};
use crate::sys::clock::Clock as _;
use crate::testing::kit::{ChannelSpec, Network, NodeRole, Seed, set_capabilities};
use crate::testing::play::Play;
use crate::types::{BlockNumber, ChannelId};
use bed::{Bed, signing};

/// A network of two organizations, the chain that a play makes of it, and a peer that has joined.
fn joined() -> (Play, Bed) {
    let spec = ChannelSpec {
        channel: "bench".to_owned(),
        ..ChannelSpec::default()
    };
    let play = Play::new(Network::new(&Seed::new(1), 2, spec)).unwrap();
    let bed = Bed::new(&play.network);
    bed.peer.join(play.blocks[0].clone()).unwrap();
    (play, bed)
}

#[test]
fn nobody_joins_twice_and_only_admins_join() {
    let (play, mut bed) = joined();
    let org = &play.network.orgs[0];
    let admin = signing(&org.organization, &org.admin, "admin");
    let client = signing(&org.organization, &org.client, "user1");
    let genesis = play.blocks[0].clone();
    let (status, message) = bed.call(&admin, "cscc", &[b"JoinChain", &genesis]);
    let expected = "cannot create ledger from genesis block: ledger [bench] already exists with state \
                    [ACTIVE]";
    assert_eq!((status, message.as_str()), (500, expected));
    let (status, message) = bed.call(&client, "cscc", &[b"JoinChain", &genesis]);
    assert_eq!(status, 500);
    assert!(
        message.starts_with("access denied for [JoinChain]"),
        "{message}"
    );
    let (_, message) = bed.call(&admin, "cscc", &[b"JoinChain"]);
    assert_eq!(message, "Incorrect number of arguments, 1");
    let (_, message) = bed.call(&admin, "cscc", &[b"Other", b"x"]);
    assert_eq!(message, "Requested function Other not found.");
}

#[test]
fn questions_about_the_ledger_are_answered_as_fabric_answers() {
    let (play, mut bed) = joined();
    let org = &play.network.orgs[1];
    let client = signing(&org.organization, &org.client, "user1");
    let check = |bed: &mut Bed, arguments: &[&[u8]], expected: &str| {
        let (status, message) = bed.call(&client, "qscc", arguments);
        assert_eq!((status, message.as_str()), (500, expected));
    };
    check(
        &mut bed,
        &[b"GetChainInfo"],
        "Incorrect number of arguments, 1",
    );
    check(
        &mut bed,
        &[b"GetChainInfo", b"other"],
        "Invalid chain ID, other",
    );
    check(
        &mut bed,
        &[b"GetBlockByNumber", b"bench"],
        "missing 3rd argument for GetBlockByNumber",
    );
    check(
        &mut bed,
        &[b"GetBlockByNumber", b"bench", b"x1"],
        "Failed to parse block number with error strconv.ParseUint: parsing \"x1\": invalid syntax",
    );
    check(
        &mut bed,
        &[b"GetBlockByNumber", b"bench", b"7"],
        "Failed to get block number 7, error no such block number [7] in index",
    );
    check(
        &mut bed,
        &[b"GetTransactionByID", b"bench", b"id"],
        "Failed to get transaction with id id, error no such transaction ID [id] in index",
    );
    check(
        &mut bed,
        &[b"GetBlockByTxID", b"bench", b"id"],
        "Failed to get block for txID id, error no such transaction ID [id] in index",
    );
    check(
        &mut bed,
        &[b"GetBlockByHash", b"bench", b"ab"],
        "Failed to get block hash ab, error no such block hash [6162] in index",
    );
    // The largest number stands for the newest block.
    let newest = u64::MAX.to_string();
    let arguments: &[&[u8]] = &[b"GetBlockByNumber", b"bench", newest.as_bytes()];
    assert_eq!(bed.call(&client, "qscc", arguments).0, 200);
}

#[test]
fn answers_are_endorsed_and_have_no_read_write_set() {
    let (play, mut bed) = joined();
    let org = &play.network.orgs[1];
    let client = signing(&org.organization, &org.client, "user1");
    let ask = |bed: &mut Bed, arguments: &[&[u8]]| {
        let signed = bed.proposal(&client, "bench", "qscc", arguments);
        bed.process(signed).unwrap()
    };
    let action_of = |payload: &[u8]| {
        let payload = ProposalResponsePayload::decode(payload).unwrap();
        ChaincodeAction::decode(payload.extension.as_slice()).unwrap()
    };
    let answer = ask(&mut bed, &[b"GetChainInfo", b"bench"]);
    let response = answer.response.unwrap();
    let info = BlockchainInfo::decode(response.payload.as_slice()).unwrap();
    assert_eq!(info.height, 1);
    let action = action_of(&answer.payload);
    assert_eq!(action.response, Some(response));
    assert_eq!(action.results, Vec::<u8>::new());
    assert_eq!(action.chaincode_id.unwrap().version, "syscc");
    assert!(answer.endorsement.is_some());
    // What went wrong has a payload too, and nobody's endorsement.
    let answer = ask(&mut bed, &[b"GetBlockByNumber", b"bench", b"7"]);
    assert_eq!(action_of(&answer.payload).response, answer.response);
    assert!(answer.endorsement.is_none());
}

#[test]
fn proposals_are_refused_before_anything_is_called() {
    let (play, mut bed) = joined();
    let org = &play.network.orgs[0];
    let client = signing(&org.organization, &org.client, "user1");
    let arguments: &[&[u8]] = &[b"GetChainInfo", b"bench"];
    let refused = |bed: &Bed, signed, expected: &str| {
        let message = bed.process(signed).unwrap_err().message().to_owned();
        assert!(message.contains(expected), "{message}");
    };
    let mut forged = bed.proposal(&client, "bench", "qscc", arguments);
    forged.signature = bed.proposal(&client, "bench", "qscc", &[b"x"]).signature;
    refused(
        &bed,
        forged,
        "access denied: channel [bench] creator org [Org1MSP]",
    );
    let late = bed.proposal(&client, "bench", "qscc", arguments);
    bed.clock.advance(Duration::from_secs(901));
    refused(&bed, late, "more than 900 s");
    let elsewhere = bed.proposal(&client, "other", "qscc", arguments);
    let response = bed.process(elsewhere).unwrap().response.unwrap();
    assert_eq!(response.message, "channel 'other' not found");
}

#[test]
fn an_organization_that_was_removed_is_denied() {
    let (mut play, bed) = joined();
    let channel = bed.peer.host().channel("bench").unwrap();
    let [one, two] = &*play.network.orgs else {
        panic!("two organizations");
    };
    let (one, two) = (one.client.clone(), two.client.clone());
    let check = |who: &crate::testing::kit::Identity| {
        let signature = who.sign(&[b"request"]);
        channel.check(
            "event/Block",
            &SignedData {
                creator: who.serialized(),
                message: b"request",
                signature: &signature,
            },
        )
    };
    check(&one).unwrap();
    check(&two).unwrap();
    let forged = channel.check(
        "event/Block",
        &SignedData {
            creator: one.serialized(),
            message: b"another",
            signature: &one.sign(&[b"request"]),
        },
    );
    assert!(matches!(forged, Err(Denied::Signature)), "{forged:?}");
    let update = play.config_update(|group| {
        let application = group.groups.get_mut("Application").unwrap();
        application.groups.remove("Org2");
    });
    play.commit_config(update).unwrap();
    bed.push("bench", play.blocks[1].clone());
    check(&one).unwrap();
    let denied = check(&two);
    assert!(matches!(denied, Err(Denied::Unknown(_))), "{denied:?}");
    let unknown = channel.check(
        "what/Ever",
        &SignedData {
            creator: one.serialized(),
            message: b"",
            signature: b"",
        },
    );
    assert!(
        matches!(unknown, Err(Denied::UnknownResource { .. })),
        "{unknown:?}"
    );
}

#[test]
fn an_unknown_capability_stops_its_channel_and_no_other() {
    let (mut play, bed) = joined();
    let update = play.config_update(|group| {
        let application = group.groups.get_mut("Application").unwrap();
        set_capabilities(application, ["V9_9"]);
    });
    let mut draft = play.chain.draft([update]);
    draft.last_config = draft.number;
    bed.offer(draft.serialize().into());
    let channel = bed.peer.host().channel("bench").unwrap();
    let why = loop {
        match channel.state() {
            ChannelState::Stopped { why } => break why,
            ChannelState::Running | ChannelState::Waiting { .. } => std::thread::yield_now(),
        }
    };
    assert!(why.contains("requires capability 'V9_9'"), "{why}");

    let spec = ChannelSpec {
        channel: "other".to_owned(),
        ..ChannelSpec::default()
    };
    let mut other = Play::new(Network::new(&Seed::new(1), 2, spec)).unwrap();
    bed.peer.join(other.blocks[0].clone()).unwrap();
    let update = other.config_update(|group| {
        let application = group.groups.get_mut("Application").unwrap();
        application.groups.remove("Org2");
    });
    other.commit_config(update).unwrap();
    bed.push("other", other.blocks[1].clone());
}

#[test]
fn certificates_expire() {
    let (play, bed) = joined();
    let org = &play.network.orgs[0].organization;
    let who = org.enroll("late", NodeRole::Client);
    let channel = bed.peer.host().channel("bench").unwrap();
    let identity = channel
        .bundle()
        .msps()
        .deserialize(who.serialized())
        .unwrap();
    let end = identity.certificate().not_after();
    unexpired(&identity, end).unwrap();
    let late = unexpired(&identity, end + 1);
    assert!(matches!(late, Err(Denied::Expired)), "{late:?}");
    assert!(bed.clock.unix_micros() / 1_000_000 < u64::try_from(end).unwrap());
}

#[test]
fn a_folder_is_for_one_process_and_paused_channels_stay_closed() {
    let (mut play, bed) = joined();
    let tx = play
        .tx("cc", [crate::testing::kit::ns("cc").write("a", "1")])
        .envelope();
    play.commit([tx]).unwrap();
    bed.push("bench", play.blocks[1].clone());
    let path = bed.folder.path().to_owned();
    let in_use = LedgerFolder::take(&path);
    assert!(matches!(in_use, Err(PeerError::InUse { .. })), "{in_use:?}");
    let kept = bed.end();
    let folder = LedgerFolder::take(&path).unwrap();
    let channel = ChannelId::new("bench").unwrap();
    assert_eq!(folder.channels().unwrap(), std::slice::from_ref(&channel));
    let too_high = folder.roll_back(&channel, BlockNumber(1));
    assert!(too_high.is_err());
    let taken_back = folder.reset(&channel).unwrap().unwrap();
    assert_eq!((taken_back.from, taken_back.to), (2, 1));
    assert_eq!(folder.reset(&channel).unwrap(), None);
    folder.set_paused(&channel, true).unwrap();
    drop(folder);

    let again = Bed::at(&play.network, kept);
    assert_eq!(again.peer.paused(), ["bench"]);
    assert!(again.peer.host().channel("bench").is_none());
    let joined = again.peer.join(play.blocks[0].clone());
    assert!(
        matches!(joined, Err(PeerError::Paused { .. })),
        "{joined:?}"
    );
    let kept = again.end();
    let folder = LedgerFolder::take(&path).unwrap();
    folder.set_paused(&channel, false).unwrap();
    drop(folder);

    // Not in sync before it is as high as it was.
    let again = Bed::at(&play.network, kept);
    let ledger = |bed: &Bed| -> std::sync::Arc<Ledger> {
        std::sync::Arc::clone(bed.peer.host().channel("bench").unwrap().ledger())
    };
    assert_eq!(ledger(&again).catching_up_to(), Some(2));
    again.push("bench", Bytes::clone(&play.blocks[1]));
    assert_eq!(ledger(&again).catching_up_to(), None);
    again.peer.end();
}

#[test]
fn a_tracer_hears_of_every_block_and_its_stages() {
    let (mut play, bed) = joined();
    for value in ["1", "2"] {
        let write = crate::testing::kit::ns("cc").write("a", value);
        let tx = play.tx("cc", [write]).envelope();
        play.commit([tx]).unwrap();
    }
    bed.push("bench", play.blocks[1].clone());
    bed.push("bench", play.blocks[2].clone());
    bed.peer.end();
    let heard = bed.traced.0.lock().unwrap();
    let stages = ["decode", "verify", "endorsement", "mvcc", "commit"];
    assert_eq!(heard.len(), 2, "{heard:?}");
    for ((number, transactions, valid, visited), expected) in heard.iter().zip(1..) {
        assert_eq!(*number, expected);
        assert!(valid <= transactions && *transactions > 0);
        assert_eq!(visited.as_slice(), stages);
    }
}
