//! Certificates as Fabric's cryptogen makes them: root authorities, identities, TLS certificates.
//!
//! Signatures are low-S and, like serial numbers and keys, come from seeds: the same seed and the same
//! time give the same bytes.

use std::net::IpAddr;

use heddle::crypto::{PrivateKey, sha256};
use heddle::testing::kit::Seed;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber, SignatureAlgorithm, SigningKey,
};
use time::{Duration, OffsetDateTime};

/// How long certificates are valid.
const VALIDITY: Duration = Duration::days(3650);

/// Which kind of key an identity has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyKind {
    /// ECDSA on P-256.
    #[default]
    Ecdsa,
    /// Ed25519: only on channels with capability V3_0.
    Ed25519,
}

/// A private key, and how certificates name it.
#[derive(Debug)]
pub(crate) struct Key {
    private: PrivateKey,
    public: Vec<u8>,
    kind: KeyKind,
}

impl Key {
    pub(crate) fn derive(kind: KeyKind, seed: &Seed) -> Self {
        let private = match kind {
            KeyKind::Ecdsa => PrivateKey::p256_from(*seed.bytes()),
            KeyKind::Ed25519 => PrivateKey::ed25519_from(seed.bytes()),
        };
        Self {
            public: private.public_bytes(),
            private,
            kind,
        }
    }

    /// The key in PKCS#8, in PEM.
    pub(crate) fn to_pem(&self) -> Vec<u8> {
        pem("PRIVATE KEY", &self.private.to_pkcs8_der())
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.kind {
            KeyKind::Ecdsa => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.private.sign(&[message]))
    }
}

/// What every subject of an organization's certificates says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Subject {
    pub(crate) country: String,
    pub(crate) province: String,
    pub(crate) locality: String,
}

impl Default for Subject {
    fn default() -> Self {
        Self {
            country: "US".to_owned(),
            province: "California".to_owned(),
            locality: "San Francisco".to_owned(),
        }
    }
}

impl Subject {
    /// In cryptogen's order.
    fn name(&self, organization: &str, unit: &str, common_name: &str) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        let parts = [
            (DnType::CountryName, self.country.as_str()),
            (DnType::StateOrProvinceName, &self.province),
            (DnType::LocalityName, &self.locality),
            (DnType::OrganizationName, organization),
            (DnType::OrganizationalUnitName, unit),
            (DnType::CommonName, common_name),
        ];
        for (kind, text) in parts {
            if text.is_empty() {
                continue;
            }
            match text.try_into() {
                Ok(printable) => name.push(kind, DnValue::PrintableString(printable)),
                Err(_) => name.push(kind, text),
            }
        }
        name
    }
}

/// A root authority.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) name: String,
    /// Its certificate.
    pub(crate) pem: Vec<u8>,
    /// Its key.
    pub(crate) key_pem: Vec<u8>,
    subject: Subject,
    not_before: OffsetDateTime,
    issuer: Issuer<'static, Key>,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'p> {
    /// To sign with, with a role by node OUs or none.
    Sign(&'p str),
    /// TLS, with names and addresses.
    Tls(&'p [String]),
}

/// A certificate and its key, both in PEM.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) pem: Vec<u8>,
    pub(crate) key_pem: Vec<u8>,
}

impl Authority {
    /// The authority `name` of an organization.
    pub(crate) fn root(
        name: String,
        domain: &str,
        subject: &Subject,
        kind: KeyKind,
        not_before: OffsetDateTime,
        seed: &Seed,
    ) -> Result<Self, rcgen::Error> {
        let key = Key::derive(kind, &seed.child("key"));
        let mut params = parameters(subject.name(domain, "", &name), not_before, seed);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        params.key_identifier_method = key_identifier(&key);
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            name,
            pem: pem("CERTIFICATE", certificate.der()),
            key_pem: key.to_pem(),
            subject: subject.clone(),
            not_before,
            issuer: Issuer::new(params, key),
        })
    }

    /// Issues a certificate to `common_name`.
    pub(crate) fn issue(
        &self,
        common_name: &str,
        purpose: Purpose<'_>,
        kind: KeyKind,
        seed: &Seed,
    ) -> Result<Issued, rcgen::Error> {
        let key = Key::derive(kind, &seed.child("key"));
        let unit = match purpose {
            Purpose::Sign(unit) => unit,
            Purpose::Tls(_) => "",
        };
        let name = self.subject.name("", unit, common_name);
        let mut params = parameters(name, self.not_before, seed);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = key_identifier(&key);
        if let Purpose::Tls(sans) = purpose {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            for san in sans {
                params.subject_alt_names.push(match san.parse::<IpAddr>() {
                    Ok(address) => SanType::IpAddress(address),
                    Err(_) => SanType::DnsName(san.as_str().try_into()?),
                });
            }
        }
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            pem: pem("CERTIFICATE", certificate.der()),
            key_pem: key.to_pem(),
        })
    }
}

fn parameters(
    name: DistinguishedName,
    not_before: OffsetDateTime,
    seed: &Seed,
) -> CertificateParams {
    let mut serial = seed.child("serial").bytes().to_vec();
    serial.truncate(16);
    let mut params = CertificateParams::default();
    params.not_before = not_before;
    params.not_after = not_before + VALIDITY;
    params.serial_number = Some(SerialNumber::from(serial));
    params.distinguished_name = name;
    params
}

/// Fabric: `internal/cryptogen/ca/ca.go:computeSKI`.
fn key_identifier(key: &Key) -> KeyIdMethod {
    KeyIdMethod::PreSpecified(sha256(&key.public).0.to_vec())
}

/// A PEM block as Go writes it.
fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let mut text = format!("-----BEGIN {label}-----\n").into_bytes();
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    for line in encoded.as_bytes().chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    text
}
