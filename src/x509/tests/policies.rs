//! Certificate policies, which matter once an authority demands them.

use super::{Parts, START, YEAR, hex, key, oid, seq, tlv};
use crate::x509::{CertPool, chains};

const NOW: i64 = START + YEAR;
const ANY: &str = "2.5.29.32.0";

fn policies(list: &[&str]) -> Vec<u8> {
    let list: Vec<Vec<u8>> = list.iter().map(|policy| seq(&[&oid(policy)])).collect();
    tlv(0x30, list.concat())
}

/// What a certificate says of policies.
#[derive(Default)]
struct Says<'a> {
    policies: &'a [&'a str],
    mapping: Option<(&'a str, &'a str)>,
    /// Content of policyConstraints.
    constraints: &'a str,
    inhibit_any: &'a str,
}

impl Says<'_> {
    fn add(&self, mut parts: Parts) -> Parts {
        if !self.policies.is_empty() {
            parts = parts.with("2.5.29.32", true, policies(self.policies));
        }
        if let Some((issuer, subject)) = self.mapping {
            let pair = seq(&[&oid(issuer), &oid(subject)]);
            parts = parts.with("2.5.29.33", true, tlv(0x30, pair));
        }
        if !self.constraints.is_empty() {
            parts = parts.with("2.5.29.36", true, tlv(0x30, hex(self.constraints)));
        }
        if !self.inhibit_any.is_empty() {
            parts = parts.with("2.5.29.54", true, hex(self.inhibit_any));
        }
        parts
    }
}

/// Whether a chain of root, intermediate and leaf passes. The root's policies never matter.
fn check(what: &str, expected: bool, intermediate: &Says<'_>, leaf: &Says<'_>) {
    let root = Parts::authority("root", &key(1))
        .issued_by("root")
        .signed(&key(1));
    let middle = Parts::authority("middle", &key(2)).issued_by("root");
    let middle = intermediate.add(middle).signed(&key(1));
    let leaf = leaf
        .add(Parts::new("leaf", &key(3)).issued_by("middle"))
        .signed(&key(2));
    let (roots, intermediates): (CertPool, CertPool) =
        ([root].into_iter().collect(), [middle].into_iter().collect());
    let passes = !chains(&leaf, &roots, &intermediates, NOW).is_empty();
    assert_eq!(passes, expected, "{what}");
}

#[test]
fn policies_do_not_matter_unless_they_are_demanded() {
    let one = Says {
        policies: &["1.2.1"],
        ..Says::default()
    };
    let other = Says {
        policies: &["1.2.2"],
        ..Says::default()
    };
    check("none", true, &Says::default(), &Says::default());
    check("different ones", true, &one, &other);
    check("leaf only", true, &Says::default(), &one);
    let demanding = Says {
        constraints: "800105",
        ..Says::default()
    };
    check(
        "demanded five certificates further down",
        true,
        &demanding,
        &Says::default(),
    );
}

#[test]
fn a_demanded_policy_goes_through_every_certificate() {
    let demanding = |policies: &'static [&'static str]| Says {
        policies,
        constraints: "800100",
        ..Says::default()
    };
    let leaf = |policies: &'static [&'static str]| Says {
        policies,
        ..Says::default()
    };
    check("the same", true, &demanding(&["1.2.1"]), &leaf(&["1.2.1"]));
    check(
        "one of several",
        true,
        &demanding(&["1.2.1", "1.2.2"]),
        &leaf(&["1.2.3", "1.2.2"]),
    );
    check("another", false, &demanding(&["1.2.1"]), &leaf(&["1.2.2"]));
    check("none below", false, &demanding(&["1.2.1"]), &leaf(&[]));
    check("none at all", false, &demanding(&[]), &leaf(&["1.2.1"]));
    check("any below", true, &demanding(&["1.2.1"]), &leaf(&[ANY]));
    check("any above", true, &demanding(&[ANY]), &leaf(&["1.2.1"]));
    let own = Says {
        constraints: "800100",
        ..Says::default()
    };
    check("demanded by the leaf itself", false, &Says::default(), &own);
}

#[test]
fn any_policy_may_be_inhibited() {
    let demanding = |inhibit_any| Says {
        policies: &["1.2.1"],
        constraints: "800100",
        inhibit_any,
        ..Says::default()
    };
    let any = Says {
        policies: &[ANY],
        ..Says::default()
    };
    check("at once", false, &demanding("020100"), &any);
    check(
        "one certificate further down",
        true,
        &demanding("020101"),
        &any,
    );
    check(
        "a negative number is none",
        true,
        &demanding("0201ff"),
        &any,
    );
}

#[test]
fn mapped_policies_are_expected_under_their_new_name() {
    let mapping = |constraints| Says {
        policies: &["1.2.1"],
        mapping: Some(("1.2.1", "1.2.2")),
        constraints,
        ..Says::default()
    };
    let leaf = |policies: &'static [&'static str]| Says {
        policies,
        ..Says::default()
    };
    check("new name", true, &mapping("800100"), &leaf(&["1.2.2"]));
    check("old name", false, &mapping("800100"), &leaf(&["1.2.1"]));
    let bad = Says {
        mapping: Some(("1.2.1", ANY)),
        policies: &["1.2.1"],
        ..Says::default()
    };
    check(
        "any policy cannot be mapped, demanded or not",
        false,
        &bad,
        &leaf(&["1.2.1"]),
    );
    let without = Says {
        mapping: Some(("1.2.1", ANY)),
        ..Says::default()
    };
    check(
        "a certificate without policies maps nothing",
        true,
        &without,
        &leaf(&[]),
    );
}

#[test]
fn a_self_issued_authority_does_not_count() {
    let passes = |above: Says<'_>, self_issued: Says<'_>, leaf: Says<'_>| {
        let root = Parts::authority("root", &key(1))
            .issued_by("root")
            .signed(&key(1));
        let above = above.add(Parts::authority("middle", &key(2)).issued_by("root"));
        let renewed = self_issued.add(Parts::authority("middle", &key(3)).issued_by("middle"));
        let leaf = leaf
            .add(Parts::new("leaf", &key(4)).issued_by("middle"))
            .signed(&key(3));
        let roots: CertPool = [root].into_iter().collect();
        let intermediates = [above.signed(&key(1)), renewed.signed(&key(2))]
            .into_iter()
            .collect();
        !chains(&leaf, &roots, &intermediates, NOW).is_empty()
    };
    let says = |policies: &'static [&'static str], constraints, inhibit_any| Says {
        policies,
        constraints,
        inhibit_any,
        ..Says::default()
    };
    let none = || Says::default();
    // Two more certificates may do without a policy; the self-issued one is not counted.
    assert!(passes(says(&["1.2.1"], "800102", ""), none(), none()));
    assert!(!passes(says(&["1.2.1"], "800101", ""), none(), none()));
    // Where any policy is inhibited, a self-issued authority may still state it, a leaf may not.
    let strict = || says(&["1.2.1"], "800100", "020100");
    assert!(passes(
        strict(),
        says(&[ANY], "", ""),
        says(&["1.2.1"], "", "")
    ));
    assert!(!passes(
        strict(),
        says(&["1.2.1"], "", ""),
        says(&[ANY], "", "")
    ));
}
