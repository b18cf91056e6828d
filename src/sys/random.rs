//! Unpredictable bytes from the operating system.

use std::io;

/// `N` unpredictable bytes.
///
/// # Errors
/// The system has none to give.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    // Straight from the kernel: the library's own generator takes 20 ms to begin with.
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
