//! Readers for what a proposal asks to run, and for packages of the legacy lifecycle (package
//! `protos`). Verdicts depend on them only below application capability V2_0.

use super::peer::ChaincodeId;
use super::wire::{RawBytes, wire_message};

/// `ChaincodeSpec.Type.GOLANG`.
pub const TYPE_GOLANG: i32 = 1;

/// `ChaincodeSpec.Type.NODE`.
pub const TYPE_NODE: i32 = 2;

/// `ChaincodeSpec.Type.CAR`.
pub const TYPE_CAR: i32 = 3;

/// `ChaincodeSpec.Type.JAVA`.
pub const TYPE_JAVA: i32 = 4;

wire_message! {
    /// `protos.ChaincodeProposalPayload`.
    ChaincodeProposalPayload<'a> {
        /// A serialized [`ChaincodeInvocationSpec`].
        input = 1: bytes,
        /// Not in a transaction, but must decode.
        transient_map = 2: map(RawBytes<'a>),
    }
}

wire_message! {
    /// `protos.ChaincodeInvocationSpec`.
    ChaincodeInvocationSpec<'a> {
        /// What is called.
        chaincode_spec = 1: message(ChaincodeSpec<'a>),
    }
}

wire_message! {
    /// `protos.ChaincodeDeploymentSpec`.
    ChaincodeDeploymentSpec<'a> {
        /// What is packaged.
        chaincode_spec = 1: message(ChaincodeSpec<'a>),
        /// The code, which transactions leave out.
        code_package = 3: bytes,
    }
}

wire_message! {
    /// `protos.ChaincodeSpec`.
    ChaincodeSpec<'a> {
        /// In which language it is written: [`TYPE_GOLANG`] and others.
        r#type = 1: i32,
        /// Name and version.
        chaincode_id = 2: message(ChaincodeId<'a>),
        /// The call's arguments.
        input = 3: message(ChaincodeInput<'a>),
        /// Not used.
        timeout = 4: i32,
    }
}

wire_message! {
    /// `protos.ChaincodeInput`.
    ChaincodeInput<'a> {
        /// The function's name and its arguments.
        args = 1: repeated_bytes,
        /// Added by the peer's decorators.
        decorations = 2: map(RawBytes<'a>),
        /// Whether the call is a chaincode's first.
        is_init = 3: bool,
    }
}
