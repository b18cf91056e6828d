//! Rules of the tree that the compiler does not know, as an ordinary test.
//!
//! Each rule is a function from text to problems with a test of its own that shows it a bad sample.
//! Where the tree does not meet a rule yet, it is listed with its number, and numbers may only shrink.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/lexer.rs"]
mod lexer;

use lexer::{code_only, functions};

/// Modules of the crate, each may import from itself and from those before it.
const LAYERS: [&str; 39] = [
    "limits",
    "sys",
    "queue",
    "metrics",
    "types",
    "proto",
    "rwset",
    "crypto",
    "x509",
    "config",
    "tls",
    "msp",
    "policy",
    "channel",
    "ledger",
    "lifecycle",
    "client",
    "stage",
    "ingress",
    "decode",
    "verify",
    "endorsement",
    "mvcc",
    "commit",
    "notify",
    "pipeline",
    "orderer",
    "host",
    "deliver",
    "endorser",
    "peer",
    "ops",
    "gossip",
    "node",
    "explain",
    "testing",
    "cli",
    "manual",
    "fuzzing",
];

/// What a visitor sees first, and nothing else.
const TOP_LEVEL: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "src",
    "benches",
    "fuzz",
    "tools",
    "tests",
];

const FILE_LINES_MAX: usize = 600;
/// Longer files, with the lines that they have now.
const LONG_FILES: [(&str, usize); 1] = [("src/ledger/world_state/tests.rs", 670)];

const FUNCTION_LINES_MAX: usize = 70;
/// Longer functions as `file:function`, with the lines that they have now.
const LONG_FUNCTIONS: [(&str, usize); 0] = [];

const TEXT_EXTENSIONS: [&str; 10] = [
    "rs", "toml", "md", "proto", "txt", "sh", "yaml", "yml", "json", "js",
];

#[test]
fn tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = top_level_problems(&visible_entries(root));
    let mut seen = Vec::new();
    for path in text_files(root) {
        let name = path
            .strip_prefix(root)
            .expect("below the root")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("text files are UTF-8");
        problems.extend(
            file_problems(&name, &text)
                .into_iter()
                .map(|what| format!("{name}:{what}")),
        );
        seen.push(name);
    }
    assert!(seen.len() > 50, "the walk found the tree: {seen:?}");
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn file_problems(name: &str, text: &str) -> Vec<String> {
    let mut problems = text_problems(text);
    if let Some(rust) = name.strip_suffix(".rs") {
        let code = code_only(text);
        problems.extend(module_doc_problems(text));
        problems.extend(unfinished_problems(text, &code));
        problems.extend(file_length_problems(name, text, &LONG_FILES));
        problems.extend(function_length_problems(name, &code, &LONG_FUNCTIONS));
        problems.extend(layer_problems(rust, &code));
    }
    problems
}

/// Names directly below `root` that `ls` shows; build output does not count.
fn visible_entries(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).expect("the root is readable");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect()
}

/// Every text file of the tree in a fixed order, hidden folders and build output left out.
fn text_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in visible_entries(&folder) {
            let path = folder.join(name);
            let extension = path
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if TEXT_EXTENSIONS.contains(&extension.as_str()) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn top_level_problems(entries: &[String]) -> Vec<String> {
    let unexpected = entries
        .iter()
        .filter(|entry| !TOP_LEVEL.contains(&entry.as_str()))
        .map(|entry| format!("{entry}: does not belong to the top level"));
    let missing = TOP_LEVEL
        .iter()
        .filter(|name| !entries.iter().any(|entry| entry == *name))
        .map(|name| format!("{name}: missing from the top level"));
    unexpected.chain(missing).collect()
}

/// ASCII, no white space at line ends, one newline at the end, no path of somebody's machine.
fn text_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in numbered(text) {
        if let Some(character) = line.chars().find(|character| !character.is_ascii()) {
            problems.push(format!("{number}: {character:?} is not ASCII"));
        }
        if line.ends_with([' ', '\t', '\r']) {
            problems.push(format!("{number}: white space at the end of the line"));
        }
        if let Some(path) = machine_path(line) {
            problems.push(format!("{number}: {path} exists on one machine only"));
        }
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        problems.push("end: one newline, please".to_owned());
    }
    problems
}

fn machine_path(line: &str) -> Option<&'static str> {
    const FOLDERS: [&str; 5] = ["home", "work", "root", "Users", "mnt"];
    FOLDERS.into_iter().find(|folder| {
        let path = format!("/{folder}/");
        line.match_indices(&path).any(|(at, _)| {
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            before.is_none_or(|before| " \"'`(<=[:".contains(before))
        })
    })
}

fn module_doc_problems(text: &str) -> Vec<String> {
    let documented = text.starts_with("//! ");
    if documented {
        Vec::new()
    } else {
        vec!["1: starts without //!".to_owned()]
    }
}

