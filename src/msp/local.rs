//! Local MSPs: folders of certificates and keys, as Fabric lays them out.
//!
//! A folder holds an organization's definition (`cacerts`, `intermediatecerts`, `admincerts`, `crls`,
//! `tlscacerts`, `tlsintermediatecerts`, `config.yaml`), which [`msp_config`] reads in the form that a
//! channel configuration has it, and where it belongs to a node or a person, a signing identity
//! (`signcerts`, `keystore`), a [`SigningIdentity`].
//!
//! Files are read in the order of their names; those without a PEM block are passed over, as Fabric does.
//!
//! Fabric: `msp/configbuilder.go`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message as _;
use serde::Deserialize;

use crate::crypto::{PrivateKey, PrivateKeyError, PublicKey};
use crate::limits::{MSP_FILE_BYTES_MAX, MSP_FOLDER_FILES_MAX};
use crate::proto::messages::msp::{
    FabricCryptoConfig, FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig,
    SerializedIdentity,
};
use crate::sys::storage::read_file;
use crate::x509::{self, Certificate, pem};

/// Why a folder is no local MSP.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalMspError {
    /// A file or folder cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There is no certificate where there has to be one.
    #[error("{}: no PEM file there: expected {expected}", folder.display())]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
        /// What was looked for.
        expected: &'static str,
    },
    /// The signing certificate does not parse.
    #[error("{}: the signing certificate is not an X.509 certificate", folder.display())]
    Certificate {
        /// Where it is.
        folder: PathBuf,
        /// What is wrong with it.
        #[source]
        source: x509::Error,
    },
    /// The signing certificate's key is of a kind that identities do not have.
    #[error("{}: the signing certificate has a key of an unknown kind", folder.display())]
    CertificateKey {
        /// Where the certificate is.
        folder: PathBuf,
    },
    /// No private key belongs to the signing certificate.
    #[error(
        "{}: no private key of the signing certificate there: looked at {looked_at} files",
        folder.display()
    )]
    NoKey {
        /// Where it was looked for.
        folder: PathBuf,
        /// How many PEM files there are.
        looked_at: usize,
        /// Why the last of them is no private key, where it is none.
        #[source]
        source: Option<PrivateKeyError>,
    },
    /// `config.yaml` does not parse.
    #[error("{}: not a configuration of an MSP: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What the parser says, in one line.
        reason: String,
    },
    /// More files than any MSP has.
    #[error("{}: more than {MSP_FOLDER_FILES_MAX} files", folder.display())]
    TooManyFiles {
        /// Where they are.
        folder: PathBuf,
    },
}

/// The MSP that a folder defines, as a channel configuration has it: a serialized `MSPConfig`.
///
/// Whether the definition is a good one, [`Msp::new`](super::Msp::new) tells.
///
/// # Errors
/// Where the folder cannot be read or has no CA certificate.
///
/// Fabric: `GetVerifyingMspConfig`.
pub fn msp_config(folder: &Path, msp_id: &str) -> Result<Vec<u8>, LocalMspError> {
    let cacerts = folder.join("cacerts");
    let root_certs = pem_files(&cacerts)?;
    if root_certs.is_empty() {
        return Err(LocalMspError::Missing {
            folder: cacerts,
            expected: "a CA certificate",
        });
    }
    let tls_root_certs = pem_files(&folder.join("tlscacerts"))?;
    let tls_intermediate_certs = if tls_root_certs.is_empty() {
        Vec::new()
    } else {
        pem_files(&folder.join("tlsintermediatecerts"))?
    };
    let config = read_config(folder)?;
    let mut units = Vec::new();
    for unit in &config.organizational_unit_identifiers {
        units.push(FabricOuIdentifier {
            certificate: read(&folder.join(&unit.certificate))?,
            organizational_unit_identifier: unit.organizational_unit_identifier.clone(),
        });
    }
    let definition = FabricMspConfig {
        name: msp_id.to_owned(),
        root_certs,
        intermediate_certs: pem_files(&folder.join("intermediatecerts"))?,
        admins: pem_files(&folder.join("admincerts"))?,
        revocation_list: pem_files(&folder.join("crls"))?,
        signing_identity: None,
        organizational_unit_identifiers: units,
        crypto_config: Some(FabricCryptoConfig {
            signature_hash_family: "SHA2".to_owned(),
            identity_identifier_hash_function: "SHA256".to_owned(),
        }),
        tls_root_certs,
        tls_intermediate_certs,
        fabric_node_ous: config.node_ous.and_then(|node_ous| node_ous.read(folder)),
    };
    let config = MspConfig {
        r#type: 0,
        config: definition.encode_to_vec(),
    };
    Ok(config.encode_to_vec())
}

/// Somebody who signs: a certificate, its private key, the MSP it belongs to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SigningIdentity {
    msp_id: Arc<str>,
    serialized: Arc<[u8]>,
    certificate: Certificate,
    key: PrivateKey,
}

