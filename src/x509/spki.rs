//! Algorithm identifiers and public keys.

use crate::crypto::{Curve, EcdsaKey, Ed25519Key, PublicKey, RsaKey, SignatureAlgorithm};
use crate::x509::asn1::{self, Fields, Kind};
use crate::x509::der::{Reader, tag, to_int64};
use crate::x509::error::{Error, OrMalformed as _};

/// An `AlgorithmIdentifier`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Algorithm<'a> {
    pub(super) id: &'a [u8],
    /// The whole element; empty where there are none.
    pub(super) parameters: &'a [u8],
}

impl<'a> Algorithm<'a> {
    /// Reads the inside of the sequence; what follows the parameters is ignored.
    // Fabric: Go's x509 parseAI.
    pub(super) fn parse(mut fields: Reader<'a>) -> Result<Self, Error> {
        const PART: &str = "algorithm identifier";
        let id = fields.object_identifier().or_malformed(PART)?;
        let parameters = if fields.is_empty() {
            &[]
        } else {
            fields.any().or_malformed(PART)?.full
        };
        Ok(Self { id, parameters })
    }

    /// The signature algorithm that is meant.
    // Fabric: Go's x509 getSignatureAlgorithmFromAI. Parameters matter for Ed25519 and PSS only.
    pub(super) fn signature_algorithm(self) -> SignatureAlgorithm {
        match self.id {
            ED25519 if !self.parameters.is_empty() => SignatureAlgorithm::Unknown,
            RSA_PSS => pss(self.parameters).unwrap_or(SignatureAlgorithm::Unknown),
            id => SIGNATURES
                .iter()
                .find(|(known, _)| *known == id)
                .map_or(SignatureAlgorithm::Unknown, |(_, algorithm)| *algorithm),
        }
    }
}

// 1.2.840.113549.1.1.x
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
// 2.16.840.1.101.3.4.2.x
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];
// 1.2.840.10045.2.1, 1.2.840.10040.4.1, 1.3.101.112
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
// 1.3.132.0.x and 1.2.840.10045.3.1.7
const P224: &[u8] = &[0x2b, 0x81, 0x04, 0, 33];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0, 34];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0, 35];

const DER_NULL: &[u8] = &[tag::NULL, 0];

const SIGNATURES: [(&[u8], SignatureAlgorithm); 13] = [
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
        SignatureAlgorithm::EcdsaWithSha256,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3],
        SignatureAlgorithm::EcdsaWithSha384,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4],
        SignatureAlgorithm::EcdsaWithSha512,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1],
        SignatureAlgorithm::EcdsaWithSha1,
    ),
    (ED25519, SignatureAlgorithm::PureEd25519),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11],
        SignatureAlgorithm::Sha256WithRsa,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12],
        SignatureAlgorithm::Sha384WithRsa,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13],
        SignatureAlgorithm::Sha512WithRsa,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5],
        SignatureAlgorithm::Sha1WithRsa,
    ),
    // ISO's name of the same, 1.3.14.3.2.29.
    (&[0x2b, 14, 3, 2, 29], SignatureAlgorithm::Sha1WithRsa),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4],
        SignatureAlgorithm::Md5WithRsa,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3],
        SignatureAlgorithm::DsaWithSha1,
    ),
    (
        &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2],
        SignatureAlgorithm::DsaWithSha256,
    ),
];

/// The three sets of PSS parameters that Go takes: one hash for everything, a salt of its length, the
/// default trailer.
fn pss(parameters: &[u8]) -> Option<SignatureAlgorithm> {
    let mut fields = Fields(Fields(parameters).required(Kind::SEQUENCE)?);
    let (hash, hash_parameters) = asn1::algorithm_identifier(fields.explicit(0, Kind::SEQUENCE)??)?;
    let (mask, mask_parameters) = asn1::algorithm_identifier(fields.explicit(1, Kind::SEQUENCE)??)?;
    let salt_length = to_int64(fields.explicit(2, Kind::INTEGER)??)?;
    let trailer = fields
        .explicit(3, Kind::INTEGER)?
        .map_or(Some(1), to_int64)?;
    let mask_fields = Fields(mask_parameters?).required(Kind::SEQUENCE)?;
    let (mask_hash, mask_hash_parameters) = asn1::algorithm_identifier(mask_fields)?;
    let null_or_none = |parameters: Option<&[u8]>| parameters.is_none_or(|der| der == DER_NULL);
    let plain = null_or_none(hash_parameters)
        && null_or_none(mask_hash_parameters)
        && mask == MGF1
        && mask_hash == hash
        && trailer == 1;
    match (hash, salt_length) {
        (SHA256, 32) if plain => Some(SignatureAlgorithm::Sha256WithRsaPss),
        (SHA384, 48) if plain => Some(SignatureAlgorithm::Sha384WithRsaPss),
        (SHA512, 64) if plain => Some(SignatureAlgorithm::Sha512WithRsaPss),
        _ => None,
    }
}

/// Reads the inside of a `SubjectPublicKeyInfo`. `None`: an algorithm that no identity and no
/// authority of an MSP can have.
// Fabric: Go's x509 parsePublicKey.
pub(super) fn parse(mut fields: Reader<'_>) -> Result<Option<PublicKey>, Error> {
    const PART: &str = "subject public key info";
    let algorithm = Algorithm::parse(fields.nested(tag::SEQUENCE).or_malformed(PART)?)?;
    let bits = fields.bit_string().or_malformed(PART)?;
    let data = bits.right_aligned();
    let key = match algorithm.id {
        ECDSA => PublicKey::Ecdsa(EcdsaKey::from_uncompressed_point(
            curve(algorithm.parameters)?,
            &data,
        )?),
        ED25519 if !algorithm.parameters.is_empty() => {
            return Err(Error::KeyParameters {
                algorithm: "Ed25519",
            });
        }
        ED25519 => PublicKey::Ed25519(Ed25519Key::from_bytes(&data)?),
        RSA if algorithm.parameters != DER_NULL => {
            return Err(Error::KeyParameters { algorithm: "RSA" });
        }
        RSA => PublicKey::Rsa(RsaKey::from_pkcs1_der(&data)?),
        DSA => {
            check_dsa(algorithm.parameters, &data)
                .ok_or(Error::KeyParameters { algorithm: "DSA" })?;
            return Ok(None);
        }
        _ => return Ok(None),
    };
    Ok(Some(key))
}

fn curve(parameters: &[u8]) -> Result<Curve, Error> {
    let id = Reader(parameters)
        .object_identifier()
        .ok_or(Error::KeyParameters { algorithm: "ECDSA" })?;
    match id {
        P224 => Ok(Curve::P224),
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        P521 => Ok(Curve::P521),
        _ => Err(Error::Curve),
    }
}

/// A DSA key is never used, but a broken one makes the certificate broken.
fn check_dsa(parameters: &[u8], data: &[u8]) -> Option<()> {
    let mut parameters = Reader(parameters).nested(tag::SEQUENCE)?;
    let numbers = [
        Reader(data).integer()?,
        parameters.integer()?,
        parameters.integer()?,
        parameters.integer()?,
    ];
    let positive = |number: &[u8]| !matches!(number, [0] | [0x80..=0xff, ..]);
    numbers.into_iter().all(positive).then_some(())
}
