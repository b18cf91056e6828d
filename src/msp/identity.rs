//! Identities of a channel: what they are, and which principals they satisfy.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use super::MspVersion;
use super::error::{InvalidIdentity, NodeOuRole, Unsatisfied};
use super::principal::{Anonymity, Kind, Principal, Role};
use super::provider::{Imported, Msp};
use super::validation::Standing;
use crate::crypto::{PublicKey, SignatureHash, SignatureJob, SignedMessage};
use crate::x509::Certificate;

/// What makes two identities the same one: their MSP and the digest of their certificate in its
/// canonical form.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityId {
    /// As long as the digest of the MSP's hash function: 32 or 48 bytes, the rest is 0.
    digest: [u8; 48],
    digest_length: u8,
    msp_id: Arc<str>,
}

impl IdentityId {
    pub(super) fn new(msp_id: Arc<str>, bytes: &[u8]) -> Self {
        let mut digest = [0; 48];
        let mut digest_length = 0;
        for (to, from) in digest.iter_mut().zip(bytes) {
            *to = *from;
            digest_length += 1;
        }
        Self {
            digest,
            digest_length,
            msp_id,
        }
    }

    /// The MSP's id.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The digest of the certificate.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.digest
            .get(..usize::from(self.digest_length))
            .unwrap_or(&self.digest)
    }
}

impl Hash for IdentityId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The digest tells nearly all; the MSP is left to `Eq`.
        self.digest().hash(state);
    }
}

impl fmt::Debug for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityId({self})")
    }
}

impl fmt::Display for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.msp_id)?;
        self.digest()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An identity of a channel. It exists once for all its uses, and what was found out about it stays
/// with it.
#[derive(Debug)]
pub struct Identity {
    msp: Arc<Msp>,
    imported: Imported,
    is_listed_admin: bool,
    standing: OnceLock<Result<Standing, InvalidIdentity>>,
}

impl Identity {
    pub(super) fn new(msp: Arc<Msp>, imported: Imported) -> Self {
        let is_listed_admin = msp.admins.contains(imported.certificate.raw());
        Self {
            msp,
            imported,
            is_listed_admin,
            standing: OnceLock::new(),
        }
    }

