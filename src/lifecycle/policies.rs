//! The policies that stand in no definition: of the lifecycle itself and of implicit collections.
//!
//! Knows of the channel configuration only [`ChannelFacts`]. Policies are serialized
//! `ApplicationPolicy` messages, evaluated elsewhere.

use crate::proto::wire::{put_bytes, put_element, put_uint};

/// What lifecycle policies depend on in the channel configuration of the block's height.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelFacts {
    /// The organizations of the application group, in the order of their group names.
    pub application_orgs: Vec<ApplicationOrg>,
    /// Whether `/Channel/Application/LifecycleEndorsement` exists.
    pub has_lifecycle_endorsement: bool,
}

/// One organization of the application group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationOrg {
    /// Its group's name.
    pub name: String,
    /// Its MSP's id.
    pub msp_id: String,
    /// Whether `/Channel/Application/<name>/Endorsement` exists.
    pub has_endorsement: bool,
}

impl ChannelFacts {
    /// The organization with this MSP id. Where two groups share one, Fabric picks at random; we
    /// take the first by name.
    #[must_use]
    pub fn org(&self, msp_id: &str) -> Option<&ApplicationOrg> {
        self.application_orgs
            .iter()
            .find(|org| org.msp_id == msp_id)
    }
}

/// The policy of `_lifecycle`'s public keys: the channel's, else a member of each of a majority of
/// the organizations.
///
/// Fabric: `chaincode/lifecycle/lifecycle.go:LifecycleEndorsementPolicyAsBytes`.
#[must_use]
pub fn lifecycle_policy(facts: &ChannelFacts) -> Vec<u8> {
    if facts.has_lifecycle_endorsement {
        return reference("/Channel/Application/LifecycleEndorsement");
    }
    let ids = sorted_msp_ids(facts);
    members(ids.len() / 2 + 1, &ids)
}

/// The policy of the implicit collection of the organization with this MSP id: the organization's
/// own, else any of its members. `None` where the channel has no such organization (code 10).
///
/// Fabric: `chaincode/lifecycle/deployedcc_infoprovider.go:ImplicitCollectionEndorsementPolicyAsBytes`.
#[must_use]
pub fn implicit_org_policy(facts: &ChannelFacts, msp_id: &str) -> Option<Vec<u8>> {
    let org = facts.org(msp_id)?;
    Some(if org.has_endorsement {
        reference(&format!("/Channel/Application/{}/Endorsement", org.name))
    } else {
        members(1, &[msp_id])
    })
}

/// Any member of any of the organizations: what guards system chaincodes below application
/// capability V2_0.
///
/// Fabric: `common/policydsl/policydsl_builder.go:SignedByAnyMember`.
#[must_use]
pub fn any_member_policy(facts: &ChannelFacts) -> Vec<u8> {
    members(1, &sorted_msp_ids(facts))
}

fn sorted_msp_ids(facts: &ChannelFacts) -> Vec<&str> {
    let orgs = facts.application_orgs.iter();
    let mut ids: Vec<&str> = orgs.map(|org| &*org.msp_id).collect();
    ids.sort_unstable();
    ids
}

fn reference(path: &str) -> Vec<u8> {
    let mut policy = Vec::with_capacity(path.len() + 4);
    put_element(&mut policy, 2, path.as_bytes());
    policy
}

/// `n` signatures by members of different entries of `ids`, as a signature policy.
fn members(n: usize, ids: &[&str]) -> Vec<u8> {
    let (mut gate, mut identities) = (Vec::new(), Vec::new());
    put_uint(&mut gate, 1, n as u64);
    for (index, id) in ids.iter().enumerate() {
        let mut signed_by = vec![0x08]; // a oneof member: written even where it is 0
        crate::proto::wire::put_varint(&mut signed_by, index as u64);
        put_element(&mut gate, 2, &signed_by);
        let mut role = Vec::new();
        put_bytes(&mut role, 1, id.as_bytes());
        let mut principal = Vec::new();
        put_bytes(&mut principal, 2, &role);
        put_element(&mut identities, 3, &principal);
    }
    let mut rule = Vec::new();
    put_element(&mut rule, 2, &gate);
    let mut envelope = Vec::new();
    put_element(&mut envelope, 2, &rule);
    envelope.extend_from_slice(&identities);
    let mut policy = Vec::new();
    put_element(&mut policy, 1, &envelope);
    policy
}
