//! Principals: what an identity must be to count for a policy.
//!
//! A principal is decoded once and owned. One that does not decode is kept and never satisfied,
//! since Fabric too decodes it only when it is checked. Combined principals are flattened: all
//! their parts must hold, so their nesting and repetitions do not matter.
//!
//! Knows nothing of MSPs; what a principal means under one is decided by
//! [`Identity::satisfies`](crate::msp::Identity::satisfies).

use std::collections::HashSet;
use std::fmt;

use crate::proto::msp::{
    CombinedPrincipal, MspIdentityAnonymity, MspPrincipal, MspRole, OrganizationUnit,
    SerializedIdentity,
};
use crate::proto::wire::{Message, WireError};

/// A decoded principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal(pub(super) Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Role {
        msp_id: Box<str>,
        role: Role,
    },
    OrganizationUnit {
        msp_id: Box<str>,
        unit: Box<str>,
        certifiers_id: Box<[u8]>,
    },
    Identity {
        msp_id: Box<str>,
        serialized: Box<[u8]>,
    },
    Anonymity(Anonymity),
    /// The parts without repetitions; none of them is combined or broken, and there is at least
    /// one.
    Combined(Box<[Principal]>),
    /// Combined, with a part that is never satisfied.
    BrokenCombined(BrokenPrincipal),
    Broken(BrokenPrincipal),
}

/// A role that a policy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Any valid identity of the MSP.
    Member,
    /// An administrator.
    Admin,
    /// A client, by its OU.
    Client,
    /// A peer, by its OU.
    Peer,
    /// An orderer, by its OU.
    Orderer,
    /// A number that the protocol does not define.
    Unknown(i32),
}

impl Role {
    fn new(number: i32) -> Self {
        match number {
            0 => Self::Member,
            1 => Self::Admin,
            2 => Self::Client,
            3 => Self::Peer,
            4 => Self::Orderer,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member => f.write_str("member"),
            Self::Admin => f.write_str("admin"),
            Self::Client => f.write_str("client"),
            Self::Peer => f.write_str("peer"),
            Self::Orderer => f.write_str("orderer"),
            Self::Unknown(number) => write!(f, "role {number}"),
        }
    }
}

/// Whether identities may be anonymous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anonymity {
    Nominal,
    Anonymous,
    Unknown(i32),
}

/// Why a principal is never satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenPrincipal {
    /// A class that the protocol does not define.
    #[error("principal class {class} does not exist: expected 0 to 4")]
    UnknownClass {
        /// The class found.
        class: i32,
    },
    /// Its bytes are not the message that its class says.
    #[error("principal of class {class} does not decode")]
    Undecodable {
        /// The class.
        class: i32,
        /// What is wrong.
        #[source]
        source: WireError,
    },
    /// A combined principal without parts.
    #[error("combined principal is empty: expected at least one principal")]
    EmptyCombined,
}

const ROLE: i32 = 0;
const ORGANIZATION_UNIT: i32 = 1;
const IDENTITY: i32 = 2;
const ANONYMITY: i32 = 3;
const COMBINED: i32 = 4;

impl Principal {
    /// Decodes a principal.
    #[must_use]
    pub fn new(principal: &MspPrincipal<'_>) -> Self {
        if principal.principal_classification != COMBINED {
            return simple(principal).map_or_else(|broken| Self(Kind::Broken(broken)), Self);
        }
        Self(combined(principal.principal).unwrap_or_else(Kind::BrokenCombined))
    }

    /// Why no identity satisfies the principal, whatever the MSP, if so.
    #[must_use]
    pub fn broken(&self) -> Option<BrokenPrincipal> {
        match &self.0 {
            Kind::Broken(broken) | Kind::BrokenCombined(broken) => Some(*broken),
            Kind::Role { .. }
            | Kind::OrganizationUnit { .. }
            | Kind::Identity { .. }
            | Kind::Anonymity(_)
            | Kind::Combined(_) => None,
        }
    }

