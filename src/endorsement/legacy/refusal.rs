//! Why an invocation of `lscc` is refused, rule by rule; all of them are code 10.

use crate::endorsement::error::Fault;
use crate::proto::wire::WireError;

/// The rule that an invocation of `lscc` breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the proposal's call does not decode")]
    Proposal(#[source] WireError),
    #[error("the call has no arguments: expected the name of a function")]
    NoArguments,
    #[error("the function is neither deploy nor upgrade")]
    Function,
    #[error("the call has {found} arguments: expected 3 to 6, or 7 with private data")]
    ArgumentCount { found: usize },
    #[error("the deployment spec does not decode")]
    Deployment(#[source] WireError),
    #[error("the deployment spec names no chaincode")]
    DeploymentIncomplete,
    #[error("the chaincode's type is {found}: expected 1 to 4")]
    Language { found: i32 },
    #[error("the chaincode's name has characters that are not allowed, or none")]
    Name,
    #[error("the chaincode's name is a system chaincode's")]
    SystemName,
    #[error("the chaincode's version has characters that are not allowed, or none")]
    Version,
    #[error("nothing is written to lscc: expected a definition")]
    NoWrite,
    #[error("the first key written to lscc is not the chaincode's name")]
    FirstKey,
    #[error("the definition that is written does not decode")]
    Definition(#[source] WireError),
    #[error("the definition that is written has another name than the deployment spec")]
    DefinitionName,
    #[error("the definition that is written has another version than the deployment spec")]
    DefinitionVersion,
    #[error("another chaincode's namespace is written to")]
    ForeignWrite,
    #[error("the chaincode is defined already: expected upgrade")]
    AlreadyDefined,
    #[error("the chaincode is not defined yet: expected deploy")]
    NotDefined,
    #[error("the chaincode has this version already")]
    SameVersion,
    #[error("{found} keys are written to lscc: expected 1, or 2 where collections may be written")]
    WriteCount { found: usize },
    #[error("the second key written to lscc is not that of the chaincode's collections")]
    CollectionKey,
    #[error("the collections that are written are not those of the arguments")]
    CollectionArgument,
    #[error("the chaincode is not defined, but has collections")]
    CollectionsExist,
    #[error("the collections do not decode")]
    Collections(#[source] WireError),
    #[error("a collection is of an unknown type")]
    CollectionType,
    #[error("a collection's name has characters that are not allowed, or none")]
    CollectionName,
    #[error("two collections have the same name")]
    CollectionTwice,
    #[error("a collection's peer counts are negative, or the maximum is below the required one")]
    CollectionPeers,
    #[error("a collection has no member policy, or one with other gates than 1 out of n")]
    CollectionMembers,
    #[error("a collection that the chaincode has is missing")]
    CollectionMissing,
    #[error("the lifetime of a collection is changed")]
    CollectionLifetime,
    #[error("there is no instantiation policy")]
    NoInstantiationPolicy,
    #[error("the transaction's creator does not satisfy the instantiation policy")]
    InstantiationPolicy,
}

/// Why a check ends early.
#[derive(Debug)]
pub(super) enum Ended {
    /// The transaction is to blame.
    Refused(Refusal),
    /// The channel must stop.
    Stopped(Fault),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Stopped(fault)
    }
}
