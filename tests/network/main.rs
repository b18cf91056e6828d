//! A network of the built programs: netgen makes it, devorderer orders, three heddle peers of three
//! organizations follow. One of them is killed; configuration updates take effect.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod network;

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
    let ledgers: Vec<(String, String)> = peers.into_iter().map(Peer::stop).collect();
    for (info, state) in &ledgers {
        assert_eq!((info, state), (&ledgers[0].0, &ledgers[0].1));
    }
    assert!(ledgers[0].0.contains("commit_hash"), "{}", ledgers[0].0);
}

/// Waits until every peer has this height, and finds the same block on top.
fn all_at(peers: &[Peer], height: u64) {
    let tops: Vec<String> = peers.iter().map(|peer| peer.wait_for(height)).collect();
    assert!(tops.iter().all(|top| *top == tops[0]), "{tops:?}");
}
