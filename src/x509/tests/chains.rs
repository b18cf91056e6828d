//! From a certificate to a root.

use super::{Parts, START, YEAR, common_name, extension, hex, key, key_info, oid, seq, tlv};
use crate::x509::{
    CertPool, Certificate, ChainError, chains, has_legacy_name_constraints_violation, unique_chain,
};

const NOW: i64 = START + YEAR;

fn pool(certificates: &[&Certificate]) -> CertPool {
    certificates.iter().map(|one| (*one).clone()).collect()
}

/// A root, an intermediate below it, and a leaf below that.
struct Tree {
    root: Certificate,
    intermediate: Certificate,
    leaf: Certificate,
}

/// The tree with its parts changed before they are signed.
fn tree(change: impl FnOnce(&mut Parts, &mut Parts, &mut Parts)) -> Tree {
    let mut root = Parts::authority("root", &key(1)).issued_by("root");
    let mut intermediate = Parts::authority("intermediate", &key(2)).issued_by("root");
    let mut leaf = Parts::new("leaf", &key(3)).issued_by("intermediate");
    change(&mut root, &mut intermediate, &mut leaf);
    Tree {
        root: root.signed(&key(1)),
        intermediate: intermediate.signed(&key(1)),
        leaf: leaf.signed(&key(2)),
    }
}

fn count_at(tree: &Tree, at: i64) -> usize {
    let (roots, intermediates) = (pool(&[&tree.root]), pool(&[&tree.intermediate]));
    chains(&tree.leaf, &roots, &intermediates, at).len()
}

/// How many chains the changed tree has.
fn check(what: &str, expected: usize, change: impl FnOnce(&mut Parts, &mut Parts, &mut Parts)) {
    assert_eq!(count_at(&tree(change), NOW), expected, "{what}");
}

#[test]
fn a_chain_goes_from_leaf_to_root() {
    let tree = tree(|_, _, _| {});
    let roots = pool(&[&tree.root]);
    let intermediates = pool(&[&tree.intermediate]);
    let chain = unique_chain(&tree.leaf, &roots, &intermediates, NOW).unwrap();
    assert_eq!(
        chain,
        [
            tree.leaf.clone(),
            tree.intermediate.clone(),
            tree.root.clone()
        ]
    );
    let none = unique_chain(&tree.leaf, &roots, &CertPool::new(), NOW);
    assert_eq!(none.unwrap_err(), ChainError::None);
    // A root is a chain of its own, an intermediate one of two.
    assert_eq!(
        chains(&tree.root, &roots, &intermediates, NOW),
        [vec![tree.root.clone()]]
    );
    assert_eq!(
        chains(&tree.intermediate, &roots, &intermediates, NOW)[0].len(),
        2
    );
    assert!(chains(&tree.leaf, &CertPool::new(), &intermediates, NOW).is_empty());
}

#[test]
fn every_certificate_is_valid_at_the_same_instant() {
    let all = tree(|_, _, _| {});
    for (at, expected) in [
        (START - 1, 0),
        (START, 1),
        (START + 10 * YEAR, 1),
        (START + 10 * YEAR + 1, 0),
    ] {
        assert_eq!(count_at(&all, at), expected, "{at}");
    }
    let late = |parts: &mut Parts| *parts = parts.clone().valid(NOW + 1, NOW + YEAR);
    check("late root", 0, |root, _, _| late(root));
    check("late intermediate", 0, |_, intermediate, _| {
        late(intermediate)
    });
    check("late leaf", 0, |_, _, leaf| late(leaf));
    check("early root", 0, |root, _, _| {
        *root = root.clone().valid(START, NOW - 1)
    });
}

#[test]
fn parents_are_authorities_that_may_sign() {
    let usage = |bits: &str| extension("2.5.29.15", true, hex(bits));
    check("no basic constraints", 0, |_, intermediate, _| {
        intermediate.extensions.clear()
    });
    check("not an authority", 0, |_, intermediate, _| {
        intermediate.extensions = vec![extension("2.5.29.19", true, hex("3000"))];
    });
    check("root without basic constraints", 0, |root, _, _| {
        root.extensions.clear()
    });
    check("version 1 root", 1, |root, _, _| {
        root.extensions.clear();
        root.version.clear();
    });
    check("version 1 intermediate", 0, |_, intermediate, _| {
        intermediate.extensions.clear();
        intermediate.version.clear();
    });
    check("keyCertSign", 1, |root, _, _| {
        root.extensions.push(usage("03020204"))
    });
    check("cRLSign only", 0, |root, _, _| {
        root.extensions.push(usage("03020102"))
    });
    check("no usage bit at all", 1, |root, _, _| {
        root.extensions.push(usage("030100"))
    });
    check("unknown key", 0, |_, intermediate, _| {
        intermediate.key_info = key_info(&[&oid("1.2.3")], &[]);
    });
}

