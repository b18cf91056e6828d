//! Every transaction of the corpora.

use std::collections::BTreeMap;

use super::*;

const CORPORA: [&str; 5] = [
    "real-cars",
    "crafted-basic",
    "crafted-keylevel",
    "crafted-ed25519",
    "crafted-config",
];

#[test]
fn every_verdict_has_its_reason() {
    let mut kinds: BTreeMap<(u8, String), usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for corpus in CORPORA {
        TestLedger::of_corpus(corpus).explain_all(|explanation| {
            let json = serde_json::to_value(explanation).unwrap();
            let kind = json["reason"]["kind"].as_str().unwrap().to_owned();
            let code = explanation.code.number();
            if kind == "inconsistent" || (kind == "valid") != explanation.code.is_valid() {
                problems.push(format!("{corpus}: {json}"));
            }
            *kinds.entry((code, kind)).or_default() += 1;
        });
    }
    assert!(
        problems.is_empty(),
        "{} {kinds:?} {}",
        problems.len(),
        problems[..problems.len().min(5)].join("\n")
    );
    println!("{kinds:?}");
}
