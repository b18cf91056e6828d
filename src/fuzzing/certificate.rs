//! Certificates and revocation lists.

use crate::x509::{Certificate, Crl, pem};

/// A certificate or a revocation list, in PEM or DER.
pub fn certificate(data: &[u8]) {
    let block = pem::first_block(data);
    let der = block.as_ref().map_or(data, |block| &block.bytes);
    if let Ok(certificate) = Certificate::parse(der) {
        assert_eq!(certificate.raw(), der, "nothing is left of a certificate");
        let _ = certificate.is_signed_by(&certificate);
    }
    if let Ok(list) = Crl::parse(data) {
        assert!(
            list.revoked_count() <= data.len(),
            "an entry takes more than a byte"
        );
    }
}
