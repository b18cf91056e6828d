//! One organization's MSP: its certificates, lists and rules, and what follows from them directly.
//!
//! Everything here is a function of an identity's bytes and the definition. Caches of identities
//! live elsewhere, so that an MSP never holds what holds the MSP; only the identities that
//! principals name are remembered here, by their ids.
//!
//! Fabric: `msp/mspimpl.go`, `msp/cert.go`, `msp/identities.go:newIdentity`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::cache::Cache;
use super::error::{ChainError, IdentityError, InvalidIdentity, NodeOuRole};
use super::{IdentityId, MspVersion};
use crate::crypto::{HashFunction, PublicKey, SignatureHash};
use crate::limits;
use crate::proto::msp::SerializedIdentity;
use crate::proto::wire::Message;
use crate::x509::{self, CertPool, Certificate, Crl};

/// One organization's MSP. Built by [`Msp::new`] and never changed.
#[derive(Debug)]
pub struct Msp {
    pub(super) id: Arc<str>,
    pub(super) version: MspVersion,
    /// `None`: the family is unknown, and no ECDSA signature is ever good.
    pub(super) signature_hash: Option<SignatureHash>,
    pub(super) id_hash: HashFunction,
    /// Sanitized, as `intermediates`.
    pub(super) roots: Vec<Certificate>,
    pub(super) intermediates: Vec<Certificate>,
    pub(super) root_pool: CertPool,
    pub(super) intermediate_pool: CertPool,
    /// DER of the CAs above an intermediate CA: they issue no identities.
    pub(super) internal_nodes: HashSet<Box<[u8]>>,
    pub(super) crls: Vec<Crl>,
    /// OUs of which an identity must have one, with the ids of those who may certify it.
    pub(super) ou_identifiers: HashMap<Box<str>, Vec<Box<[u8]>>>,
    /// `None`: roles do not come from OUs.
    pub(super) node_ous: Option<NodeOus>,
    /// Sanitized DER of the listed administrators.
    pub(super) admins: HashSet<Box<[u8]>>,
    pub(super) tls_roots: Vec<Box<[u8]>>,
    pub(super) tls_intermediates: Vec<Box<[u8]>>,
    pub(super) named_identities: Cache<Result<NamedIdentity, IdentityError>>,
}

/// The OUs that give roles.
#[derive(Debug, Default)]
pub(super) struct NodeOus {
    pub(super) client: Option<NodeOu>,
    pub(super) peer: Option<NodeOu>,
    pub(super) admin: Option<NodeOu>,
    pub(super) orderer: Option<NodeOu>,
}

#[derive(Debug)]
pub(super) struct NodeOu {
    pub(super) unit: Arc<str>,
    /// `None`: any CA of the MSP may certify it.
    pub(super) certifiers_id: Option<Box<[u8]>>,
}

impl NodeOus {
    pub(super) fn of(&self, role: NodeOuRole) -> Option<&NodeOu> {
        match role {
            NodeOuRole::Client => self.client.as_ref(),
            NodeOuRole::Peer => self.peer.as_ref(),
            NodeOuRole::Admin => self.admin.as_ref(),
            NodeOuRole::Orderer => self.orderer.as_ref(),
        }
    }
}

/// A certificate that is known to be one of the MSP's identities, valid or not.
#[derive(Debug)]
pub(super) struct Imported {
    pub(super) id: IdentityId,
    /// Sanitized.
    pub(super) certificate: Certificate,
    pub(super) key: PublicKey,
    /// The chain of exactly this certificate, where it had to be built already.
    pub(super) chain: Option<Vec<Certificate>>,
}

/// What is remembered of an identity that a principal names.
#[derive(Debug, Clone)]
pub(super) struct NamedIdentity {
    pub(super) id: IdentityId,
    pub(super) validity: Result<(), InvalidIdentity>,
}

impl Msp {
    /// The MSP's id, such as `Org1MSP`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The rules that the MSP follows.
    #[must_use]
    pub fn version(&self) -> MspVersion {
        self.version
    }

    /// The root CAs, with canonical signatures.
    #[must_use]
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    /// The intermediate CAs, with canonical signatures.
    #[must_use]
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// The TLS root CAs in PEM, as configured.
    pub fn tls_roots(&self) -> impl Iterator<Item = &[u8]> {
        self.tls_roots.iter().map(|pem| &**pem)
    }

    /// The TLS intermediate CAs in PEM, as configured.
    pub fn tls_intermediates(&self) -> impl Iterator<Item = &[u8]> {
        self.tls_intermediates.iter().map(|pem| &**pem)
    }

    /// Reads a PEM certificate as one of the MSP's identities. Its validity is not looked at, but
    /// an ECDSA-signed certificate must have a chain, since its signature is brought into low-S
    /// form.
    pub(super) fn import(&self, pem: &[u8]) -> Result<Imported, IdentityError> {
        let certificate = certificate_from_pem(pem)?;
        let key = certificate
            .public_key()
            .cloned()
            .ok_or(IdentityError::UnknownKey)?;
        let (certificate, chain) = self.sanitize(certificate).map_err(IdentityError::Chain)?;
        let digest = self.id_hash.hash(&[certificate.raw()]);
        let id = IdentityId::new(Arc::clone(&self.id), &digest);
        Ok(Imported {
            id,
            certificate,
            key,
            chain,
        })
    }

