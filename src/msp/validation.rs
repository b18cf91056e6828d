//! Whether an identity is valid under its MSP, and what follows for its roles.
//!
//! Fabric: `msp/mspimplvalidate.go`.

use std::borrow::Cow;

use super::MspVersion;
use super::error::{InvalidIdentity, NodeOuRole};
use super::provider::{Imported, Msp, NodeOu, NodeOus};
use crate::crypto::PublicKey;
use crate::x509::Certificate;

/// What is known of a valid identity.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// The id of those who certified the identity and its OUs.
    pub(super) certifiers_id: Box<[u8]>,
}

impl Msp {
    /// Validates an identity.
    ///
    /// Fabric: `validateIdentity`.
    pub(super) fn standing(&self, imported: &Imported) -> Result<Standing, InvalidIdentity> {
        match &imported.key {
            PublicKey::Ecdsa(_) => {}
            PublicKey::Ed25519(_) if self.version >= MspVersion::V3_0 => {}
            key @ (PublicKey::Ed25519(_) | PublicKey::Rsa(_)) => {
                return Err(InvalidIdentity::KeyAlgorithm {
                    algorithm: key.algorithm_name(),
                });
            }
        }
        let chain = self.identity_chain(imported)?;
        self.check_revocation(&imported.certificate, &chain)?;
        let certifiers_id = self.certifiers_id(chain.get(1..).unwrap_or_default());
        self.check_ous(&imported.certificate, &certifiers_id)?;
        Ok(Standing { certifiers_id })
    }

    /// The chain of an identity, without revocation and OUs.
    ///
    /// Fabric: `msp/mspimpl.go:getCertificationChainForBCCSPIdentity`.
    pub(super) fn identity_chain<'a>(
        &self,
        imported: &'a Imported,
    ) -> Result<Cow<'a, [Certificate]>, InvalidIdentity> {
        if imported.certificate.is_ca() {
            return Err(InvalidIdentity::IsCa);
        }
        let chain = match &imported.chain {
            Some(chain) => Cow::Borrowed(chain.as_slice()),
            None => {
                let chain = self.unique_chain(&imported.certificate);
                Cow::Owned(chain.map_err(InvalidIdentity::Chain)?)
            }
        };
        self.check_chain(&chain, 1)
            .map_err(InvalidIdentity::Chain)?;
        Ok(chain)
    }

    /// Whether a certificate, the first of `chain`, is revoked. The dates of lists and revocations
    /// are not looked at.
    ///
    /// Fabric: `validateCertAgainstChain`.
    pub(super) fn check_revocation(
        &self,
        certificate: &Certificate,
        chain: &[Certificate],
    ) -> Result<(), InvalidIdentity> {
        let without_ski = InvalidIdentity::IssuerWithoutSki;
        let issuer = chain.get(1).ok_or(without_ski.clone())?;
        let issuer_ski = issuer.subject_key_id_of_authority().ok_or(without_ski)?;
        for (index, crl) in self.crls.iter().enumerate() {
            let issuer_id = crl
                .authority_key_id()
                .ok_or(InvalidIdentity::CrlWithoutAki { index })?;
            // A list with a bad signature counts for nothing.
            if issuer_id == issuer_ski
                && crl.lists(certificate.serial())
                && crl.is_signed_by(issuer)
            {
                return Err(InvalidIdentity::Revoked { index });
            }
        }
        Ok(())
    }

    fn check_ous(
        &self,
        certificate: &Certificate,
        certifiers_id: &[u8],
    ) -> Result<(), InvalidIdentity> {
        self.check_recognized_ous(certificate, certifiers_id)?;
        let Some(node_ous) = &self.node_ous else {
            return Ok(());
        };
        let mut roles = 0;
        for unit in certificate.organizational_units() {
            let Some(role) = self.role_of_ou(node_ous, unit) else {
                continue;
            };
            if role
                .certifiers_id
                .as_deref()
                .is_some_and(|id| *id != *certifiers_id)
            {
                return Err(InvalidIdentity::RoleCertifier {
                    unit: role.unit.clone(),
                });
            }
            roles += 1;
            // Fabric: an OU after the second one with a role is not looked at any more.
            if roles > 1 {
                return Err(InvalidIdentity::SeveralRoles);
            }
        }
        if roles == 0 {
            Err(InvalidIdentity::NoRole)
        } else {
            Ok(())
        }
    }

    /// Fabric: `validateIdentityOUsV1`.
    fn check_recognized_ous(
        &self,
        certificate: &Certificate,
        certifiers_id: &[u8],
    ) -> Result<(), InvalidIdentity> {
        if self.ou_identifiers.is_empty() {
            return Ok(());
        }
        let recognized = certificate.organizational_units().iter().any(|unit| {
            let certifiers = self.ou_identifiers.get(unit.as_str());
            certifiers.is_some_and(|ids| ids.iter().any(|id| **id == *certifiers_id))
        });
        if recognized {
            Ok(())
        } else {
            Err(InvalidIdentity::NoRecognizedOu)
        }
    }

    /// The role that an OU gives. Where several roles have the same OU, the versions differ in
    /// whose certifier counts.
    ///
    /// Fabric: `validateIdentityOUsV11` (a switch: the first one), `validateIdentityOUsV142` (a
    /// map: the last one).
    fn role_of_ou<'a>(&self, node_ous: &'a NodeOus, unit: &str) -> Option<&'a NodeOu> {
        let NodeOus {
            client,
            peer,
            admin,
            orderer,
        } = node_ous;
        let mut roles = [client, peer, admin, orderer].into_iter().flatten();
        if self.version >= MspVersion::V1_4_3 {
            roles.rfind(|role| *role.unit == *unit)
        } else {
            roles.find(|role| *role.unit == *unit)
        }
    }
}

impl NodeOuRole {
    /// Whether a certificate has the role's OU; who certified it is not looked at.
    ///
    /// Fabric: `msp/mspimpl.go:hasOURoleInternal`.
    pub(super) fn is_in(self, node_ous: &NodeOus, certificate: &Certificate) -> Option<bool> {
        let role = node_ous.of(self)?;
        Some(
            certificate
                .organizational_units()
                .iter()
                .any(|unit| unit.as_str() == &*role.unit),
        )
    }
}
