//! Readers for chaincode definitions: package `lifecycle` (new lifecycle) and legacy `ChaincodeData`.

use super::wire::{Field, Message, Value, WireError, wire_message};

wire_message! {
    /// `lifecycle.StateMetadata`.
    StateMetadata<'a> {
        /// `ChaincodeDefinition` for a chaincode.
        datatype = 1: string,
        /// The names of its fields.
        fields = 2: repeated_string,
    }
}

/// `lifecycle.StateData`: a oneof, the last member wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StateData<'a> {
    /// No member is set.
    #[default]
    Unset,
    /// Field 1.
    Int64(i64),
    /// Field 2.
    Bytes(&'a [u8]),
    /// Field 3.
    String(&'a str),
}

impl<'a> Message<'a> for StateData<'a> {
    fn take_field(&mut self, field: &Field<'a>, _depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Varint(value)) => *self = Self::Int64(value.cast_signed()),
            (2, Value::Bytes(bytes)) => *self = Self::Bytes(bytes),
            (3, Value::Bytes(bytes)) => *self = Self::String(super::wire::utf8(bytes)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

wire_message! {
    /// `lifecycle.ChaincodeEndorsementInfo`.
    ChaincodeEndorsementInfo<'a> {
        /// The chaincode's version.
        version = 1: string,
        /// Whether Init must be called first.
        init_required = 2: bool,
        /// Which endorsement plugin.
        endorsement_plugin = 3: string,
    }
}

wire_message! {
    /// `lifecycle.ChaincodeValidationInfo`.
    ChaincodeValidationInfo<'a> {
        /// Which validation plugin: `vscc`.
        validation_plugin = 1: string,
        /// A serialized `ApplicationPolicy`.
        validation_parameter = 2: bytes,
    }
}

wire_message! {
    /// Legacy `ccprovider.ChaincodeData`, state of namespace `lscc`.
    ChaincodeData<'a> {
        /// The chaincode's name.
        name = 1: string,
        /// Its version.
        version = 2: string,
        /// Endorsement plugin.
        escc = 3: string,
        /// Validation plugin.
        vscc = 4: string,
        /// A serialized `SignaturePolicyEnvelope`.
        policy = 5: bytes,
        /// Hashes of code and metadata.
        data = 6: bytes,
        /// Hash over the package.
        id = 7: bytes,
        /// A serialized `SignaturePolicyEnvelope`.
        instantiation_policy = 8: bytes,
    }
}
