//! OUs: those that an identity must have, and those that give roles.

use super::pki::Ou;
use super::*;

const DENIED: Result<(), InvalidIdentity> = Err(InvalidIdentity::NoRecognizedOu);

/// A root with two intermediate CAs.
struct Tree {
    root: Issued,
    left: Issued,
    right: Issued,
}

impl Tree {
    fn new() -> Self {
        let root = Issued::self_signed(Spec::ca("ca", Key::p256(1)));
        let left = root.issue(Spec::ca("left", Key::p256(4)));
        let right = root.issue(Spec::ca("right", Key::p256(5)));
        Self { root, left, right }
    }

    fn definition(&self) -> Definition<'_> {
        Definition {
            name: "Org1MSP",
            roots: vec![&self.root],
            intermediates: vec![&self.left, &self.right],
            node_ous: Some(NodeOus::all()),
            ..Definition::default()
        }
    }
}

fn leaf(ca: &Issued, ous: &[&str]) -> Issued {
    ca.issue(Spec::leaf("leaf", ous, Key::p256(3)))
}

#[test]
fn one_of_the_ou_identifiers_is_demanded() {
    let tree = Tree::new();
    let admin = leaf(&tree.left, &["admin", "blue"]);
    let definition = Definition {
        node_ous: None,
        admins: vec![&admin],
        ou_identifiers: vec![
            ("blue", Some(&tree.left)),
            ("blue", Some(&tree.left)),
            ("red", Some(&tree.right)),
        ],
        ..tree.definition()
    };
    for version in VERSIONS {
        let msp = msp_of(version, &definition);
        assert_eq!(validity(&msp, &leaf(&tree.left, &["blue"])), Ok(()));
        assert_eq!(
            validity(&msp, &leaf(&tree.left, &["green", "blue"])),
            Ok(())
        );
        assert_eq!(validity(&msp, &leaf(&tree.right, &["red"])), Ok(()));
        assert_eq!(validity(&msp, &leaf(&tree.right, &["blue"])), DENIED);
        assert_eq!(validity(&msp, &leaf(&tree.left, &["red"])), DENIED);
        assert_eq!(validity(&msp, &leaf(&tree.left, &["Blue"])), DENIED);
        assert_eq!(validity(&msp, &leaf(&tree.left, &[])), DENIED);
    }
}

#[test]
fn e40_exactly_one_role() {
    let org = Org::new();
    let msp = msp(&org.with_node_ous());
    let none = Err(InvalidIdentity::NoRole);
    let several = Err(InvalidIdentity::SeveralRoles);
    let table: &[(&[&str], Result<(), InvalidIdentity>)] = &[
        (&["client"], Ok(())),
        (&["peer"], Ok(())),
        (&["admin"], Ok(())),
        (&["orderer"], Ok(())),
        (&["department", "client", "blue"], Ok(())),
        (&[], none.clone()),
        (&["department"], none.clone()),
        (&["Client"], none),
        (&["client", "peer"], several.clone()),
        (&["client", "client"], several.clone()),
        (&["client", "x", "peer", "admin"], several),
    ];
    for (ous, expected) in table {
        let leaf = org.leaf(ous);
        assert_eq!(validity(&msp, &leaf), *expected, "{ous:?}");
        let member = ask(&msp, &leaf, &role("Org1MSP", MEMBER));
        assert_eq!(
            member,
            expected.clone().map_err(Unsatisfied::Invalid),
            "{ous:?}"
        );
    }
}

#[test]
fn e40_a_role_must_be_certified_as_configured() {
    let tree = Tree::new();
    let roles = [
        Some(("client", Some(&tree.left))),
        Some(("peer", None)),
        Some(("admin", Some(&tree.left))),
        None,
    ];
    let definition = Definition {
        node_ous: Some(NodeOus {
            enable: true,
            roles,
        }),
        ..tree.definition()
    };
    let msp = msp(&definition);
    let wrong = |unit: &str| Err(InvalidIdentity::RoleCertifier { unit: unit.into() });
    assert_eq!(validity(&msp, &leaf(&tree.left, &["client"])), Ok(()));
    assert_eq!(
        validity(&msp, &leaf(&tree.right, &["client"])),
        wrong("client")
    );
    assert_eq!(validity(&msp, &leaf(&tree.right, &["peer"])), Ok(()));
    assert_eq!(
        validity(&msp, &leaf(&tree.right, &["peer", "client"])),
        wrong("client")
    );
    assert_eq!(
        validity(&msp, &leaf(&tree.right, &["orderer"])),
        Err(InvalidIdentity::NoRole),
        "a role that is not configured is none"
    );
}

#[test]
fn roles_that_share_an_ou() {
    let tree = Tree::new();
    let share: [Option<Ou<'_>>; 4] = [
        Some(("x", Some(&tree.left))),
        Some(("x", Some(&tree.right))),
        None,
        None,
    ];
    let node_ous = Some(NodeOus {
        enable: true,
        roles: share,
    });
    let from_left = leaf(&tree.left, &["x"]);
    let from_right = leaf(&tree.right, &["x"]);
    // The newer rules keep the roles in a map by OU, in which the last one stays.
    let admins = vec![&from_left];
    let definition = Definition {
        node_ous,
        admins,
        ..tree.definition()
    };
    let new = msp_of(MspVersion::V1_4_3, &definition);
    assert!(validity(&new, &from_left).is_err() && validity(&new, &from_right).is_ok());
    let old = msp_of(MspVersion::V1_3, &definition);
    assert!(validity(&old, &from_left).is_ok() && validity(&old, &from_right).is_err());
}

