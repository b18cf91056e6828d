//! Validation-spec 7.3: whose signatures an update needs.

use super::kit::*;
use crate::channel::update::{encode_config_envelope, validate_update};
use crate::channel::{Bundle, ConfigBlock};
use crate::proto::common::{ChannelHeader, Payload};
use crate::proto::config::{ConfigEnvelope, ConfigSignature, ConfigUpdateEnvelope};
use crate::proto::wire::{Message, put_element};

#[test]
fn recorded_update() {
    let genesis = ConfigBlock::read(&blocks()[0]).unwrap();
    let current = Bundle::from_genesis(&channel(), genesis.config_envelope).unwrap();
    let next = ConfigBlock::read(&blocks()[1]).unwrap().config_envelope;
    let bundle = current.apply(next).unwrap();
    assert_eq!(bundle.sequence(), 1);
    assert_eq!(bundle.config_envelope(), next);
    assert_ne!(bundle.orderer().batch_size, current.orderer().batch_size);
    // Twice is once too often.
    assert_eq!(
        verdict(bundle.apply(next)),
        "the config update is refused: the new configuration has sequence 1: expected 2"
    );
}

#[test]
fn recorded_update_proposed_again() {
    let genesis = ConfigBlock::read(&blocks()[0]).unwrap();
    let current = Bundle::from_genesis(&channel(), genesis.config_envelope).unwrap();
    let next = ConfigBlock::read(&blocks()[1]).unwrap().config_envelope;
    let mut update = Vec::new();
    let decoded = ConfigEnvelope::decode(next).unwrap();
    let envelope = decoded.last_update.unwrap();
    put_element(&mut update, 1, envelope.payload);
    put_element(&mut update, 2, envelope.signature);
    let proposed = validate_update(&current, &update).unwrap();
    assert_eq!(proposed.sequence, 1);
    let again = encode_config_envelope(&proposed, &update);
    assert_eq!(current.apply(&again).unwrap().sequence(), 1);
}

