//! Which rule of an MSP was broken.
//!
//! These are answers, not faults of ours: they are cached, cloned and shown to people, and never
//! decide anything by their text.

use std::fmt;
use std::sync::Arc;

use super::principal::{BrokenPrincipal, Role};
use crate::proto::wire::WireError;
use crate::x509;

/// Why there is no usable certificate chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChainError {
    /// Not exactly one chain is valid one second after the certificate began.
    #[error("the certificate does not have exactly one valid chain")]
    Verification(#[source] x509::ChainError),
    /// The certificate is itself a root.
    #[error("the certificate is itself a root of the MSP: expected one that a CA issued")]
    OnlyRoot,
    /// The issuer is above a configured intermediate CA, and so may issue nothing but CAs.
    #[error(
        "the certificate was issued by a CA above a configured intermediate CA: expected an issuer \
         at the end of the MSP's certification tree"
    )]
    IssuerIsInternal,
    /// The ECDSA signature on the certificate is one that cannot be brought into low-S form.
    #[error("the signature on the certificate cannot be brought into its canonical form")]
    Signature(#[source] x509::Error),
}

/// Why bytes are not an identity of the channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentityError {
    /// Not a `SerializedIdentity`.
    #[error("serialized identity does not decode")]
    Undecodable(#[source] WireError),
    /// The channel has no such MSP.
    #[error("MSP '{msp_id}' is not defined on the channel")]
    UnknownMsp {
        /// The MSP that the identity names.
        msp_id: Arc<str>,
    },
    /// The identity is of another MSP than the one asked.
    #[error("identity is of MSP '{found}': expected '{expected}'")]
    OtherMsp {
        /// The MSP asked.
        expected: Arc<str>,
        /// The MSP that the identity names.
        found: Arc<str>,
    },
    /// There is no PEM block.
    #[error("identity holds no PEM block: expected a PEM certificate")]
    NoPem,
    /// The first PEM block is not a certificate.
    #[error("the first PEM block is not a certificate")]
    Certificate(#[source] x509::Error),
    /// The key is neither ECDSA nor Ed25519 nor RSA.
    #[error("the certificate's key is of an unknown kind: expected ECDSA, Ed25519 or RSA")]
    UnknownKey,
    /// The certificate is signed with ECDSA but has no usable chain.
    #[error("the certificate's chain cannot be established")]
    Chain(#[source] ChainError),
}

/// A role that an OU gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeOuRole {
    /// A client.
    Client,
    /// A peer.
    Peer,
    /// An administrator.
    Admin,
    /// An orderer.
    Orderer,
}

impl fmt::Display for NodeOuRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Admin => "admin",
            Self::Orderer => "orderer",
        })
    }
}

/// Why an identity is not valid under its MSP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvalidIdentity {
    /// The MSP does not take keys of this kind.
    #[error("{algorithm} keys are not supported by the MSP at the channel's capability level")]
    KeyAlgorithm {
        /// The kind of key.
        algorithm: &'static str,
    },
    /// A CA's certificate.
    #[error("the certificate is one of a CA: expected one of a member")]
    IsCa,
    /// No usable chain.
    #[error("the certificate's chain is not valid")]
    Chain(#[source] ChainError),
    /// The issuer has no subject key identifier, so that revocation cannot be checked.
    #[error("the issuer's certificate has no readable subject key identifier")]
    IssuerWithoutSki,
    /// A revocation list of the MSP does not say whose it is; until it is replaced, the MSP has no
    /// valid identities.
    #[error("revocation list {index} of the MSP has no readable authority key identifier")]
    CrlWithoutAki {
        /// Its place in the MSP's configuration.
        index: usize,
    },
    /// Revoked.
    #[error("the certificate is revoked by revocation list {index} of the MSP")]
    Revoked {
        /// The list's place in the MSP's configuration.
        index: usize,
    },
    /// None of the OUs that the MSP demands.
    #[error("the certificate has none of the OUs that the MSP demands")]
    NoRecognizedOu,
    /// The OU of a role, but certified by another CA than the MSP demands for it.
    #[error("the certificate's OU '{unit}' is not certified by the CA that the MSP demands for it")]
    RoleCertifier {
        /// The OU.
        unit: Arc<str>,
    },
    /// No role.
    #[error("the certificate has no OU that gives it a role: expected exactly one")]
    NoRole,
    /// Several roles.
    #[error("the certificate has several OUs that give it a role: expected exactly one")]
    SeveralRoles,
}

