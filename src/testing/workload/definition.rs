//! The chaincode's definition, in the form that the channel's capability asks for.

use super::cast::{Cast, Submission};
use super::recipe::{CHAINCODE, msp_id, timestamp};
use super::spec::WorkloadSpec;
use crate::testing::kit::{
    ChaincodeDefinition, Collection, Principal, Rule, SignaturePolicy, Transaction, Wire, any_of,
    by, ns, out_of,
};

/// The collection's name.
pub(super) fn secrets_collection() -> &'static str {
    "secrets"
}

/// A peer of an organization, or anybody of it where nothing tells who is one.
pub(super) fn member_rule(spec: &WorkloadSpec, msp_id: &str) -> Rule {
    let msp_id = msp_id.to_owned();
    by(if spec.node_ous {
        Principal::Peer(msp_id)
    } else {
        Principal::Member(msp_id)
    })
}

/// The transaction that defines the chaincode.
pub(super) fn define(cast: &Cast, submission: Submission) -> Vec<u8> {
    let spec = &cast.spec;
    let creator = cast.creator(submission);
    let nonce = cast.nonce(submission);
    let (namespace, rwset) = if spec.is_legacy() {
        ("lscc", deployment(spec))
    } else {
        ("_lifecycle", definition(spec).writes())
    };
    let tx = Transaction::new(&spec.channel, creator, nonce, namespace, [rwset]);
    let tx = tx.endorsed_by(cast.one_of_each()).with(|tx| {
        tx.timestamp = timestamp(submission.place);
        if spec.is_legacy() {
            tx.arguments = deploy_arguments(spec);
        }
    });
    tx.envelope()
}

/// So many organizations out of those that were there at the beginning.
fn policy(spec: &WorkloadSpec) -> SignaturePolicy {
    let orgs = (0..spec.orgs).map(|org| member_rule(spec, &msp_id(org)));
    let required = i32::try_from(spec.required()).unwrap_or(i32::MAX);
    out_of(required, orgs).into()
}

fn definition(spec: &WorkloadSpec) -> ChaincodeDefinition {
    let definition = ChaincodeDefinition::new(CHAINCODE).policy(policy(spec));
    if !spec.has_collection() {
        return definition;
    }
    let last = msp_id(spec.orgs.saturating_sub(1));
    let members = any_of([by(Principal::Member(last))]);
    definition.collection(Collection {
        block_to_live: spec.block_to_live,
        ..Collection::new(secrets_collection(), &members.into())
    })
}

/// What `lscc` writes for a new chaincode: a `ChaincodeData`.
fn deployment(spec: &WorkloadSpec) -> crate::testing::kit::Ns {
    let members = (0..spec.orgs).map(|org| by(Principal::Member(msp_id(org))));
    let instantiation = SignaturePolicy::from(any_of(members)).envelope();
    let data = Wire::new()
        .bytes(1, CHAINCODE)
        .bytes(2, "1")
        .bytes(3, "escc")
        .bytes(4, "vscc")
        .bytes(5, policy(spec).envelope())
        .bytes(8, instantiation);
    ns("lscc").read(CHAINCODE, None).write(CHAINCODE, data)
}

/// What `lscc` was called with: function, channel, `ChaincodeDeploymentSpec`, policy, plugins.
fn deploy_arguments(spec: &WorkloadSpec) -> Vec<Vec<u8>> {
    let id = Wire::new().bytes(2, CHAINCODE).bytes(3, "1");
    let chaincode = Wire::new().uint(1, 1).element(2, id);
    let deployment = Wire::new().element(1, chaincode);
    vec![
        b"deploy".to_vec(),
        spec.channel.as_bytes().to_vec(),
        deployment.done(),
        policy(spec).envelope(),
        b"escc".to_vec(),
        b"vscc".to_vec(),
    ]
}
