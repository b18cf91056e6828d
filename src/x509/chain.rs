//! Chains from a certificate to a root, as Go builds them.
//!
//! Go's `Certificate.Verify` with roots, intermediates and a time set and everything else left alone,
//! which means among other things that the certificate must be good for TLS servers.

use crate::crypto::sha256;
use crate::x509::names::is_host_name;
use crate::x509::{CertPool, Certificate, ChainError, constraints, policies};

/// How many candidate parents one search looks at.
// Fabric: Go's x509 maxChainSignatureChecks.
const CANDIDATES_MAX: usize = 100;

/// What a certificate is to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A TLS server, which is also what Go asks for where nobody says.
    Server,
    /// A TLS client.
    Client,
}

/// Every acceptable chain from `leaf` (first) to a root (last) at the second `at` since 1970.
///
/// A leaf that is itself a root is a chain of one.
#[must_use]
pub fn chains(
    leaf: &Certificate,
    roots: &CertPool,
    intermediates: &CertPool,
    at: i64,
) -> Vec<Vec<Certificate>> {
    chains_for(Purpose::Server, leaf, roots, intermediates, at)
}

/// As [`chains`], of certificates that are good for `purpose`.
///
/// Fabric: Go's `Certificate.Verify` with that purpose as the only key usage.
#[must_use]
pub fn chains_for(
    purpose: Purpose,
    leaf: &Certificate,
    roots: &CertPool,
    intermediates: &CertPool,
    at: i64,
) -> Vec<Vec<Certificate>> {
    if leaf.has_unhandled_critical_extension() || !is_current(leaf, at) {
        return Vec::new();
    }
    // Go looks at path length and names of parents only; a leaf has none to violate.
    let candidates = if roots.contains(leaf) {
        vec![vec![leaf.clone()]]
    } else {
        let mut search = Search {
            roots,
            intermediates,
            at,
            candidates: 0,
            found: Vec::new(),
        };
        search.extend(&mut vec![leaf.clone()]);
        search.found
    };
    candidates
        .into_iter()
        .filter(|chain| is_acceptable(chain, purpose))
        .collect()
}

/// The one acceptable chain from `leaf` to a root.
///
/// # Errors
/// Where there is none or more than one, or where it violates the rule that Fabric keeps from Go 1.14.
///
// Fabric: msp/mspimpl.go:getUniqueValidationChain.
pub fn unique_chain(
    leaf: &Certificate,
    roots: &CertPool,
    intermediates: &CertPool,
    at: i64,
) -> Result<Vec<Certificate>, ChainError> {
    let mut chains = chains(leaf, roots, intermediates, at);
    let count = chains.len();
    match (chains.pop(), count) {
        (None, _) => Err(ChainError::None),
        (Some(chain), 1) if has_legacy_name_constraints_violation(&chain) => {
            Err(ChainError::NameConstraintsWithoutSan)
        }
        (Some(chain), 1) => Ok(chain),
        (Some(_), _) => Err(ChainError::Ambiguous { count }),
    }
}

/// Whether an authority of the chain has name constraints while the leaf has no alternative name and
/// a common name that looks like a host.
// Fabric: msp/mspimpl.go:verifyLegacyNameConstraints.
#[must_use]
pub fn has_legacy_name_constraints_violation(chain: &[Certificate]) -> bool {
    let [leaf, authorities @ ..] = chain else {
        return false;
    };
    leaf.alt_names_extension().is_none()
        && is_host_name(leaf.common_name())
        && authorities.iter().any(Certificate::has_name_constraints)
}

struct Search<'a> {
    roots: &'a CertPool,
    intermediates: &'a CertPool,
    at: i64,
    candidates: usize,
    found: Vec<Vec<Certificate>>,
}