/// Why an identity does not satisfy a principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unsatisfied {
    /// The principal asks for another MSP.
    #[error("the identity is of another MSP")]
    OtherMsp,
    /// The identity is not valid.
    #[error("the identity is not valid")]
    Invalid(#[source] InvalidIdentity),
    /// Not one of the MSP's listed administrators, and roles do not come from OUs.
    #[error("the identity is not one of the MSP's listed administrators")]
    NotListedAdmin,
    /// Roles come from OUs, and the MSP does not use them.
    #[error("the MSP cannot tell roles apart: its node OUs are not enabled")]
    NodeOusOff,
    /// The MSP has no OU for the role.
    #[error("the MSP defines no OU for the role {role}")]
    RoleUndefined {
        /// The role.
        role: NodeOuRole,
    },
    /// The certificate lacks the role's OU.
    #[error("the certificate does not have the OU of the role {role}")]
    MissingRole {
        /// The role.
        role: NodeOuRole,
    },
    /// A role that does not exist at the channel's capability level.
    #[error("the principal's {role} does not exist at the channel's capability level")]
    UnknownRole {
        /// The role.
        role: Role,
    },
    /// None of the certificate's OUs is the one asked for, certified as asked for.
    #[error("the certificate does not have the OU that the principal asks for")]
    OtherOu,
    /// The principal asks for one certain identity, which cannot be read.
    #[error("the identity that the principal asks for cannot be read")]
    PrincipalIdentity(#[source] IdentityError),
    /// The principal asks for another identity.
    #[error("the identity is not the one that the principal asks for")]
    OtherIdentity,
    /// The principal asks for anonymity, which certificates cannot give.
    #[error("the principal asks for an anonymous identity: X.509 identities are not")]
    NotAnonymous,
    /// The principal's kind of anonymity does not exist.
    #[error("the principal's anonymity {kind} does not exist: expected 0 or 1")]
    UnknownAnonymity {
        /// What it says.
        kind: i32,
    },
    /// A kind of principal that the channel's capability level does not know.
    #[error("the principal's class {class} does not exist at the channel's capability level")]
    ClassUnsupported {
        /// The class.
        class: i32,
    },
    /// No identity satisfies the principal.
    #[error("the principal cannot be satisfied")]
    Broken(#[source] BrokenPrincipal),
}

/// Why an MSP's definition is refused, and with it the channel configuration that holds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("definition of MSP '{msp_id}' is refused")]
pub struct SetupError {
    /// The MSP's id; empty where it could not be read.
    pub msp_id: String,
    /// What is wrong.
    #[source]
    pub fault: SetupFault,
}

/// What is wrong with an MSP's definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupFault {
    /// Not an `MSPConfig` with a `FabricMSPConfig`.
    #[error("it does not decode")]
    Undecodable(#[source] WireError),
    /// An Idemix MSP.
    #[error(
        "it is an Idemix MSP, which heddle does not support: remove the organization from the \
         channel or give it an X.509 MSP"
    )]
    Idemix,
    /// A type other than X.509 and Idemix.
    #[error("its type is {found}: expected 0 (X.509)")]
    UnknownType {
        /// The type found.
        found: i32,
    },
    /// No root certificate.
    #[error("it has no root certificate: expected at least one")]
    NoRoots,
    /// The hash function for identity identifiers is unknown.
    #[error(
        "its identity_identifier_hash_function is '{found}': expected SHA256, SHA384, SHA3_256 or \
         SHA3_384"
    )]
    UnknownHash {
        /// What it says.
        found: String,
    },
    /// A certificate cannot be read or has no chain.
    #[error("{place} cannot be read")]
    Certificate {
        /// Which one.
        place: CertificatePlace,
        /// Why.
        #[source]
        source: IdentityError,
    },
    /// A CA's certificate is not one of a CA.
    #[error("{place} is not the certificate of a CA")]
    NotCa {
        /// Which one.
        place: CertificatePlace,
    },
    /// A CA's certificate has no subject key identifier.
    #[error("{place} has no readable subject key identifier")]
    CaWithoutSki {
        /// Which one.
        place: CertificatePlace,
    },
    /// A CA's certificate is not valid.
    #[error("{place} is not valid")]
    CaInvalid {
        /// Which one.
        place: CertificatePlace,
        /// Why.
        #[source]
        source: InvalidIdentity,
    },
    /// A revocation list cannot be read.
    #[error("revocation list {index} cannot be read")]
    Crl {
        /// Its place in the configuration.
        index: usize,
        /// Why.
        #[source]
        source: x509::Error,
    },
    /// The certificate of an OU identifier is none of the MSP's CAs.
    #[error("{place} is none of the MSP's root or intermediate CAs")]
    UnknownCertifier {
        /// Which one.
        place: CertificatePlace,
    },
    /// The certificate of an OU identifier has no usable chain.
    #[error("{place} has no usable chain")]
    CertifierChain {
        /// Which one.
        place: CertificatePlace,
        /// Why.
        #[source]
        source: ChainError,
    },
    /// Node OUs without the OU of a mandatory role.
    #[error("its node OUs do not define the {role} OU")]
    NodeOuMissing {
        /// The role.
        role: NodeOuRole,
    },
    /// Neither listed administrators nor an OU for them.
    #[error("it lists no administrators and its node OUs define no admin OU: expected one of both")]
    NoAdmins,
    /// A listed administrator is not a valid identity.
    #[error("administrator {index} is not a valid identity")]
    AdminInvalid {
        /// Its place in the configuration.
        index: usize,
        /// Why.
        #[source]
        source: InvalidIdentity,
    },
    /// A listed administrator lacks the OU that it must have.
    #[error("administrator {index} does not have the OU of a client or an administrator")]
    AdminWithoutRole {
        /// Its place in the configuration.
        index: usize,
    },
    /// A private key in a channel's MSP: whether Fabric takes it depends on the peer and the time.
    #[error(
        "it holds a signing identity: expected none in a channel configuration, remove its \
         signing_identity"
    )]
    SigningIdentity,
}

/// Where a certificate stands in an MSP's definition; numbers are from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificatePlace {
    /// `root_certs`.
    Root(usize),
    /// `intermediate_certs`.
    Intermediate(usize),
    /// `admins`.
    Admin(usize),
    /// `tls_root_certs`.
    TlsRoot(usize),
    /// `tls_intermediate_certs`.
    TlsIntermediate(usize),
    /// `organizational_unit_identifiers`.
    OuIdentifier(usize),
    /// `fabric_node_ous`.
    NodeOu(NodeOuRole),
}

impl fmt::Display for CertificatePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(index) => write!(f, "root certificate {index}"),
            Self::Intermediate(index) => write!(f, "intermediate certificate {index}"),
            Self::Admin(index) => write!(f, "certificate of administrator {index}"),
            Self::TlsRoot(index) => write!(f, "TLS root certificate {index}"),
            Self::TlsIntermediate(index) => write!(f, "TLS intermediate certificate {index}"),
            Self::OuIdentifier(index) => write!(f, "certificate of OU identifier {index}"),
            Self::NodeOu(role) => write!(f, "certificate of the {role} node OU"),
        }
    }
}
