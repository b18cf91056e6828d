//! Certificates with a high-S signature, written again with the low-S one.
//!
//! An ECDSA signature (r, s) is as good as (r, n-s), so anyone can make a second certificate from a
//! first. Fabric maps both to the one with the lower s, and takes its hash for the identity.

use std::borrow::Cow;

use crate::crypto::{Curve, PublicKey, encode_ecdsa_signature, parse_ecdsa_signature};
use crate::x509::Certificate;
use crate::x509::asn1::{self, Fields, Kind};
use crate::x509::der::{BitString, is_minimal_integer, tag, to_int64};
use crate::x509::error::{Error, OrMalformed as _};

impl Certificate {
    /// Whether Fabric looks at the S of this certificate's signature.
    #[must_use]
    pub fn is_ecdsa_signed(&self) -> bool {
        self.signature_algorithm().is_ecdsa()
    }

    /// This certificate with a low-S signature; the same one where the signature is low-S and minimal
    /// already.
    ///
    /// # Errors
    /// Where `issuer_key` is not ECDSA, or where the certificate cannot be written again by Go's
    /// `encoding/asn1` (then Fabric refuses it).
    ///
    // Fabric: msp/cert.go:sanitizeECDSASignedCert.
    pub fn with_low_s(&self, issuer_key: &PublicKey) -> Result<Self, Error> {
        let PublicKey::Ecdsa(key) = issuer_key else {
            return Err(Error::IssuerKey);
        };
        let signature = low_s(key.curve(), self.signature()).or_malformed("signature")?;
        if signature == self.signature() {
            return Ok(self.clone());
        }
        let der = rewritten(self.raw(), &signature).or_malformed("certificate")?;
        Self::parse(&der)
    }
}

/// The signature with the lower of s and n-s, minimal, without anything behind.
fn low_s(curve: Curve, signature: &[u8]) -> Option<Vec<u8>> {
    let signature = parse_ecdsa_signature(signature)?;
    let (order, s) = (curve.order(), signature.s);
    // An s beyond the order verifies under no key, so no certificate with a chain gets here with one.
    let zeros = order.len().checked_sub(s.len())?;
    let s: Vec<u8> = std::iter::repeat_n(0, zeros)
        .chain(s.iter().copied())
        .collect();
    let mut borrow = false;
    let mut negated: Vec<u8> = order
        .iter()
        .zip(&s)
        .rev()
        .map(|(&minuend, &subtrahend)| {
            let (difference, under) = minuend.overflowing_sub(subtrahend);
            let (difference, under_again) = difference.overflowing_sub(u8::from(borrow));
            borrow = under || under_again;
            difference
        })
        .collect();
    negated.reverse();
    // n is odd, so s is never n-s: the lower one is the one that is at most floor(n/2).
    if borrow {
        return None;
    }
    let low: Cow<'_, [u8]> = if negated < s {
        negated.into()
    } else {
        s.into()
    };
    Some(encode_ecdsa_signature(signature.r, &low))
}

/// The certificate's DER with another signature, through Go's `encoding/asn1`: the signed part stays as
/// it is, the algorithm beside the signature keeps its first two fields, all else is dropped.
fn rewritten(der: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(Fields(der).required(Kind::SEQUENCE)?);
    let mut peek = fields;
    let tbs_content = fields.required(Kind::SEQUENCE)?;
    let tbs = peek.raw()??;
    check_tbs(tbs_content)?;
    let algorithm = fields.required(Kind::SEQUENCE)?;
    let (id, parameters) = asn1::algorithm_identifier(algorithm)?;
    BitString::new(fields.required(Kind::BIT_STRING)?)?;
    let algorithm = [
        &element(tag::OBJECT_IDENTIFIER, id),
        parameters.unwrap_or_default(),
    ]
    .concat();
    let bits = [&[0], signature].concat();
    let content = [
        tbs,
        &element(tag::SEQUENCE, &algorithm),
        &element(tag::BIT_STRING, &bits),
    ]
    .concat();
    Some(element(tag::SEQUENCE, &content))
}

/// Whether `encoding/asn1` parses the signed part: it looks at optional fields of all versions, and at
/// whatever stands where one could be.
fn check_tbs(content: &[u8]) -> Option<()> {
    let mut fields = Fields(content);
    if let Some(version) = fields.explicit(0, Kind::INTEGER)? {
        to_int64(version)?;
    }
    is_minimal_integer(fields.required(Kind::INTEGER)?).then_some(())?;
    asn1::algorithm_identifier(fields.required(Kind::SEQUENCE)?)?;
    fields.raw()??;
    let mut validity = Fields(fields.required(Kind::SEQUENCE)?);
    validity.time()??;
    validity.time()??;
    fields.raw()??;
    let mut key = Fields(fields.required(Kind::SEQUENCE)?);
    asn1::algorithm_identifier(key.required(Kind::SEQUENCE)?)?;
    BitString::new(key.required(Kind::BIT_STRING)?)?;
    for number in [1, 2] {
        if let Some(unique_id) = fields.optional(Kind::context(number, false))? {
            BitString::new(unique_id)?;
        }
    }
    if let Some(extensions) = fields.explicit(3, Kind::SEQUENCE)? {
        for extension in asn1::elements(extensions, Kind::SEQUENCE)? {
            asn1::extension(extension)?;
        }
    }
    Some(())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = length
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(length.len() - 1);
    let significant = length.get(significant..).unwrap_or_default();
    if let [short @ 0..0x80] = significant {
        element.push(*short);
    } else {
        element.extend(u8::try_from(significant.len()).map(|count| 0x80 | count));
        element.extend_from_slice(significant);
    }
    element.extend_from_slice(content);
    element
}