impl SigningIdentity {
    /// The identity of a local MSP: the first certificate of `signcerts` and its key in `keystore`,
    /// whatever that file is called.
    ///
    /// # Errors
    /// Where there is none, or no key that belongs to it.
    pub fn load(folder: &Path, msp_id: &str) -> Result<Self, LocalMspError> {
        let signcerts = folder.join("signcerts");
        let certificate = pem_files(&signcerts)?.into_iter().next();
        let pem = certificate.ok_or_else(|| LocalMspError::Missing {
            folder: signcerts.clone(),
            expected: "the certificate to sign with",
        })?;
        let block = pem::first_block(&pem).map(|block| block.bytes);
        let certificate = Certificate::parse(&block.unwrap_or_default()).map_err(|source| {
            LocalMspError::Certificate {
                folder: signcerts.clone(),
                source,
            }
        })?;
        let point: &[u8] = match certificate.public_key() {
            Some(PublicKey::Ecdsa(key)) => key.point(),
            Some(PublicKey::Ed25519(key)) => key.as_bytes(),
            Some(PublicKey::Rsa(_)) | None => {
                return Err(LocalMspError::CertificateKey { folder: signcerts });
            }
        };
        let key = find_key(&folder.join("keystore"), point)?;
        Ok(Self::new(msp_id, &pem, certificate, key))
    }

    /// The identity of a certificate, given in PEM and parsed, and of its key.
    #[must_use]
    pub fn new(msp_id: &str, pem: &[u8], certificate: Certificate, key: PrivateKey) -> Self {
        let serialized = SerializedIdentity {
            mspid: msp_id.to_owned(),
            id_bytes: pem.to_vec(),
        };
        Self {
            msp_id: msp_id.into(),
            serialized: serialized.encode_to_vec().into(),
            certificate,
            key,
        }
    }

    /// Its MSP.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// What creators and endorsers are named by: a serialized `SerializedIdentity`.
    #[must_use]
    pub fn serialized(&self) -> &[u8] {
        &self.serialized
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Signs the concatenation of `message`.
    #[must_use]
    pub fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        self.key.sign(message)
    }
}

/// The private key in a folder that belongs to a public key, given by its point or its 32 bytes.
fn find_key(keystore: &Path, public: &[u8]) -> Result<PrivateKey, LocalMspError> {
    let files = pem_files(keystore)?;
    let mut last = None;
    for file in &files {
        let block = pem::first_block(file).map(|block| block.bytes);
        match PrivateKey::from_der(&block.unwrap_or_default()) {
            Ok(key) if key.public_bytes() == public => return Ok(key),
            Ok(_) => last = None,
            Err(error) => last = Some(error),
        }
    }
    Err(LocalMspError::NoKey {
        folder: keystore.to_owned(),
        looked_at: files.len(),
        source: last,
    })
}

/// The files of a folder that have a PEM block, by name; none where there is no such folder.
fn pem_files(folder: &Path) -> Result<Vec<Vec<u8>>, LocalMspError> {
    let failed = |source| LocalMspError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            paths.push(path);
        }
        if paths.len() > MSP_FOLDER_FILES_MAX {
            return Err(LocalMspError::TooManyFiles {
                folder: folder.to_owned(),
            });
        }
    }
    paths.sort_unstable();
    let mut files = Vec::new();
    for path in &paths {
        let bytes = read(path)?;
        if pem::first_block(&bytes).is_some() {
            files.push(bytes);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, LocalMspError> {
    read_file(path, MSP_FILE_BYTES_MAX).map_err(|source| LocalMspError::Read {
        path: path.to_owned(),
        source,
    })
}

/// `config.yaml`. Keys that Fabric does not know are passed over, as it does.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    organizational_unit_identifiers: Vec<Unit>,
    #[serde(rename = "NodeOUs")]
    node_ous: Option<NodeOus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Unit {
    certificate: PathBuf,
    organizational_unit_identifier: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeOus {
    #[serde(rename = "Enable")]
    enable: bool,
    #[serde(rename = "ClientOUIdentifier")]
    client: Option<Unit>,
    #[serde(rename = "PeerOUIdentifier")]
    peer: Option<Unit>,
    #[serde(rename = "AdminOUIdentifier")]
    admin: Option<Unit>,
    #[serde(rename = "OrdererOUIdentifier")]
    orderer: Option<Unit>,
}

impl NodeOus {
    fn read(self, folder: &Path) -> Option<FabricNodeOUs> {
        let unit = |unit: Option<Unit>| {
            let unit = unit.filter(|unit| !unit.organizational_unit_identifier.is_empty())?;
            // Fabric: a certificate that cannot be read is as good as none.
            let certificate = if unit.certificate.as_os_str().is_empty() {
                Vec::new()
            } else {
                read(&folder.join(unit.certificate)).unwrap_or_default()
            };
            Some(FabricOuIdentifier {
                certificate,
                organizational_unit_identifier: unit.organizational_unit_identifier,
            })
        };
        self.enable.then(|| FabricNodeOUs {
            enable: true,
            client_ou_identifier: unit(self.client),
            peer_ou_identifier: unit(self.peer),
            admin_ou_identifier: unit(self.admin),
            orderer_ou_identifier: unit(self.orderer),
        })
    }
}

fn read_config(folder: &Path) -> Result<Config, LocalMspError> {
    let path = folder.join("config.yaml");
    let bytes = match read_file(&path, MSP_FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(source) => return Err(LocalMspError::Read { path, source }),
    };
    let failed = |reason: String| LocalMspError::Config {
        path: path.clone(),
        reason: reason.lines().next().unwrap_or_default().to_owned(),
    };
    let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))
}
