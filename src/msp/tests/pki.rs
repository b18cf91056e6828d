//! Certificates, revocation lists and MSP definitions for tests, made from small specifications.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;

use crate::crypto::sha256;
use crate::proto::wire::{put_bytes, put_element, put_uint};

/// A private key, made from a seed.
#[derive(Clone)]
pub(crate) enum Key {
    P256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    /// Cannot sign.
    Rsa,
}

impl Key {
    pub(crate) fn p256(seed: u8) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            Self::Rsa => {
                let mut modulus = vec![0x00];
                modulus.extend([0xc3; 256]);
                sequence(&[tlv(0x02, &modulus), tlv(0x02, &[0x01, 0x00, 0x01])])
            }
        }
    }

    fn spki(&self) -> Vec<u8> {
        let algorithm = match self {
            Self::P256(_) => sequence(&[oid(EC_PUBLIC_KEY), oid(PRIME256V1)]),
            Self::Ed25519(_) => sequence(&[oid(ED25519)]),
            Self::Rsa => sequence(&[oid(RSA), tlv(0x05, &[])]),
        };
        sequence(&[algorithm, bit_string(&self.public_bytes())])
    }

    fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::P256(_) => sequence(&[oid(ECDSA_SHA256)]),
            Self::Ed25519(_) => sequence(&[oid(ED25519)]),
            Self::Rsa => unreachable!("no RSA authorities in these tests"),
        }
    }

    /// Signs as certificates and identities do; ECDSA with low or high S.
    pub(crate) fn sign(&self, message: &[u8], high_s: bool) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                let (r, s) = signature.normalize_s().split_scalars();
                let s: p256::Scalar = if high_s { -*s } else { *s };
                sequence(&[integer(&r.to_bytes()), integer(&s.to_bytes())])
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::Rsa => vec![1; 256],
        }
    }
}

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 0x04, 0x0b];
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// What a certificate is to say. Times are seconds of January 2024.
#[derive(Clone)]
pub(crate) struct Spec<'a> {
    pub(crate) name: &'a str,
    pub(crate) ous: &'a [&'a str],
    pub(crate) key: Key,
    pub(crate) ca: bool,
    pub(crate) serial: u8,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) subject_key_id: bool,
    pub(crate) only_client_auth: bool,
    pub(crate) name_constraints: bool,
    pub(crate) high_s: bool,
}

impl<'a> Spec<'a> {
    pub(crate) fn ca(name: &'a str, key: Key) -> Self {
        Self {
            name,
            ous: &[],
            key,
            ca: true,
            serial: 1,
            from: 0,
            to: 2_000_000,
            subject_key_id: true,
            only_client_auth: false,
            name_constraints: false,
            high_s: false,
        }
    }

    pub(crate) fn leaf(name: &'a str, ous: &'a [&'a str], key: Key) -> Self {
        Self {
            ous,
            serial: 7,
            from: 1_000,
            ca: false,
            ..Self::ca(name, key)
        }
    }
}

/// A certificate with its key.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) der: Vec<u8>,
    pub(crate) key: Key,
    subject: Vec<u8>,
}

impl Issued {
    pub(crate) fn self_signed(spec: Spec<'_>) -> Self {
        let subject = name(&spec);
        let der = certificate(&spec, &subject, &spec.key);
        Self {
            der,
            key: spec.key,
            subject,
        }
    }

    pub(crate) fn issue(&self, spec: Spec<'_>) -> Self {
        let der = certificate(&spec, &self.subject, &self.key);
        Self {
            der,
            subject: name(&spec),
            key: spec.key,
        }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        pem("CERTIFICATE", &self.der)
    }

    pub(crate) fn serialized(&self, msp_id: &str) -> Vec<u8> {
        serialized(msp_id, &self.pem())
    }

    fn subject_key_id(&self) -> Vec<u8> {
        subject_key_id(&self.key)
    }

