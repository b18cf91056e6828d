//! Why a channel stops at a chaincode definition. Never a verdict on a transaction.

use crate::ledger;
use crate::proto::wire::WireError;

/// The channel cannot go on: no peer can say what the next transactions are worth.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The world state could not be read.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// Something stands in the state that is no definition. Fabric panics or aborts the channel.
    #[error(
        "the definition of chaincode '{name}' in the world state is broken: a majority of the \
         channel must commit a sound definition on a channel restored from before it"
    )]
    BrokenDefinition {
        /// The chaincode.
        name: String,
        /// What is wrong with it.
        #[source]
        flaw: Flaw,
    },
    /// A valid transaction writes to a collection that no definition has. Fabric panics.
    #[error(
        "chaincode '{namespace}' has no collection '{collection}', yet a transaction writes to it"
    )]
    UndefinedCollection {
        /// The chaincode.
        namespace: String,
        /// The collection that was written.
        collection: String,
    },
    /// The metadata that the state has for a key do not decode.
    #[error("the metadata of a key in the world state do not decode")]
    BrokenMetadata(#[source] WireError),
}

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// `namespaces/metadata/<name>` is no `StateMetadata`.
    #[error("its metadata do not decode")]
    Metadata(#[source] WireError),
    /// The namespace is something else than a chaincode.
    #[error("its datatype is '{datatype}', expected 'ChaincodeDefinition'")]
    Datatype {
        /// What the metadata say.
        datatype: String,
    },
    /// A field is no `StateData`.
    #[error("its field {field} does not decode as state data")]
    StateData {
        /// Which field.
        field: DefinitionField,
        /// Why not.
        #[source]
        source: WireError,
    },
    /// A field holds another member of the oneof than the field's type.
    #[error("its field {field} holds state data of the wrong type")]
    StateDataType {
        /// Which field.
        field: DefinitionField,
    },
    /// The message inside a field does not decode.
    #[error("the message in its field {field} does not decode")]
    Field {
        /// Which field.
        field: DefinitionField,
        /// Why not.
        #[source]
        source: WireError,
    },
    /// The legacy entry is no `ChaincodeData`.
    #[error("its legacy entry does not decode")]
    Legacy(#[source] WireError),
    /// The legacy collections are no `CollectionConfigPackage`.
    #[error("its legacy collections do not decode")]
    LegacyCollections(#[source] WireError),
}

/// The fields of a definition in the new lifecycle, in the order in which Fabric decodes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionField {
    /// A number.
    Sequence,
    /// `ChaincodeEndorsementInfo`.
    EndorsementInfo,
    /// `ChaincodeValidationInfo`.
    ValidationInfo,
    /// `CollectionConfigPackage`.
    Collections,
}

impl DefinitionField {
    /// The field's name in the state's keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequence => "Sequence",
            Self::EndorsementInfo => "EndorsementInfo",
            Self::ValidationInfo => "ValidationInfo",
            Self::Collections => "Collections",
        }
    }
}

impl std::fmt::Display for DefinitionField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
