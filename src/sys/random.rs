//! Unpredictable bytes from the operating system.

use std::io;

/// `N` unpredictable bytes.
///
/// # Errors
/// The system has none to give.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| io::Error::other("the system gave no random bytes"))?;
    Ok(bytes)
}