impl Search<'_> {
    /// Tries every parent of the chain's last certificate, depth first, roots before intermediates.
    /// Each level of the recursion has used up one candidate, so it is at most [`CANDIDATES_MAX`] deep.
    fn extend(&mut self, chain: &mut Vec<Certificate>) {
        let Some(child) = chain.last().cloned() else {
            return;
        };
        let (roots, intermediates) = (self.roots, self.intermediates);
        for parent in roots.potential_parents(&child) {
            if !self.count_candidate() {
                return;
            }
            if self.may_follow(parent, &child, chain) {
                let mut complete = chain.clone();
                complete.push(parent.clone());
                self.found.push(complete);
            }
        }
        for parent in intermediates.potential_parents(&child) {
            if !self.count_candidate() {
                return;
            }
            // Go asks intermediates once more to be authorities, of whatever version they are.
            if self.may_follow(parent, &child, chain) && parent.is_ca() {
                chain.push(parent.clone());
                self.extend(chain);
                chain.pop();
            }
        }
    }

    fn count_candidate(&mut self) -> bool {
        self.candidates += 1;
        self.candidates <= CANDIDATES_MAX
    }

    fn may_follow(&self, parent: &Certificate, child: &Certificate, chain: &[Certificate]) -> bool {
        parent.public_key().is_some()
            && !is_in_chain(parent, chain)
            && child.is_signed_by(parent)
            && !parent.has_unhandled_critical_extension()
            && is_current(parent, self.at)
            && allows_length(parent, chain.len() - 1)
    }
}

fn is_current(certificate: &Certificate, at: i64) -> bool {
    (certificate.not_before()..=certificate.not_after()).contains(&at)
}

fn allows_length(parent: &Certificate, intermediates: usize) -> bool {
    parent
        .max_path_len()
        .is_none_or(|max| u64::try_from(intermediates).is_ok_and(|n| n <= max))
}

/// Whether the chain holds a certificate with the same subject, key and alternative names.
// Fabric: Go's x509 alreadyInChain, with its quirk: when exactly one of the two has alternative names,
// the rest of the chain is not looked at.
fn is_in_chain(candidate: &Certificate, chain: &[Certificate]) -> bool {
    let names = candidate.alt_names_extension();
    for certificate in chain {
        let same = candidate.raw_subject() == certificate.raw_subject()
            && candidate.raw_public_key_info() == certificate.raw_public_key_info();
        if !same {
            continue;
        }
        match (names, certificate.alt_names_extension()) {
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(one), Some(other)) if one == other => return true,
            (Some(_), Some(_)) => {}
        }
    }
    false
}

fn is_acceptable(chain: &[Certificate], purpose: Purpose) -> bool {
    policies::are_valid(chain)
        && chain
            .iter()
            .all(|certificate| certificate.parsed().known.allows(purpose))
        && constraints::are_met(chain)
        && !chain.iter().any(is_distrusted)
}

/// Whether the key is one of the known bad web authorities that Go has built in.
fn is_distrusted(certificate: &Certificate) -> bool {
    let digest = sha256(certificate.raw_public_key_info()).to_string();
    DISTRUSTED_KEY_INFOS.contains(&digest.as_str())
}

/// SHA-256 of the public key infos (Go: `distrustedSPKIHashes`).
const DISTRUSTED_KEY_INFOS: [&str; 8] = [
    "ebed6475c2c2d80fcb199f3fe8dd6e6b3ce60b77eb15d4e42c3dec0c6f5b5105",
    "49dd353dc2b919a3770645117d0e60c16115e7d1bc259eefe734b00ea434fe5f",
    "e0254c7fcdc265e2f0f8a428dabb75ab4ae039b4872d62f5ee57f0877d5a8a41",
    "5c0660a2b164910d8ff589c18e14552e9e0ec237dcefe2cb736d41a4811f81a0",
    "43bffa19d6ef651451f6841e019931e96f6f2eaeff28ab4b6f1ce4576de2717b",
    "63ecefee431d49523bc1136c4e72d0206a477086caf606cd5cf025686c109cf8",
    "ec4ffa1ad0ac88081314b7aaffef6a91f97cd57291bb5ba686c5415f5eb4f6b6",
    "92c063d67e8f14db71d288e11266ffdaf69cbf115f7bab14f3bc2f68d25e0e30",
];
