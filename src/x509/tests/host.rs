//! Host names against alternative names; the cases are those of Go's `verify_test.go` and more.

use crate::x509::host::{is_exactly, is_valid, matches_labels};

#[test]
fn valid_names() {
    for (name, as_host, as_pattern) in [
        ("example.com", true, true),
        ("eXample123-.com", true, true),
        ("-eXample123-.com", false, false),
        ("", false, false),
        (".", false, false),
        ("example..com", false, false),
        (".example.com", false, false),
        ("example.com.", true, false),
        ("*.example.com.", false, false),
        ("*.example.com", false, true),
        ("*foo.example.com", false, false),
        ("foo.*.example.com", false, false),
        ("exa_mple.com", true, true),
        ("foo,bar", false, false),
        ("project-dev:us-central1:main", false, false),
        ("*", false, false),
        ("localhost", true, true),
    ] {
        assert_eq!(is_valid(name.as_bytes(), false), as_host, "host {name}");
        assert_eq!(
            is_valid(name.as_bytes(), true),
            as_pattern,
            "pattern {name}"
        );
    }
}

#[test]
fn wildcards_stand_for_one_label() {
    for (pattern, host, expected) in [
        ("a.b.c", "a.b.c", true),
        ("a.b.c", "b.b.c", false),
        ("*.b.c", "b.b.c", true),
        ("*.b.c", "a.b.c.", true),
        ("*.b.c", "b.c", false),
        ("*.b.c", "a.a.b.c", false),
        ("A.b", "a.B", true),
        ("a.*.c", "a.b.c", false),
    ] {
        let found = matches_labels(pattern.as_bytes(), host.as_bytes());
        assert_eq!(found, expected, "{pattern} {host}");
    }
}

#[test]
fn names_that_are_not_valid_have_to_be_equal() {
    for (one, other, expected) in [
        ("a:b", "A:B", true),
        ("a:b", "a:c", false),
        ("", "", false),
        (".", ".", false),
    ] {
        let found = is_exactly(one.as_bytes(), other.as_bytes());
        assert_eq!(found, expected, "{one} {other}");
    }
}
