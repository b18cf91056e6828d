//! Builds an MSP from its definition in the channel configuration.
//!
//! The order of the steps is the reference's, so that the first fault found is the same; which one
//! is found does not matter otherwise, since any of them makes the whole configuration invalid.
//!
//! Fabric: `msp/mspimplsetup.go`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::cache::Cache;
use super::error::{
    CertificatePlace, IdentityError, InvalidIdentity, NodeOuRole, SetupError, SetupFault,
};
use super::provider::{Imported, Msp, NodeOu, NodeOus, certificate_from_pem};
use super::{ChainError, MspVersion};
use crate::crypto::{HashFunction, SignatureHash};
use crate::limits;
use crate::proto::msp::{FabricMspConfig, FabricNodeOus, FabricOuIdentifier, MspConfig};
use crate::proto::wire::{Fields, Message, Value};
use crate::x509::{self, CertPool, Certificate, Crl};

impl Msp {
    /// Builds an MSP from a serialized `MSPConfig`, by the rules of the given version.
    ///
    /// # Errors
    /// The definition is not one that Fabric accepts, or it is one of an Idemix MSP.
    pub fn new(version: MspVersion, config: &[u8]) -> Result<Arc<Self>, SetupError> {
        let config = decode(config)?;
        Self::set_up(version, &config)
            .map(Arc::new)
            .map_err(|fault| SetupError {
                msp_id: config.name.to_owned(),
                fault,
            })
    }

    fn set_up(version: MspVersion, config: &FabricMspConfig<'_>) -> Result<Self, SetupFault> {
        let mut msp = Self::blank(version, config)?;
        msp.set_up_cas(config)?;
        let mut admins = Vec::new();
        if version < MspVersion::V1_4_3 {
            admins = msp.import_admins(config)?;
        }
        msp.set_up_crls(config)?;
        msp.check_cas()?;
        if config.signing_identity.is_some() {
            return Err(SetupFault::SigningIdentity);
        }
        msp.set_up_tls_cas(config)?;
        msp.set_up_ous(config)?;
        if let Some(node_ous) = &config.fabric_node_ous {
            msp.set_up_node_ous(node_ous)?;
        }
        if version >= MspVersion::V1_4_3 {
            admins = msp.import_admins(config)?;
            let admin_ou = msp
                .node_ous
                .as_ref()
                .and_then(|node_ous| node_ous.admin.as_ref());
            if admins.is_empty() && admin_ou.is_none() {
                return Err(SetupFault::NoAdmins);
            }
        }
        msp.check_admins(&admins)?;
        msp.admins = admins
            .iter()
            .map(|admin| admin.certificate.raw().into())
            .collect();
        Ok(msp)
    }

    /// An MSP with nothing but its id and hashes.
    fn blank(version: MspVersion, config: &FabricMspConfig<'_>) -> Result<Self, SetupFault> {
        let crypto = config.crypto_config.as_ref();
        let signature_hash = match crypto.map_or("", |crypto| crypto.signature_hash_family) {
            "" | "SHA2" => Some(SignatureHash::Sha256),
            "SHA3" => Some(SignatureHash::Sha3_256),
            _ => None,
        };
        let id_hash = match crypto.map_or("", |crypto| crypto.identity_identifier_hash_function) {
            "" | "SHA256" => HashFunction::Sha256,
            "SHA384" => HashFunction::Sha384,
            "SHA3_256" => HashFunction::Sha3_256,
            "SHA3_384" => HashFunction::Sha3_384,
            found => {
                return Err(SetupFault::UnknownHash {
                    found: found.to_owned(),
                });
            }
        };
        Ok(Self {
            id: config.name.into(),
            version,
            signature_hash,
            id_hash,
            roots: Vec::new(),
            intermediates: Vec::new(),
            root_pool: CertPool::new(),
            intermediate_pool: CertPool::new(),
            internal_nodes: HashSet::new(),
            crls: Vec::new(),
            ou_identifiers: HashMap::new(),
            node_ous: None,
            admins: HashSet::new(),
            tls_roots: Vec::new(),
            tls_intermediates: Vec::new(),
            named_identities: Cache::new(
                limits::NAMED_IDENTITY_CACHE_ENTRIES,
                limits::NAMED_IDENTITY_CACHE_BYTES,
            ),
        })
    }

