//! An organization: its authority, its MSP definition, and the identities that it hands out.

use prost::Message as _;

use super::authority::{Authority, CertificateSpec, NodeRole};
use super::identity::Identity;
use super::key::{Key, KeyKind};
use super::seed::Seed;
use crate::crypto::SignatureHash;
use crate::proto::messages::msp::{
    FabricCryptoConfig, FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig,
};

/// An organization with node OUs.
#[derive(Debug, Clone)]
pub struct Organization {
    /// The name of its group in the channel configuration.
    pub name: String,
    /// Its MSP.
    pub msp_id: String,
    /// Its root authority.
    pub authority: Authority,
    /// Its MSP definition: edit it before it goes into a channel.
    pub msp: FabricMspConfig,
    /// The hash under its members' ECDSA signatures.
    pub hash: SignatureHash,
    /// The kind of its members' keys.
    pub kind: KeyKind,
    seed: Seed,
}

impl Organization {
    /// An organization called `name` with MSP id `<name>MSP`.
    #[must_use]
    pub fn new(name: &str, kind: KeyKind, seed: &Seed) -> Self {
        let seed = seed.child(name);
        let authority = Authority::of(name, kind, &seed);
        let msp_id = format!("{name}MSP");
        let unit = |role: NodeRole| {
            Some(FabricOuIdentifier {
                certificate: Vec::new(),
                organizational_unit_identifier: role.unit().to_owned(),
            })
        };
        let msp = FabricMspConfig {
            name: msp_id.clone(),
            root_certs: vec![authority.pem.clone()],
            crypto_config: Some(FabricCryptoConfig {
                signature_hash_family: "SHA2".to_owned(),
                identity_identifier_hash_function: "SHA256".to_owned(),
            }),
            fabric_node_ous: Some(FabricNodeOUs {
                enable: true,
                client_ou_identifier: unit(NodeRole::Client),
                peer_ou_identifier: unit(NodeRole::Peer),
                admin_ou_identifier: unit(NodeRole::Admin),
                orderer_ou_identifier: unit(NodeRole::Orderer),
            }),
            ..FabricMspConfig::default()
        };
        Self {
            name: name.to_owned(),
            msp_id,
            authority,
            msp,
            hash: SignatureHash::Sha256,
            kind,
            seed,
        }
    }

    /// The key of whoever is called `name`.
    #[must_use]
    pub fn key_of(&self, name: &str) -> Key {
        Key::derive(self.kind, &self.seed.child("key").child(name))
    }

    /// An identity with a role.
    #[must_use]
    pub fn enroll(&self, name: &str, role: NodeRole) -> Identity {
        self.enroll_with(name, &[role.unit()], |_| {})
    }

    /// An identity with a certificate that `edit` may make odd.
    #[must_use]
    pub fn enroll_with(
        &self,
        name: &str,
        units: &[&str],
        edit: impl FnOnce(&mut CertificateSpec),
    ) -> Identity {
        let common_name = format!("{name}.{}", self.name);
        let mut spec = CertificateSpec::leaf(&common_name, units, self.key_of(name));
        edit(&mut spec);
        let pem = self.authority.issue(&spec);
        Identity::new(&self.msp_id, &pem, spec.key.signer(self.hash))
    }

    /// The MSP definition as a channel configuration has it: a serialized `MSPConfig`.
    #[must_use]
    pub fn msp_config(&self) -> Vec<u8> {
        let config = MspConfig {
            r#type: 0,
            config: self.msp.encode_to_vec(),
        };
        config.encode_to_vec()
    }
}
