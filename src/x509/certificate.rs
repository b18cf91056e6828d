//! A certificate, parsed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use self_cell::self_cell;

use crate::crypto::{PublicKey, SignatureAlgorithm, verify_certificate_signature};
use crate::x509::asn1::{Fields, Kind};
use crate::x509::der::{Reader, tag, to_int64};
use crate::x509::error::{Error, OrMalformed as _};
use crate::x509::extensions::{
    Extension, Known, NAME_CONSTRAINTS, SUBJECT_ALT_NAME, SUBJECT_KEY_ID,
};
use crate::x509::names::Name;
use crate::x509::spki::Algorithm;
use crate::x509::{spki, time};

/// The bit of `keyCertSign` in [`Certificate::key_usage`].
const KEY_USAGE_CERT_SIGN: u16 = 1 << 5;

/// A certificate as Go would have parsed it. Owns its DER; cheap to clone. Two are equal where their DER is.
#[derive(Clone)]
pub struct Certificate(Arc<Cell>);

self_cell!(
    struct Cell {
        owner: Box<[u8]>,
        #[covariant]
        dependent: Parsed,
    }
);

/// What was read, borrowed from the DER.
pub(super) struct Parsed<'a> {
    tbs: &'a [u8],
    version: i64,
    serial: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    subject_name: Name,
    not_before: i64,
    not_after: i64,
    public_key_info: &'a [u8],
    public_key: Option<PublicKey>,
    signature_algorithm: SignatureAlgorithm,
    signature: Cow<'a, [u8]>,
    extensions: Vec<Extension<'a>>,
    pub(super) known: Known<'a>,
}

