//! The verdict on a transaction, with Fabric's numbers and names.

use std::fmt;

macro_rules! validation_codes {
    ($( $(#[$meta:meta])* $variant:ident = $number:literal $name:literal ),* $(,)?) => {
        /// `protos.TxValidationCode`: what a peer says of a transaction. One byte of the transactions
        /// filter, hashed into the commit hash.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ValidationCode {
            $( $(#[$meta])* $variant = $number, )*
        }

        impl ValidationCode {
            /// Every code, in the order of the numbers.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// Fabric's name, such as `MVCC_READ_CONFLICT`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// The code with this number.
            #[must_use]
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $( $number => Some(Self::$variant), )* _ => None }
            }
        }
    };
}

validation_codes! {
    /// The transaction's writes are in the state.
    Valid = 0 "VALID",
    /// Not reachable from the wire.
    NilEnvelope = 1 "NIL_ENVELOPE",
    /// `Envelope.payload` does not decode.
    BadPayload = 2 "BAD_PAYLOAD",
    /// Something is wrong in the headers.
    BadCommonHeader = 3 "BAD_COMMON_HEADER",
    /// The creator's identity or signature is not valid.
    BadCreatorSignature = 4 "BAD_CREATOR_SIGNATURE",
    /// The transaction's body or its proposal hash is wrong.
    InvalidEndorserTransaction = 5 "INVALID_ENDORSER_TRANSACTION",
    /// A config transaction without data.
    InvalidConfigTransaction = 6 "INVALID_CONFIG_TRANSACTION",
    /// A config update in a block.
    UnsupportedTxPayload = 7 "UNSUPPORTED_TX_PAYLOAD",
    /// The transaction id is not the hash of nonce and creator.
    BadProposalTxid = 8 "BAD_PROPOSAL_TXID",
    /// The id is in the ledger, or earlier in the block.
    DuplicateTxid = 9 "DUPLICATE_TXID",
    /// An endorsement policy is not satisfied.
    EndorsementPolicyFailure = 10 "ENDORSEMENT_POLICY_FAILURE",
    /// A key that was read has another version now.
    MvccReadConflict = 11 "MVCC_READ_CONFLICT",
    /// A range that was read has other keys now.
    PhantomReadConflict = 12 "PHANTOM_READ_CONFLICT",
    /// Not reachable: types are filtered earlier.
    UnknownTxType = 13 "UNKNOWN_TX_TYPE",
    /// Not reachable.
    TargetChainNotFound = 14 "TARGET_CHAIN_NOT_FOUND",
    /// Not reachable in practice.
    MarshalTxError = 15 "MARSHAL_TX_ERROR",
    /// Not reachable after structural validation.
    NilTxaction = 16 "NIL_TXACTION",
    /// Below application capability V2_0: the invoked version is not the defined one.
    ExpiredChaincode = 17 "EXPIRED_CHAINCODE",
    /// Below application capability V2_0: the chaincode is upgraded in the same block.
    ChaincodeVersionConflict = 18 "CHAINCODE_VERSION_CONFLICT",
    /// `ChannelHeader.extension` does not decode.
    BadHeaderExtension = 19 "BAD_HEADER_EXTENSION",
    /// Not reachable: the channel header is decoded before.
    BadChannelHeader = 20 "BAD_CHANNEL_HEADER",
    /// The chaincode action is absent or does not decode.
    BadResponsePayload = 21 "BAD_RESPONSE_PAYLOAD",
    /// The read-write set does not decode.
    BadRwset = 22 "BAD_RWSET",
    /// A namespace stands twice in the read-write set, or may not be written.
    IllegalWriteset = 23 "ILLEGAL_WRITESET",
    /// Only peers with CouchDB say this.
    InvalidWriteset = 24 "INVALID_WRITESET",
    /// The chaincode's name, version or definition is wrong or missing.
    InvalidChaincode = 25 "INVALID_CHAINCODE",
    /// Not validated yet; never committed.
    NotValidated = 254 "NOT_VALIDATED",
    /// Anything else.
    InvalidOtherReason = 255 "INVALID_OTHER_REASON",
}

impl ValidationCode {
    /// The code's number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether this is [`ValidationCode::Valid`].
    #[must_use]
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }
}

impl fmt::Display for ValidationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
