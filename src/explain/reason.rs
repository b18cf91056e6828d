//! The reason type: facts, no prose.
//!
//! It serializes into what machines read; [`super::text`] makes the text. Names and tags are part of
//! the interface: they may be added to, not changed.

use serde::{Serialize, Serializer};

use crate::decode::TxFlaw;
use crate::endorsement::LsccRefusal;
use crate::msp::{IdentityError, InvalidIdentity};
use crate::policy::PolicyTrace;
use crate::proto::wire::WireError;
use crate::types::{ValidationCode, Version};

/// A transaction, its verdict, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The channel.
    pub channel: String,
    /// The block.
    pub block: u64,
    /// The transaction's place in it, from 0.
    pub tx: u32,
    /// The transaction's id, as it claims it.
    pub txid: String,
    /// The type in the channel header; -1 where that cannot be read.
    pub r#type: i32,
    /// The stored validation code.
    #[serde(flatten, serialize_with = "code_and_name")]
    pub code: ValidationCode,
    /// Who submitted it, as far as the transaction says.
    pub creator: Option<Party>,
    /// Which chaincode it invokes, as far as the transaction says.
    pub chaincode: Option<Chaincode>,
    /// Its endorsements, in order.
    pub endorsements: Vec<Endorser>,
    /// The endorsement policies that were evaluated, in order.
    pub policies: Vec<PolicyNote>,
    /// How many more were, and hold.
    pub policies_left_out: usize,
    /// Why it has its code.
    pub reason: Reason,
}

fn code_and_name<S: Serializer>(code: &ValidationCode, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Code {
        code: u8,
        code_name: &'static str,
    }
    let code = Code {
        code: code.number(),
        code_name: code.name(),
    };
    code.serialize(serializer)
}

/// Who signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Party {
    /// The organization's MSP, as the identity names it.
    pub msp_id: Option<String>,
    /// The common name in the certificate.
    pub name: Option<String>,
    /// The organizational units in the certificate.
    pub units: Vec<String>,
}

/// A chaincode as a transaction names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Chaincode {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One endorsement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Endorser {
    /// Whose it is.
    #[serde(flatten)]
    pub party: Party,
    /// What it is worth.
    #[serde(flatten)]
    pub standing: Standing,
}

/// What an endorsement is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "endorsement", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// The signature is good.
    Good {
        /// The principals for which it was counted.
        counted_as: Vec<String>,
        /// Why the certificate counts for no role, if so.
        #[serde(skip_serializing_if = "Option::is_none")]
        invalid: Option<InvalidIdentity>,
    },
    /// It is by nobody whom the channel knows.
    NotAnIdentity {
        /// Why.
        error: IdentityError,
    },
    /// The signature is not good.
    BadSignature {
        /// Why.
        problem: SignatureProblem,
    },
    /// The same identity has endorsed before, and counts once.
    Duplicate {
        /// The place of its first good endorsement; below application capability V1_3, of its first
        /// one, good or not.
        of: usize,
    },
    /// Below application capability V1_3, an endorser that does not decode makes all others void.
    Spoiled {
        /// The place of that endorser.
        by: usize,
    },
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignatureProblem {
    /// There is none.
    Empty,
    /// The certificate's key is RSA, which signs nothing in Fabric.
    RsaKey,
    /// The MSP's hash family is unknown, or there is nothing to sign.
    NotVerifiable,
    /// It is not the signature of these bytes by this key.
    DoesNotVerify,
}

/// A policy that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyNote {
    /// The chaincode whose state is written.
    pub namespace: String,
    /// What the policy guards.
    #[serde(flatten)]
    pub guard: Guard,
    /// How it was evaluated; signers are places among the endorsements.
    #[serde(flatten)]
    pub trace: PolicyTrace,
}

/// What a policy guards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "guards", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Guard {
    /// The chaincode.
    Chaincode,
    /// One of its collections.
    Collection {
        /// The collection.
        collection: String,
        /// Where its policy comes from.
        source: PolicySource,
    },
    /// One key, by a policy of its own.
    Key {
        /// The key.
        key: KeyName,
    },
}

/// Where a collection's policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicySource {
    /// The collection's definition.
    Collection,
    /// The chaincode's definition.
    Chaincode,
    /// The organization whose implicit collection it is.
    Organization,
}

/// A key of the world state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyName {
    /// The chaincode.
    pub namespace: String,
    /// The collection, where the key is a private one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// The key; of a private one, the SHA-256 of the key in hex.
    pub key: String,
}

/// A transaction of the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TxRef {
    /// Its block.
    pub block: u64,
    /// Its place there, from 0.
    pub tx: u64,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txid: Option<String>,
}