    /// The identity that a principal names, by its serialized bytes.
    ///
    /// Fabric: `msp/mspimpl.go:DeserializeIdentity`.
    pub(super) fn named_identity(&self, serialized: &[u8]) -> Result<NamedIdentity, IdentityError> {
        if let Some(known) = self.named_identities.get(serialized) {
            return known;
        }
        let named = self.read_named_identity(serialized);
        if serialized.len() > limits::IDENTITY_BYTES_CACHED_MAX {
            return named;
        }
        self.named_identities
            .insert(serialized, named, serialized.len())
    }

    fn read_named_identity(&self, serialized: &[u8]) -> Result<NamedIdentity, IdentityError> {
        let decoded = SerializedIdentity::decode(serialized).map_err(IdentityError::Undecodable)?;
        if decoded.mspid != &*self.id {
            return Err(IdentityError::OtherMsp {
                expected: Arc::clone(&self.id),
                found: decoded.mspid.into(),
            });
        }
        let imported = self.import(decoded.id_bytes)?;
        let validity = self.standing(&imported).map(drop);
        Ok(NamedIdentity {
            id: imported.id,
            validity,
        })
    }

    /// Replaces a high-S signature on an ECDSA-signed certificate by its low-S form, so that a
    /// certificate has one DER form only. Returns the chain too, where it is that of the result.
    ///
    /// Fabric: `msp/mspimpl.go:sanitizeCert`.
    pub(super) fn sanitize(
        &self,
        certificate: Certificate,
    ) -> Result<(Certificate, Option<Vec<Certificate>>), ChainError> {
        if !certificate.is_ecdsa_signed() {
            return Ok((certificate, None));
        }
        if certificate.is_ca() && certificate.is_signed_by(&certificate) {
            let own = with_low_s(&certificate, &certificate)?;
            // A root is its own trust anchor here; whether it is one of the MSP's is not asked.
            let mut roots = CertPool::new();
            roots.add(own.clone());
            self.unique_chain_under(&own, &roots)?;
            return Ok((own, None));
        }
        let chain = self.unique_chain(&certificate)?;
        let issuer = chain.get(1).ok_or(ChainError::OnlyRoot)?;
        let sanitized = with_low_s(&certificate, issuer)?;
        let unchanged = sanitized == certificate;
        Ok((sanitized, unchanged.then_some(chain)))
    }

    /// The one chain from a certificate, itself first, to a root.
    ///
    /// Fabric: `msp/mspimpl.go:getUniqueValidationChain`,
    /// `mspimplvalidate.go:getValidityOptsForCert`.
    pub(super) fn unique_chain(
        &self,
        certificate: &Certificate,
    ) -> Result<Vec<Certificate>, ChainError> {
        self.unique_chain_under(certificate, &self.root_pool)
    }

    fn unique_chain_under(
        &self,
        certificate: &Certificate,
        roots: &CertPool,
    ) -> Result<Vec<Certificate>, ChainError> {
        // Fabric: validity is always checked one second after the certificate began.
        let at = certificate.not_before() + 1;
        x509::unique_chain(certificate, roots, &self.intermediate_pool, at)
            .map_err(ChainError::Verification)
    }

    /// Checks the shape of a chain: that of an identity, whose issuer must issue no CAs of the MSP,
    /// or that of an intermediate CA, which must issue none itself.
    ///
    /// Fabric: `msp/mspimpl.go:getValidationChain`.
    pub(super) fn check_chain(
        &self,
        chain: &[Certificate],
        issuer_position: usize,
    ) -> Result<(), ChainError> {
        if chain.len() < 2 {
            return Err(ChainError::OnlyRoot);
        }
        match chain.get(issuer_position) {
            Some(issuer) if self.internal_nodes.contains(issuer.raw()) => {
                Err(ChainError::IssuerIsInternal)
            }
            _ => Ok(()),
        }
    }

    /// The id of those who certify what `chain` leads to: a hash over their certificates.
    pub(super) fn certifiers_id(&self, chain: &[Certificate]) -> Box<[u8]> {
        let parts: Vec<&[u8]> = chain.iter().map(Certificate::raw).collect();
        self.id_hash.hash(&parts).into()
    }
}

/// The certificate in the first PEM block, whatever the block's type.
///
/// Fabric: `msp/mspimpl.go:getCertFromPem`, `deserializeIdentityInternal`.
pub(super) fn certificate_from_pem(pem: &[u8]) -> Result<Certificate, IdentityError> {
    let block = x509::pem::first_block(pem).ok_or(IdentityError::NoPem)?;
    Certificate::parse(&block.bytes).map_err(IdentityError::Certificate)
}

fn with_low_s(certificate: &Certificate, issuer: &Certificate) -> Result<Certificate, ChainError> {
    let key = issuer
        .public_key()
        .ok_or(ChainError::Signature(x509::Error::IssuerKey))?;
    certificate.with_low_s(key).map_err(ChainError::Signature)
}
