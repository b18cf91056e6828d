//! Four peers of two organizations that gossip: each organization's leading peer follows the orderer, the
//! others follow it, and take its place when it is gone.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::namespaces::Namespaces;
use super::network::{Network, Orderer, Peer};
use super::place::Place;
use super::wires::{DELAY, LOST_OF};

/// How often a condition is looked at before it is given up: for a minute and a half.
const ATTEMPTS: usize = 900;

/// Fabric's settings, but everything five to ten times as fast.
const FAST: &str = "useLeaderElection: true, orgLeader: false, pullInterval: 1s, \
    aliveTimeInterval: 1s, aliveExpirationTimeout: 5s, reconnectInterval: 2s, \
    requestStateInfoInterval: 500ms, publishStateInfoInterval: 500ms, \
    election: {startupGracePeriod: 5s, membershipSampleInterval: 1s, \
    leaderAliveThreshold: 3s, leaderElectionDuration: 500ms}, \
    state: {enabled: true, checkInterval: 1s, responseTimeout: 2s}";

/// The peers of both organizations, and which is which: 0 and 1 are of the first, 2 and 3 of the second.
struct Four {
    network: Network,
    orderer: Orderer,
    peers: Vec<Peer>,
    height: u64,
}

#[test]
fn leading_peers_alone_follow_the_orderer_and_others_take_their_place() {
    let mut four = Four::start(&Place::here(), [(); 4].map(|()| Place::here()));
    let leaders = four.leaders();
    four.grow(3);
    assert_eq!(four.leaders(), leaders, "leaders stay");
    let members = four.peers[0].gossip("members");
    assert_eq!(members.matches("\"alive\"").count(), 3, "{members}");
    // Who does not lead has never asked an orderer, and has everything.
    for (at, peer) in four.peers.iter().enumerate() {
        let has_asked = peer
            .operation("/metrics")
            .contains("heddle_orderer_streams{");
        assert_eq!(has_asked, leaders.contains(&at), "peer {at}");
    }

    let killed = leaders[0];
    let successor = 1 - killed;
    four.peers[killed].kill();
    four.wait("another one leads", |four| {
        leads(&gossip(&four.peers[successor]))
    });
    four.grow(2);

    // The one that was gone comes back, catches up with its neighbours, and does not lead.
    four.peers[killed].start();
    four.grow(1);
    assert_eq!(four.leaders(), [successor, leaders[1]]);
    let asked = four.peers[killed].operation("/metrics");
    assert!(!asked.contains("heddle_orderer_streams{"), "{asked}");

    four.all_have_the_same();
}

/// Each peer and the orderer on a network of its own, 20 ms away from the others, and with 1 % of the packets
/// lost. `HEDDLE_NETWORK_FULL=1` makes the partition as long as half a minute.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "other programs' time is measured"
)]
fn peers_in_namespaces_converge_after_a_partition() {
    let namespaces = match Namespaces::make(5) {
        Ok(namespaces) => namespaces,
        Err(why) => return println!("skipped: no network namespaces here ({why})"),
    };
    let is_full = std::env::var_os("HEDDLE_NETWORK_FULL").is_some();
    let partition = Duration::from_secs(if is_full { 30 } else { 5 });
    let mut four = Four::start(
        &namespaces.place(4, 7050),
        [0, 1, 2, 3].map(|n| namespaces.place(n, 7051)),
    );
    let leaders = four.leaders();
    four.grow(2);
    assert_eq!(four.pulling(), leaders);
    println!("leading peers and no others pull: {leaders:?}");

    // Both that follow are cut off, from the orderer too.
    let followers = leaders.map(|leader| leader ^ 1);
    for at in followers {
        namespaces.wires().plug(at, false);
    }
    let began = Instant::now();
    four.grow_without(&followers, 2);
    thread::sleep(partition.saturating_sub(began.elapsed()));
    for at in followers {
        namespaces.wires().plug(at, true);
    }
    let healed = Instant::now();
    four.grow(1);
    println!(
        "after {partition:?} all have it again in {:?}",
        healed.elapsed()
    );
    let leaders = four.leaders();
    println!("one leader each after {:?}", healed.elapsed());
    assert_eq!(four.pulling(), leaders);

    let (killed, successor) = (leaders[1], leaders[1] ^ 1);
    four.peers[killed].kill();
    let killed_at = Instant::now();
    four.wait("another one leads", |four| {
        leads(&gossip(&four.peers[successor]))
    });
    println!("another one leads {:?} after a kill", killed_at.elapsed());
    four.grow(2);
    four.peers[killed].start();
    four.grow(1);
    assert_eq!(four.leaders(), [leaders[0], successor]);
    assert_eq!(four.pulling(), [leaders[0], successor]);
    let (carried, lost) = namespaces.wires().counts();
    println!("{carried} packets arrived after {DELAY:?}, {lost} were lost");
    assert!(lost > 0, "one of {LOST_OF}");
    four.all_have_the_same();
}