#[test]
fn names_and_signatures_must_fit() {
    check("another issuer", 0, |_, _, leaf| {
        leaf.issuer = common_name("other")
    });
    // Names are compared as bytes: the same text in another string type is another name.
    check("another string type", 0, |_, _, leaf| {
        leaf.issuer = super::name(&[("2.5.4.3", tlv(0x13, "intermediate"))]);
    });
    check("another key", 0, |_, intermediate, _| {
        intermediate.key_info = super::p256_info(&key(4));
    });
    check("another algorithm", 0, |_, _, leaf| {
        leaf.algorithm = seq(&[&oid("1.2.840.10045.4.3.3")]);
        leaf.outer_algorithm = leaf.algorithm.clone();
    });
    check("key identifiers that differ", 1, |_, intermediate, leaf| {
        intermediate
            .extensions
            .push(extension("2.5.29.14", false, tlv(4, [1])));
        leaf.extensions
            .push(extension("2.5.29.35", false, hex("3003 800102")));
    });
}

#[test]
fn critical_extensions_must_be_understood_everywhere() {
    let unknown = |critical| extension("1.2.3", critical, []);
    check("not critical", 1, |root, intermediate, leaf| {
        for parts in [root, intermediate, leaf] {
            parts.extensions.push(unknown(false));
        }
    });
    check("root", 0, |root, _, _| root.extensions.push(unknown(true)));
    check("intermediate", 0, |_, intermediate, _| {
        intermediate.extensions.push(unknown(true))
    });
    check("leaf", 0, |_, _, leaf| leaf.extensions.push(unknown(true)));
}

#[test]
fn path_lengths_count_intermediates() {
    let limit = |length: &str| extension("2.5.29.19", true, hex(length));
    check("root 0", 0, |root, _, _| {
        root.extensions = vec![limit("3006 0101ff 020100")]
    });
    check("root 1", 1, |root, _, _| {
        root.extensions = vec![limit("3006 0101ff 020101")]
    });
    check("intermediate 0", 1, |_, intermediate, _| {
        intermediate.extensions = vec![limit("3006 0101ff 020100")];
    });
}

