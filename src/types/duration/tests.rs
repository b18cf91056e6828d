//! Durations as Go reads them.

use super::{DurationError, nanos};

#[test]
fn durations() {
    use DurationError::{Invalid, NoUnit, Unit};
    for (text, expected) in [
        ("0", Ok(0)),
        ("-0", Ok(0)),
        ("+0", Ok(0)),
        ("00", Err(NoUnit)),
        ("", Err(Invalid)),
        ("+", Err(Invalid)),
        ("-", Err(Invalid)),
        ("s", Err(Invalid)),
        (".s", Err(Invalid)),
        ("--1s", Err(Invalid)),
        (" 1s", Err(Invalid)),
        ("1s ", Err(Unit)),
        ("1", Err(NoUnit)),
        ("1.", Err(NoUnit)),
        ("1.5.5s", Err(NoUnit)),
        ("1S", Err(Unit)),
        ("1d", Err(Unit)),
        ("1s1", Err(NoUnit)),
        ("1ns", Ok(1)),
        ("1us", Ok(1_000)),
        ("1\u{b5}s", Ok(1_000)),
        ("1\u{3bc}s", Ok(1_000)),
        ("1ms", Ok(1_000_000)),
        ("+2s", Ok(2_000_000_000)),
        ("-2s", Ok(-2_000_000_000)),
        ("1h2m3s", Ok(3_723_000_000_000)),
        ("3s1h", Ok(3_603_000_000_000)),
        ("1.s", Ok(1_000_000_000)),
        (".5s", Ok(500_000_000)),
        ("1.5h", Ok(5_400_000_000_000)),
        ("0.9ns", Ok(0)),
        ("0.3333333333333333333h", Ok(1_200_000_000_000)),
        ("0.100000000000000000000h", Ok(360_000_000_000)),
        ("0.9223372036854775807h", Ok(3_320_413_933_267)),
        ("9223372036854775807ns", Ok(i64::MAX)),
        ("9223372036854775808ns", Err(Invalid)),
        ("-9223372036854775808ns", Ok(i64::MIN)),
        ("-9223372036854775809ns", Err(Invalid)),
        ("9223372036854775807ns1ns", Err(Invalid)),
        ("2562047h47m16s854ms775us807ns", Ok(i64::MAX)),
        ("2562048h", Err(Invalid)),
        ("99999999999999999999ns", Err(Invalid)),
        // The sum wraps between two checks, as Go's does.
        (
            "9223372036854775808ns9223372036854775808ns1s",
            Ok(1_000_000_000),
        ),
    ] {
        assert_eq!(nanos(text), expected, "{text}");
    }
}