fn with_signatures(edit: impl Fn(&mut Vec<ConfigSignature<'static>>)) -> String {
    let next = ConfigBlock::read(&blocks()[1]).unwrap().config_envelope;
    let envelope = ConfigEnvelope::decode(next).unwrap();
    let payload = Payload::decode(envelope.last_update.unwrap().payload).unwrap();
    let header = ChannelHeader::decode(payload.header.unwrap().channel_header).unwrap();
    assert_eq!(header.r#type, 2);
    let update = ConfigUpdateEnvelope::decode(payload.data).unwrap();
    let mut signatures = update.signatures;
    edit(&mut signatures);
    let signatures: Vec<_> = signatures
        .iter()
        .map(|signature| {
            [
                message(1, signature.signature_header),
                message(2, signature.signature),
            ]
            .concat()
        })
        .collect();
    let update = update_envelope(2, update.config_update, &signatures);
    let genesis = ConfigBlock::read(&blocks()[0]).unwrap();
    let current = Bundle::from_genesis(&channel(), genesis.config_envelope).unwrap();
    verdict(current.apply(&encode_config_envelope(&envelope.config.unwrap(), &update)))
}

#[test]
fn signatures() {
    let refused = |count: usize| {
        format!(
            "the config update is refused: value /Channel/Orderer/BatchSize is guarded by policy \
             'Admins', which the update's {count} valid signatures do not satisfy"
        )
    };
    assert_eq!(with_signatures(|_| {}), "ok");
    assert_eq!(with_signatures(Vec::clear), refused(0));
    assert_eq!(
        with_signatures(|signatures| signatures.iter_mut().for_each(|s| s.signature = b"")),
        refused(0)
    );
    assert_eq!(
        with_signatures(|signatures| {
            for signature in signatures {
                // A signature over something else: the header gets one more, unknown field.
                signature.signature_header =
                    leak([signature.signature_header, b"\x18\x01"].concat());
            }
        }),
        refused(0)
    );
    // Signatures by strangers do not count, and do no harm.
    assert_eq!(
        with_signatures(|signatures| {
            let signature_header = leak(message(1, &message(1, b"NobodyMSP")));
            signatures.insert(
                0,
                ConfigSignature {
                    signature_header,
                    signature: b"x",
                },
            );
        }),
        "ok"
    );
    assert_eq!(
        with_signatures(|signatures| {
            signatures.push(ConfigSignature {
                signature_header: b"\x0a",
                signature: b"x",
            });
        })
        .split(" does not")
        .next(),
        Some("header of config signature 1")
    );
}

#[test]
fn authorization() {
    let refused = |policy: &str| {
        format!(
            "value /Channel/Orderer/BatchTimeout is guarded by policy '{policy}', which the \
             update's 0 valid signatures do not satisfy"
        )
    };
    let missing = |policy: &str| {
        format!(
            "value /Channel/Orderer/BatchTimeout is guarded by policy '{policy}', which does not exist"
        )
    };
    let guard = |mod_policy: &'static str, never: &'static [(&'static str, &'static str)]| {
        move |case: &mut Case| {
            case.both(|root| {
                for (path, name) in never {
                    at(root, path)
                        .policies
                        .insert(name, signature_policy(NEVER));
                }
            });
            let orderer = at(&mut case.current, "Orderer");
            orderer.values.get_mut("BatchTimeout").unwrap().mod_policy = mod_policy;
        }
    };
    check_update(guard("Admins", &[]), "ok");
    check_update(guard("Admins", &[("", "Admins")]), "ok");
    check_update(
        guard("Admins", &[("Orderer", "Admins")]),
        &refused("Admins"),
    );
    check_update(guard("OrdererOrg/Admins", &[("Orderer", "Admins")]), "ok");
    check_update(
        guard("OrdererOrg/Admins", &[("Orderer/OrdererOrg", "Admins")]),
        &refused("OrdererOrg/Admins"),
    );
    check_update(guard("/Channel/Admins", &[("Orderer", "Admins")]), "ok");
    check_update(
        guard("/Channel/Admins", &[("", "Admins")]),
        &refused("/Channel/Admins"),
    );
    check_update(
        guard(
            "/Channel/Application/Org1MSP/Admins",
            &[("Orderer", "Admins")],
        ),
        "ok",
    );
    check_update(guard("", &[]), &missing(""));
    check_update(guard("Nobody", &[]), &missing("Nobody"));
    check_update(guard("Orderer/Admins", &[]), &missing("Orderer/Admins"));
    check_update(guard("/Admins", &[]), &missing("/Admins"));
    check_update(guard("/Orderer/Admins", &[]), &missing("/Orderer/Admins"));
    check_update(guard("/Channel", &[]), &missing("/Channel"));
    // Nine characters are cut off, whatever the ninth is.
    check_update(guard("/ChannelXAdmins", &[("Orderer", "Admins")]), "ok");
}

#[test]
fn authorization_of_groups_and_policies() {
    // A group's own policy guards it, not its parent's; the root group's guards the root group.
    let org = |case: &mut Case| {
        case.write = Some(Group::default());
        let mut application = Group::default();
        let mut group = case.current.groups["Application"].groups["Org1MSP"].clone();
        group.version = 1;
        application.groups.insert("Org1MSP", group.clone());
        case.write("").groups.insert("Application", application);
        let read = case.read.as_mut().unwrap();
        read.groups.insert("Application", Group::default());
        let mut org = group.clone();
        org.version = 0;
        at(read, "Application").groups.insert("Org1MSP", org);
        // Everything in the group was read at the version that it keeps.
        case.next = case.current.clone();
        at(&mut case.next, "Application")
            .groups
            .insert("Org1MSP", group);
    };
    check_update(org, "ok");
    let never = |path: &'static str| {
        move |case: &mut Case| {
            case.both(|root| {
                at(root, path)
                    .policies
                    .insert("Admins", signature_policy(NEVER));
            });
            org(case);
        }
    };
    check_update(never("Application"), "ok");
    check_update(
        never("Application/Org1MSP"),
        "group /Channel/Application/Org1MSP is guarded by policy 'Admins', which the update's 0 \
         valid signatures do not satisfy",
    );
    let policy = |case: &mut Case| {
        let mut policy = signature_policy(ALWAYS);
        policy.version = 1;
        case.write("Orderer")
            .policies
            .insert("Writers", policy.clone());
        at(&mut case.next, "Orderer")
            .policies
            .insert("Writers", policy);
    };
    check_update(policy, "ok");
    check_update(
        |case| {
            policy(case);
            case.both(|root| {
                at(root, "Orderer")
                    .policies
                    .insert("Never", signature_policy(NEVER));
            });
            let orderer = at(&mut case.current, "Orderer");
            orderer.policies.get_mut("Writers").unwrap().mod_policy = "Never";
        },
        "policy /Channel/Orderer/Writers is guarded by policy 'Never', which the update's 0 valid \
         signatures do not satisfy",
    );
}
