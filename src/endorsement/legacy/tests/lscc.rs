//! Invocations of lscc: one rule after another, each broken alone.

use super::*;
use crate::endorsement::legacy::definitions::LegacyDefinitions;
use crate::endorsement::legacy::dispatch::Context;
use crate::endorsement::legacy::lscc::check;
use crate::endorsement::legacy::refusal::Refusal;
use crate::ledger::TxKey;
use crate::msp::tests::ADMIN;
use crate::proto::wire::WireError;

/// A deployment or an upgrade.
#[derive(Clone)]
pub(super) struct Invocation {
    pub(super) function: &'static str,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) language: u64,
    /// Arguments after the deployment spec: up to four.
    pub(super) more_arguments: usize,
    /// The argument after these.
    pub(super) collections: Option<Vec<u8>>,
    pub(super) key: &'static str,
    pub(super) data: Data,
    /// Writes after the first.
    pub(super) more_writes: Vec<KvWrite<'static>>,
    pub(super) creator: Submitter,
}

/// Who submits.
#[derive(Clone, Copy)]
pub(super) enum Submitter {
    Client,
    Admin,
}

impl Invocation {
    pub(super) fn deploy(name: &'static str, version: &'static str) -> Self {
        Self {
            function: "deploy",
            name,
            version,
            language: 1,
            more_arguments: 3,
            collections: None,
            key: name,
            data: Data::new(name, version),
            more_writes: Vec::new(),
            creator: Submitter::Client,
        }
    }

    pub(super) fn upgrade(name: &'static str, version: &'static str) -> Self {
        Self {
            function: "upgrade",
            ..Self::deploy(name, version)
        }
    }

    /// With these collections, as argument and as write.
    pub(super) fn with_collections(mut self, package: &[u8]) -> Self {
        let key = leak(format!("{}~collection", self.name).into_bytes());
        let key = std::str::from_utf8(key).unwrap();
        let value = leak(package.to_vec());
        self.more_arguments = 3;
        self.collections = Some(package.to_vec());
        self.more_writes.push(KvWrite {
            key,
            value,
            ..KvWrite::default()
        });
        self
    }

    fn arguments(&self) -> Vec<Vec<u8>> {
        let id = [
            field(2, self.name.as_bytes()),
            field(3, self.version.as_bytes()),
        ]
        .concat();
        let spec = [number(1, self.language), field(2, &id)].concat();
        let mut arguments = vec![self.function.into(), b"channel".to_vec(), field(1, &spec)];
        arguments.resize(arguments.len() + self.more_arguments, Vec::new());
        arguments.extend(self.collections.clone());
        arguments
    }

    pub(super) fn tx(&self) -> Tx {
        let first = KvWrite {
            key: self.key,
            value: leak(self.data.bytes()),
            is_delete: false,
        };
        let mut writes = vec![first];
        writes.extend(self.more_writes.iter().cloned());
        let set = NsRwSet {
            name: "lscc",
            writes,
            ..NsRwSet::default()
        };
        Tx::of("lscc").in_namespace(set).with(|tx| {
            tx.proposal_payload = proposal(&self.arguments());
            if let Submitter::Admin = self.creator {
                tx.creator = certificate(7, "admin").serialized("Org1MSP");
            }
        })
    }
}

/// A proposal payload with these arguments.
fn proposal(arguments: &[Vec<u8>]) -> Vec<u8> {
    let input: Vec<u8> = arguments
        .iter()
        .flat_map(|argument| field(1, argument))
        .collect();
    field(1, &field(1, &field(3, &input)))
}

/// What lscc's rules say of a transaction. Its code must agree.
pub(super) fn verdict(world: &World, tx: &Tx) -> Result<(), Refusal> {
    let (endorser, creator) = (tx.endorser(), tx.creator());
    let signers = world.signers(&endorser);
    let candidate = Candidate {
        tx: TxIndex(0),
        tx_key: TxKey::of(endorser.tx_id),
        creator: &creator,
        endorser: &endorser,
        signers: &signers,
    };
    let mut kept = None;
    let facts = facts_of(&mut kept, &world.bundle);
    let context = Context {
        block: BlockNumber(7),
        bundle: &world.bundle,
        capabilities: world.bundle.capabilities().application(),
        definitions: &LegacyDefinitions::load(["lscc"].into_iter(), &world.state, facts).unwrap(),
        state: &world.state,
    };
    let verdict = check(&context, &candidate, endorser.action.as_ref().unwrap()).unwrap();
    let (codes, _) = world.validate(std::slice::from_ref(tx)).unwrap();
    assert_eq!(codes[0].is_valid(), verdict.is_ok(), "{verdict:?}");
    verdict
}

/// At every capability.
fn check_all(tx: &Tx, expected: Result<(), Refusal>) {
    for capability in CAPABILITIES {
        assert_eq!(
            verdict(&World::at(capability), tx),
            expected,
            "{capability:?}"
        );
    }
}

/// A deployment and an upgrade, edited alike, at every capability.
fn check_both(edit: impl Fn(&mut Invocation), expected: Result<(), Refusal>) {
    for mut invocation in [
        Invocation::deploy("new", "2.0"),
        Invocation::upgrade("cc", "2.0"),
    ] {
        edit(&mut invocation);
        check_all(&invocation.tx(), expected.clone());
    }
}

