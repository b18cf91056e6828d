//! Identities under certificate trees made for each rule.

mod cache;
mod identities;
mod local;
pub(crate) mod pki;
mod principals;
mod roles;
mod setup;

use std::sync::Arc;

use super::*;
use crate::msp::tests::pki::{Definition, Issued, Key, NodeOus, Spec};
use crate::proto::msp::MspPrincipal;
use crate::proto::wire::{put_bytes, put_element, put_uint};

pub(super) const VERSIONS: [MspVersion; 5] = [
    MspVersion::V1_0,
    MspVersion::V1_1,
    MspVersion::V1_3,
    MspVersion::V1_4_3,
    MspVersion::V3_0,
];

/// The usual organization: a root CA, an administrator, and what the root issues.
pub(crate) struct Org {
    pub(crate) root: Issued,
    pub(crate) admin: Issued,
}

impl Org {
    pub(crate) fn new() -> Self {
        let root = Issued::self_signed(Spec::ca("ca.org1", Key::p256(1)));
        let admin = root.issue(Spec::leaf("admin", &["admin"], Key::p256(2)));
        Self { root, admin }
    }

    /// A definition without node OUs that lists the administrator.
    pub(crate) fn definition(&self) -> Definition<'_> {
        Definition {
            name: "Org1MSP",
            roots: vec![&self.root],
            admins: vec![&self.admin],
            ..Definition::default()
        }
    }

    /// A definition with all node OUs and no listed administrator.
    pub(crate) fn with_node_ous(&self) -> Definition<'_> {
        Definition {
            admins: vec![],
            node_ous: Some(NodeOus::all()),
            ..self.definition()
        }
    }

    pub(crate) fn leaf(&self, ous: &[&str]) -> Issued {
        self.root.issue(Spec::leaf("leaf", ous, Key::p256(3)))
    }
}

/// The MSP of a definition, by the newest rules.
pub(crate) fn msp(definition: &Definition<'_>) -> Arc<Msp> {
    msp_of(MspVersion::V3_0, definition)
}

pub(super) fn msp_of(version: MspVersion, definition: &Definition<'_>) -> Arc<Msp> {
    Msp::new(version, &definition.serialized()).unwrap()
}

pub(super) fn fault(version: MspVersion, definition: &Definition<'_>) -> SetupFault {
    let error = Msp::new(version, &definition.serialized()).unwrap_err();
    assert_eq!(error.msp_id, definition.name);
    error.fault
}

/// An identity of the MSP, not through any cache.
pub(crate) fn identity(msp: &Arc<Msp>, certificate: &Issued) -> Arc<Identity> {
    deserialize(msp, &certificate.serialized(msp.id())).unwrap()
}

pub(super) fn deserialize(
    msp: &Arc<Msp>,
    serialized: &[u8],
) -> Result<Arc<Identity>, IdentityError> {
    MspManager::new(vec![Arc::clone(msp)]).deserialize(serialized)
}

pub(super) fn validity(msp: &Arc<Msp>, certificate: &Issued) -> Result<(), InvalidIdentity> {
    identity(msp, certificate).validate()
}

pub(crate) fn principal(class: u64, bytes: &[u8]) -> Vec<u8> {
    let mut principal = Vec::new();
    put_uint(&mut principal, 1, class);
    put_bytes(&mut principal, 2, bytes);
    principal
}

pub(crate) fn role(msp_id: &str, role: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, 1, msp_id.as_bytes());
    put_uint(&mut bytes, 2, role);
    principal(0, &bytes)
}

pub(crate) const MEMBER: u64 = 0;
pub(crate) const ADMIN: u64 = 1;
pub(crate) const CLIENT: u64 = 2;
pub(crate) const PEER: u64 = 3;
pub(crate) const ORDERER: u64 = 4;

pub(super) fn combined(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        put_element(&mut bytes, 1, part);
    }
    principal(4, &bytes)
}

pub(super) fn decode(principal: &[u8]) -> Principal {
    use crate::proto::wire::Message as _;
    Principal::new(&MspPrincipal::decode(principal).unwrap())
}

/// What a certificate's identity says to a principal.
pub(super) fn ask(
    msp: &Arc<Msp>,
    certificate: &Issued,
    principal: &[u8],
) -> Result<(), Unsatisfied> {
    identity(msp, certificate).satisfies(&decode(principal))
}
