//! PEM and times.

use super::{check, tlv};
use crate::x509::{pem, time};

#[test]
fn the_first_well_formed_block_counts() {
    let check = |text: &str, expected: Option<&str>| {
        let block = pem::first_block(text.as_bytes());
        let bytes = block
            .as_ref()
            .map(|block| std::str::from_utf8(&block.bytes).unwrap());
        assert_eq!(bytes, expected, "{text:?}");
    };
    let block = "-----BEGIN X-----\nQUJD\n-----END X-----\n";
    check(block, Some("ABC"));
    check(&format!("text\n{block}text"), Some("ABC"));
    check(&format!("text{block}"), None); // BEGIN is not at the start of a line
    check(
        &format!("{}{block}", block.replace("QUJD", "RUZH")),
        Some("EFG"),
    );
    check(&block.replace('\n', "\r\n"), Some("ABC"));
    check(block.trim_end(), Some("ABC"));
    check(&block.replace("QUJD", "QU\n J\tD\r"), Some("ABC"));
    // Headers, with or without an empty line.
    check(&block.replace("QUJD", "A: b\nC: d\n\nQUJD"), Some("ABC"));
    check(&block.replace("QUJD", "A: b\nQUJD"), Some("ABC"));
    check(&block.replace("QUJD\n", "A: b\n"), None);
    check(&block.replace("QUJD\n", "A: b\n\n"), Some(""));
    check(&block.replace("QUJD\n", ""), Some(""));
    // Padding must be whole; unused bits need not be zero.
    check(&block.replace("QUJD", "QUI="), Some("AB"));
    check(&block.replace("QUJD", "QUJ="), Some("AB"));
    check(&block.replace("QUJD", "QQ=\n="), Some("A"));
    check(&block.replace("QUJD", "QQ"), None);
    check(&block.replace("QUJD", "QQ="), None);
    check(&block.replace("QUJD", "QUI=QUJD"), None);
    check(&block.replace("QUJD", "QU*D"), None);
    // Labels must be the same, and the END line must hold nothing else.
    check(&block.replace("END X", "END Y"), None);
    check(&block.replace("END X-----", "END X----- \t"), Some("ABC"));
    check(&block.replace("END X-----", "END X-----x"), None);
    check(&block.replace("BEGIN X-----", "BEGIN X----"), None);
    check(&block.replace("X-----", "-----"), Some("ABC"));
    // A broken block is skipped; the last BEGIN before an END is the one.
    check(
        &format!("{}{block}", block.replace("QUJD", "*")),
        Some("ABC"),
    );
    check(&format!("-----BEGIN X-----\n{block}"), Some("ABC"));
    // An END line that was read as a header ends the search.
    check(
        &format!("-----BEGIN X-----\nA: b\n-----END X:-----\n{block}"),
        None,
    );
    check("", None);
    check("-----BEGIN X-----", None);
}

#[test]
fn a_hostile_text_takes_linear_time() {
    // A quadratic reader would take minutes for each of these.
    let text = |piece: &str| piece.repeat(8_000_000 / piece.len());
    assert!(pem::first_block(text("-----BEGIN X-----\n").as_bytes()).is_none());
    assert!(pem::first_block(text("\n-----END X-----").as_bytes()).is_none());
    assert!(pem::first_block(text("-----BEGIN X-----\n-----END Y-----\n").as_bytes()).is_none());
    assert!(pem::first_block(text("-----BEGIN X-----\na:b\n-----END ").as_bytes()).is_none());
    assert!(pem::first_block(text("-----").as_bytes()).is_none());
}

#[test]
fn times_are_those_that_go_writes_back_unchanged() {
    let utc = |text: &str, expected: Option<i64>| {
        assert_eq!(time::utc_time(text.as_bytes()), expected, "{text}");
    };
    utc("700101000000Z", Some(0));
    utc("7001010000Z", Some(0)); // seconds may be missing
    utc("700101000059Z", Some(59));
    utc("491231235959Z", Some(2_524_607_999));
    utc("500101000000Z", Some(-631_152_000));
    utc("680229000000Z", Some(-58_060_800));
    utc("000229000000Z", Some(951_782_400));
    utc("010229000000Z", None);
    utc("700101010000+0100", Some(0));
    utc("691231230000-0100", Some(0));
    utc("700101000000+0000", None); // would be written as Z
    utc("700101000000-0000", None);
    utc("700101000000+2459", Some(-89_940));
    utc("700101000000+2500", None);
    utc("700101000000+0060", None);
    utc("700101000060Z", None);
    utc("700101006000Z", None);
    utc("700101240000Z", None);
    utc("700100000000Z", None);
    utc("701301000000Z", None);
    utc("700431000000Z", None);
    utc("700101000000.5Z", None);
    utc("700101000000", None);
    utc("700101000000Zx", None);
    utc("7001010000000Z", None);
    utc("+70101000000Z", None);
    utc("", None);
    let both = |text: &str, plain: Option<i64>, fraction: Option<i64>| {
        assert_eq!(time::generalized_time(text.as_bytes()), plain, "{text}");
        assert_eq!(
            time::generalized_time_with_fraction(text.as_bytes()),
            fraction,
            "{text}"
        );
    };
    both("19700101000000Z", Some(0), Some(0));
    both(
        "00000229000000Z",
        Some(-62_162_121_600),
        Some(-62_162_121_600),
    );
    both(
        "99991231235959Z",
        Some(253_402_300_799),
        Some(253_402_300_799),
    );
    both("19000229000000Z", None, None);
    both("197001010000Z", None, None); // seconds may not be missing
    both("19700101000000.5Z", None, Some(0));
    both("19700101000000.123456789Z", None, Some(0));
    both("19700101000000.1234567891Z", None, None);
    both("19700101000000.50Z", None, None);
    both("19700101000000.Z", None, None);
    both("19700101000000,5Z", None, None);
}

#[test]
fn validity_takes_both_types_of_time_anywhere() {
    check("UTCTime before 1970", true, |parts| {
        parts.not_before = tlv(0x17, "600101000000Z");
    });
    check("GeneralizedTime before 2050", true, |parts| {
        parts.not_before = tlv(0x18, "20200101000000Z");
    });
    check("a text of the other type", false, |parts| {
        parts.not_before = tlv(0x17, "20200101000000Z");
    });
    check("another type", false, |parts| {
        parts.not_before = tlv(0x13, "200101000000Z")
    });
    check("ends before it starts", true, |parts| {
        parts.not_after = tlv(0x17, "600101000000Z");
    });
}