    /// The id of the identity's MSP.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp.id
    }

    /// The identity's MSP.
    #[must_use]
    pub fn msp(&self) -> &Arc<Msp> {
        &self.msp
    }

    /// What tells the identity from others.
    #[must_use]
    pub fn id(&self) -> &IdentityId {
        &self.imported.id
    }

    /// The identity's certificate in its canonical form.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.imported.certificate
    }

    /// The identity's public key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.imported.key
    }

    /// Whether the identity is valid under its MSP. Found out once.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn validate(&self) -> Result<(), InvalidIdentity> {
        self.standing().map(drop).map_err(Clone::clone)
    }

    /// Whether the identity is valid: [`Identity::validate`] without the reason.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.standing().is_ok()
    }

    /// Whether the identity is what a principal asks for.
    ///
    /// # Errors
    /// The first thing that it is not.
    pub fn satisfies(&self, principal: &Principal) -> Result<(), Unsatisfied> {
        // Fabric: msp/mspimpl.go:SatisfiesPrincipal.
        match &principal.0 {
            Kind::Combined(_) | Kind::BrokenCombined(_) if self.msp.version < MspVersion::V1_3 => {
                Err(Unsatisfied::ClassUnsupported { class: 4 })
            }
            Kind::Combined(parts) => parts
                .iter()
                .try_for_each(|part| self.satisfies_simple(part)),
            Kind::Role { .. }
            | Kind::OrganizationUnit { .. }
            | Kind::Identity { .. }
            | Kind::Anonymity(_)
            | Kind::BrokenCombined(_)
            | Kind::Broken(_) => self.satisfies_simple(principal),
        }
    }

    /// What is to be verified for a signature of this identity. `None` where verification always
    /// fails: the key is RSA, the MSP's hash family is unknown, or something is empty.
    #[must_use]
    pub fn signature_job<'a>(
        &'a self,
        message: SignedMessage<'a>,
        signature: &'a [u8],
    ) -> Option<SignatureJob<'a>> {
        // Fabric: msp/identities.go:Verify; bccsp/sw/impl.go:Verify refuses empty signatures and,
        // for Ed25519, which is not hashed before, empty messages.
        let hash = match self.key() {
            PublicKey::Rsa(_) => return None,
            PublicKey::Ed25519(_) if message.head.is_empty() && message.tail.is_empty() => {
                return None;
            }
            PublicKey::Ed25519(_) => SignatureHash::Sha256,
            PublicKey::Ecdsa(_) => self.msp.signature_hash?,
        };
        if signature.is_empty() {
            return None;
        }
        Some(SignatureJob {
            digest: None,
            key: self.key(),
            hash,
            message,
            signature,
        })
    }

    fn standing(&self) -> Result<&Standing, &InvalidIdentity> {
        let find_out = || {
            let standing = self.msp.standing(&self.imported);
            if standing.is_ok() {
                self.key().expect_signatures();
            }
            standing
        };
        self.standing.get_or_init(find_out).as_ref()
    }

    fn valid(&self) -> Result<&Standing, Unsatisfied> {
        self.standing()
            .map_err(|invalid| Unsatisfied::Invalid(invalid.clone()))
    }

    fn satisfies_simple(&self, principal: &Principal) -> Result<(), Unsatisfied> {
        match &principal.0 {
            Kind::Role { msp_id, role } => self.satisfies_role(msp_id, *role),
            Kind::OrganizationUnit {
                msp_id,
                unit,
                certifiers_id,
            } => self.satisfies_ou(msp_id, unit, certifiers_id),
            Kind::Identity { msp_id, serialized } => self.satisfies_identity(msp_id, serialized),
            Kind::Anonymity(_) if self.msp.version < MspVersion::V1_3 => {
                Err(Unsatisfied::ClassUnsupported { class: 3 })
            }
            // Fabric: whether the identity is valid is not asked here.
            Kind::Anonymity(Anonymity::Nominal) => Ok(()),
            Kind::Anonymity(Anonymity::Anonymous) => Err(Unsatisfied::NotAnonymous),
            Kind::Anonymity(Anonymity::Unknown(kind)) => {
                Err(Unsatisfied::UnknownAnonymity { kind: *kind })
            }
            Kind::Broken(broken) | Kind::BrokenCombined(broken) => {
                Err(Unsatisfied::Broken(*broken))
            }
            Kind::Combined(_) => Err(Unsatisfied::ClassUnsupported { class: 4 }),
        }
    }

    fn satisfies_role(&self, msp_id: &str, role: Role) -> Result<(), Unsatisfied> {
        if *msp_id != *self.msp.id {
            return Err(Unsatisfied::OtherMsp);
        }
        let roles_by_ou = self.msp.version >= MspVersion::V1_4_3 && self.msp.node_ous.is_some();
        match role {
            Role::Member => self.valid().map(drop),
            // A listed administrator was checked when the MSP was set up, and is not checked again.
            Role::Admin if self.is_listed_admin => Ok(()),
            Role::Admin if roles_by_ou => self.has_role(NodeOuRole::Admin),
            Role::Admin => Err(Unsatisfied::NotListedAdmin),
            Role::Client => self.has_role(NodeOuRole::Client),
            Role::Peer => self.has_role(NodeOuRole::Peer),
            Role::Orderer if roles_by_ou => self.has_role(NodeOuRole::Orderer),
            Role::Orderer | Role::Unknown(_) => Err(Unsatisfied::UnknownRole { role }),
        }
    }

    /// Fabric: `msp/mspimpl.go:hasOURole`.
    fn has_role(&self, role: NodeOuRole) -> Result<(), Unsatisfied> {
        self.valid()?;
        let node_ous = self.msp.node_ous.as_ref().ok_or(Unsatisfied::NodeOusOff)?;
        match role.is_in(node_ous, self.certificate()) {
            Some(true) => Ok(()),
            Some(false) => Err(Unsatisfied::MissingRole { role }),
            None => Err(Unsatisfied::RoleUndefined { role }),
        }
    }

    fn satisfies_ou(
        &self,
        msp_id: &str,
        unit: &str,
        certifiers_id: &[u8],
    ) -> Result<(), Unsatisfied> {
        if *msp_id != *self.msp.id {
            return Err(Unsatisfied::OtherMsp);
        }
        let standing = self.valid()?;
        let has_unit = self
            .certificate()
            .organizational_units()
            .iter()
            .any(|own| own == unit);
        if has_unit && *standing.certifiers_id == *certifiers_id {
            Ok(())
        } else {
            Err(Unsatisfied::OtherOu)
        }
    }

    fn satisfies_identity(&self, msp_id: &str, serialized: &[u8]) -> Result<(), Unsatisfied> {
        if *msp_id != *self.msp.id {
            return Err(Unsatisfied::OtherMsp);
        }
        let named = self
            .msp
            .named_identity(serialized)
            .map_err(Unsatisfied::PrincipalIdentity)?;
        if named.id != *self.id() {
            return Err(Unsatisfied::OtherIdentity);
        }
        named.validity.map_err(Unsatisfied::Invalid)
    }
}
