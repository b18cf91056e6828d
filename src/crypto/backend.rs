//! Which code verifies identity signatures: chosen by what the CPU can do, or by a switch.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

/// What verifies P-256 and Ed25519 identity signatures. The verdicts are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Backend {
    /// The library alone: no tables.
    Library = 1,
    /// Tables of the signers' keys, one signature after the other, on any CPU.
    Scalar = 2,
    /// Tables of the signers' keys, eight signatures in the lanes of AVX-512 with its 52-bit multiplier.
    Avx512Ifma = 3,
}

/// The environment variable that chooses a backend.
pub const BACKEND_VARIABLE: &str = "HEDDLE_CRYPTO_BACKEND";

/// Why a backend cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// No backend has this name.
    #[error(
        "there is no crypto backend {name:?}: expected library, scalar or avx512ifma, or nothing for \
         the fastest that this CPU has (--crypto-backend, {BACKEND_VARIABLE})"
    )]
    Unknown {
        /// What was given.
        name: Box<str>,
    },
    /// The CPU does not have the instructions.
    #[error("this CPU cannot run the crypto backend {backend}: choose scalar or library")]
    Unavailable {
        /// What was asked for.
        backend: Backend,
    },
}

/// What is in use: 0 before the first use.
static IN_USE: AtomicU8 = AtomicU8::new(0);

impl Backend {
    /// All of them, the fastest last.
    pub const ALL: [Self; 3] = [Self::Library, Self::Scalar, Self::Avx512Ifma];

    /// Whether this CPU can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Library | Self::Scalar => true,
            Self::Avx512Ifma => lanes_available(),
        }
    }

    /// The fastest that this CPU can run.
    #[must_use]
    pub fn fastest() -> Self {
        if Self::Avx512Ifma.is_available() {
            Self::Avx512Ifma
        } else {
            Self::Scalar
        }
    }

    /// What [`crate::crypto::verify_batch`] uses now: the last one that was chosen, or else the fastest.
    #[must_use]
    pub fn in_use() -> Self {
        // Ordering: the number stands for itself.
        let number = IN_USE.load(Ordering::Relaxed);
        Self::ALL
            .into_iter()
            .find(|backend| *backend as u8 == number)
            .unwrap_or_else(|| {
                let fastest = Self::fastest();
                IN_USE.store(fastest as u8, Ordering::Relaxed);
                fastest
            })
    }

    /// Chooses what is used from now on, in all threads.
    ///
    /// # Errors
    /// The CPU cannot run it.
    pub fn choose(self) -> Result<(), BackendError> {
        if !self.is_available() {
            return Err(BackendError::Unavailable { backend: self });
        }
        // Ordering: as above; a batch that runs meanwhile ends with what it began with.
        IN_USE.store(self as u8, Ordering::Relaxed);
        Ok(())
    }

    /// Chooses what the switch says, where it says something: the value of [`BACKEND_VARIABLE`].
    ///
    /// # Errors
    /// It names no backend, or one that the CPU cannot run.
    pub fn choose_by_name(name: Option<&str>) -> Result<(), BackendError> {
        match name {
            None | Some("") => Ok(()),
            Some(name) => name.parse::<Self>()?.choose(),
        }
    }
}

/// Whether the CPU has what the lanes need.
fn lanes_available() -> bool {
    #[cfg(target_arch = "x86_64")]
    return crate::crypto::lanes::Lanes::detect().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.to_string() == name)
            .ok_or_else(|| BackendError::Unknown { name: name.into() })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Library => "library",
            Self::Scalar => "scalar",
            Self::Avx512Ifma => "avx512ifma",
        })
    }
}
