//! A network of the built programs: netgen makes it, devorderer orders, three heddle peers of three
//! organizations follow. One of them is killed; configuration updates take effect.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod altered;
mod bad_input;
mod gossip;
mod namespaces;
mod network;
mod node_sdk;
mod place;
mod wires;

use altered::altered_copy;
use network::{Network, Peer};

const ORGS: [&str; 3] = ["Org1", "Org2", "Org3"];

#[test]
fn three_peers_follow_an_orderer_through_a_kill_and_new_organizations() {
    let network = Network::make();
    let orderer = network.orderer();
    let mut peers: Vec<Peer> = ORGS.iter().map(|org| network.peer(org)).collect();
    for peer in &peers {
        peer.join();
    }
    // A user is no admin, and nobody joins twice.
    let refused = peers[0].run_as_user(&["join", "-b", &network.genesis()]);
    assert!(refused.contains("only admins of 'Org1MSP'"), "{refused}");
    let again = peers[0].run(&["join", "-b", &network.genesis()]);
    assert!(again.contains("already"), "{again}");

    for round in 1..=3 {
        let timeout = format!("edits: [{{set_batch: {{timeout: {round}50ms}}}}]");
        network.update(&orderer, &peers[0], &timeout, &["Orderer"]);
        all_at(&peers, round + 1);
    }
    peers[1].kill();
    network.add_organization(&orderer, &peers[0], "Org4");
    all_at(&peers[..1], 5);
    peers[1].start();
    all_at(&peers, 5);
    // The new organization's peer joins, as the configuration lets it, and catches up.
    let newcomer = network.peer("Org4");
    newcomer.join();
    peers.push(newcomer);
    network.update(
        &orderer,
        &peers[3],
        "edits: [{set_batch: {timeout: 900ms}}]",
        &["Orderer"],
    );
    all_at(&peers, 6);

    let healthy = peers[1].health();
    assert!(healthy.contains("\"status\":\"OK\""), "{healthy}");
    assert!(healthy.contains("\"height\":6"), "{healthy}");
    assert!(healthy.contains("\"in_sync\":true"), "{healthy}");
    compares_with_another_peer(&mut peers);
    shows_what_it_did(&peers[0]);
    is_taken_back_and_catches_up(&mut peers[2]);
    is_paused_and_resumed(&mut peers[2]);
    all_at(&peers, 6);
    let ledgers: Vec<(String, String)> = peers.into_iter().map(Peer::stop).collect();
    for (info, state) in &ledgers {
        assert_eq!((info, state), (&ledgers[0].0, &ledgers[0].1));
    }
    assert!(ledgers[0].0.contains("commit_hash"), "{}", ledgers[0].0);
}

/// The metrics of a peer that has followed from block 1 on, while its pipeline still runs.
fn shows_what_it_did(peer: &Peer) {
    let page = peer.operation("/metrics");
    let value = |series: &str| -> u64 {
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        let value = line.and_then(|value| value.trim().parse().ok());
        assert!(value.is_some(), "{series} is not there: {page}");
        value.expect("the series")
    };
    let of_channel = r#"{channel="mychannel""#;
    assert_eq!(value(&format!("ledger_blockchain_height{of_channel}}}")), 6);
    assert_eq!(
        value(&format!("heddle_orderer_lag_blocks{of_channel}}}")),
        0
    );
    let labels = r#",transaction_type="CONFIG",chaincode="unknown",validation_code="VALID"}"#;
    let transactions = format!("ledger_transaction_count{of_channel}{labels}");
    assert_eq!(value(&transactions), 5);
    for stage in ["decode", "verify", "endorsement", "mvcc", "commit"] {
        let series = format!("heddle_stage_block_seconds_count{of_channel},stage=\"{stage}\"}}");
        assert_eq!(value(&series), 5, "{stage}");
    }
    let queue = format!("heddle_queue_depth{of_channel},queue=\"mvcc_commit\"}}");
    assert_eq!(value(&queue), 0);
    assert!(value("deliver_streams_opened") > 0);
    assert!(value("endorser_proposals_received") > 1);
}

