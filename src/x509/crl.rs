//! Certificate revocation lists, as Fabric's MSP keeps them.
//!
//! Read with Go's `encoding/asn1`, not with its certificate parser. Dates are not looked at, neither the
//! list's nor the revocations'. Every entry counts, whatever its extensions say.

use std::collections::HashSet;

use crate::crypto::{
    SignatureAlgorithm, encode_ecdsa_signature, parse_ecdsa_signature, verify_crl_signature,
};
use crate::x509::asn1::{self, Fields, Kind};
use crate::x509::der::{BitString, to_int64};
use crate::x509::error::{Error, OrMalformed as _};
use crate::x509::extensions::AUTHORITY_KEY_ID;
use crate::x509::spki::Algorithm;
use crate::x509::{Certificate, pem};

/// A revocation list.
#[derive(Debug, Clone)]
pub struct Crl {
    tbs: Box<[u8]>,
    signature_algorithm: SignatureAlgorithm,
    signature: Box<[u8]>,
    authority_key_id: Option<Box<[u8]>>,
    revoked: HashSet<Box<[u8]>>,
}

impl Crl {
    /// Reads a list from PEM that begins with `-----BEGIN X509 CRL`, or from DER; nothing may follow
    /// the DER.
    ///
    /// # Errors
    /// Where the list does not parse, or where it is signed with ECDSA and the signature does not.
    ///
    // Fabric: msp/mspimplsetup.go:setupCRLs over Go's x509.ParseCRL.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let block = if bytes.starts_with(b"-----BEGIN X509 CRL") {
            pem::first_block(bytes).filter(|block| block.label == b"X509 CRL")
        } else {
            None
        };
        let der = block.as_ref().map_or(bytes, |block| block.bytes.as_slice());
        let mut input = Fields(der);
        let list = input
            .required(Kind::SEQUENCE)
            .or_malformed("revocation list")?;
        let crl = Self::parse_list(list).or_malformed("revocation list")?;
        if !input.0.is_empty() {
            return Err(Error::Trailing {
                part: "revocation list",
            });
        }
        crl.with_minimal_signature()
    }

    fn parse_list(content: &[u8]) -> Option<Self> {
        let mut fields = Fields(content);
        let mut peek = fields;
        let tbs_content = fields.required(Kind::SEQUENCE)?;
        let tbs = peek.raw()??;
        let Contents {
            revoked,
            authority_key_id,
        } = parse_tbs(tbs_content)?;
        let (id, parameters) = asn1::algorithm_identifier(fields.required(Kind::SEQUENCE)?)?;
        let algorithm = Algorithm {
            id,
            parameters: parameters.unwrap_or_default(),
        };
        let signature = BitString::new(fields.required(Kind::BIT_STRING)?)?;
        Some(Self {
            tbs: tbs.into(),
            signature_algorithm: algorithm.signature_algorithm(),
            signature: signature.right_aligned().into(),
            authority_key_id,
            revoked,
        })
    }

    /// Fabric reads an ECDSA signature leniently and writes it again, so that Go's strict reader sees
    /// a minimal one later.
    fn with_minimal_signature(self) -> Result<Self, Error> {
        if !self.signature_algorithm.is_ecdsa() {
            return Ok(self);
        }
        let pair = parse_ecdsa_signature(&self.signature).or_malformed("signature")?;
        let signature = encode_ecdsa_signature(pair.r, pair.s).into();
        Ok(Self { signature, ..self })
    }

    /// The authority's key identifier, possibly empty; `None` where the extension is missing or broken,
    /// which makes every identity of the MSP invalid.
    // Fabric: msp/mspimplvalidate.go:getAuthorityKeyIdentifierFromCrl.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority_key_id.as_deref()
    }

    /// Whether the serial number ([`Certificate::serial`]) is listed.
    #[must_use]
    pub fn lists(&self, serial: &[u8]) -> bool {
        self.revoked.contains(serial)
    }

    /// How many different serial numbers are listed.
    #[must_use]
    pub fn revoked_count(&self) -> usize {
        self.revoked.len()
    }

    /// Whether `issuer` has signed this list. SHA-1 is allowed here, and nothing but the key matters.
    // Fabric: Go's Certificate.CheckCRLSignature.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Certificate) -> bool {
        issuer.public_key().is_some_and(|key| {
            verify_crl_signature(key, self.signature_algorithm, &self.tbs, &self.signature)
        })
    }
}

/// What is kept of a `TBSCertList`.
struct Contents {
    revoked: HashSet<Box<[u8]>>,
    authority_key_id: Option<Box<[u8]>>,
}

/// Reads a `TBSCertList`: the serial numbers and the authority's key identifier.
fn parse_tbs(content: &[u8]) -> Option<Contents> {
    let mut fields = Fields(content);
    if let Some(version) = fields.optional(Kind::INTEGER)? {
        to_int64(version)?;
    }
    asn1::algorithm_identifier(fields.required(Kind::SEQUENCE)?)?;
    asn1::check_name(fields.required(Kind::SEQUENCE)?)?;
    fields.time()??;
    let _next_update = fields.time()?;
    let mut revoked = HashSet::new();
    if let Some(entries) = fields.optional(Kind::SEQUENCE)? {
        for entry in asn1::elements(entries, Kind::SEQUENCE)? {
            revoked.insert(parse_entry(entry)?.into());
        }
    }
    let mut authority_key_id = None;
    if let Some(extensions) = fields.explicit(0, Kind::SEQUENCE)? {
        for extension in asn1::elements(extensions, Kind::SEQUENCE)?
            .into_iter()
            .rev()
        {
            let (id, value) = asn1::extension(extension)?;
            if id == AUTHORITY_KEY_ID {
                authority_key_id = Some(value); // in the end the first one of several
            }
        }
    }
    let authority_key_id = authority_key_id.and_then(key_identifier).map(Into::into);
    Some(Contents {
        revoked,
        authority_key_id,
    })
}

/// The serial number of a `revokedCertificates` entry.
fn parse_entry(content: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields(content);
    let serial = asn1::integer(fields.required(Kind::INTEGER)?)?;
    fields.time()??;
    if let Some(extensions) = fields.optional(Kind::SEQUENCE)? {
        for extension in asn1::elements(extensions, Kind::SEQUENCE)? {
            asn1::extension(extension)?;
        }
    }
    Some(serial)
}

/// `AuthorityKeyIdentifier.keyIdentifier`, empty where absent.
///
/// Fabric's struct gives the issuer a primitive and the serial number a constructed tag, so that normal
/// ones are passed over as absent; a constructed serial number fails, because Go cannot fill its type.
fn key_identifier(value: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields(Fields(value).required(Kind::SEQUENCE)?);
    let key_id = fields.optional(Kind::context(0, false))?;
    fields.optional(Kind::context(1, false))?;
    match fields.optional(Kind::context(2, true))? {
        Some(_) => None,
        None => Some(key_id.unwrap_or_default()),
    }
}