#[test]
fn a_chain_is_good_for_tls_servers() {
    let usage = |usages: &[&str]| {
        let usages: Vec<Vec<u8>> = usages.iter().map(|usage| oid(usage)).collect();
        extension("2.5.29.37", false, tlv(0x30, usages.concat()))
    };
    let (any, server, client) = ("2.5.29.37.0", "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
    for (usages, expected) in [
        (vec![], 1),
        (vec![client], 0),
        (vec![client, server], 1),
        (vec![client, any], 1),
        (vec!["1.2.3"], 0),
    ] {
        for place in 0..3 {
            check(
                &format!("{usages:?} at {place}"),
                expected,
                |root, intermediate, leaf| {
                    [leaf, intermediate, root][place]
                        .extensions
                        .push(usage(&usages));
                },
            );
        }
    }
}

#[test]
fn two_roads_to_a_root_are_two_chains() {
    let tree = tree(|_, _, _| {});
    // The root renewed: same name and key, other bytes.
    let renewed = Parts::authority("root", &key(1))
        .issued_by("root")
        .valid(START, NOW + YEAR);
    let roots = pool(&[&tree.root, &renewed.signed(&key(1)), &tree.root]);
    let intermediates = pool(&[&tree.intermediate]);
    let ambiguous = unique_chain(&tree.leaf, &roots, &intermediates, NOW);
    assert_eq!(ambiguous.unwrap_err(), ChainError::Ambiguous { count: 2 });
    let later = unique_chain(&tree.leaf, &roots, &intermediates, NOW + 2 * YEAR);
    assert_eq!(later.unwrap().len(), 3, "the renewed root has ended");
}

#[test]
fn a_loop_of_cross_signatures_ends() {
    // a and b have signed each other; the same subject, key and alternative names stand once a chain.
    let a_by_b = Parts::authority("a", &key(1))
        .issued_by("b")
        .signed(&key(2));
    let b_by_a = Parts::authority("b", &key(2))
        .issued_by("a")
        .signed(&key(1));
    let root = Parts::authority("a", &key(1))
        .issued_by("a")
        .signed(&key(1));
    let leaf = Parts::new("leaf", &key(3)).issued_by("b").signed(&key(2));
    let intermediates = pool(&[&a_by_b, &b_by_a]);
    let found = chains(&leaf, &pool(&[&root]), &intermediates, NOW);
    assert_eq!(found, [vec![leaf.clone(), b_by_a.clone(), root.clone()]]);
    // With alternative names a is another one.
    let named = Parts::authority("a", &key(1))
        .issued_by("b")
        .with("2.5.29.17", false, hex("3003 820161"))
        .signed(&key(2));
    let found = chains(&leaf, &pool(&[&root]), &pool(&[&named, &b_by_a]), NOW);
    assert_eq!(found.len(), 1);
}

#[test]
fn authorities_of_one_name_and_two_keys_are_two() {
    let root = Parts::authority("a", &key(1))
        .issued_by("a")
        .signed(&key(1));
    let below = Parts::authority("a", &key(2))
        .issued_by("a")
        .signed(&key(1));
    let leaf = Parts::new("leaf", &key(3)).issued_by("a").signed(&key(2));
    assert_eq!(
        chains(&leaf, &pool(&[&root]), &pool(&[&below]), NOW)[0].len(),
        3
    );
}

#[test]
fn a_certificate_with_alternative_names_hides_its_namesakes_above() {
    // Go compares a candidate with the chain from the leaf up, and stops at the first one of the same
    // name and key if just one of the two has alternative names. So the plain authority follows itself,
    // for as long as candidates may be looked at.
    let authority = || Parts::authority("a", &key(1)).issued_by("a");
    let named = authority()
        .with("2.5.29.17", false, hex("3003 820161"))
        .signed(&key(1));
    let plain = authority().signed(&key(1));
    let root = authority().valid(START, NOW + YEAR).signed(&key(1));
    let leaf = Parts::new("leaf", &key(3)).issued_by("a").signed(&key(1));
    let count = |intermediates: &[&Certificate]| {
        chains(&leaf, &pool(&[&root]), &pool(intermediates), NOW).len()
    };
    assert_eq!(count(&[&plain]), 1);
    assert_eq!(count(&[&named, &plain]), 34);
}

#[test]
fn at_most_a_hundred_candidates_are_looked_at() {
    let leaf = Parts::new("leaf", &key(3))
        .issued_by("root")
        .signed(&key(1));
    let good = Parts::authority("root", &key(1))
        .issued_by("root")
        .signed(&key(1));
    let impostors = |count: u8| {
        (0..count).map(|number| {
            let mut parts = Parts::authority("root", &key(2)).issued_by("root");
            parts.serial = tlv(2, [number]);
            parts.signed(&key(2))
        })
    };
    let count = |before: u8| {
        let mut roots: CertPool = impostors(before).collect();
        roots.add(good.clone());
        chains(&leaf, &roots, &CertPool::new(), NOW).len()
    };
    assert_eq!(count(99), 1, "the hundredth candidate");
    assert_eq!(count(100), 0);
    // A key identifier that fits comes first.
    let wanted = Parts::new("leaf", &key(3))
        .issued_by("root")
        .with("2.5.29.35", false, hex("3003 800107"))
        .signed(&key(1));
    let marked = Parts::authority("root", &key(1))
        .issued_by("root")
        .with("2.5.29.14", false, hex("040107"))
        .signed(&key(1));
    let mut roots: CertPool = impostors(120).collect();
    roots.add(marked);
    assert_eq!(chains(&wanted, &roots, &CertPool::new(), NOW).len(), 1);
}

#[test]
fn fabric_keeps_go_1_14s_rule_on_host_names_in_common_names() {
    let constrained = |root: &mut Parts| {
        root.extensions
            .push(extension("2.5.29.30", true, hex("3007 a005 3003 820161")));
    };
    let check = |what: &str, violated: bool, subject: &str, san: bool| {
        let tree = tree(|root, _, leaf| {
            constrained(root);
            leaf.subject = common_name(subject);
            if san {
                leaf.extensions
                    .push(extension("2.5.29.17", false, hex("3003 820161")));
            }
        });
        let roots = pool(&[&tree.root]);
        let intermediates = pool(&[&tree.intermediate]);
        let found = chains(&tree.leaf, &roots, &intermediates, NOW);
        assert_eq!(found.len(), 1, "Go has nothing against {what}");
        assert_eq!(
            has_legacy_name_constraints_violation(&found[0]),
            violated,
            "{what}"
        );
        let chain = unique_chain(&tree.leaf, &roots, &intermediates, NOW);
        let expected = violated.then_some(ChainError::NameConstraintsWithoutSan);
        assert_eq!(chain.err(), expected, "{what}");
    };
    check("host name", true, "peer0.org1.example.com", false);
    check("host name and SAN", false, "peer0.org1.example.com", true);
    check("no host name", false, "User1@org1.example.com", false);
    let free = tree(|_, _, _| {});
    assert!(!has_legacy_name_constraints_violation(&[
        free.leaf, free.root
    ]));
}