impl Four {
    /// A network with these peers, which have joined its channel.
    fn start(orderer: &Place, places: [Place; 4]) -> Self {
        let org = |n: usize| {
            let [anchor, other] = [&places[2 * n], &places[2 * n + 1]];
            format!(
                "  - {{name: Org{number}, domain: org{number}.example.com, peers: 2, users: 1, \
                 sans: [\"{}\", \"{}\"], anchor_peers: [\"{}\"]}}\n",
                anchor.host(),
                other.host(),
                anchor.address,
                number = n + 1,
            )
        };
        let network = Network::of(&[org(0), org(1)].concat(), orderer);
        let orderer = network.orderer();
        let peer = |at: usize| {
            let (own, bootstrap) = (&places[at].address, &places[at ^ 1].address);
            let gossip = format!(
                "{{bootstrap: [\"{bootstrap}\"], endpoint: \"{own}\", \
                 externalEndpoint: \"{own}\", {FAST}}}"
            );
            let org = format!("Org{}", at / 2 + 1);
            let peer = network.gossiping_peer((&org, at % 2), places[at].clone(), &gossip);
            peer.join();
            peer
        };
        Self {
            peers: (0..4).map(peer).collect(),
            network,
            orderer,
            height: 1,
        }
    }

    /// Waits until each organization has one leader, whom all its peers that run know.
    fn leaders(&self) -> [usize; 2] {
        let mut found = [0, 0];
        self.wait("each organization has one leader", |four| {
            (0..2).all(|org| {
                let of_org = [2 * org, 2 * org + 1].map(|at| (at, gossip(&four.peers[at])));
                let mut leading = of_org.iter().filter(|(_, state)| leads(state));
                let Some((leader, state)) = leading.next() else {
                    return false;
                };
                found[org] = *leader;
                let name = &state["pki_id"];
                let knows = |(_, state): &(usize, Value)| state["channels"][0]["leader"] == *name;
                leading.next().is_none() && of_org.iter().all(knows)
            })
        });
        found
    }

    /// Who pulls from the orderer.
    fn pulling(&self) -> Vec<usize> {
        let peers = self.peers.iter().enumerate();
        peers
            .filter(|(_, peer)| gossip(peer)["channels"][0]["pulls_from_orderer"] == true)
            .map(|(at, _)| at)
            .collect()
    }

    /// Ends everything, and compares the ledgers.
    fn all_have_the_same(self) {
        let ledgers: Vec<_> = self.peers.into_iter().map(Peer::stop).collect();
        assert!(ledgers[0].0.contains("commit_hash"), "{}", ledgers[0].0);
        for ledger in &ledgers {
            assert_eq!(*ledger, ledgers[0]);
        }
    }

    fn wait(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let came = (0..ATTEMPTS).any(|_| {
            is_so(self) || {
                thread::sleep(Duration::from_millis(100));
                false
            }
        });
        let states = self.peers.iter().map(|peer| gossip(peer).to_string());
        assert!(came, "{what}: {}", states.collect::<Vec<_>>().join("\n"));
    }

    /// So many more blocks, which every peer that runs comes to have.
    fn grow(&mut self, blocks: u64) {
        self.grow_without(&[], blocks);
    }

    /// The same, but for some peers.
    fn grow_without(&mut self, without: &[usize], blocks: u64) {
        let peers = self.peers.iter().enumerate();
        let mut running = peers
            .filter(|(at, peer)| peer.is_running() && !without.contains(at))
            .map(|(_, peer)| peer);
        let by = running.next().expect("one runs");
        by.wait_for(self.height);
        for _ in 0..blocks {
            self.height += 1;
            let edit = format!(
                "edits: [{{set_batch: {{timeout: {}0ms}}}}]",
                self.height + 10
            );
            self.network.update(&self.orderer, by, &edit, &["Orderer"]);
            by.wait_for(self.height);
        }
        let tops: Vec<String> = std::iter::once(by)
            .chain(running)
            .map(|peer| peer.wait_for(self.height))
            .collect();
        assert!(tops.iter().all(|top| *top == tops[0]), "{tops:?}");
    }
}

#[test]
fn a_guarded_operations_service_tells_those_who_show_a_certificate() {
    let network = Network::make();
    let peer = network.peer_with_guarded_operations("Org1");
    let state: Value = serde_json::from_str(&peer.gossip("state")).expect("JSON");
    assert_eq!(state["channels"], json!([]));
    assert_eq!(state["pki_id"].as_str().map(str::len), Some(64), "{state}");
    let authority = ("cafile", "tls/ca.crt");
    for (files, why) in [
        (&[][..], "is it TLS?"),
        (&[authority][..], "CertificateRequired"),
        (
            &[("cafile", "msp/cacerts/ca.org1.example.com-cert.pem")][..],
            "certificate",
        ),
    ] {
        let refused = peer.gossip_refused(files);
        assert!(refused.contains(why), "{files:?}: {refused}");
    }
}

/// What a peer says of its gossip; null where it does not run.
fn gossip(peer: &Peer) -> Value {
    if !peer.is_running() {
        return Value::Null;
    }
    let state = peer.gossip("state");
    serde_json::from_str(&state).expect("JSON")
}

fn leads(state: &Value) -> bool {
    state["channels"][0]["leads"] == true
}
