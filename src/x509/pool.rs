//! Sets of authorities, looked up by subject.

use std::collections::{HashMap, HashSet};

use crate::x509::Certificate;

/// A set of authorities. The order of addition is kept and matters: it is the order of the chains.
#[derive(Debug, Clone, Default)]
pub struct CertPool {
    by_subject: HashMap<Box<[u8]>, Vec<Certificate>>,
    members: HashSet<Certificate>,
}

impl CertPool {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a certificate, unless the same bytes are in already.
    pub fn add(&mut self, certificate: Certificate) {
        if self.members.insert(certificate.clone()) {
            let subject = certificate.raw_subject().into();
            self.by_subject
                .entry(subject)
                .or_default()
                .push(certificate);
        }
    }

    /// How many certificates are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether this very certificate is in the set.
    #[must_use]
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.members.contains(certificate)
    }

    /// Members whose subject is the child's issuer: first those whose key identifier fits, then
    /// those where one of the two has none, then the others.
    // Fabric: Go's CertPool.findPotentialParents.
    pub(super) fn potential_parents(&self, child: &Certificate) -> Vec<&Certificate> {
        let wanted = child.authority_key_id();
        let rank = |candidate: &&Certificate| {
            let found = candidate.subject_key_id();
            if found == wanted {
                0
            } else if found.is_empty() || wanted.is_empty() {
                1
            } else {
                2
            }
        };
        let mut parents: Vec<&Certificate> = self
            .by_subject
            .get(child.raw_issuer())
            .into_iter()
            .flatten()
            .collect();
        parents.sort_by_key(rank); // stable
        parents
    }
}

impl Extend<Certificate> for CertPool {
    fn extend<I: IntoIterator<Item = Certificate>>(&mut self, certificates: I) {
        for certificate in certificates {
            self.add(certificate);
        }
    }
}

impl FromIterator<Certificate> for CertPool {
    fn from_iter<I: IntoIterator<Item = Certificate>>(certificates: I) -> Self {
        let mut pool = Self::new();
        pool.extend(certificates);
        pool
    }
}