#[test]
fn sound_ones_pass() {
    check_both(|_| {}, Ok(()));
}

#[test]
fn it_needs_the_endorsement_of_any_member_beside_all_else() {
    for endorsements in [vec![], vec![by("OrdererMSP")]] {
        let tx = Invocation::deploy("new", "1.0")
            .tx()
            .endorsed(&endorsements);
        for capability in CAPABILITIES {
            assert_eq!(World::at(capability).code(tx.with_same()), 10);
        }
    }
}

impl Tx {
    /// A copy.
    fn with_same(&self) -> Self {
        Self {
            namespaces: self.namespaces.clone(),
            endorsements: self.endorsements.clone(),
            proposal_payload: self.proposal_payload.clone(),
            creator: self.creator.clone(),
            ..*self
        }
    }
}

#[test]
fn the_call_must_decode() {
    let sound = Invocation::deploy("new", "1.0");
    let with = |payload: Vec<u8>| sound.tx().with(|tx| tx.proposal_payload = payload);
    let truncated = || Err(Refusal::Proposal(WireError::Truncated));
    check_all(&with(vec![0x0a]), truncated());
    check_all(&with(field(1, &[0x0a])), truncated());
    let transient = field(2, &field(1, &[0xff]));
    let payload = [proposal(&sound.arguments()), transient].concat();
    check_all(&with(payload), Err(Refusal::Proposal(WireError::Utf8)));
    for payload in [Vec::new(), field(1, &field(1, b"")), proposal(&[])] {
        check_all(&with(payload), Err(Refusal::NoArguments));
    }
}

#[test]
fn the_function_is_deploy_or_upgrade() {
    for function in ["", "Deploy", "getid", "install", "deploy "] {
        check_both(|one| one.function = function, Err(Refusal::Function));
    }
    check_all(
        &Tx::of("lscc").with(|tx| tx.proposal_payload = proposal(&[b"getid".to_vec()])),
        Err(Refusal::Function),
    );
}

#[test]
fn the_number_of_arguments_is_limited() {
    let with = |count: usize| {
        let mut arguments = Invocation::deploy("new", "1.0").arguments();
        arguments.resize(count, Vec::new());
        Invocation::deploy("new", "1.0")
            .tx()
            .with(|tx| tx.proposal_payload = proposal(&arguments))
    };
    for found in [1, 2, 8] {
        check_all(&with(found), Err(Refusal::ArgumentCount { found }));
    }
    for count in 3..=6 {
        check_all(&with(count), Ok(()));
    }
    for capability in CAPABILITIES {
        let private_data = !matches!(capability, "" | "V1_1");
        let expected = if private_data {
            Ok(())
        } else {
            Err(Refusal::ArgumentCount { found: 7 })
        };
        assert_eq!(
            verdict(&World::at(capability), &with(7)),
            expected,
            "{capability:?}"
        );
    }
}

#[test]
fn the_deployment_spec_names_a_chaincode() {
    let with = |spec: Vec<u8>| {
        let arguments = [b"deploy".to_vec(), b"channel".to_vec(), spec];
        Invocation::deploy("new", "1.0")
            .tx()
            .with(|tx| tx.proposal_payload = proposal(&arguments))
    };
    check_all(
        &with(vec![0x0a]),
        Err(Refusal::Deployment(WireError::Truncated)),
    );
    check_all(&with(Vec::new()), Err(Refusal::DeploymentIncomplete));
    check_all(
        &with(field(1, &number(1, 1))),
        Err(Refusal::DeploymentIncomplete),
    );
}

#[test]
fn the_language_is_a_known_one() {
    for language in 1..=4 {
        check_both(|one| one.language = language, Ok(()));
    }
    for (language, found) in [(0, 0), (5, 5), (u64::MAX, -1)] {
        check_both(
            |one| one.language = language,
            Err(Refusal::Language { found }),
        );
    }
}

#[test]
fn names_and_versions_have_allowed_characters() {
    let renamed = |name: &'static str| {
        move |one: &mut Invocation| {
            (one.name, one.key, one.data.name) = (name, name, name);
        }
    };
    for name in ["a", "A9", "a-b_c", "9"] {
        let mut invocation = Invocation::deploy("new", "1.0");
        renamed(name)(&mut invocation);
        check_all(&invocation.tx(), Ok(()));
    }
    for name in [
        "",
        "-a",
        "a-",
        "a--b",
        "a-_b",
        "a.b",
        "a~b",
        "a b",
        "a\n",
        "\u{e4}",
        "_lifecycle",
    ] {
        check_both(renamed(name), Err(Refusal::Name));
    }
    for name in ["cscc", "escc", "lscc", "qscc", "vscc"] {
        check_both(renamed(name), Err(Refusal::SystemName));
    }
    let versioned = |version: &'static str| {
        move |one: &mut Invocation| {
            (one.version, one.data.version) = (version, version);
        }
    };
    for version in ["1", "v1.0-beta_2+x", "..."] {
        check_both(versioned(version), Ok(()));
    }
    for version in ["", "1 0", "1~", "1\n", "\u{e4}"] {
        check_both(versioned(version), Err(Refusal::Version));
    }
}