impl Certificate {
    /// Parses one certificate; nothing may follow it.
    ///
    /// # Errors
    /// Where Go's `x509.ParseCertificate` returns one.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        Cell::try_new(der.into(), |der| Parsed::parse(der)).map(|cell| Self(Arc::new(cell)))
    }

    pub(super) fn parsed(&self) -> &Parsed<'_> {
        self.0.borrow_dependent()
    }

    /// The whole certificate.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.0.borrow_owner()
    }

    /// The signed part.
    #[must_use]
    pub fn raw_tbs(&self) -> &[u8] {
        self.parsed().tbs
    }

    /// The issuer's name, as a whole element.
    #[must_use]
    pub fn raw_issuer(&self) -> &[u8] {
        self.parsed().issuer
    }

    /// The subject's name, as a whole element.
    #[must_use]
    pub fn raw_subject(&self) -> &[u8] {
        self.parsed().subject
    }

    /// The public key with its algorithm, as a whole element.
    #[must_use]
    pub fn raw_public_key_info(&self) -> &[u8] {
        self.parsed().public_key_info
    }

    /// The serial number: the content of its minimal DER integer, never negative. Equal numbers are
    /// equal bytes.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        self.parsed().serial
    }

    /// The first second of validity, since 1970.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.parsed().not_before
    }

    /// The last second of validity, since 1970.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.parsed().not_after
    }

    /// The key; `None` where it is neither ECDSA nor Ed25519 nor RSA.
    #[must_use]
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.parsed().public_key.as_ref()
    }

    /// What the certificate is signed with.
    #[must_use]
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.parsed().signature_algorithm
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.parsed().signature
    }

    /// The last common name of the subject; empty without one.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.parsed().subject_name.common_name
    }

    /// The organizational units of the subject, in order.
    #[must_use]
    pub fn organizational_units(&self) -> &[String] {
        &self.parsed().subject_name.organizational_units
    }

    /// Whether basic constraints are there and say that this is an authority.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.parsed()
            .known
            .basic_constraints
            .is_some_and(|constraints| constraints.is_ca)
    }

    /// Whether there are basic constraints.
    #[must_use]
    pub fn has_basic_constraints(&self) -> bool {
        self.parsed().known.basic_constraints.is_some()
    }

    /// How many intermediates may stand below this authority.
    #[must_use]
    pub fn max_path_len(&self) -> Option<u64> {
        self.parsed()
            .known
            .basic_constraints
            .and_then(|constraints| constraints.max_path_len)
    }

    /// The nine bits of the key usage, digitalSignature lowest; 0 without the extension.
    #[must_use]
    pub fn key_usage(&self) -> u16 {
        self.parsed().known.key_usage
    }

    /// The extended key usages: contents of DER object identifiers.
    #[must_use]
    pub fn ext_key_usages(&self) -> &[&[u8]] {
        &self.parsed().known.ext_key_usages
    }

    /// The subject key identifier; empty without one.
    #[must_use]
    pub fn subject_key_id(&self) -> &[u8] {
        self.parsed().known.subject_key_id
    }

    /// The authority key identifier; empty without one.
    #[must_use]
    pub fn authority_key_id(&self) -> &[u8] {
        self.parsed().known.authority_key_id
    }

    /// The subject key identifier as Fabric reads it: `None` without the extension, in which an MSP
    /// refuses an authority.
    // Fabric: msp/mspimplvalidate.go:getSubjectKeyIdentifierFromCert, over encoding/asn1. For a version
    // 3 certificate Go's parser has read the same octet string already.
    #[must_use]
    pub fn subject_key_id_of_authority(&self) -> Option<&[u8]> {
        let extension = self
            .extensions()
            .iter()
            .find(|found| found.id == SUBJECT_KEY_ID)?;
        Fields(extension.value).required(Kind::OCTET_STRING)
    }

    /// All extensions, in order.
    #[must_use]
    pub fn extensions(&self) -> &[Extension<'_>] {
        &self.parsed().extensions
    }

    /// Whether a critical extension is unknown or not fully understood: no chain goes through here.
    #[must_use]
    pub fn has_unhandled_critical_extension(&self) -> bool {
        self.parsed().known.unhandled_critical
    }

    /// Whether subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.raw_subject() == self.raw_issuer()
    }

    pub(super) fn has_name_constraints(&self) -> bool {
        self.extension_value(NAME_CONSTRAINTS).is_some()
    }

    pub(super) fn alt_names_extension(&self) -> Option<&[u8]> {
        self.extension_value(SUBJECT_ALT_NAME)
    }

    fn extension_value(&self, id: &[u8]) -> Option<&[u8]> {
        self.extensions()
            .iter()
            .find(|found| found.id == id)
            .map(|found| found.value)
    }

    /// Whether `parent` may sign certificates and has signed this one. Names and times are not
    /// looked at.
    // Fabric: Go's Certificate.CheckSignatureFrom.
    #[must_use]
    pub fn is_signed_by(&self, parent: &Self) -> bool {
        let issuer = parent.parsed();
        let authority = match issuer.known.basic_constraints {
            Some(constraints) => constraints.is_ca,
            None => issuer.version != 3,
        };
        let usage = issuer.known.key_usage;
        if !authority || usage != 0 && usage & KEY_USAGE_CERT_SIGN == 0 {
            return false;
        }
        parent.public_key().is_some_and(|key| {
            let algorithm = self.signature_algorithm();
            verify_certificate_signature(key, algorithm, self.raw_tbs(), self.signature())
        })
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for Certificate {}

impl std::hash::Hash for Certificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.raw().hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate(CN={:?}, serial ", self.common_name())?;
        self.serial()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl<'a> Parsed<'a> {
    // Fabric: Go's x509 parseCertificate. What follows the signature inside the outer sequence is
    // ignored, and so is what follows the last field that the version has.
    fn parse(der: &'a [u8]) -> Result<Self, Error> {
        let mut input = Reader(der);
        let mut outer = input.nested(tag::SEQUENCE).or_malformed("certificate")?;
        if !input.is_empty() {
            return Err(Error::Trailing {
                part: "certificate",
            });
        }
        let signed = outer.element(tag::SEQUENCE).or_malformed("signed part")?;
        let mut tbs = Reader(signed.content);
        let version = version(&mut tbs)?;
        let serial = serial(&mut tbs)?;
        let signature_algorithm = signature_algorithm(&mut tbs, &mut outer)?;
        let issuer = tbs.element(tag::SEQUENCE).or_malformed("issuer")?;
        Name::parse(issuer.content)?;
        let mut validity = tbs.nested(tag::SEQUENCE).or_malformed("validity")?;
        let not_before = read_time(&mut validity).or_malformed("validity")?;
        let not_after = read_time(&mut validity).or_malformed("validity")?;
        let subject = tbs.element(tag::SEQUENCE).or_malformed("subject")?;
        let subject_name = Name::parse(subject.content)?;
        let public_key_info = tbs
            .element(tag::SEQUENCE)
            .or_malformed("subject public key info")?;
        let public_key = spki::parse(Reader(public_key_info.content))?;
        let extensions = extensions(&mut tbs, version)?;
        let known = Known::parse(&extensions)?;
        let signature = outer
            .bit_string()
            .or_malformed("signature")?
            .right_aligned();
        Ok(Self {
            tbs: signed.full,
            version,
            serial,
            issuer: issuer.full,
            subject: subject.full,
            subject_name,
            not_before,
            not_after,
            public_key_info: public_key_info.full,
            public_key,
            signature_algorithm,
            signature,
            extensions,
            known,
        })
    }
}

/// The version as people count: 1, 2 or 3.
fn version(tbs: &mut Reader<'_>) -> Result<i64, Error> {
    let version = match tbs.optional(tag::constructed(0)).or_malformed("version")? {
        None => 0,
        Some(mut explicit) => {
            let version = explicit
                .integer()
                .and_then(to_int64)
                .or_malformed("version")?;
            if !explicit.is_empty() {
                return Err(Error::Trailing { part: "version" });
            }
            version
        }
    };
    match version {
        0..=2 => Ok(version + 1),
        // Go adds one before it compares, and the sum wraps: no version at all, without extensions.
        i64::MAX => Ok(i64::MIN),
        _ => Err(Error::Version { version }),
    }
}

fn serial<'a>(tbs: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let serial = tbs.integer().or_malformed("serial number")?;
    match serial.first() {
        Some(0x80..) => Err(Error::NegativeSerial),
        _ => Ok(serial),
    }
}

/// The algorithm, which stands inside the signed part and beside the signature.
pub(super) fn signature_algorithm(
    tbs: &mut Reader<'_>,
    outer: &mut Reader<'_>,
) -> Result<SignatureAlgorithm, Error> {
    let inside = tbs
        .nested(tag::SEQUENCE)
        .or_malformed("algorithm identifier")?;
    let beside = outer
        .nested(tag::SEQUENCE)
        .or_malformed("algorithm identifier")?;
    if inside.0 != beside.0 {
        return Err(Error::AlgorithmMismatch);
    }
    Algorithm::parse(inside).map(Algorithm::signature_algorithm)
}

fn read_time(validity: &mut Reader<'_>) -> Option<i64> {
    let element = validity.any()?;
    match element.tag {
        tag::UTC_TIME => time::utc_time(element.content),
        tag::GENERALIZED_TIME => time::generalized_time(element.content),
        _ => None,
    }
}

fn extensions<'a>(tbs: &mut Reader<'a>, version: i64) -> Result<Vec<Extension<'a>>, Error> {
    if version > 1 {
        tbs.optional(tag::context(1))
            .or_malformed("issuer unique id")?;
        tbs.optional(tag::context(2))
            .or_malformed("subject unique id")?;
    }
    if version < 3 {
        return Ok(Vec::new());
    }
    match tbs
        .optional(tag::constructed(3))
        .or_malformed("extensions")?
    {
        None => Ok(Vec::new()),
        Some(mut explicit) => {
            Extension::parse_all(explicit.nested(tag::SEQUENCE).or_malformed("extensions")?)
        }
    }
}