/// Waits until every peer has this height, and finds the same block on top.
fn all_at(peers: &[Peer], height: u64) {
    let tops: Vec<String> = peers.iter().map(|peer| peer.wait_for(height)).collect();
    assert!(tops.iter().all(|top| *top == tops[0]), "{tops:?}");
}

/// A stopped peer's ledger beside a running peer: as it is, and with changes.
fn compares_with_another_peer(peers: &mut [Peer]) {
    peers[2].halt();
    let (stopped, running) = (&peers[2], &peers[0]);
    let data = stopped.ledgers();
    let (code, text) = stopped.compare(&data, running, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("compared up to height 6"), "{text}");
    assert!(text.contains(": no difference in header hashes"), "{text}");

    // One code and one commit hash are others than they were, and the last block is not there.
    let altered = altered_copy(&data, 5, |number, codes, commit_hash| match number {
        2 => codes[0] = 11,
        4 => commit_hash[0] ^= 1,
        _ => {}
    });
    let (code, text) = stopped.compare(altered.path(), running, &[]);
    assert_eq!(code, Some(1), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("block 2 transaction 0"), "{text}");
    assert!(
        lines[0].ends_with("MVCC_READ_CONFLICT here, VALID at the peer"),
        "{text}"
    );
    assert!(lines[1].starts_with("block 4: commit hash "), "{text}");
    assert!(lines[2].contains("height 5 here, 6 at "), "{text}");
    assert!(
        lines[2].ends_with("height 5, 5 transactions: 2 differences in 2 blocks"),
        "{text}"
    );
    let (code, text) = stopped.compare(altered.path(), running, &["--json"]);
    assert_eq!(code, Some(1), "{text}");
    let summary = text.lines().last().expect("a summary");
    assert!(summary.contains("\"compared_height\":5,"), "{text}");
    assert!(summary.contains("\"differences\":2,"), "{text}");

    // What cannot be told is neither equal nor different.
    let (code, text) = stopped.compare(&data, stopped, &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.starts_with("heddle: no connection to "), "{text}");
}

/// A stopped peer is taken back, and has everything again once it has run.
fn is_taken_back_and_catches_up(peer: &mut Peer) {
    let rollback = ["rollback", "-c", "mychannel", "-b"];
    let (ok, text) = peer.node(&[&rollback[..], &["5"]].concat());
    assert!(!ok);
    assert!(
        text.contains("[5] should be less than the biggest block number [5]"),
        "{text}"
    );
    let (ok, text) = peer.node(&[&rollback[..], &["3"]].concat());
    assert!(ok, "{text}");
    assert!(text.contains("taken back from height 6 to 4"), "{text}");
    peer.start();
    // Nothing is done to ledgers that a peer has open.
    for command in [
        &["reset"][..],
        &["rebuild-dbs"],
        &["pause", "-c", "mychannel"],
    ] {
        let (ok, text) = peer.node(command);
        assert!(
            !ok && text.contains("using these ledgers"),
            "{command:?}: {text}"
        );
    }
    peer.wait_for(6);
    peer.halt();
    for command in [&["rebuild-dbs"][..], &["reset"]] {
        let (ok, text) = peer.node(command);
        assert!(
            ok && text.starts_with("channel mychannel: "),
            "{command:?}: {text}"
        );
    }
}

/// A paused channel is left alone; resumed, it takes up where it was.
fn is_paused_and_resumed(peer: &mut Peer) {
    let (ok, text) = peer.node(&["pause", "-c", "mychannel"]);
    assert!(ok, "{text}");
    peer.start();
    let health = peer.health();
    assert!(health.contains("\"paused\":true"), "{health}");
    let list = peer.run(&["list"]);
    assert!(!list.contains("mychannel"), "{list}");
    let joined = peer.try_join();
    assert!(joined.contains("joined and paused"), "{joined}");
    peer.halt();
    let (ok, text) = peer.node(&["resume", "-c", "mychannel"]);
    assert!(ok, "{text}");
    peer.start();
}
