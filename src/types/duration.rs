//! Durations as Go writes and reads them: `2s`, `1m30.5s`.
//!
//! A batch timeout that Go cannot read makes a channel's configuration invalid, so this follows Go's
//! `time.ParseDuration` in everything, its overflow checks included.

#[cfg(test)]
mod tests;

/// The text is not a duration in Go's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number where one is expected, or more nanoseconds than 63 bits hold.
    #[error("expected numbers with units, less than 2^63 nanoseconds in all")]
    Invalid,
    /// A number without a unit.
    #[error("a number has no unit")]
    NoUnit,
    /// A unit other than ns, us, ms, s, m and h.
    #[error("a unit is unknown, expected ns, us, ms, s, m or h")]
    Unit,
}

const NANOS_LIMIT: u64 = 1 << 63;

/// How many nanoseconds `text` says.
///
/// # Errors
/// Where Go would refuse it.
///
/// Fabric: Go's `time/format.go:ParseDuration`. The sum wraps at 2^64 as there.
pub fn nanos(text: &str) -> Result<i64, DurationError> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(DurationError::Invalid);
    }
    let mut sum = 0_u64;
    while !rest.is_empty() {
        sum = sum.wrapping_add(take_part(&mut rest)?);
        if sum > NANOS_LIMIT {
            return Err(DurationError::Invalid);
        }
    }
    if negative {
        return Ok(sum.wrapping_neg().cast_signed());
    }
    i64::try_from(sum).map_err(|_| DurationError::Invalid)
}

/// One number with its unit, in nanoseconds.
fn take_part(rest: &mut &str) -> Result<u64, DurationError> {
    if !rest.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
        return Err(DurationError::Invalid);
    }
    let integer = take_digits(rest);
    let fraction = match rest.strip_prefix('.') {
        Some(after) => {
            *rest = after;
            take_digits(rest)
        }
        None => "",
    };
    if integer.is_empty() && fraction.is_empty() {
        return Err(DurationError::Invalid);
    }
    let integer = integer_value(integer)?;
    let (fraction, scale) = fraction_value(fraction);
    let unit = take_unit(rest)?;
    if integer > NANOS_LIMIT / unit {
        return Err(DurationError::Invalid);
    }
    let mut nanos = integer * unit;
    if fraction > 0 {
        nanos += part_of_unit(fraction, scale, unit);
        if nanos > NANOS_LIMIT {
            return Err(DurationError::Invalid);
        }
    }
    Ok(nanos)
}

fn take_digits<'a>(rest: &mut &'a str) -> &'a str {
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    digits
}

/// At most 2^63, which only a negative duration may reach.
fn integer_value(digits: &str) -> Result<u64, DurationError> {
    digits
        .bytes()
        .try_fold(0_u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
        .filter(|&value| value <= NANOS_LIMIT)
        .ok_or(DurationError::Invalid)
}

/// The digits behind the dot and the power of ten they are parts of; what overflows is cut off.
fn fraction_value(digits: &str) -> (u64, f64) {
    let mut value = 0_u64;
    let mut scale = 1.0_f64;
    for digit in digits.bytes() {
        if value > (NANOS_LIMIT - 1) / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > NANOS_LIMIT {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value, scale)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "Go converts the same way, and the product is below one hour of nanoseconds"
)]
fn part_of_unit(fraction: u64, scale: f64, unit: u64) -> u64 {
    (fraction as f64 * (unit as f64 / scale)) as u64
}

fn take_unit(rest: &mut &str) -> Result<u64, DurationError> {
    let end = rest
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit, after) = rest.split_at(end);
    *rest = after;
    match unit {
        "" => Err(DurationError::NoUnit),
        "ns" => Ok(1),
        "us" | "\u{b5}s" | "\u{3bc}s" => Ok(1_000),
        "ms" => Ok(1_000_000),
        "s" => Ok(1_000_000_000),
        "m" => Ok(60_000_000_000),
        "h" => Ok(3_600_000_000_000),
        _ => Err(DurationError::Unit),
    }
}