#[test]
fn roles_by_version() {
    let org = Org::new();
    let client = org.leaf(&["client"]);
    let clients_and_peers = NodeOus {
        enable: true,
        roles: [Some(("client", None)), Some(("peer", None)), None, None],
    };
    let definition = Definition {
        admins: vec![&client],
        node_ous: Some(clients_and_peers),
        ..org.definition()
    };
    let admin_by_ou = Definition {
        admins: vec![&client],
        ..org.with_node_ous()
    };
    let leaf = |ou: &str| org.leaf(&[ou, "x"]);
    for version in VERSIONS {
        let by_ou = version >= MspVersion::V1_4_3;
        let msp = msp_of(version, if by_ou { &admin_by_ou } else { &definition });
        let satisfied = |certificate: &Issued, number| {
            ask(&msp, certificate, &role("Org1MSP", number)).map_err(|unsatisfied| {
                assert!(!matches!(unsatisfied, Unsatisfied::OtherMsp));
                unsatisfied
            })
        };
        let unknown = |role| Err(Unsatisfied::UnknownRole { role });
        assert_eq!(satisfied(&client, MEMBER), Ok(()));
        assert_eq!(satisfied(&client, ADMIN), Ok(()), "listed");
        let enforced = version >= MspVersion::V1_1;
        let off = Err(Unsatisfied::NodeOusOff);
        let missing = |role| Err(Unsatisfied::MissingRole { role });
        assert_eq!(
            satisfied(&leaf("client"), CLIENT),
            if enforced { Ok(()) } else { off.clone() }
        );
        assert_eq!(
            satisfied(&leaf("peer"), PEER),
            if enforced { Ok(()) } else { off.clone() }
        );
        assert_eq!(
            satisfied(&leaf("peer"), CLIENT),
            if enforced {
                missing(NodeOuRole::Client)
            } else {
                off
            }
        );
        if by_ou {
            assert_eq!(satisfied(&leaf("admin"), ADMIN), Ok(()));
            assert_eq!(satisfied(&leaf("peer"), ADMIN), missing(NodeOuRole::Admin));
            assert_eq!(satisfied(&leaf("orderer"), ORDERER), Ok(()));
            assert_eq!(
                satisfied(&leaf("peer"), ORDERER),
                missing(NodeOuRole::Orderer)
            );
        } else {
            assert_eq!(
                satisfied(&leaf("peer"), ADMIN),
                Err(Unsatisfied::NotListedAdmin)
            );
            assert_eq!(satisfied(&leaf("peer"), ORDERER), unknown(Role::Orderer));
            let admin = ask(&msp, &leaf("admin"), &role("Org1MSP", MEMBER));
            assert_eq!(
                admin.is_ok(),
                !enforced,
                "{version:?}: admin is no role here"
            );
        }
        assert_eq!(satisfied(&leaf("peer"), 5), unknown(Role::Unknown(5)));
    }
}

#[test]
fn without_enforcement_roles_do_not_exist() {
    let org = Org::new();
    for node_ous in [
        None,
        Some(NodeOus {
            enable: false,
            ..NodeOus::all()
        }),
        Some(NodeOus {
            enable: true,
            ..NodeOus::default()
        }),
    ] {
        let msp = msp(&Definition {
            node_ous,
            ..org.definition()
        });
        let peer = org.leaf(&["peer", "client"]);
        assert_eq!(ask(&msp, &peer, &role("Org1MSP", MEMBER)), Ok(()));
        assert_eq!(
            ask(&msp, &peer, &role("Org1MSP", PEER)),
            Err(Unsatisfied::NodeOusOff)
        );
        assert_eq!(
            ask(&msp, &peer, &role("Org1MSP", ORDERER)),
            Err(Unsatisfied::UnknownRole {
                role: Role::Orderer
            })
        );
        let admin = org.leaf(&["admin"]);
        assert_eq!(
            ask(&msp, &admin, &role("Org1MSP", ADMIN)),
            Err(Unsatisfied::NotListedAdmin)
        );
        assert_eq!(ask(&msp, &org.admin, &role("Org1MSP", ADMIN)), Ok(()));
    }
}

#[test]
fn e40_listed_administrators_stay_so_when_revoked_or_without_one_role() {
    let org = Org::new();
    let admin = org
        .root
        .issue(Spec::leaf("admin", &["client", "peer"], Key::p256(2)));
    let definition = Definition {
        admins: vec![&admin],
        crls: vec![org.root.crl(&[7], true, &org.root.key)],
        ..org.with_node_ous()
    };
    let msp = msp(&definition);
    assert_eq!(
        validity(&msp, &admin),
        Err(InvalidIdentity::Revoked { index: 0 })
    );
    assert_eq!(ask(&msp, &admin, &role("Org1MSP", ADMIN)), Ok(()));
    assert!(ask(&msp, &admin, &role("Org1MSP", MEMBER)).is_err());
    // Before, and without node OUs, administrators are validated when the MSP is set up.
    let revoked = SetupFault::AdminInvalid {
        index: 0,
        source: InvalidIdentity::Revoked { index: 0 },
    };
    assert_eq!(fault(MspVersion::V1_3, &definition), revoked);
    let without = Definition {
        node_ous: None,
        ..definition
    };
    assert_eq!(fault(MspVersion::V3_0, &without), revoked);
}