/// Nothing unfinished, except notes that name who will finish.
fn unfinished_problems(text: &str, code: &str) -> Vec<String> {
    const NOTE: &str = concat!("TO", "DO");
    const BUG: &str = concat!("FIX", "ME");
    let mut problems = Vec::new();
    for (number, line) in numbered(code) {
        if line.contains("todo!") || line.contains("unimplemented!") {
            problems.push(format!("{number}: unfinished code"));
        }
    }
    for (number, line) in numbered(text) {
        let owned = line.match_indices(NOTE).all(|(at, _)| {
            let owner = line
                .get(at + NOTE.len()..)
                .and_then(|rest| rest.strip_prefix('('));
            owner.is_some_and(|owner| owner.starts_with(|first: char| first.is_alphanumeric()))
        });
        if line.contains(BUG) || !owned {
            problems.push(format!(
                "{number}: a note without owner, write {NOTE}(owner)"
            ));
        }
    }
    problems
}

fn file_length_problems(name: &str, text: &str, exceptions: &[(&str, usize)]) -> Vec<String> {
    length_problem(name, text.lines().count(), FILE_LINES_MAX, exceptions)
        .into_iter()
        .collect()
}

fn function_length_problems(name: &str, code: &str, exceptions: &[(&str, usize)]) -> Vec<String> {
    let problem = |(function, lines): (String, usize)| {
        length_problem(
            &format!("{name}:{function}"),
            lines,
            FUNCTION_LINES_MAX,
            exceptions,
        )
    };
    functions(code).into_iter().filter_map(problem).collect()
}

/// The ratchet: an exception holds for the length that it names and for no other.
fn length_problem(
    what: &str,
    lines: usize,
    limit: usize,
    exceptions: &[(&str, usize)],
) -> Option<String> {
    let exception = exceptions
        .iter()
        .find(|(name, _)| *name == what)
        .map(|(_, lines)| *lines);
    match exception {
        None if lines > limit => Some(format!("{what} has {lines} lines, at most {limit}")),
        Some(allowed) if lines > allowed => {
            Some(format!("{what} grew from {allowed} to {lines} lines"))
        }
        Some(allowed) if lines < allowed => Some(format!(
            "{what} shrank to {lines} lines: lower or drop its exception"
        )),
        None | Some(_) => None,
    }
}

/// A module knows only earlier ones. `file` is the path without `.rs`.
fn layer_problems(file: &str, code: &str) -> Vec<String> {
    let Some(inside) = file.strip_prefix("src/") else {
        return Vec::new();
    };
    let module = inside.split('/').next().unwrap_or_default();
    if ["lib", "main"].contains(&inside) || module == "manual" {
        return Vec::new();
    }
    let Some(own) = rank(module) else {
        return vec![format!("1: module {module} has no place in LAYERS")];
    };
    let is_test = inside.ends_with("/tests") || inside.contains("/tests/");
    let is_top = inside == module || inside == format!("{module}/mod");
    let mut problems = Vec::new();
    for (at, name) in imports(code, is_top) {
        let number = code
            .get(..at)
            .map_or(0, |before| before.lines().count().max(1));
        match rank(&name) {
            None => problems.push(format!("{number}: crate::{name} has no place in LAYERS")),
            Some(_) if is_test && name == "testing" => {}
            Some(other) if other > own => {
                problems.push(format!(
                    "{number}: {module} must not know {name}, a later layer"
                ));
            }
            Some(_) => {}
        }
    }
    for (at, _) in code.match_indices("super::super") {
        let number = code
            .get(..at)
            .map_or(0, |before| before.lines().count().max(1));
        problems.push(format!("{number}: write crate:: instead of super::super"));
    }
    problems
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

/// Where the code names modules of the crate: `crate::a`, `crate::{a, b::c}` and, in a top module
/// (`with_super`), `super::a`.
fn imports(code: &str, with_super: bool) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        let rest = code.get(at + marker.len()..).unwrap_or_default();
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_names(list).into_iter().map(|name| (at, name))),
            None => found.push((at, first_word(rest))),
        }
    }
    if with_super {
        for (at, marker) in code.match_indices("super::") {
            let name = first_word(code.get(at + marker.len()..).unwrap_or_default());
            if rank(&name).is_some() {
                found.push((at, name));
            }
        }
    }
    found.retain(|(_, name)| name.starts_with(|first: char| first.is_lowercase()));
    found
}

/// The first word of each element of a `{...}` list, whose opening brace is already gone.
fn first_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 1;
    let mut start = Some(0);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => start = Some(at + 1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if let Some(begin) = start.filter(|_| character.is_alphanumeric()) {
            names.push(first_word(
                list.get(begin..).unwrap_or_default().trim_start(),
            ));
            start = None;
        }
    }
    names
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

#[track_caller]
fn check(problems: &[String], expected: &[&str]) {
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(
            problem.contains(expected),
            "{problem} should tell: {expected}"
        );
    }
}

#[test]
fn top_level_is_closed() {
    let mut entries: Vec<String> = TOP_LEVEL.map(str::to_owned).into();
    check(&top_level_problems(&entries), &[]);
    entries.push("notes".to_owned());
    entries.retain(|entry| entry != "src");
    check(
        &top_level_problems(&entries),
        &["notes: does not belong", "src: missing"],
    );
}