    /// Fabric: `setupCAs`. The pools hold the certificates as configured first, so that the chains
    /// for sanitizing them can be built, and the sanitized ones afterwards.
    fn set_up_cas(&mut self, config: &FabricMspConfig<'_>) -> Result<(), SetupFault> {
        if config.root_certs.is_empty() {
            return Err(SetupFault::NoRoots);
        }
        for (index, pem) in config.root_certs.iter().enumerate() {
            self.root_pool
                .add(read_certificate(pem, CertificatePlace::Root(index))?);
        }
        for (index, pem) in config.intermediate_certs.iter().enumerate() {
            let place = CertificatePlace::Intermediate(index);
            self.intermediate_pool.add(read_certificate(pem, place)?);
        }
        for (index, pem) in config.root_certs.iter().enumerate() {
            let imported = self.import_at(pem, CertificatePlace::Root(index))?;
            self.roots.push(imported.certificate);
        }
        for (index, pem) in config.intermediate_certs.iter().enumerate() {
            let imported = self.import_at(pem, CertificatePlace::Intermediate(index))?;
            self.intermediates.push(imported.certificate);
        }
        self.root_pool = self.roots.iter().cloned().collect();
        self.intermediate_pool = self.intermediates.iter().cloned().collect();
        Ok(())
    }

    /// Fabric: `setupAdminsPreV142`.
    fn import_admins(&self, config: &FabricMspConfig<'_>) -> Result<Vec<Imported>, SetupFault> {
        let admins = config.admins.iter().enumerate();
        admins
            .map(|(index, pem)| self.import_at(pem, CertificatePlace::Admin(index)))
            .collect()
    }

    /// Fabric: `setupCRLs`.
    fn set_up_crls(&mut self, config: &FabricMspConfig<'_>) -> Result<(), SetupFault> {
        for (index, bytes) in config.revocation_list.iter().enumerate() {
            let crl = Crl::parse(bytes).map_err(|source| SetupFault::Crl { index, source })?;
            self.crls.push(crl);
        }
        Ok(())
    }

    /// Fabric: `finalizeSetupCAs`.
    fn check_cas(&mut self) -> Result<(), SetupFault> {
        for (index, root) in self.roots.iter().enumerate() {
            self.check_ca(root, CertificatePlace::Root(index), |ca| {
                self.unique_chain(ca)
            })?;
        }
        let mut internal_nodes = HashSet::new();
        for (index, ca) in self.intermediates.iter().enumerate() {
            let place = CertificatePlace::Intermediate(index);
            let chain = self.check_ca(ca, place, |ca| self.unique_chain(ca))?;
            internal_nodes.extend(chain.iter().skip(1).map(|ca| ca.raw().into()));
        }
        self.internal_nodes = internal_nodes;
        Ok(())
    }

    /// Fabric: `setupTLSCAs`. The certificates are taken as they are, without sanitizing.
    fn set_up_tls_cas(&mut self, config: &FabricMspConfig<'_>) -> Result<(), SetupFault> {
        let mut cas = Vec::new();
        let mut roots = CertPool::new();
        let mut intermediates = CertPool::new();
        for (index, pem) in config.tls_root_certs.iter().enumerate() {
            let place = CertificatePlace::TlsRoot(index);
            let ca = read_certificate(pem, place)?;
            roots.add(ca.clone());
            cas.push((place, ca));
        }
        for (index, pem) in config.tls_intermediate_certs.iter().enumerate() {
            let place = CertificatePlace::TlsIntermediate(index);
            let ca = read_certificate(pem, place)?;
            intermediates.add(ca.clone());
            cas.push((place, ca));
        }
        for (place, ca) in &cas {
            self.check_ca(ca, *place, |ca| {
                x509::unique_chain(ca, &roots, &intermediates, ca.not_before() + 1)
                    .map_err(ChainError::Verification)
            })?;
        }
        self.tls_roots = config
            .tls_root_certs
            .iter()
            .map(|&pem| pem.into())
            .collect();
        self.tls_intermediates = config
            .tls_intermediate_certs
            .iter()
            .map(|&pem| pem.into())
            .collect();
        Ok(())
    }

