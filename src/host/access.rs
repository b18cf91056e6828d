//! Who may do what: signed requests, and the policies that stand for resources.

use std::path::Path;
use std::sync::Arc;

use prost::Message as _;

use crate::crypto::{SignedMessage, verify};
use crate::msp::{
    Identity, IdentityError, InvalidIdentity, LocalMspError, Msp, MspManager, MspVersion,
    Principal, SetupError, msp_config,
};
use crate::proto::messages::common::{MspRole, msp_role::MspRoleType};
use crate::proto::msp::MspPrincipal;

/// A request as somebody signed it.
#[derive(Debug, Clone, Copy)]
pub struct SignedData<'a> {
    /// Who: a serialized identity.
    pub creator: &'a [u8],
    /// What was signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The signer is nobody of the channel.
    #[error("the signer is not known")]
    Unknown(#[from] IdentityError),
    /// The signer's certificate is not valid.
    #[error("the signer's certificate is not valid")]
    Invalid(#[from] InvalidIdentity),
    /// The certificate's time is over.
    #[error("the signer's certificate has expired: enroll it again")]
    Expired,
    /// The signature is not good.
    #[error("the signature does not belong to the request and its signer")]
    Signature,
    /// The policy is not met.
    #[error("policy '{policy}' is not met by a signer of '{msp_id}'")]
    Policy {
        /// Which one.
        policy: String,
        /// The signer's organization.
        msp_id: String,
    },
    /// The configuration has no such policy.
    #[error("the channel configuration has no policy '{policy}'")]
    NoPolicy {
        /// Its name.
        policy: String,
    },
    /// Nobody defined who may do this.
    #[error("no policy is known for '{resource}'")]
    UnknownResource {
        /// What was asked for.
        resource: String,
    },
    /// The signer does not have the role.
    #[error("only {role} of '{msp_id}', the peer's own organization, may do this")]
    LocalRole {
        /// What would be needed.
        role: &'static str,
        /// The organization.
        msp_id: String,
    },
}

impl SignedData<'_> {
    /// Whether `identity`, which the creator is, is valid and signed this.
    ///
    /// # Errors
    /// It is not, or did not.
    pub fn check(&self, identity: &Arc<Identity>) -> Result<(), Denied> {
        identity.validate()?;
        let message = SignedMessage {
            head: self.message,
            tail: &[],
        };
        let job = identity.signature_job(message, self.signature);
        if job.is_some_and(|job| verify(&job)) {
            Ok(())
        } else {
            Err(Denied::Signature)
        }
    }
}

/// Whether a certificate is still good `unix_seconds` after 1970.
///
/// # Errors
/// It has expired.
pub fn unexpired(identity: &Identity, unix_seconds: i64) -> Result<(), Denied> {
    if identity.certificate().not_after() < unix_seconds {
        Err(Denied::Expired)
    } else {
        Ok(())
    }
}

const READERS: &str = "/Channel/Application/Readers";
const WRITERS: &str = "/Channel/Application/Writers";

/// The policy that stands for a resource where the channel configuration says nothing.
///
/// Fabric: `core/aclmgmt/defaultaclprovider.go`.
#[must_use]
pub fn default_policy(resource: &str) -> Option<&'static str> {
    match resource {
        "qscc/GetChainInfo"
        | "qscc/GetBlockByNumber"
        | "qscc/GetBlockByHash"
        | "qscc/GetTransactionByID"
        | "qscc/GetBlockByTxID"
        | "cscc/GetConfigBlock"
        | "cscc/GetChannelConfig"
        | "event/Block"
        | "event/FilteredBlock"
        | "gateway/CommitStatus"
        | "gateway/ChaincodeEvents" => Some(READERS),
        "_lifecycle/CheckCommitReadiness"
        | "_lifecycle/CommitChaincodeDefinition"
        | "_lifecycle/QueryChaincodeDefinition"
        | "_lifecycle/QueryChaincodeDefinitions"
        | "peer/Propose"
        | "peer/ChaincodeToChaincode" => Some(WRITERS),
        _ => None,
    }
}

/// What a request without a channel asks of its signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalRole {
    /// To be of the organization.
    Member,
    /// To be an admin of it.
    Admin,
}

/// The organization's own MSP: who may have what belongs to no channel.
#[derive(Debug)]
pub struct LocalAccess {
    msp: Arc<Msp>,
    manager: MspManager,
}

/// Why a folder is no MSP to decide with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalAccessError {
    /// The folder is none.
    #[error(transparent)]
    Folder(#[from] LocalMspError),
    /// What is in it makes no MSP.
    #[error("the MSP folder does not define an organization")]
    Setup(#[from] SetupError),
}

impl LocalAccess {
    /// Reads the organization from a local MSP folder.
    ///
    /// # Errors
    /// It is no MSP folder, or what it says is contradictory.
    pub fn load(folder: &Path, msp_id: &str) -> Result<Self, LocalAccessError> {
        Self::new(&msp_config(folder, msp_id)?)
    }

    /// The organization of a serialized `MSPConfig`.
    ///
    /// # Errors
    /// What it says is contradictory.
    pub fn new(config: &[u8]) -> Result<Self, LocalAccessError> {
        // Fabric: a local MSP is set up by the newest rules.
        let msp = Msp::new(MspVersion::V3_0, config)?;
        let manager = MspManager::new(vec![Arc::clone(&msp)]);
        Ok(Self { msp, manager })
    }

    /// The organization's name.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        self.msp.id()
    }

    /// Its TLS authorities, PEM.
    pub fn tls_authorities(&self) -> impl Iterator<Item = &[u8]> {
        self.msp.tls_roots().chain(self.msp.tls_intermediates())
    }

    /// Who a serialized identity is.
    ///
    /// # Errors
    /// Nobody of this organization.
    pub fn deserialize(&self, serialized: &[u8]) -> Result<Arc<Identity>, IdentityError> {
        self.manager.deserialize(serialized)
    }

    /// Whether the signer has the role.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, role: LocalRole, signed: &SignedData<'_>) -> Result<(), Denied> {
        let identity = self.manager.deserialize(signed.creator)?;
        signed.check(&identity)?;
        let (kind, name) = match role {
            LocalRole::Member => (MspRoleType::Member, "members"),
            LocalRole::Admin => (MspRoleType::Admin, "admins"),
        };
        let principal = MspRole {
            msp_identifier: self.msp_id().to_owned(),
            role: kind.into(),
        };
        let principal = Principal::new(&MspPrincipal {
            principal_classification: 0,
            principal: &principal.encode_to_vec(),
        });
        identity
            .satisfies(&principal)
            .map_err(|_| Denied::LocalRole {
                role: name,
                msp_id: self.msp_id().to_owned(),
            })
    }
}
