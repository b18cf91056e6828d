//! Authorities from PEM texts and files.

use std::path::{Path, PathBuf};

use super::error::TlsError;
use crate::limits::MSP_FILE_BYTES_MAX;
use crate::sys::storage::read_file;
use crate::x509::{Certificate, pem};

/// The label of a certificate's PEM block.
pub(super) const CERTIFICATE: &[u8] = b"CERTIFICATE";

/// The certificates of PEM files, all of them.
///
/// # Errors
/// Where a file cannot be read or has none.
pub fn read_authorities(files: &[PathBuf]) -> Result<Vec<Certificate>, TlsError> {
    let mut authorities = Vec::new();
    for file in files {
        if add_pem(&mut authorities, &read(file)?) == 0 {
            return Err(TlsError::NoCertificate { path: file.clone() });
        }
    }
    Ok(authorities)
}

/// Adds the certificates of a PEM text to a list or pool and says how many there were. What is no
/// certificate is passed over.
// Fabric: Go's CertPool.AppendCertsFromPEM.
pub fn add_pem(authorities: &mut impl Extend<Certificate>, text: &[u8]) -> usize {
    let mut count = 0;
    let certificates = pem::blocks(text)
        .filter(|block| block.label == CERTIFICATE)
        .filter_map(|block| Certificate::parse(&block.bytes).ok());
    authorities.extend(certificates.inspect(|_| count += 1));
    count
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let too_large = |bytes: &Vec<u8>| {
        u64::try_from(bytes.len()).is_ok_and(|length| length > MSP_FILE_BYTES_MAX)
    };
    match read_file(path, MSP_FILE_BYTES_MAX + 1) {
        Ok(bytes) if too_large(&bytes) => Err(TlsError::TooLarge {
            path: path.to_owned(),
        }),
        Ok(bytes) => Ok(bytes),
        Err(source) => Err(TlsError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}
