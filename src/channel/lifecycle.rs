//! What `_lifecycle` and implicit collections take from the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::PolicyTree;

use super::application::{ApplicationOrg, PATH};

/// The policy of chaincode definitions, where the configuration has it.
pub const LIFECYCLE_ENDORSEMENT: &str = "/Channel/Application/LifecycleEndorsement";

/// Who must endorse writes into an organization's implicit collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImplicitCollectionPolicy {
    /// The policy of the channel configuration with this path, which exists.
    Reference(Arc<str>),
    /// Any member of the MSP with this id.
    Member(Arc<str>),
}

/// The defaults of one configuration.
#[derive(Debug, Default)]
pub(super) struct LifecycleDefaults {
    /// One for each application organization, sorted.
    pub(super) msp_ids: Vec<Arc<str>>,
    pub(super) has_lifecycle_endorsement: bool,
    pub(super) implicit_policies: BTreeMap<Arc<str>, ImplicitCollectionPolicy>,
}

impl LifecycleDefaults {
    /// Where two groups have one MSP, the first by name decides about its implicit collection.
    /// Fabric takes either of them, by chance.
    ///
    /// Fabric: `core/chaincode/lifecycle/deployedcc_infoprovider.go` and `lifecycle.go`.
    pub(super) fn new(orgs: &[ApplicationOrg], policies: &PolicyTree) -> Self {
        let mut msp_ids: Vec<_> = orgs.iter().map(|org| Arc::clone(&org.msp_id)).collect();
        msp_ids.sort_unstable();
        let mut implicit_policies = BTreeMap::new();
        for org in orgs {
            implicit_policies
                .entry(Arc::clone(&org.msp_id))
                .or_insert_with(|| {
                    let path = format!("{PATH}/{}/Endorsement", org.group_name);
                    match policies.policy(&path) {
                        Some(_) => ImplicitCollectionPolicy::Reference(path.into()),
                        None => ImplicitCollectionPolicy::Member(Arc::clone(&org.msp_id)),
                    }
                });
        }
        Self {
            msp_ids,
            has_lifecycle_endorsement: policies.policy(LIFECYCLE_ENDORSEMENT).is_some(),
            implicit_policies,
        }
    }
}