#[test]
fn text_is_plain() {
    check(&text_problems("fine\n"), &[]);
    check(&text_problems(""), &[]);
    check(&text_problems("caf\u{e9}\n"), &["1: '\u{e9}' is not ASCII"]);
    check(
        &text_problems("a\nb \nc\t\n"),
        &["2: white space", "3: white space"],
    );
    check(&text_problems("no newline"), &["end:"]);
    check(&text_problems("two\n\n"), &["end:"]);
    check(
        &text_problems(concat!("see /ho", "me/x\n")),
        &["1: home exists"],
    );
    check(
        &text_problems(concat!("`/wo", "rk/y`\n")),
        &["1: work exists"],
    );
    check(
        &text_problems(concat!("/ro", "ot/z\n")),
        &["1: root exists"],
    );
    check(
        &text_problems("https://example.org/work/x and ca/root/cert\n"),
        &[],
    );
}

#[test]
fn modules_are_documented() {
    check(&module_doc_problems("//! What it is.\n"), &[]);
    check(&module_doc_problems("//!\n"), &["without //!"]);
    check(
        &module_doc_problems("use std::fmt;\n//! Late.\n"),
        &["without //!"],
    );
    check(
        &module_doc_problems("/// Not for the module.\n"),
        &["without //!"],
    );
}

#[test]
fn nothing_is_unfinished() {
    let problems = |text: &str| unfinished_problems(text, &code_only(text));
    check(&problems("fn f() { todo!() }\n"), &["1: unfinished code"]);
    check(
        &problems("fn f() { unimplemented!(\"x\") }\n"),
        &["1: unfinished code"],
    );
    check(&problems("// says todo! and means it\n"), &[]);
    check(
        &problems(concat!("x\n// TO", "DO: later\n")),
        &["2: a note without owner"],
    );
    check(
        &problems(concat!("// TO", "DO(): later\n")),
        &["1: a note without owner"],
    );
    check(
        &problems(concat!("// FIX", "ME(ann): broken\n")),
        &["1: a note without owner"],
    );
    check(&problems(concat!("// TO", "DO(ann): later\n")), &[]);
}

#[test]
fn files_are_short() {
    let lines = |count: usize| "x\n".repeat(count);
    check(&file_length_problems("a.rs", &lines(600), &[]), &[]);
    check(
        &file_length_problems("a.rs", &lines(601), &[]),
        &["has 601 lines, at most 600"],
    );
}

#[test]
fn functions_are_short() {
    let function = |lines: usize| format!("fn long() {{\n{}}}\n", "x();\n".repeat(lines));
    check(&function_length_problems("a.rs", &function(70), &[]), &[]);
    check(
        &function_length_problems("a.rs", &function(71), &[]),
        &["a.rs:long has 71 lines"],
    );
    let listed = [("a.rs:long", 75)];
    check(
        &function_length_problems("a.rs", &function(75), &listed),
        &[],
    );
    check(
        &function_length_problems("a.rs", &function(76), &listed),
        &["grew from 75 to 76"],
    );
    check(
        &function_length_problems("a.rs", &function(74), &listed),
        &["shrank to 74"],
    );
}

#[test]
fn layers_know_earlier_ones_only() {
    let problems = |file: &str, text: &str| layer_problems(file, &code_only(text));
    check(
        &problems(
            "src/msp/mod",
            "use crate::proto::msp;\nuse crate::msp::x;\n",
        ),
        &[],
    );
    check(
        &problems("src/proto/wire", "\nuse crate::msp::x;\n"),
        &["2: proto must not know msp"],
    );
    check(&problems("src/proto/wire", "// like crate::msp::x\n"), &[]);
    check(
        &problems("src/types/a", "use crate::{limits, proto::wire};\n"),
        &["not know proto"],
    );
    check(
        &problems("src/types/a", "use crate::{limits::{A, B}};\n"),
        &[],
    );
    check(
        &problems("src/types/mod", "use super::ledger::X;\n"),
        &["not know ledger"],
    );
    check(&problems("src/proto/msp", "use super::config::X;\n"), &[]);
    check(
        &problems("src/ledger/a", "use super::super::X;\n"),
        &["instead of super::super"],
    );
    check(
        &problems("src/ledger/a", "use crate::elsewhere::X;\n"),
        &["has no place"],
    );
    check(&problems("src/elsewhere/a", ""), &["has no place"]);
    check(
        &problems("src/ledger/a", "use crate::testing::X;\n"),
        &["not know testing"],
    );
    check(
        &problems("src/ledger/tests", "use crate::testing::X;\n"),
        &[],
    );
    check(&problems("src/lib", "use crate::cli::X;\n"), &[]);
    check(&problems("src/manual/mod", "use crate::cli::X;\n"), &[]);
    check(&problems("tests/model", "use crate::cli::X;\n"), &[]);
}