    /// The MSP that an identity must be of, where the principal names one.
    #[must_use]
    pub fn msp_id(&self) -> Option<&str> {
        match &self.0 {
            Kind::Role { msp_id, .. }
            | Kind::OrganizationUnit { msp_id, .. }
            | Kind::Identity { msp_id, .. } => Some(msp_id),
            Kind::Combined(parts) => parts.iter().find_map(Self::msp_id),
            Kind::Anonymity(_) | Kind::BrokenCombined(_) | Kind::Broken(_) => None,
        }
    }

    /// The role, where the principal is one.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        if let Kind::Role { role, .. } = self.0 {
            Some(role)
        } else {
            None
        }
    }
}

/// As the policy language writes it, where it can: `Org1MSP.peer`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Role { msp_id, role } => write!(f, "{msp_id}.{role}"),
            Kind::OrganizationUnit { msp_id, unit, .. } => write!(f, "{msp_id}, OU '{unit}'"),
            Kind::Identity { msp_id, .. } => write!(f, "one certain identity of {msp_id}"),
            Kind::Anonymity(Anonymity::Nominal) => {
                f.write_str("any identity that is not anonymous")
            }
            Kind::Anonymity(Anonymity::Anonymous) => f.write_str("an anonymous identity"),
            Kind::Anonymity(Anonymity::Unknown(kind)) => write!(f, "anonymity {kind}"),
            Kind::Combined(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if index == 0 { "" } else { " and " })?;
                }
                Ok(())
            }
            Kind::Broken(broken) | Kind::BrokenCombined(broken) => broken.fmt(f),
        }
    }
}

fn simple(principal: &MspPrincipal<'_>) -> Result<Kind, BrokenPrincipal> {
    let class = principal.principal_classification;
    let undecodable = |source| BrokenPrincipal::Undecodable { class, source };
    let bytes = principal.principal;
    match class {
        ROLE => {
            let role = MspRole::decode(bytes).map_err(undecodable)?;
            Ok(Kind::Role {
                msp_id: role.msp_identifier.into(),
                role: Role::new(role.role),
            })
        }
        ORGANIZATION_UNIT => {
            let unit = OrganizationUnit::decode(bytes).map_err(undecodable)?;
            Ok(Kind::OrganizationUnit {
                msp_id: unit.msp_identifier.into(),
                unit: unit.organizational_unit_identifier.into(),
                certifiers_id: unit.certifiers_identifier.into(),
            })
        }
        IDENTITY => {
            let identity = SerializedIdentity::decode(bytes).map_err(undecodable)?;
            Ok(Kind::Identity {
                msp_id: identity.mspid.into(),
                serialized: bytes.into(),
            })
        }
        ANONYMITY => {
            let anonymity = MspIdentityAnonymity::decode(bytes).map_err(undecodable)?;
            Ok(Kind::Anonymity(match anonymity.anonymity_type {
                0 => Anonymity::Nominal,
                1 => Anonymity::Anonymous,
                other => Anonymity::Unknown(other),
            }))
        }
        _ => Err(BrokenPrincipal::UnknownClass { class }),
    }
}

/// Flattens a combined principal. The work and the result are linear in its bytes, however deep it
/// nests: every level borrows from the one above, and nothing recurses.
fn combined(bytes: &[u8]) -> Result<Kind, BrokenPrincipal> {
    let mut parts = Vec::new();
    let mut known: HashSet<(i32, &[u8])> = HashSet::new();
    let mut open = vec![members(bytes)?];
    while let Some(level) = open.last_mut() {
        let Some(member) = level.next() else {
            open.pop();
            continue;
        };
        if member.principal_classification == COMBINED {
            open.push(members(member.principal)?);
        } else if known.insert((member.principal_classification, member.principal)) {
            parts.push(Principal(simple(&member)?));
        }
    }
    Ok(Kind::Combined(parts.into()))
}

fn members(bytes: &[u8]) -> Result<std::vec::IntoIter<MspPrincipal<'_>>, BrokenPrincipal> {
    let combined =
        CombinedPrincipal::decode(bytes).map_err(|source| BrokenPrincipal::Undecodable {
            class: COMBINED,
            source,
        })?;
    if combined.principals.is_empty() {
        return Err(BrokenPrincipal::EmptyCombined);
    }
    Ok(combined.principals.into_iter())
}
