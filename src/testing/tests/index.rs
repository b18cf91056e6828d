//! Every edge case and every observation of the specification has a test that names it.
//!
//! Tests are told by their functions' names: `e14_...`, `f24_...`, several numbers in one name allowed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn no_edge_case_has_lost_its_test() {
    let mut functions = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut functions,
    );
    assert!(functions.len() > 300, "the walk found the tests");
    let numbers: BTreeSet<&str> = functions.iter().flat_map(|name| numbers_of(name)).collect();
    let cases = (1..=40).map(|number| format!("e{number}"));
    let observations = (1..=26).map(|number| format!("f{number}"));
    let missing: Vec<String> = cases
        .chain(observations)
        .filter(|number| !numbers.contains(&**number))
        .collect();
    assert!(missing.is_empty(), "without a test: {missing:?}");
}

/// The numbers in front of a test's name, also those joined by `and`.
fn numbers_of(name: &str) -> impl Iterator<Item = &str> {
    let is_number = |word: &&str| {
        word.strip_prefix(['e', 'f'])
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let words = name.split('_').filter(|word| *word != "and");
    words.take_while(is_number)
}

/// The names of all functions that follow a `#[test]`.
fn collect(folder: &Path, functions: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, functions);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines().map(str::trim);
            while let Some(line) = lines.next() {
                if line == "#[test]" {
                    let name = lines.find_map(|line| line.strip_prefix("fn "));
                    let name = name.and_then(|name| name.split('(').next());
                    functions.extend(name.map(str::to_owned));
                }
            }
        }
    }
}

#[test]
fn numbers_are_read_from_names() {
    let check = |name: &str, expected: &[&str]| {
        assert_eq!(numbers_of(name).collect::<Vec<_>>(), expected);
    };
    check("e14_f24_something_e9", &["e14", "f24"]);
    check("f20_and_e16_a_delete", &["f20", "e16"]);
    check("every_case", &[]);
    check("e_1", &[]);
}