    /// Checks a CA's certificate and returns its chain.
    ///
    /// Fabric: `msp/mspimplvalidate.go:validateCAIdentity`, `validateTLSCAIdentity`.
    fn check_ca(
        &self,
        ca: &Certificate,
        place: CertificatePlace,
        unique_chain: impl Fn(&Certificate) -> Result<Vec<Certificate>, ChainError>,
    ) -> Result<Vec<Certificate>, SetupFault> {
        if !ca.is_ca() {
            return Err(SetupFault::NotCa { place });
        }
        if ca.subject_key_id_of_authority().is_none() {
            return Err(SetupFault::CaWithoutSki { place });
        }
        let invalid = |source| SetupFault::CaInvalid { place, source };
        let chain = unique_chain(ca)
            .map_err(InvalidIdentity::Chain)
            .map_err(invalid)?;
        if chain.len() > 1 {
            self.check_revocation(ca, &chain).map_err(invalid)?;
        }
        Ok(chain)
    }

    /// Fabric: `setupOUs`.
    fn set_up_ous(&mut self, config: &FabricMspConfig<'_>) -> Result<(), SetupFault> {
        for (index, ou) in config.organizational_unit_identifiers.iter().enumerate() {
            let place = CertificatePlace::OuIdentifier(index);
            let certifiers_id = self.certifiers_id_of(ou.certificate, place)?;
            let ids = self
                .ou_identifiers
                .entry(ou.organizational_unit_identifier.into())
                .or_default();
            if !ids.contains(&certifiers_id) {
                ids.push(certifiers_id);
            }
        }
        Ok(())
    }

    /// The id of the chain from one of the MSP's CAs up to its root.
    ///
    /// Fabric: `getCertifiersIdentifier`.
    fn certifiers_id_of(
        &self,
        pem: &[u8],
        place: CertificatePlace,
    ) -> Result<Box<[u8]>, SetupFault> {
        let unreadable = |source| SetupFault::Certificate { place, source };
        let certificate = certificate_from_pem(pem).map_err(unreadable)?;
        let (ca, _) = self
            .sanitize(certificate)
            .map_err(|source| unreadable(IdentityError::Chain(source)))?;
        if self.roots.contains(&ca) {
            return Ok(self.certifiers_id(&[ca]));
        }
        if !self
            .intermediates
            .iter()
            .any(|known| known.raw() == ca.raw())
        {
            return Err(SetupFault::UnknownCertifier { place });
        }
        let bad_chain = |source| SetupFault::CertifierChain { place, source };
        let chain = self.unique_chain(&ca).map_err(bad_chain)?;
        self.check_chain(&chain, 0).map_err(bad_chain)?;
        Ok(self.certifiers_id(&chain))
    }

    /// Fabric: `setupNodeOUs` (V1.1 and V1.3), `setupNodeOUsV142`.
    fn set_up_node_ous(&mut self, config: &FabricNodeOus<'_>) -> Result<(), SetupFault> {
        if self.version < MspVersion::V1_1 {
            return Ok(());
        }
        let mut node_ous = NodeOus::default();
        let client = config.client_ou_identifier.as_ref();
        let peer = config.peer_ou_identifier.as_ref();
        let mut enabled = config.enable;
        if self.version < MspVersion::V1_4_3 {
            for (role, ou) in [(NodeOuRole::Client, client), (NodeOuRole::Peer, peer)] {
                if ou.is_none_or(|ou| ou.organizational_unit_identifier.is_empty()) {
                    return Err(SetupFault::NodeOuMissing { role });
                }
            }
        } else {
            let admin = config.admin_ou_identifier.as_ref();
            let orderer = config.orderer_ou_identifier.as_ref();
            enabled &= [client, peer, admin, orderer].iter().any(Option::is_some);
            node_ous.admin = self.node_ou(admin, NodeOuRole::Admin)?;
            node_ous.orderer = self.node_ou(orderer, NodeOuRole::Orderer)?;
        }
        node_ous.client = self.node_ou(client, NodeOuRole::Client)?;
        node_ous.peer = self.node_ou(peer, NodeOuRole::Peer)?;
        // Certifiers are checked also where roles do not come from OUs.
        self.node_ous = enabled.then_some(node_ous);
        Ok(())
    }

