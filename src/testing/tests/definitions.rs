//! Chaincode definitions take effect with the next block, and some namespaces have none.

use super::{any_peer, peer_of, play};
use crate::testing::kit::{ChaincodeDefinition, any_of, ns};
use crate::testing::play::Play;

#[test]
fn e13_a_definition_counts_from_the_next_block_on() {
    let mut play = Play::with_orgs(2).unwrap();
    let first = ChaincodeDefinition::new("new").policy(any_of([peer_of("Org1MSP")]));
    let tx = |play: &Play, org: usize, sequence: Option<(u64, u64)>| {
        let read = ns("_lifecycle").read("namespaces/fields/new/Sequence", sequence);
        let tx = play.tx("new", [read, ns("new").write("k", "1")]);
        tx.endorsed_by([&play.network.orgs[org - 1].peer])
            .envelope()
    };
    let block = [play.definition(&first).envelope(), tx(&play, 1, None)];
    play.check(block, [0, 25]);
    let block = [tx(&play, 1, Some((1, 0))), tx(&play, 2, Some((1, 0)))];
    play.check(block, [0, 10]);

    // The old policy still decides in the block that has the upgrade; then the read conflicts.
    let second = ChaincodeDefinition {
        sequence: 2,
        ..first.policy(any_of([peer_of("Org2MSP")]))
    };
    let block = [
        play.definition(&second).envelope(),
        tx(&play, 1, Some((1, 0))),
        tx(&play, 2, Some((1, 0))),
        play.tx("new", [ns("new").write("k", "2")])
            .endorsed_by([&play.network.orgs[0].peer])
            .envelope(),
    ];
    play.check(block, [0, 11, 10, 0]);
    let block = [
        tx(&play, 1, Some((3, 0))),
        tx(&play, 2, Some((3, 0))),
        tx(&play, 2, Some((1, 0))),
    ];
    play.check(block, [10, 0, 11]);
}

#[test]
fn namespaces_without_a_definition_cannot_be_invoked_or_written() {
    let mut play = play();
    let mut block = Vec::new();
    for name in [
        "lscc",
        "qscc",
        "cscc",
        "vscc",
        "escc",
        "undefined",
        "_Lifecycle",
    ] {
        let invoked = play.tx(name, [ns(name).write("k", "1")]);
        let written = play.tx("cc", [ns(name).write("k", "1")]);
        block.extend([invoked.envelope(), written.envelope()]);
    }
    block.push(play.tx("cc", [ns("").write("k", "1")]).envelope());
    let block: [Vec<u8>; 15] = block.try_into().unwrap();
    play.check(block, [25; 15]);
}

#[test]
fn a_definition_without_plugin_or_policy_is_none() {
    let mut play = Play::with_orgs(2).unwrap();
    let rule = any_peer(&play.network);
    let empty = |name: &str| ChaincodeDefinition::new(name).policy(rule.clone());
    let definitions = [
        empty("whole"),
        empty("no-plugin").with(|cc| cc.plugin.clear()),
        empty("no-policy").with(|cc| cc.policy.clear()),
        empty("no-info").with(|cc| cc.without = vec!["ValidationInfo".to_owned()]),
        empty("no-others").with(|cc| {
            let others = ["Sequence", "EndorsementInfo", "Collections"];
            cc.without = others.map(str::to_owned).to_vec();
        }),
    ];
    for definition in &definitions {
        play.define(definition);
    }
    let expected = [0, 25, 25, 25, 0];
    for (definition, code) in definitions.iter().zip(expected) {
        let name = &*definition.name;
        let envelope = play.tx(name, [ns(name).write("k", "1")]).envelope();
        play.check([envelope], [code]);
    }
}
