//! Policies of single keys, within a block and from block to block.

use super::{broken, key_policy_of, play, tampered};
use crate::testing::kit::{ChaincodeDefinition, Collected, Collection, Ns, Transaction, ns};
use crate::testing::play::Play;

fn sets(key: &str, org: &str) -> Ns {
    ns("cc").key_policy(key, key_policy_of(&format!("{org}MSP")))
}

/// A transaction with this read-write set, endorsed by the peer of one organization.
fn by_org(play: &Play, rwset: Ns, org: usize) -> Transaction<'_> {
    let tx = play.tx("cc", [rwset]);
    tx.endorsed_by([&play.network.orgs[org - 1].peer])
}

fn with_key() -> Play {
    let mut play = play();
    let first = play.tx("cc", [sets("k", "Org1").write("k", "0").write("free", "0")]);
    let first = first.envelope();
    play.check([first], [0]);
    play
}

#[test]
fn e14_f24_whoever_writes_a_key_after_its_policy_in_the_block_fails() {
    let mut play = with_key();
    // Whoever endorses; also the new policy's organization, and both.
    let block = [
        by_org(&play, sets("k", "Org2"), 1).envelope(),
        by_org(&play, ns("cc").write("k", "1"), 1).envelope(),
        by_org(&play, ns("cc").write("k", "1"), 2).envelope(),
        play.tx("cc", [ns("cc").write("k", "1")]).envelope(),
        play.tx("cc", [ns("cc").delete("k")]).envelope(),
        play.tx("cc", [sets("k", "Org1")]).envelope(),
        by_org(&play, ns("cc").write("free", "1"), 1).envelope(),
    ];
    play.check(block, [0, 10, 10, 10, 10, 10, 0]);
    let block = [
        by_org(&play, ns("cc").write("k", "2"), 1).envelope(),
        by_org(&play, ns("cc").write("k", "2"), 2).envelope(),
    ];
    play.check(block, [10, 0]);

    // Also if the policy's own transaction ends as a conflict or as a duplicate.
    let conflict = by_org(&play, sets("k", "Org1").read("k", (9, 9)), 2);
    let first = by_org(&play, ns("cc").write("other", "1"), 2);
    let mut duplicate = by_org(&play, sets("free", "Org1"), 1);
    duplicate.nonce.clone_from(&first.nonce);
    let block = [
        conflict.envelope(),
        by_org(&play, ns("cc").write("k", "3"), 2).envelope(),
        first.envelope(),
        duplicate.envelope(),
        by_org(&play, ns("cc").write("free", "3"), 2).envelope(),
    ];
    play.check(block, [11, 10, 0, 9, 10]);

    // The other way round both are validated against the old policy.
    let block = [
        by_org(&play, ns("cc").write("k", "4"), 2).envelope(),
        by_org(&play, sets("k", "Org1"), 2).envelope(),
    ];
    play.check(block, [0, 0]);
    let block = [
        by_org(&play, ns("cc").write("k", "5"), 2).envelope(),
        by_org(&play, ns("cc").write("k", "5"), 1).envelope(),
    ];
    play.check(block, [10, 0]);
}

#[test]
fn e15_a_policy_that_is_not_endorsed_changes_nothing() {
    let mut play = with_key();
    let block = [
        by_org(&play, sets("k", "Org2"), 2).envelope(),
        by_org(&play, ns("cc").write("k", "1"), 1).envelope(),
        by_org(&play, ns("cc").write("k", "2"), 2).envelope(),
    ];
    play.check(block, [10, 0, 10]);
}

/// A transaction that is refused before its endorsements are looked at makes a real peer wait for ever;
/// here it changes nothing.
#[test]
fn a_policy_of_a_transaction_that_is_refused_early_changes_nothing() {
    let mut play = with_key();
    let bad = tampered(&play.network.orgs[0].client, broken);
    let block = [
        by_org(&play, sets("k", "Org2"), 1)
            .with(|tx| tx.creator = &bad)
            .envelope(),
        by_org(&play, sets("k", "Org2"), 1)
            .with(|tx| tx.id = Some("x".to_owned()))
            .envelope(),
        by_org(&play, sets("k", "Org2"), 1)
            .with(|tx| tx.version.clear())
            .envelope(),
        by_org(&play, ns("cc").write("k", "1"), 1).envelope(),
    ];
    play.check(block, [4, 8, 25, 0]);
}

#[test]
fn another_namespace_or_collection_is_another_key() {
    let mut play = with_key();
    let rule = super::any_peer(&play.network);
    let members = rule.clone().into();
    let definition = ChaincodeDefinition::new("other").policy(rule);
    let definition = definition.collection(Collection::new("c", &members));
    play.define(&definition);
    let policy = key_policy_of("Org1MSP");
    let secret = Collected::new("c").write("k", "1").key_policy("k", policy);
    let block = [
        play.tx("other", [ns("other").collection(&secret)])
            .envelope(),
        play.tx("other", [ns("other").write("k", "1")])
            .endorsed_by(org2_of(&play))
            .envelope(),
        by_org(&play, ns("cc").write("k", "1"), 1).envelope(),
        play.tx(
            "other",
            [ns("other").collection(&Collected::new("c").write("k", "2"))],
        )
        .envelope(),
    ];
    play.check(block, [0, 0, 0, 10]);
    let write = || ns("other").collection(&Collected::new("c").write("k", "3"));
    let block = [
        play.tx("other", [write()])
            .endorsed_by(org2_of(&play))
            .envelope(),
        play.tx("other", [write()]).envelope(),
    ];
    play.check(block, [10, 0]);
}

fn org2_of(play: &Play) -> [&crate::testing::kit::Identity; 1] {
    [&play.network.orgs[1].peer]
}

#[test]
fn a_key_policy_goes_with_its_key() {
    let mut play = with_key();
    let delete = by_org(&play, ns("cc").delete("k"), 1).envelope();
    play.check([delete], [0]);
    let write = by_org(&play, ns("cc").write("k", "1"), 2).envelope();
    play.check([write], [0]);
    // Metadata of a key that does not exist have no effect.
    let nothing = by_org(&play, sets("missing", "Org1"), 1).envelope();
    play.check([nothing], [0]);
    let write = by_org(&play, ns("cc").write("missing", "1"), 2).envelope();
    play.check([write], [0]);
    // No value is no policy; nor are metadata of another name.
    let entries = [("VALIDATION_PARAMETER", Vec::new()), ("other", vec![1])];
    let empty = by_org(&play, ns("cc").metadata("k", entries), 1).envelope();
    play.check([empty], [0]);
    let write = by_org(&play, ns("cc").write("k", "2"), 2).envelope();
    play.check([write], [0]);
}
