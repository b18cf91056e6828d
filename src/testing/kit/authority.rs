//! Certificate authorities and what they issue, shaped as Fabric's own tools shape it.

use super::der::{
    bit_string, boolean, explicit, integer, octet_string, oid, pem, sequence, set, time, tlv,
    utf8_string,
};
use super::key::{Key, KeyKind};
use super::seed::Seed;
use super::signer::high_s;
use crate::crypto::sha256;

const COUNTRY: &[u8] = &[0x55, 0x04, 0x06];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 0x04, 0x0b];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// What a certificate's holder is by node OUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeRole {
    /// An application's user.
    Client,
    /// A peer.
    Peer,
    /// An administrator.
    Admin,
    /// An ordering node.
    Orderer,
}

impl NodeRole {
    /// The organizational unit that says so.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Admin => "admin",
            Self::Orderer => "orderer",
        }
    }
}

/// What a certificate is to say.
#[derive(Debug, Clone)]
pub struct CertificateSpec {
    /// The holder's name.
    pub common_name: String,
    /// The holder's organization; none where empty.
    pub organization: String,
    /// Organizational units, in order.
    pub units: Vec<String>,
    /// The key.
    pub key: Key,
    /// The `SubjectPublicKeyInfo`, where it is not to be the key's.
    pub public_key_info: Option<Vec<u8>>,
    /// Whether it may issue others.
    pub is_ca: bool,
    /// From when on, as `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
    pub not_before: String,
    /// Until when.
    pub not_after: String,
    /// Big-endian.
    pub serial: Vec<u8>,
    /// Whether extended key usages are only clientAuth.
    pub only_client_auth: bool,
    /// Whether the issuer's ECDSA signature has a high S, as Fabric's tools make half of the time.
    pub high_s: bool,
    /// Further extensions, each in DER.
    pub extensions: Vec<Vec<u8>>,
}

impl CertificateSpec {
    /// A certificate of an authority.
    #[must_use]
    pub fn authority(common_name: &str, organization: &str, key: Key) -> Self {
        Self {
            is_ca: true,
            organization: organization.to_owned(),
            not_before: "250101000000Z".to_owned(),
            not_after: "450101000000Z".to_owned(),
            ..Self::leaf(common_name, &[], key)
        }
    }

    /// A certificate of a node or user.
    #[must_use]
    pub fn leaf(common_name: &str, units: &[&str], key: Key) -> Self {
        let mut serial = sha256(&key.public_bytes()).0.to_vec();
        serial.truncate(16);
        Self {
            common_name: common_name.to_owned(),
            organization: String::new(),
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
            key,
            public_key_info: None,
            is_ca: false,
            not_before: "250601000000Z".to_owned(),
            not_after: "440601000000Z".to_owned(),
            serial,
            only_client_auth: false,
            high_s: false,
            extensions: Vec::new(),
        }
    }

    fn subject(&self) -> Vec<u8> {
        let attribute = |kind: &[u8], value: Vec<u8>| set(&[sequence(&[oid(kind), value])]);
        let mut attributes = vec![attribute(COUNTRY, tlv(0x13, b"US"))];
        if !self.organization.is_empty() {
            attributes.push(attribute(ORGANIZATION, utf8_string(&self.organization)));
        }
        for unit in &self.units {
            attributes.push(attribute(ORGANIZATIONAL_UNIT, utf8_string(unit)));
        }
        attributes.push(attribute(COMMON_NAME, utf8_string(&self.common_name)));
        sequence(&attributes)
    }

    fn all_extensions(&self, issuer_key: &Key) -> Vec<u8> {
        let mut extensions = Vec::new();
        let usages = if self.is_ca {
            // digitalSignature, keyEncipherment, keyCertSign, cRLSign
            bit_string(&[0b1010_0110], 1)
        } else {
            bit_string(&[0b1000_0000], 7)
        };
        extensions.push(extension(KEY_USAGE, true, &usages));
        if self.is_ca {
            let purposes = sequence(&[oid(CLIENT_AUTH), oid(SERVER_AUTH)]);
            extensions.push(extension(EXTENDED_KEY_USAGE, false, &purposes));
        } else if self.only_client_auth {
            let purposes = sequence(&[oid(CLIENT_AUTH)]);
            extensions.push(extension(EXTENDED_KEY_USAGE, false, &purposes));
        }
        let constraints = if self.is_ca {
            sequence(&[boolean(true)])
        } else {
            sequence(&[])
        };
        extensions.push(extension(BASIC_CONSTRAINTS, true, &constraints));
        if self.is_ca {
            let id = octet_string(&subject_key_id(&self.key));
            extensions.push(extension(SUBJECT_KEY_ID, false, &id));
        } else {
            let id = sequence(&[tlv(0x80, &subject_key_id(issuer_key))]);
            extensions.push(extension(AUTHORITY_KEY_ID, false, &id));
        }
        extensions.extend(self.extensions.iter().cloned());
        sequence(&extensions)
    }

    /// The certificate in DER.
    fn certificate(&self, issuer: &[u8], issuer_key: &Key) -> Vec<u8> {
        let validity = sequence(&[time(&self.not_before), time(&self.not_after)]);
        let to_be_signed = sequence(&[
            explicit(0, &integer(&[2])),
            integer(&self.serial),
            issuer_key.signature_algorithm(),
            issuer.to_vec(),
            validity,
            self.subject(),
            self.public_key_info
                .clone()
                .unwrap_or_else(|| self.key.public_key_info()),
            explicit(3, &self.all_extensions(issuer_key)),
        ]);
        let low = issuer_key.sign_certificate(&to_be_signed);
        let signature = if self.high_s {
            high_s(&low).unwrap_or(low)
        } else {
            low
        };
        sequence(&[
            to_be_signed,
            issuer_key.signature_algorithm(),
            bit_string(&signature, 0),
        ])
    }
}

/// A certificate authority: its certificate and key.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Its certificate in PEM.
    pub pem: Vec<u8>,
    key: Key,
    subject: Vec<u8>,
}

impl Authority {
    /// A root, self-signed.
    #[must_use]
    pub fn root(spec: CertificateSpec) -> Self {
        let subject = spec.subject();
        let pem = pem("CERTIFICATE", &spec.certificate(&subject, &spec.key));
        Self {
            pem,
            key: spec.key,
            subject,
        }
    }

    /// The usual root of an organization.
    #[must_use]
    pub fn of(organization: &str, kind: KeyKind, seed: &Seed) -> Self {
        let name = format!("ca.{organization}");
        let key = Key::derive(kind, &seed.child("ca"));
        Self::root(CertificateSpec::authority(&name, organization, key))
    }

    /// An authority below this one.
    #[must_use]
    pub fn intermediate(&self, spec: CertificateSpec) -> Self {
        Self {
            pem: self.issue(&spec),
            subject: spec.subject(),
            key: spec.key,
        }
    }

    /// Issues a certificate, in PEM.
    #[must_use]
    pub fn issue(&self, spec: &CertificateSpec) -> Vec<u8> {
        pem("CERTIFICATE", &spec.certificate(&self.subject, &self.key))
    }
}

fn subject_key_id(key: &Key) -> [u8; 32] {
    sha256(&key.public_bytes()).0
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut fields = vec![oid(id)];
    if critical {
        fields.push(boolean(true));
    }
    fields.push(octet_string(value));
    sequence(&fields)
}
