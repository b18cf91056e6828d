//! Collections in deployments and upgrades.

use super::lscc::{Invocation, verdict};
use super::*;
use crate::endorsement::legacy::refusal::Refusal;
use crate::proto::wire::WireError;

/// With private data: collections can be deployed.
const PRIVATE_DATA: [&str; 4] = ["V1_1_PVTDATA_EXPERIMENTAL", "V1_2", "V1_3", "V1_4_2"];

/// A collection to edit.
#[derive(Clone)]
struct Config {
    name: &'static str,
    /// `CollectionPolicyConfig`, `None` where it is absent.
    member_policy: Option<Vec<u8>>,
    peers: [i32; 2],
    block_to_live: u64,
}

impl Config {
    fn named(name: &'static str) -> Self {
        Self {
            name,
            member_policy: Some(field(1, &policy(1, &[role("Org1MSP", MEMBER)]))),
            peers: [0, 1],
            block_to_live: 0,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let peers = self.peers.map(|count| i64::from(count).cast_unsigned());
        let mut collection = field(1, self.name.as_bytes());
        if let Some(policy) = &self.member_policy {
            collection.extend(field(2, policy));
        }
        collection.extend(number(3, peers[0]));
        collection.extend(number(4, peers[1]));
        collection.extend(number(5, self.block_to_live));
        field(1, &field(1, &collection))
    }
}

fn package(collections: &[Config]) -> Vec<u8> {
    collections.iter().flat_map(Config::bytes).collect()
}

/// The verdict on a deployment with this package at these capabilities, and on an upgrade of a
/// chaincode without collections from V1_2 on.
fn check(package: &[u8], capabilities: &[&str], expected: Result<(), Refusal>) {
    for capability in capabilities {
        let world = World::at(capability);
        let deploy = Invocation::deploy("new", "1.0").with_collections(package);
        assert_eq!(
            verdict(&world, &deploy.tx()),
            expected,
            "deploy {capability:?}"
        );
        if FROM_V1_2.contains(capability) {
            let upgrade = Invocation::upgrade("cc", "2.0").with_collections(package);
            assert_eq!(
                verdict(&world, &upgrade.tx()),
                expected,
                "upgrade {capability:?}"
            );
        }
    }
}

#[test]
fn they_can_be_written_with_private_data_and_in_upgrades_from_v1_2_on() {
    let sound = package(&[Config::named("c")]);
    check(&sound, &PRIVATE_DATA, Ok(()));
    let upgrade = Invocation::upgrade("cc", "2.0")
        .with_collections(&sound)
        .tx();
    let experimental = World::at("V1_1_PVTDATA_EXPERIMENTAL");
    assert_eq!(
        verdict(&experimental, &upgrade),
        Err(Refusal::WriteCount { found: 2 })
    );
    for capability in ["", "V1_1"] {
        for sound in [
            Invocation::deploy("new", "1.0"),
            Invocation::upgrade("cc", "2.0"),
        ] {
            let mut two_writes = sound.with_collections(&sound_package());
            two_writes.collections = None;
            let expected = Err(Refusal::WriteCount { found: 2 });
            assert_eq!(verdict(&World::at(capability), &two_writes.tx()), expected);
        }
    }
}

fn sound_package() -> Vec<u8> {
    package(&[Config::named("c")])
}

#[test]
fn the_second_write_is_what_the_argument_says() {
    let sound = Invocation::deploy("new", "1.0").with_collections(&sound_package());
    type Edit = fn(&mut Invocation);
    let cases: [(Edit, Refusal); 5] = [
        (
            |one| one.more_writes[0].key = "cc~collection",
            Refusal::CollectionKey,
        ),
        (
            |one| one.more_writes[0].value = b"other",
            Refusal::CollectionArgument,
        ),
        (|one| one.more_writes.clear(), Refusal::CollectionArgument),
        (|one| one.collections = None, Refusal::CollectionArgument),
        (
            |one| one.more_writes.extend_from_within(..),
            Refusal::WriteCount { found: 3 },
        ),
    ];
    for (edit, refusal) in cases {
        let mut edited = sound.clone();
        edit(&mut edited);
        for capability in PRIVATE_DATA {
            assert_eq!(
                verdict(&World::at(capability), &edited.tx()),
                Err(refusal.clone())
            );
        }
    }
    // Absent and empty are the same here.
    for (argument, writes) in [
        (None, true),
        (Some(Vec::new()), false),
        (Some(Vec::new()), true),
    ] {
        let mut edited = sound.clone();
        edited.collections = argument;
        edited.more_writes[0].value = b"";
        if !writes {
            edited.more_writes.clear();
        }
        for capability in PRIVATE_DATA {
            assert_eq!(verdict(&World::at(capability), &edited.tx()), Ok(()));
        }
    }
}

#[test]
fn a_new_chaincode_has_no_collections_yet() {
    for capability in PRIVATE_DATA {
        let mut world = World::at(capability);
        world.define("new~collection", &sound_package());
        for deploy in [
            Invocation::deploy("new", "1.0"),
            Invocation::deploy("new", "1.0").with_collections(&sound_package()),
        ] {
            assert_eq!(
                verdict(&world, &deploy.tx()),
                Err(Refusal::CollectionsExist)
            );
        }
        world.define("new~collection", &[0xff]);
        let fault = world
            .validate(&[Invocation::deploy("new", "1.0").tx()])
            .unwrap_err();
        assert!(matches!(fault, Fault::Definition { .. }), "{fault}");
    }
    for capability in ["", "V1_1"] {
        let mut world = World::at(capability);
        world.define("new~collection", &sound_package());
        assert_eq!(
            verdict(&world, &Invocation::deploy("new", "1.0").tx()),
            Ok(())
        );
    }
}

#[test]
fn they_must_decode() {
    check(
        &[0x0a],
        &PRIVATE_DATA,
        Err(Refusal::Collections(WireError::Truncated)),
    );
}

/// The verdict on a package with this collection from V1_2 on. Before, anything that decodes passes.
fn check_one(edit: impl Fn(&mut Config), expected: Result<(), Refusal>) {
    let mut config = Config::named("c");
    edit(&mut config);
    check(&config.bytes(), &FROM_V1_2, expected);
    check(&config.bytes(), &["V1_1_PVTDATA_EXPERIMENTAL"], Ok(()));
}

#[test]
fn each_is_checked_from_v1_2_on() {
    for name in ["", "a.b", "\u{e4}"] {
        check_one(|one| one.name = name, Err(Refusal::CollectionName));
    }
    check_one(|one| one.name = "-_a9Z", Ok(()));
    for peers in [[2, 1], [-1, 0], [-2, -1]] {
        check_one(|one| one.peers = peers, Err(Refusal::CollectionPeers));
    }
    check_one(|one| one.peers = [0, 0], Ok(()));
    check(b"", &PRIVATE_DATA, Ok(()));
    check(&field(1, b""), &FROM_V1_2, Err(Refusal::CollectionType));
    let twice = package(&[Config::named("c"), Config::named("c")]);
    check(&twice, &FROM_V1_2, Err(Refusal::CollectionTwice));
}

#[test]
fn member_policies_have_gates_of_1_out_of_n_only() {
    let gate = |n: u64, rules: &[Vec<u8>]| {
        let rules: Vec<u8> = rules.iter().flat_map(|rule| field(2, rule)).collect();
        field(2, &[number(1, n), rules].concat())
    };
    let leaf = || vec![0x08, 0x63];
    let cases = [
        (leaf(), true),
        (Vec::new(), true),
        (gate(1, &[]), true),
        (gate(1, &[leaf(), gate(1, &[leaf()])]), true),
        (gate(2, &[leaf(), leaf()]), false),
        (gate(0, &[]), false),
        (gate(1, &[gate(0, &[]), leaf()]), false),
        (gate(1, &[leaf(), gate(1, &[gate(2, &[])])]), false),
    ];
    let refused = || Err(Refusal::CollectionMembers);
    for (rule, is_sound) in cases {
        let policy = field(1, &field(2, &rule));
        let expected = if is_sound { Ok(()) } else { refused() };
        check_one(|one| one.member_policy = Some(policy.clone()), expected);
    }
    // A policy may be without a rule; where there is no policy, Fabric's peer crashes.
    check_one(|one| one.member_policy = Some(field(1, b"")), Ok(()));
    check_one(|one| one.member_policy = Some(Vec::new()), refused());
    check_one(|one| one.member_policy = None, refused());
}

#[test]
fn member_policies_nest_as_deep_as_messages_can() {
    let mut rule = vec![0x08, 0x00];
    for _ in 0..3_000 {
        rule = field(2, &[number(1, 1), field(2, &rule)].concat());
    }
    let member_policy = Some(field(1, &field(2, &rule)));
    let deep = Config {
        member_policy,
        ..Config::named("c")
    }
    .bytes();
    let decode_and_check = move || check(&deep, &["V1_2"], Ok(()));
    let stack = crate::limits::WORKER_STACK_BYTES;
    let thread = std::thread::Builder::new()
        .stack_size(stack)
        .spawn(decode_and_check)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn an_upgrade_keeps_collections_and_their_lifetime() {
    let [a, b] = ["a", "b"].map(Config::named);
    let longer = Config {
        block_to_live: 9,
        ..a.clone()
    };
    let untyped = [a.bytes(), field(1, b"")].concat();
    let old = package(&[a.clone(), b.clone()]);
    let cases = [
        (&old, Some(vec![a.clone(), b.clone()]), Ok(())),
        (
            &old,
            Some(vec![b.clone(), a.clone(), Config::named("more")]),
            Ok(()),
        ),
        (&old, Some(vec![a.clone()]), Err(Refusal::CollectionMissing)),
        (&old, Some(vec![]), Err(Refusal::CollectionMissing)),
        (
            &old,
            Some(vec![longer, b]),
            Err(Refusal::CollectionLifetime),
        ),
        (&untyped, Some(vec![a]), Err(Refusal::CollectionType)),
        // Without the argument nothing is compared, and nothing changes.
        (&old, None, Ok(())),
    ];
    for (old, new, expected) in cases {
        for capability in FROM_V1_2 {
            let mut world = World::at(capability);
            world.define("cc~collection", old);
            let upgrade = Invocation::upgrade("cc", "2.0");
            let upgrade = match &new {
                Some(new) => upgrade.with_collections(&package(new)),
                None => upgrade,
            };
            assert_eq!(verdict(&world, &upgrade.tx()), expected, "{capability:?}");
            // A deployment of another chaincode does not care.
            assert_eq!(
                verdict(&world, &Invocation::deploy("new", "1.0").tx()),
                Ok(())
            );
        }
    }
}

#[test]
fn broken_collections_stop_an_upgrade_that_has_some() {
    for capability in FROM_V1_2 {
        let mut world = World::at(capability);
        world.define("cc~collection", &[0xff]);
        assert_eq!(
            verdict(&world, &Invocation::upgrade("cc", "2.0").tx()),
            Ok(())
        );
        let upgrade = Invocation::upgrade("cc", "2.0").with_collections(&sound_package());
        let fault = world.validate(&[upgrade.tx()]).unwrap_err();
        assert!(matches!(fault, Fault::Definition { .. }), "{fault}");
    }
}
