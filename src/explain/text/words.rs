//! Words: everything that a transaction has in it becomes printable ASCII of bounded length here.

use std::error::Error;
use std::fmt::{self, Write};

use crate::limits;

/// Columns of prose.
const COLUMNS: usize = 100;

/// Text in quotes, as it stands in a transaction.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    put(&mut quoted, text, |c| matches!(c, '"' | '\\'));
    quoted.push('"');
    quoted
}

/// A name as it stands where it is a plain one, else in quotes.
pub(super) fn name(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = text.len() <= limits::EXPLAINED_TEXT_CHARS_MAX;
    if fits && !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Text as it stands, where quotes would disturb.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    put(&mut cleaned, text, |_| false);
    cleaned
}

fn put(out: &mut String, text: &str, escaped: impl Fn(char) -> bool) {
    for (count, c) in text.chars().enumerate() {
        if count == limits::EXPLAINED_TEXT_CHARS_MAX {
            let _ = write!(out, "... ({} bytes)", text.len());
            return;
        }
        match c {
            ' '..='~' if escaped(c) => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            '\0'..='\x7f' => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            _ => out.extend(c.escape_unicode()),
        }
    }
}

/// An error and its causes.
pub(super) fn cause(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        // Transparent errors repeat their cause.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = error.source();
    }
    clean(&line)
}

/// A count and its noun.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Alternatives: `a, b or c`.
pub(super) fn list(items: &[String], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// Writes prose in lines that are not too long, all but the first indented. Names in quotes are not
/// broken, so that no line begins with what somebody put into one.
pub(super) fn wrapped(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    text: &str,
    indent: usize,
) -> fmt::Result {
    f.write_str(head)?;
    let mut column = head.len();
    let mut quotes = Quotes::default();
    for (count, word) in text.split(' ').enumerate() {
        if count > 0 && !quotes.open && column + 1 + word.len() > COLUMNS {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else if count > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += word.len();
        quotes.pass(word);
    }
    f.write_str("\n")
}

/// Whether text is inside quotes.
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, word: &str) {
        for c in word.chars() {
            if c == '"' && !self.escaped {
                self.open = !self.open;
            }
            self.escaped = c == '\\' && self.open && !self.escaped;
        }
        // The space that follows.
        self.escaped = false;
    }
}
