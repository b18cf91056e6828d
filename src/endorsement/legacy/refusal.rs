//! Why an invocation of `lscc` is refused, rule by rule; all of them are code 10.

use crate::endorsement::error::Fault;
use crate::proto::wire::WireError;

/// The rule that an invocation of `lscc` breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The proposal's call does not decode.
    #[error("the proposal's call does not decode")]
    Proposal(#[source] WireError),
    /// No function is named.
    #[error("the call has no arguments: expected the name of a function")]
    NoArguments,
    /// Neither of the two functions.
    #[error("the function is neither deploy nor upgrade")]
    Function,
    /// Too few or too many arguments.
    #[error("the call has {found} arguments: expected 3 to 6, or 7 with private data")]
    ArgumentCount {
        /// How many.
        found: usize,
    },
    /// The deployment spec does not decode.
    #[error("the deployment spec does not decode")]
    Deployment(#[source] WireError),
    /// No chaincode in the deployment spec.
    #[error("the deployment spec names no chaincode")]
    DeploymentIncomplete,
    /// An unknown kind of chaincode.
    #[error("the chaincode's type is {found}: expected 1 to 4")]
    Language {
        /// The number found.
        found: i32,
    },
    /// No chaincode name.
    #[error("the chaincode's name has characters that are not allowed, or none")]
    Name,
    /// A system chaincode's name.
    #[error("the chaincode's name is a system chaincode's")]
    SystemName,
    /// No chaincode version.
    #[error("the chaincode's version has characters that are not allowed, or none")]
    Version,
    /// No definition is written.
    #[error("nothing is written to lscc: expected a definition")]
    NoWrite,
    /// Something else is written first.
    #[error("the first key written to lscc is not the chaincode's name")]
    FirstKey,
    /// The definition does not decode.
    #[error("the definition that is written does not decode")]
    Definition(#[source] WireError),
    /// Two names.
    #[error("the definition that is written has another name than the deployment spec")]
    DefinitionName,
    /// Two versions.
    #[error("the definition that is written has another version than the deployment spec")]
    DefinitionVersion,
    /// Another namespace is written.
    #[error("another chaincode's namespace is written to")]
    ForeignWrite,
    /// Deployed twice.
    #[error("the chaincode is defined already: expected upgrade")]
    AlreadyDefined,
    /// Upgraded before it was deployed.
    #[error("the chaincode is not defined yet: expected deploy")]
    NotDefined,
    /// Upgraded to the same version.
    #[error("the chaincode has this version already")]
    SameVersion,
    /// Too many keys are written, or none.
    #[error("{found} keys are written to lscc: expected 1, or 2 where collections may be written")]
    WriteCount {
        /// How many.
        found: usize,
    },
    /// The second key is another one.
    #[error("the second key written to lscc is not that of the chaincode's collections")]
    CollectionKey,
    /// Two packages of collections.
    #[error("the collections that are written are not those of the arguments")]
    CollectionArgument,
    /// Collections without a chaincode.
    #[error("the chaincode is not defined, but has collections")]
    CollectionsExist,
    /// The collections do not decode.
    #[error("the collections do not decode")]
    Collections(#[source] WireError),
    /// An unknown type.
    #[error("a collection is of an unknown type")]
    CollectionType,
    /// No collection name.
    #[error("a collection's name has characters that are not allowed, or none")]
    CollectionName,
    /// A name twice.
    #[error("two collections have the same name")]
    CollectionTwice,
    /// Impossible peer counts.
    #[error("a collection's peer counts are negative, or the maximum is below the required one")]
    CollectionPeers,
    /// A member policy that is not allowed.
    #[error("a collection has no member policy, or one with other gates than 1 out of n")]
    CollectionMembers,
    /// An upgrade drops a collection.
    #[error("a collection that the chaincode has is missing")]
    CollectionMissing,
    /// An upgrade changes a lifetime.
    #[error("the lifetime of a collection is changed")]
    CollectionLifetime,
    /// No instantiation policy.
    #[error("there is no instantiation policy")]
    NoInstantiationPolicy,
    /// Somebody who may not instantiate.
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
