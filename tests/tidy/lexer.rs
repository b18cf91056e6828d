//! Just enough of Rust's lexer for the tidy test: code without comments and literals, functions.
//!
//! Knows nothing of the language's grammar; line numbers stay as they are.

/// The code alone: what comments and literals hold becomes blanks, line breaks stay.
pub(crate) fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = out.chars().next_back();
        let in_word = before.is_some_and(|before| before.is_alphanumeric() || before == '_');
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if !in_word => prefixed_literal(rest),
            '\'' => character(rest),
            _ => 0,
        };
        let (blanked, tail) = rest.split_at(length);
        out.extend(
            blanked
                .chars()
                .map(|character| if character == '\n' { '\n' } else { ' ' }),
        );
        rest = tail;
        if length == 0 {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string literal that starts with its quote.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of `r"..."`, `r#"..."#`, `b"..."`, `b'x'`, `br"..."`, `c"..."`; 0 where it is something else.
fn prefixed_literal(text: &str) -> usize {
    let prefix = text
        .find(|letter| !"rbc".contains(letter))
        .unwrap_or(text.len());
    let rest = text.get(prefix..).unwrap_or_default();
    let raw = text
        .get(..prefix)
        .is_some_and(|prefix| prefix.contains('r'));
    let hashes = rest
        .chars()
        .take_while(|character| *character == '#')
        .count();
    let body = rest.get(hashes..).unwrap_or_default();
    match (prefix, body.chars().next()) {
        (1 | 2, Some('"')) if raw => {
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = body.get(1..).unwrap_or_default();
            let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
            prefix + hashes + 1 + length
        }
        (1, Some('"')) if hashes == 0 => prefix + string(body),
        (1, Some('\'')) if hashes == 0 => prefix + character(body),
        _ => 0,
    }
}

/// Length of a character literal; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            let end = characters.skip(1).find(|(_, character)| *character == '\'');
            end.map_or(text.len(), |(at, _)| at + 1)
        }
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// Name and length of each function that has a body: the lines between its braces.
pub(crate) fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("fn ") {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(|before| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = code.get(at + marker.len()..).unwrap_or_default();
        let name: String = rest
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        if let Some(lines) = body_lines(rest).filter(|_| !name.is_empty()) {
            found.push((name, lines));
        }
    }
    found
}

/// Lines between the braces of the body that follows a signature, `None` where it ends without one.
fn body_lines(rest: &str) -> Option<usize> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    let mut breaks = 0_usize;
    for character in rest.chars() {
        match character {
            '(' | '[' if braces == 0 => brackets += 1,
            ')' | ']' if braces == 0 => brackets -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' if brackets == 0 => braces += 1,
            '}' if brackets == 0 => {
                braces -= 1;
                if braces == 0 {
                    return Some(breaks.saturating_sub(1));
                }
            }
            '\n' if braces > 0 => breaks += 1,
            _ => {}
        }
    }
    None
}

#[test]
fn comments_and_literals_are_blanked() {
    for (text, expected) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d\n */ e", "a               \n    e"),
        ("f(\"a\\\"b\") g", "f(      ) g"),
        ("r\"a\\\" b", "      b"),
        ("br#\"a\"b\"# c", "          c"),
        ("hear\"x\"", "hear   "),
        ("'{' 'a '\\'' b'\\\\' x", "    'a            x"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("rest", "rest"),
    ] {
        assert_eq!(code_only(text), expected, "{text}");
    }
}

#[test]
fn functions_are_found_with_their_length() {
    let code = "trait T {\n fn none(&self) -> [u8; 2];\n}\nfn one() {\n x\n}\n\
                pub const fn two(\n a: [u8; 4],\n) -> A\nwhere\n A: B,\n{\n if x {\n }\n}\nfn zero() {}\n";
    let expected = [("one", 1), ("two", 2), ("zero", 0)];
    let found = functions(code);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((name, lines), expected) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), *lines), expected);
    }
}
