//! Verdicts of Go's own runtime on odd bytes (`vectors.txt`), and ours.

use crate::proto::tests::readers::Reader;
use crate::proto::wire::WireError;

fn from_hex(hex: &str) -> Vec<u8> {
    if hex == "-" {
        return Vec::new();
    }
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn to_hex(outcome: Result<Vec<u8>, WireError>) -> String {
    match outcome {
        Ok(bytes) if bytes.is_empty() => "-".to_owned(),
        Ok(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => "refused".to_owned(),
    }
}

#[test]
fn readers_do_what_go_does() {
    let cases = include_str!("vectors.txt").lines();
    let cases = cases.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    for case in cases {
        let mut parts = case.splitn(4, ' ');
        let mut part = || parts.next().unwrap_or_else(|| panic!("four parts: {case}"));
        let (message, input, outcome, about) = (part(), part(), part(), part());
        let read = (Reader::of(message).read)(&from_hex(input));
        assert_eq!(to_hex(read), outcome, "{about}: {message} {input}");
        count += 1;
    }
    assert_eq!(count, 140, "every line is a case");
}