#[test]
fn the_first_write_is_the_definition() {
    let edited = |edit: fn(&mut NsRwSet<'static>), expected: Result<(), Refusal>| {
        for invocation in [
            Invocation::deploy("new", "2.0"),
            Invocation::upgrade("cc", "2.0"),
        ] {
            check_all(
                &invocation.tx().with(|tx| edit(&mut tx.namespaces[0])),
                expected.clone(),
            );
        }
    };
    edited(|set| set.name = "qscc", Err(Refusal::NoWrite));
    edited(|set| set.writes.clear(), Err(Refusal::NoWrite));
    edited(|set| set.writes[0].key = "other", Err(Refusal::FirstKey));
    edited(
        |set| set.writes[0].value = &[0x0a],
        Err(Refusal::Definition(WireError::Truncated)),
    );
    edited(
        |set| set.writes[0].value = &[],
        Err(Refusal::DefinitionName),
    );
    // A deletion with a sound value goes for a definition.
    edited(|set| set.writes[0].is_delete = true, Ok(()));
    check_both(|one| one.data.name = "other", Err(Refusal::DefinitionName));
    check_both(
        |one| one.data.version = "other",
        Err(Refusal::DefinitionVersion),
    );
    // Nothing else in the definition is looked at.
    check_both(
        |one| (one.data.vscc, one.data.policy) = ("", vec![0xff]),
        Ok(()),
    );
}

#[test]
fn only_lscc_and_the_chaincode_are_written() {
    let deploy = || Invocation::deploy("new", "1.0").tx();
    check_all(&deploy().writes("new"), Ok(()));
    check_all(&deploy().writes("cc"), Err(Refusal::ForeignWrite));
    check_all(&deploy().writes("qscc"), Err(Refusal::ForeignWrite));
    check_all(&deploy().reads("cc"), Ok(()));
    check_all(&deploy().writes_metadata("cc"), Ok(()));
}

#[test]
fn deployments_are_of_new_chaincodes_and_upgrades_of_old_ones() {
    check_all(
        &Invocation::deploy("cc", "2.0").tx(),
        Err(Refusal::AlreadyDefined),
    );
    check_all(
        &Invocation::upgrade("new", "2.0").tx(),
        Err(Refusal::NotDefined),
    );
    check_all(
        &Invocation::upgrade("cc", "1.0").tx(),
        Err(Refusal::SameVersion),
    );
}

#[test]
fn a_broken_definition_stops_the_channel() {
    for capability in CAPABILITIES {
        for tx in [
            Invocation::deploy("cc", "2.0").tx(),
            Invocation::upgrade("cc", "2.0").tx(),
        ] {
            let mut world = World::at(capability);
            world.define("cc", &[0xff]);
            let fault = world.validate(&[tx]).unwrap_err();
            assert!(matches!(fault, Fault::Definition { .. }), "{fault}");
        }
    }
}

#[test]
fn the_creator_satisfies_the_instantiation_policy() {
    let admin = policy(1, &[role("Org1MSP", ADMIN)]);
    let refused = || Err(Refusal::InstantiationPolicy);
    let cases: [(Vec<u8>, Submitter, Result<(), Refusal>); 6] = [
        (
            Vec::new(),
            Submitter::Client,
            Err(Refusal::NoInstantiationPolicy),
        ),
        (admin.clone(), Submitter::Client, refused()),
        (admin, Submitter::Admin, Ok(())),
        (members(&["Org1MSP"]), Submitter::Client, Ok(())),
        (
            [number(1, 1), anyone()].concat(),
            Submitter::Client,
            refused(),
        ),
        (vec![0xff], Submitter::Client, refused()),
    ];
    for (policy, creator, expected) in cases {
        let mut deploy = Invocation {
            creator,
            ..Invocation::deploy("new", "1.0")
        };
        deploy.data.instantiation_policy.clone_from(&policy);
        check_all(&deploy.tx(), expected.clone());
        // An upgrade must satisfy the one in the state.
        let upgrade = Invocation {
            creator,
            ..Invocation::upgrade("cc", "2.0")
        };
        for capability in CAPABILITIES {
            let mut world = World::at(capability);
            let instantiation_policy = policy.clone();
            world.define(
                "cc",
                &Data {
                    instantiation_policy,
                    ..Data::new("cc", "1.0")
                }
                .bytes(),
            );
            assert_eq!(verdict(&world, &upgrade.tx()), expected, "{capability:?}");
        }
        // From V1_1 on, the new one, too.
        let mut upgrade = upgrade;
        upgrade.data.instantiation_policy = policy;
        for capability in CAPABILITIES {
            let v1_1 = !matches!(capability, "" | "V1_1_PVTDATA_EXPERIMENTAL");
            let expected = if v1_1 { expected.clone() } else { Ok(()) };
            assert_eq!(
                verdict(&World::at(capability), &upgrade.tx()),
                expected,
                "{capability:?}"
            );
        }
    }
}
