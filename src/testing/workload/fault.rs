//! The ways in which transactions are wrong on purpose: at least one for every validation code that a
//! channel from application capability V2_0 on can give.

use crate::types::ValidationCode;

macro_rules! faults {
    ($( $(#[$meta:meta])* $variant:ident = $name:literal => $code:expr ),* $(,)?) => {
        /// One way to be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Fault {
            $( $(#[$meta])* $variant, )*
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// Its name, such as `bad-creator-signature`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// The code that it earns, from application capability V2_0 on if there; `None` where
            /// anything can come of it.
            #[must_use]
            pub fn code(self) -> Option<ValidationCode> {
                match self { $( Self::$variant => $code, )* }
            }
        }
    };
}

use ValidationCode as Code;

faults! {
    /// The payload does not decode.
    UndecodablePayload = "undecodable-payload" => Some(Code::BadPayload),
    /// The epoch in the channel header is not 0.
    BadEpoch = "bad-epoch" => Some(Code::BadCommonHeader),
    /// No such type of transaction.
    UnknownType = "unknown-type" => Some(Code::BadCommonHeader),
    /// The nonce is empty.
    EmptyNonce = "empty-nonce" => Some(Code::BadCommonHeader),
    /// The creator's signature is not good.
    BadCreatorSignature = "bad-creator-signature" => Some(Code::BadCreatorSignature),
    /// The creator's MSP is none of the channel's.
    UnknownMsp = "unknown-msp" => Some(Code::BadCreatorSignature),
    /// The creator's certificate is from another authority than its MSP's.
    ForeignCertificate = "foreign-certificate" => Some(Code::BadCreatorSignature),
    /// It is for another channel.
    OtherChannel = "other-channel" => Some(Code::BadCreatorSignature),
    /// The transaction does not decode.
    UndecodableTransaction = "undecodable-transaction" => Some(Code::InvalidEndorserTransaction),
    /// It has two actions.
    TwoActions = "two-actions" => Some(Code::InvalidEndorserTransaction),
    /// The endorsers' proposal hash is of another proposal.
    WrongProposalHash = "wrong-proposal-hash" => Some(Code::InvalidEndorserTransaction),
    /// A config transaction without data.
    ConfigWithoutData = "config-without-data" => Some(Code::InvalidConfigTransaction),
    /// A config update that no orderer has applied.
    ConfigUpdate = "config-update" => Some(Code::UnsupportedTxPayload),
    /// The transaction id is not that of nonce and creator.
    WrongTxId = "wrong-tx-id" => Some(Code::BadProposalTxid),
    /// The id of an earlier transaction.
    DuplicateTxId = "duplicate-tx-id" => Some(Code::DuplicateTxid),
    /// One endorsement too few.
    MissingEndorsement = "missing-endorsement" => Some(Code::EndorsementPolicyFailure),
    /// One of the endorsers' signatures that count is not good.
    BadEndorserSignature = "bad-endorser-signature" => Some(Code::EndorsementPolicyFailure),
    /// A client in the place of a peer.
    ClientEndorses = "client-endorses" => Some(Code::EndorsementPolicyFailure),
    /// Enough endorsements, all by one peer.
    SameEndorser = "same-endorser" => Some(Code::EndorsementPolicyFailure),
    /// It read a version that its key does not have.
    StaleRead = "stale-read" => Some(Code::MvccReadConflict),
    /// It read a hash of a private key's version that the key does not have.
    StalePrivateRead = "stale-private-read" => Some(Code::MvccReadConflict),
    /// It read a key in a range where none is.
    Phantom = "phantom" => Some(Code::PhantomReadConflict),
    /// It has a summary of a range where too little is.
    PhantomSummary = "phantom-summary" => Some(Code::PhantomReadConflict),
    /// The header extension does not decode.
    BadHeaderExtension = "bad-header-extension" => Some(Code::BadHeaderExtension),
    /// The chaincode action does not decode.
    UndecodableAction = "undecodable-action" => Some(Code::BadResponsePayload),
    /// There is no chaincode action.
    NoAction = "no-action" => Some(Code::BadResponsePayload),
    /// The read-write set does not decode.
    UndecodableRwset = "undecodable-rwset" => Some(Code::BadRwset),
    /// A namespace stands twice in the read-write set.
    NamespaceTwice = "namespace-twice" => Some(Code::IllegalWriteset),
    /// The invoked chaincode is not defined.
    UndefinedChaincode = "undefined-chaincode" => Some(Code::InvalidChaincode),
    /// The action has no chaincode version.
    NoVersion = "no-version" => Some(Code::InvalidChaincode),
    /// The endorsers executed another version than the defined one: counts below V2_0 only.
    ExpiredVersion = "expired-version" => Some(Code::ExpiredChaincode),
    /// The endorsers executed another chaincode than the one in the header.
    OtherChaincode = "other-chaincode" => Some(Code::InvalidChaincode),
    /// The header names no chaincode.
    NoChaincodeId = "no-chaincode-id" => Some(Code::InvalidOtherReason),
    /// The event is another chaincode's.
    ForeignEvent = "foreign-event" => Some(Code::InvalidOtherReason),
    /// A valid transaction, changed at protobuf level.
    Mutation = "mutation" => None,
}

impl Fault {
    /// The faults that a word stands for: a name, the number of a validation code for all that earn it,
    /// or `all` for every one. Not every channel can have them all: see
    /// [`super::WorkloadSpec::can_make`].
    ///
    /// # Errors
    /// It stands for none.
    pub fn named(word: &str) -> Result<Vec<Self>, UnknownFault> {
        let earns = |fault: &Self| fault.code().map(|code| code.number().to_string());
        let named = |fault: &Self| {
            word == "all" || word == fault.name() || earns(fault).as_deref() == Some(word)
        };
        let faults: Vec<Self> = Self::ALL.iter().copied().filter(named).collect();
        if faults.is_empty() {
            return Err(UnknownFault {
                word: word.to_owned(),
            });
        }
        Ok(faults)
    }

    /// Whether it must not stand before a transaction that writes: what cannot be parsed keeps real
    /// peers waiting for ever (validation-spec 4.3).
    pub(super) fn comes_last(self) -> bool {
        [
            Self::UndecodablePayload,
            Self::UndecodableTransaction,
            Self::ConfigWithoutData,
            Self::UndecodableAction,
            Self::NoAction,
        ]
        .contains(&self)
    }
}

/// A word that stands for no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{word}' is no kind: expected a validation code, all, or one of {}",
    names()
)]
pub struct UnknownFault {
    /// The word.
    pub word: String,
}

fn names() -> String {
    let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    names.join(", ")
}