    fn node_ou(
        &self,
        ou: Option<&FabricOuIdentifier<'_>>,
        role: NodeOuRole,
    ) -> Result<Option<NodeOu>, SetupFault> {
        let Some(ou) = ou else { return Ok(None) };
        let certifiers_id = match ou.certificate {
            [] => None,
            pem => Some(self.certifiers_id_of(pem, CertificatePlace::NodeOu(role))?),
        };
        Ok(Some(NodeOu {
            unit: ou.organizational_unit_identifier.into(),
            certifiers_id,
        }))
    }

    /// Fabric: `postSetupV1`, `postSetupV11`, `postSetupV142`.
    fn check_admins(&self, admins: &[Imported]) -> Result<(), SetupFault> {
        for (index, admin) in admins.iter().enumerate() {
            let Some(node_ous) = &self.node_ous else {
                let standing = self.standing(admin);
                standing.map_err(|source| SetupFault::AdminInvalid { index, source })?;
                continue;
            };
            let has = |role: NodeOuRole| role.is_in(node_ous, &admin.certificate) == Some(true);
            let has_role = if self.version < MspVersion::V1_4_3 {
                let standing = self.standing(admin);
                standing.map_err(|source| SetupFault::AdminInvalid { index, source })?;
                has(NodeOuRole::Client)
            } else {
                // Weaker: the chain must stand, but revocation and the number of roles do not
                // matter.
                let chain = self.identity_chain(admin);
                chain.map_err(|source| SetupFault::AdminInvalid { index, source })?;
                has(NodeOuRole::Client) || has(NodeOuRole::Admin)
            };
            if !has_role {
                return Err(SetupFault::AdminWithoutRole { index });
            }
        }
        Ok(())
    }

    fn import_at(&self, pem: &[u8], place: CertificatePlace) -> Result<Imported, SetupFault> {
        self.import(pem)
            .map_err(|source| SetupFault::Certificate { place, source })
    }
}

fn decode(config: &[u8]) -> Result<FabricMspConfig<'_>, SetupError> {
    let refuse = |msp_id: &[u8], fault| SetupError {
        msp_id: String::from_utf8_lossy(msp_id).into_owned(),
        fault,
    };
    let config = MspConfig::decode(config).map_err(|e| refuse(&[], SetupFault::Undecodable(e)))?;
    let fault = match config.r#type {
        0 => match FabricMspConfig::decode(config.config) {
            Ok(config) => return Ok(config),
            Err(error) => SetupFault::Undecodable(error),
        },
        1 => SetupFault::Idemix,
        found => SetupFault::UnknownType { found },
    };
    Err(refuse(first_field(config.config), fault))
}

/// The bytes of field 1 as far as they can be read: in all kinds of MSP it is the id.
fn first_field(config: &[u8]) -> &[u8] {
    let mut fields = Fields::new(config);
    while let Ok(Some(field)) = fields.next_field() {
        if let (1, Value::Bytes(bytes)) = (field.number, field.value) {
            return bytes;
        }
    }
    &[]
}

fn read_certificate(pem: &[u8], place: CertificatePlace) -> Result<Certificate, SetupFault> {
    certificate_from_pem(pem).map_err(|source| SetupFault::Certificate { place, source })
}
