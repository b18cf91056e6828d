//! Signature policies and the forms in which they are stored.

use std::borrow::Cow;

use super::wire::Wire;

/// Who must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Any valid identity of an MSP.
    Member(String),
    /// An administrator of it.
    Admin(String),
    /// A client of it.
    Client(String),
    /// A peer of it.
    Peer(String),
    /// An orderer of it.
    Orderer(String),
    /// Exactly this serialized identity.
    Identity(Vec<u8>),
    /// Classification and bytes.
    Raw(u64, Vec<u8>),
}

impl Principal {
    fn serialized(&self) -> Vec<u8> {
        let role = |msp_id: &str, role| (0, Wire::new().bytes(1, msp_id).uint(2, role).done());
        let (class, bytes) = match self {
            Self::Member(msp_id) => role(msp_id, 0),
            Self::Admin(msp_id) => role(msp_id, 1),
            Self::Client(msp_id) => role(msp_id, 2),
            Self::Peer(msp_id) => role(msp_id, 3),
            Self::Orderer(msp_id) => role(msp_id, 4),
            Self::Identity(serialized) => (2, serialized.clone()),
            Self::Raw(class, bytes) => (*class, bytes.clone()),
        };
        Wire::new().uint(1, class).bytes(2, bytes).done()
    }
}

/// A rule over principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// One signature by a principal.
    SignedBy(Principal),
    /// So many of these.
    OutOf(i32, Vec<Self>),
    /// A principal's index that need not exist.
    Index(i32),
    /// A node without a type.
    Untyped,
}

/// One signature by `principal`.
#[must_use]
pub fn by(principal: Principal) -> Rule {
    Rule::SignedBy(principal)
}

/// `n` of `rules`.
#[must_use]
pub fn out_of(n: i32, rules: impl IntoIterator<Item = Rule>) -> Rule {
    Rule::OutOf(n, rules.into_iter().collect())
}

/// All of `rules`.
#[must_use]
pub fn all_of(rules: impl IntoIterator<Item = Rule>) -> Rule {
    let rules: Vec<Rule> = rules.into_iter().collect();
    Rule::OutOf(i32::try_from(rules.len()).unwrap_or(i32::MAX), rules)
}

/// One of `rules`.
#[must_use]
pub fn any_of(rules: impl IntoIterator<Item = Rule>) -> Rule {
    out_of(1, rules)
}

/// A signature policy with its rule and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignaturePolicy {
    /// `SignaturePolicyEnvelope.version`: 0 everywhere but in tests.
    pub version: u64,
    /// The rule.
    pub rule: Rule,
}

/// The policy that chaincodes have where their definition names none.
pub const DEFAULT_ENDORSEMENT: &str = "/Channel/Application/Endorsement";

impl From<Rule> for SignaturePolicy {
    fn from(rule: Rule) -> Self {
        Self { version: 0, rule }
    }
}

impl SignaturePolicy {
    /// A serialized `SignaturePolicyEnvelope`: what key-level policies and legacy definitions hold.
    #[must_use]
    pub fn envelope(&self) -> Vec<u8> {
        let mut principals = Vec::new();
        let rule = serialize(&self.rule, &mut principals);
        Wire::new()
            .uint(1, self.version)
            .element(2, rule)
            .elements(3, principals)
            .done()
    }

    /// A serialized `ApplicationPolicy`: what definitions and collections hold.
    #[must_use]
    pub fn application(&self) -> Vec<u8> {
        Wire::new().element(1, self.envelope()).done()
    }
}

/// A serialized `ApplicationPolicy` that refers to a policy of the channel configuration.
#[must_use]
pub fn policy_reference(name: &str) -> Vec<u8> {
    Wire::new().element(2, name).done()
}

/// The metadata entries that make `policy` (any bytes) a key's policy.
#[must_use]
pub fn key_policy_entries(policy: impl AsRef<[u8]>) -> Vec<(Cow<'static, str>, Vec<u8>)> {
    vec![(
        Cow::Borrowed("VALIDATION_PARAMETER"),
        policy.as_ref().to_vec(),
    )]
}

fn serialize(rule: &Rule, principals: &mut Vec<Vec<u8>>) -> Vec<u8> {
    // A negative 32-bit number is a varint of ten bytes; 0 is written, as a oneof's member is.
    let index = |index: i32| {
        let number = i64::from(index).cast_unsigned();
        match number {
            0 => Wire::new().raw([0x08, 0x00]),
            _ => Wire::new().uint(1, number),
        }
    };
    match rule {
        Rule::SignedBy(principal) => {
            let bytes = principal.serialized();
            let at = principals.iter().position(|known| *known == bytes);
            let at = at.unwrap_or_else(|| {
                principals.push(bytes);
                principals.len() - 1
            });
            index(i32::try_from(at).unwrap_or(i32::MAX)).done()
        }
        Rule::Index(at) => index(*at).done(),
        Rule::Untyped => Vec::new(),
        Rule::OutOf(n, rules) => {
            let rules: Vec<Vec<u8>> = rules
                .iter()
                .map(|rule| serialize(rule, principals))
                .collect();
            let inner = Wire::new()
                .uint(1, i64::from(*n).cast_unsigned())
                .elements(2, rules);
            Wire::new().element(2, inner).done()
        }
    }
}