    /// A revocation list in PEM. `signer` signs; the authority key id, if any, is this CA's.
    pub(crate) fn crl(&self, serials: &[u8], authority_key_id: bool, signer: &Key) -> Vec<u8> {
        let revoked: Vec<Vec<u8>> = serials
            .iter()
            .map(|&serial| sequence(&[integer(&[serial]), time(500)]))
            .collect();
        let mut fields = vec![
            integer(&[1]),
            self.key.signature_algorithm(),
            self.subject.clone(),
            time(500),
            sequence(&revoked),
        ];
        if authority_key_id {
            let id = sequence(&[tlv(0x80, &self.subject_key_id())]);
            fields.push(tlv(
                0xa0,
                &sequence(&[extension(AUTHORITY_KEY_ID, false, &id)]),
            ));
        }
        let tbs = sequence(&fields);
        let signature = signer.sign(&tbs, false);
        let list = sequence(&[tbs, self.key.signature_algorithm(), bit_string(&signature)]);
        pem("X509 CRL", &list)
    }
}

pub(crate) fn serialized(msp_id: &str, id_bytes: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, 1, msp_id.as_bytes());
    put_bytes(&mut bytes, 2, id_bytes);
    bytes
}

pub(crate) fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).unwrap());
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text.into_bytes()
}

fn certificate(spec: &Spec<'_>, issuer: &[u8], issuer_key: &Key) -> Vec<u8> {
    let mut extensions = Vec::new();
    if spec.ca {
        let constraints = sequence(&[tlv(0x01, &[0xff])]);
        extensions.push(extension(BASIC_CONSTRAINTS, true, &constraints));
    }
    if spec.subject_key_id {
        let id = tlv(0x04, &subject_key_id(&spec.key));
        extensions.push(extension(SUBJECT_KEY_ID, false, &id));
    }
    if spec.only_client_auth {
        extensions.push(extension(
            EXTENDED_KEY_USAGE,
            false,
            &sequence(&[oid(CLIENT_AUTH)]),
        ));
    }
    if spec.name_constraints {
        let permitted = tlv(0xa0, &sequence(&[tlv(0x82, b"example.com")]));
        extensions.push(extension(NAME_CONSTRAINTS, true, &sequence(&[permitted])));
    }
    let mut fields = vec![
        tlv(0xa0, &integer(&[2])),
        integer(&[spec.serial]),
        issuer_key.signature_algorithm(),
        issuer.to_vec(),
        sequence(&[time(spec.from), time(spec.to)]),
        name(spec),
        spec.key.spki(),
    ];
    if !extensions.is_empty() {
        fields.push(tlv(0xa3, &sequence(&extensions)));
    }
    let tbs = sequence(&fields);
    let signature = issuer_key.sign(&tbs, spec.high_s);
    sequence(&[
        tbs,
        issuer_key.signature_algorithm(),
        bit_string(&signature),
    ])
}

fn name(spec: &Spec<'_>) -> Vec<u8> {
    let attribute =
        |kind: &[u8], value: &str| tlv(0x31, &sequence(&[oid(kind), tlv(0x0c, value.as_bytes())]));
    let mut attributes: Vec<Vec<u8>> = spec
        .ous
        .iter()
        .map(|ou| attribute(ORGANIZATIONAL_UNIT, ou))
        .collect();
    attributes.push(attribute(COMMON_NAME, spec.name));
    sequence(&attributes)
}

fn subject_key_id(key: &Key) -> Vec<u8> {
    sha256(&key.public_bytes()).0[..20].to_vec()
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut fields = vec![oid(id)];
    if critical {
        fields.push(tlv(0x01, &[0xff]));
    }
    fields.push(tlv(0x04, value));
    sequence(&fields)
}

/// So many seconds after the beginning of January 2024.
fn time(seconds: u32) -> Vec<u8> {
    let (day, second) = (seconds / 86_400 + 1, seconds % 86_400);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    tlv(
        0x17,
        format!("2401{day:02}{hour:02}{minute:02}{:02}Z", second % 60).as_bytes(),
    )
}

fn oid(content: &[u8]) -> Vec<u8> {
    tlv(0x06, content)
}

