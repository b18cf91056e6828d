//! MSP folders: what is read, what is passed over, what is missing.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use prost::Message as _;

use crate::crypto::{PrivateKey, SignatureHash, SignatureJob, SignedMessage, verify};
use crate::msp::{LocalMspError, Msp, MspVersion, SigningIdentity, msp_config};
use crate::proto::messages::msp::{FabricMspConfig, MspConfig};
use crate::testing::kit::{CertificateSpec, Key, KeyKind, Organization, Seed};

/// A folder with an organization's CA, a peer's certificate and its key among others.
struct Folder {
    root: tempfile::TempDir,
    peer: Vec<u8>,
}

fn key_pem(key: &PrivateKey) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(key.to_pkcs8_der());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

impl Folder {
    fn new(kind: KeyKind) -> Self {
        let seed = Seed::new(7);
        let org = Organization::new("Org1", KeyKind::P256, &seed);
        let (key, private) = match kind {
            KeyKind::P256 => (
                Key::derive(kind, &seed),
                PrivateKey::p256_from(*seed.bytes()),
            ),
            KeyKind::Ed25519 => (
                Key::derive(kind, &seed),
                PrivateKey::ed25519_from(seed.bytes()),
            ),
        };
        let peer = org
            .authority
            .issue(&CertificateSpec::leaf("peer0", &["peer"], key));
        let folder = Self {
            root: tempfile::tempdir().unwrap(),
            peer: peer.clone(),
        };
        folder.write("cacerts/ca.pem", &org.authority.pem);
        folder.write("cacerts/readme.txt", "no PEM, so passed over");
        folder.write("signcerts/cert.pem", &peer);
        folder.write("keystore/0_sk", key_pem(&PrivateKey::p256_from([9; 32])));
        folder.write("keystore/1_sk", key_pem(&private));
        folder.write(
            "keystore/2_sk",
            "-----BEGIN X-----\nAAAA\n-----END X-----\n",
        );
        folder
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    fn definition(&self) -> FabricMspConfig {
        let config = msp_config(self.path(), "Org1MSP").unwrap();
        let config = MspConfig::decode(config.as_slice()).unwrap();
        FabricMspConfig::decode(config.config.as_slice()).unwrap()
    }

    fn failure(&self) -> String {
        let root = self.path().to_string_lossy().into_owned();
        let error = SigningIdentity::load(self.path(), "Org1MSP").unwrap_err();
        error.to_string().replace(&root, "MSP")
    }
}

#[test]
fn a_signing_identity_is_accepted_by_its_msp() {
    for kind in [KeyKind::P256, KeyKind::Ed25519] {
        let folder = Folder::new(kind);
        folder.write(
            "config.yaml",
            "NodeOUs:\n  Enable: true\n  AdminOUIdentifier:\n    OrganizationalUnitIdentifier: \
             admin\n  PeerOUIdentifier:\n    OrganizationalUnitIdentifier: peer\nOther: [1]\n",
        );
        let config = msp_config(folder.path(), "Org1MSP").unwrap();
        let msp = Msp::new(MspVersion::V3_0, &config).unwrap();
        let signer = SigningIdentity::load(folder.path(), "Org1MSP").unwrap();
        assert_eq!(signer.msp_id(), "Org1MSP");
        let identity = super::deserialize(&msp, signer.serialized()).unwrap();
        assert!(identity.is_valid());
        let signature = signer.sign(&[b"a", b"b"]);
        let job = SignatureJob {
            digest: None,
            key: identity.key(),
            hash: SignatureHash::Sha256,
            message: SignedMessage {
                head: b"a",
                tail: b"b",
            },
            signature: &signature,
        };
        assert!(verify(&job), "{kind:?}");
        assert_eq!(signer.certificate().common_name(), "peer0");
    }
}

#[test]
fn a_definition_has_what_the_folder_has() {
    let folder = Folder::new(KeyKind::P256);
    let definition = folder.definition();
    assert_eq!(definition.name, "Org1MSP");
    assert_eq!(
        definition.root_certs.len(),
        1,
        "what is no PEM is passed over"
    );
    assert!(definition.admins.is_empty() && definition.fabric_node_ous.is_none());
    assert!(definition.signing_identity.is_none());
    let crypto = definition.crypto_config.unwrap();
    assert_eq!(crypto.signature_hash_family, "SHA2");

    folder.write("admincerts/b.pem", &folder.peer);
    folder.write("tlsintermediatecerts/i.pem", &folder.peer);
    assert!(
        folder.definition().tls_intermediate_certs.is_empty(),
        "without a TLS root"
    );
    folder.write("tlscacerts/t.pem", &folder.peer);
    let definition = folder.definition();
    assert_eq!(definition.admins, std::slice::from_ref(&folder.peer));
    assert_eq!(definition.tls_intermediate_certs.len(), 1);

    let units = "OrganizationalUnitIdentifiers:\n- Certificate: cacerts/ca.pem\n  \
         OrganizationalUnitIdentifier: sales\n";
    folder.write("config.yaml", format!("{units}NodeOUs:\n  Enable: false\n"));
    let definition = folder.definition();
    assert!(definition.fabric_node_ous.is_none(), "not enabled");
    let unit = &definition.organizational_unit_identifiers[0];
    assert_eq!(unit.organizational_unit_identifier, "sales");
    assert_eq!(unit.certificate, definition.root_certs[0]);

    let client = "  ClientOUIdentifier:\n    Certificate: gone.pem\n    \
         OrganizationalUnitIdentifier: client\n  PeerOUIdentifier:\n    Certificate: cacerts/ca.pem\n";
    folder.write("config.yaml", format!("NodeOUs:\n  Enable: true\n{client}"));
    let node_ous = folder.definition().fabric_node_ous.unwrap();
    let client = node_ous.client_ou_identifier.unwrap();
    assert!(
        client.certificate.is_empty(),
        "a certificate that is not there is none"
    );
    assert!(
        node_ous.peer_ou_identifier.is_none(),
        "without a unit it is none"
    );
}

#[test]
fn what_is_missing_is_named() {
    let folder = Folder::new(KeyKind::P256);
    folder.remove("keystore/1_sk");
    assert_eq!(
        folder.failure(),
        "MSP/keystore: no private key of the signing certificate there: looked at 2 files"
    );
    folder.write(
        "signcerts/cert.pem",
        key_pem(&PrivateKey::p256_from([9; 32])),
    );
    assert_eq!(
        folder.failure(),
        "MSP/signcerts: the signing certificate is not an X.509 certificate"
    );
    folder.remove("signcerts/cert.pem");
    assert_eq!(
        folder.failure(),
        "MSP/signcerts: no PEM file there: expected the certificate to sign with"
    );
    folder.write("config.yaml", "NodeOUs: [");
    let refusal = msp_config(folder.path(), "Org1MSP").unwrap_err();
    assert!(matches!(refusal, LocalMspError::Config { .. }), "{refusal}");
    folder.write("config.yaml", b"\xff\xfe\xff");
    let refusal = msp_config(folder.path(), "Org1MSP").unwrap_err();
    assert!(matches!(refusal, LocalMspError::Config { .. }), "{refusal}");
    folder.remove("cacerts/ca.pem");
    let refusal = msp_config(folder.path(), "Org1MSP").unwrap_err();
    let cacerts: PathBuf = folder.path().join("cacerts");
    assert!(
        matches!(refusal, LocalMspError::Missing { folder, .. } if folder == cacerts),
        "the CA comes first"
    );
}
