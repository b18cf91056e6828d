//! What somebody of a workload needs to take part in its channel.

use prost::Message as _;

use super::spec::WorkloadSpec;
use crate::proto::messages::msp::SerializedIdentity;
use crate::testing::kit::{Identity, Member, NodeRole};

/// Certificate and key of a peer or an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The organization's name.
    pub org: String,
    /// `peer0` and so on, or `admin`.
    pub name: String,
    /// Its certificate, in PEM.
    pub certificate: Vec<u8>,
    /// Its private key, in PEM.
    pub key: Vec<u8>,
    /// The organization's authority, in PEM.
    pub authority: Vec<u8>,
}

/// Those of an organization's peers and of its administrator.
pub(super) fn of_member(spec: &WorkloadSpec, member: &Member) -> Vec<Credential> {
    let peer = |name: String| (member.organization.enroll(&name, NodeRole::Peer), name);
    let peers = (0..spec.peers).map(|number| peer(format!("peer{number}")));
    let admin = (member.admin.clone(), "admin".to_owned());
    peers
        .chain([admin])
        .map(|(identity, name)| of(member, &identity, name))
        .collect()
}

fn of(member: &Member, identity: &Identity, name: String) -> Credential {
    let organization = &member.organization;
    let serialized = SerializedIdentity::decode(identity.serialized()).unwrap_or_default();
    Credential {
        org: organization.name.clone(),
        certificate: serialized.id_bytes.to_vec(),
        key: organization.key_of(&name).private_pem(),
        authority: organization.authority.pem.clone(),
        name,
    }
}