/// A positive integer in its shortest form.
fn integer(big_endian: &[u8]) -> Vec<u8> {
    let zeros = big_endian.iter().take_while(|&&byte| byte == 0).count();
    let mut content = big_endian[zeros.min(big_endian.len() - 1)..].to_vec();
    if content[0] >= 0x80 {
        content.insert(0, 0);
    }
    tlv(0x02, &content)
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes].concat())
}

fn sequence(fields: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &fields.concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..0x80 => bytes.push(u8::try_from(length).unwrap()),
        length => {
            let length = u16::try_from(length).unwrap().to_be_bytes();
            bytes.push(0x82);
            bytes.extend(length);
            if length[0] == 0 {
                bytes.splice(1.., [0x81, length[1]]);
            }
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// An OU with the certificate of its certifier.
pub(crate) type Ou<'a> = (&'a str, Option<&'a Issued>);

/// What an MSP definition is to say.
#[derive(Clone, Default)]
pub(crate) struct Definition<'a> {
    pub(crate) name: &'a str,
    pub(crate) roots: Vec<&'a Issued>,
    pub(crate) intermediates: Vec<&'a Issued>,
    pub(crate) admins: Vec<&'a Issued>,
    pub(crate) crls: Vec<Vec<u8>>,
    pub(crate) ou_identifiers: Vec<Ou<'a>>,
    pub(crate) signature_hash_family: &'a str,
    pub(crate) identity_hash: &'a str,
    pub(crate) tls_roots: Vec<&'a Issued>,
    pub(crate) tls_intermediates: Vec<&'a Issued>,
    pub(crate) node_ous: Option<NodeOus<'a>>,
    pub(crate) signing_identity: bool,
}

#[derive(Clone, Default)]
pub(crate) struct NodeOus<'a> {
    pub(crate) enable: bool,
    /// Client, peer, admin, orderer.
    pub(crate) roles: [Option<Ou<'a>>; 4],
}

impl NodeOus<'_> {
    pub(crate) fn all() -> Self {
        let roles = ["client", "peer", "admin", "orderer"].map(|role| Some((role, None)));
        Self {
            enable: true,
            roles,
        }
    }
}

impl Definition<'_> {
    /// A serialized `MSPConfig`.
    pub(crate) fn serialized(&self) -> Vec<u8> {
        let mut config = Vec::new();
        put_bytes(&mut config, 1, self.name.as_bytes());
        let certificates = [
            (2, &self.roots),
            (3, &self.intermediates),
            (4, &self.admins),
        ]
        .into_iter();
        let tls = [(9, &self.tls_roots), (10, &self.tls_intermediates)];
        for (number, certificates) in certificates.chain(tls) {
            for certificate in certificates {
                put_element(&mut config, number, &certificate.pem());
            }
        }
        for crl in &self.crls {
            put_element(&mut config, 5, crl);
        }
        if self.signing_identity {
            put_element(&mut config, 6, &[]);
        }
        for ou in &self.ou_identifiers {
            put_element(&mut config, 7, &ou_identifier(*ou));
        }
        let mut crypto = Vec::new();
        put_bytes(&mut crypto, 1, self.signature_hash_family.as_bytes());
        put_bytes(&mut crypto, 2, self.identity_hash.as_bytes());
        put_bytes(&mut config, 8, &crypto);
        if let Some(node_ous) = &self.node_ous {
            let mut bytes = Vec::new();
            put_uint(&mut bytes, 1, u64::from(node_ous.enable));
            for (number, ou) in (2..).zip(node_ous.roles) {
                if let Some(ou) = ou {
                    put_element(&mut bytes, number, &ou_identifier(ou));
                }
            }
            put_element(&mut config, 11, &bytes);
        }
        let mut msp_config = Vec::new();
        put_bytes(&mut msp_config, 2, &config);
        msp_config
    }
}

fn ou_identifier((unit, certifier): Ou<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(certifier) = certifier {
        put_bytes(&mut bytes, 1, &certifier.pem());
    }
    put_bytes(&mut bytes, 2, unit.as_bytes());
    bytes
}
