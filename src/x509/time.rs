//! The two time types, as Go reads them, in seconds since 1970.
//!
//! Go parses leniently and then asks that the time, written again, gives the same text. What is left:
//! digits in their ranges, a day that the month has, no leap second, and either `Z` or an offset from
//! UTC that is not zero, of at most 24 hours and 59 minutes.

/// `YYMMDDhhmm[ss]` and a zone; years 50 to 99 are in the twentieth century.
pub(super) fn utc_time(text: &[u8]) -> Option<i64> {
    let (year, rest) = two_digits(text)?;
    let (date, rest) = month_to_minute(rest)?;
    let (second, rest) = match two_digits(rest) {
        Some((second, rest)) => (second, rest),
        None => (0, rest),
    };
    // Go reads 69 to 99 as 1969 to 1999 and the rest as 20xx, checks the day in that year, and moves
    // 2050 to 2068 back a century: the leap years are the same ones.
    let year = if year >= 50 { 1900 + year } else { 2000 + year };
    seconds(year, date, second, zone(rest)?)
}

/// `YYYYMMDDhhmmss` and a zone.
pub(super) fn generalized_time(text: &[u8]) -> Option<i64> {
    generalized(text, false)
}

/// `YYYYMMDDhhmmss[.fraction]` and a zone: one to nine digits, the last one not zero (Go:
/// `encoding/asn1`, which takes fractions where `cryptobyte` does not).
pub(super) fn generalized_time_with_fraction(text: &[u8]) -> Option<i64> {
    generalized(text, true)
}

fn generalized(text: &[u8], fraction: bool) -> Option<i64> {
    let (century, rest) = two_digits(text)?;
    let (year, rest) = two_digits(rest)?;
    let (date, rest) = month_to_minute(rest)?;
    let (second, rest) = two_digits(rest)?;
    let rest = match rest {
        [b'.', rest @ ..] if fraction => skip_fraction(rest)?,
        _ => rest,
    };
    seconds(100 * century + year, date, second, zone(rest)?)
}

fn skip_fraction(text: &[u8]) -> Option<&[u8]> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    ((1..=9).contains(&count) && digits.last() != Some(&b'0')).then_some(rest)
}

struct Date {
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
}

fn month_to_minute(text: &[u8]) -> Option<(Date, &[u8])> {
    let (month, rest) = two_digits(text)?;
    let (day, rest) = two_digits(rest)?;
    let (hour, rest) = two_digits(rest)?;
    let (minute, rest) = two_digits(rest)?;
    Some((
        Date {
            month,
            day,
            hour,
            minute,
        },
        rest,
    ))
}

fn two_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    let (&[tens, ones], rest) = text.split_first_chunk::<2>()?;
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| (10 * i64::from(tens - b'0') + i64::from(ones - b'0'), rest))
}

/// Seconds east of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"Z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = two_digits(rest)?;
    let (minutes, rest) = two_digits(rest)?;
    let offset = 3600 * hours + 60 * minutes;
    (rest.is_empty() && hours <= 24 && minutes < 60 && offset != 0).then_some(sign * offset)
}

fn seconds(year: i64, date: Date, second: i64, zone: i64) -> Option<i64> {
    let Date {
        month,
        day,
        hour,
        minute,
    } = date;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01, counting years from March so that the leap day comes last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(86_400 * days + 3600 * hour + 60 * minute + second - zone)
}