/// Why a transaction has its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Everything holds (0).
    Valid,
    /// A part of it is wrong (2, 3, 5, 6, 7, 8, 19, 21, 22, 255).
    Structure {
        /// What.
        #[serde(flatten)]
        flaw: TxFlaw,
    },
    /// Its creator is nobody on the channel, or did not sign it (4).
    Creator {
        /// What is wrong.
        problem: CreatorProblem,
    },
    /// Its id was used before (9).
    Duplicate {
        /// The transaction that has the id.
        earlier: TxRef,
    },
    /// The chaincode's names or version make no sense (25; 255 below application capability V2_0).
    ChaincodeName {
        /// What is wrong.
        problem: NameProblem,
    },
    /// The chaincode event is wrong (255).
    Event {
        /// What is wrong.
        problem: EventProblem,
    },
    /// A namespace stands twice in the read-write set (23).
    NamespaceTwice {
        /// The namespace.
        namespace: String,
    },
    /// A chaincode that it invokes or writes to is not defined (25; 255 below V2_0).
    NotDefined {
        /// The chaincode.
        chaincode: String,
        /// What is missing.
        problem: DefinitionProblem,
    },
    /// An endorsement policy is not met (10).
    Policy {
        /// Its place among the explanation's policies.
        policy: usize,
    },
    /// An earlier transaction of the block changes the policy of a key that it writes (10).
    KeyPolicyChanged {
        /// The key.
        key: KeyName,
        /// The earlier transaction.
        by: TxRef,
    },
    /// It writes to a collection that does not exist (10).
    NoCollection {
        /// The chaincode.
        chaincode: String,
        /// The collection.
        collection: String,
    },
    /// A key that it read has another version (11).
    ReadConflict {
        /// The key.
        key: KeyName,
        /// The version that it read; `None` where the key did not exist.
        read: Option<Version>,
        /// The version at its turn; `None` where the key does not exist.
        found: Option<Version>,
        /// Who changed the key.
        by: Writer,
    },
    /// A range that it read has other keys (12).
    Phantom {
        /// The chaincode.
        namespace: String,
        /// The range's first key.
        start: String,
        /// The key after its last one; empty for no bound.
        end: String,
        /// Whether the last key that was read is the end, and belongs to the range.
        end_included: bool,
        /// The first difference.
        difference: RangeDifference,
    },
    /// The rules below application capability V2_0: it was made for another version (17).
    ExpiredVersion {
        /// The chaincode.
        chaincode: String,
        /// The version that was invoked.
        invoked: String,
        /// The version that is defined.
        defined: String,
    },
    /// Below V2_0: the block upgrades the chaincode (18).
    Upgraded {
        /// The chaincode.
        chaincode: String,
        /// The upgrade that counts.
        by: TxRef,
    },
    /// Below V2_0: it invokes or writes to a system chaincode that is out of reach (23).
    SystemChaincode {
        /// The system chaincode.
        chaincode: String,
        /// Whether it is the invoked one.
        invoked: bool,
    },
    /// Below V2_0: its endorsements hold, but `lscc` may not be invoked like this (10).
    LegacyLifecycle {
        /// The rule that the invocation breaks.
        problem: LsccRefusal,
    },
    /// What is explained, what the stages say and what is stored differ: a bug of heddle, or a ledger
    /// that another program wrote.
    Inconsistent {
        /// What the stages say now.
        recomputed: u8,
        /// What would be the code of the reason that was found.
        explained: u8,
    },
}

/// What is wrong with a creator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CreatorProblem {
    /// The transaction is for another channel.
    OtherChannel {
        /// The channel that its header names.
        found: String,
    },
    /// It is nobody whom the channel knows.
    NotAnIdentity {
        /// Why.
        error: IdentityError,
    },
    /// The certificate breaks a rule of its MSP.
    Invalid {
        /// Which.
        rule: InvalidIdentity,
    },
    /// The signature over the transaction is not good.
    BadSignature {
        /// Why.
        signature: SignatureProblem,
    },
}

/// What is wrong with the names of a chaincode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NameProblem {
    /// The header names none.
    NoName,
    /// The endorsers executed another one.
    Differs {
        /// The one in the header.
        header: String,
        /// The one that was executed.
        action: String,
    },
    /// It has no version.
    NoVersion,
}

/// What is wrong with a chaincode event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventProblem {
    /// It does not decode.
    Undecodable,
    /// It names another chaincode than the invoked one.
    OtherChaincode {
        /// The invoked one.
        expected: String,
    },
}

/// Why a chaincode counts as not defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DefinitionProblem {
    /// There is no definition.
    Missing,
    /// It names no validation plugin.
    NoPlugin,
    /// It has no endorsement policy.
    NoPolicy,
    /// It does not decode (below V2_0).
    Undecodable(WireError),
}

/// Who changed a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Writer {
    /// This transaction wrote what was found.
    Wrote(TxRef),
    /// The key is gone.
    Removed(Removed),
    /// Nobody did: the transaction read what never was.
    Nobody,
}

/// How a key went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "removed", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Removed {
    /// This transaction deleted it.
    By(TxRef),
    /// Its time to live was over with this block.
    Expired {
        /// The block.
        block: u64,
    },
}

/// The first difference between a range as it was read and as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RangeDifference {
    /// A key is there that was not read.
    Appeared {
        /// The key.
        key: KeyName,
        /// Its version.
        found: Version,
        /// Who wrote it.
        by: Writer,
    },
    /// A key that was read is not there.
    Vanished {
        /// The key.
        key: KeyName,
        /// The version that was read.
        read: Option<Version>,
        /// Who removed it.
        by: Writer,
    },
    /// A key has another version.
    Changed {
        /// The key.
        key: KeyName,
        /// The version that was read; `None` where the read-write set has none, which never fits.
        read: Option<Version>,
        /// The version at the transaction's turn.
        found: Version,
        /// Who wrote it.
        by: Writer,
    },
    /// The read-write set has only hashes of what was read, and they differ.
    Summary {
        /// How many keys are in the range.
        keys: usize,
        /// The key of the range that was written last.
        newest: Option<KeyName>,
        /// Who wrote that.
        by: Writer,
    },
}
