//! How long certificates are good for, and when to say so.
//!
//! Fabric: `common/crypto/expiration.go` warns a week before; we tell a month before, too.

use std::fmt;

use crate::x509::Certificate;

const DAY: i64 = 24 * 60 * 60;
const WEEK: i64 = 7 * DAY;
const MONTH: i64 = 30 * DAY;

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateRole {
    /// The peer's identity in its MSP.
    Enrollment,
    /// The peer's gRPC server.
    ServerTls,
    /// The peer as a client.
    ClientTls,
    /// The operations server.
    OperationsTls,
}

impl CertificateRole {
    /// Fabric's word, for messages and labels of metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enrollment => "enrollment",
            Self::ServerTls => "server TLS",
            Self::ClientTls => "client TLS",
            Self::OperationsTls => "operations TLS",
        }
    }
}

/// How near the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExpiryLevel {
    /// More than 30 days: nothing to say.
    Distant,
    /// At most 30 days: worth a warning a day.
    Month,
    /// At most a week, where Fabric warns.
    Week,
    /// Over.
    Expired,
}

/// When a certificate ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// What the certificate is for.
    pub role: CertificateRole,
    /// The last second of validity, since 1970.
    pub not_after: i64,
}

impl Expiry {
    /// When `certificate` ends.
    #[must_use]
    pub fn of(role: CertificateRole, certificate: &Certificate) -> Self {
        Self {
            role,
            not_after: certificate.not_after(),
        }
    }

    /// Seconds that are left at the second `now` since 1970; negative where it is over.
    #[must_use]
    pub fn seconds_left(&self, now: i64) -> i64 {
        self.not_after.saturating_sub(now)
    }

    /// Whole days that are left; negative where it is over.
    #[must_use]
    pub fn days_left(&self, now: i64) -> i64 {
        self.seconds_left(now).div_euclid(DAY)
    }

    /// How near the end is.
    #[must_use]
    pub fn level(&self, now: i64) -> ExpiryLevel {
        match self.seconds_left(now) {
            ..0 => ExpiryLevel::Expired,
            left if left <= WEEK => ExpiryLevel::Week,
            left if left <= MONTH => ExpiryLevel::Month,
            _ => ExpiryLevel::Distant,
        }
    }

    /// What to tell an operator, in Fabric's words.
    #[must_use]
    pub fn message(&self, now: i64) -> impl fmt::Display + use<> {
        Message(*self, now)
    }
}

struct Message(Expiry, i64);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(expiry, now) = self;
        let role = expiry.role.as_str();
        match expiry.seconds_left(*now) {
            ..0 => write!(f, "The {role} certificate has expired"),
            left => write!(
                f,
                "The {role} certificate expires within {} days and {} hours",
                left / DAY,
                left % DAY / 3600
            ),
        }
    }
}
