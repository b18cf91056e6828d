//! Definitions that are refused, and the odd ones that are not.

use super::*;
use crate::x509;

fn newest(definition: &Definition<'_>) -> SetupFault {
    fault(MspVersion::V3_0, definition)
}

#[test]
fn definitions_that_do_not_decode() {
    let fault = |config: &[u8]| Msp::new(MspVersion::V3_0, config).unwrap_err().fault;
    assert!(matches!(fault(&[0xff]), SetupFault::Undecodable(_)));
    assert!(matches!(
        fault(&[0x12, 0x01, 0xff]),
        SetupFault::Undecodable(_)
    ));
    assert_eq!(fault(&[0x08, 0x01]), SetupFault::Idemix);
    let idemix = Msp::new(MspVersion::V1_4_3, b"\x08\x01\x12\x03\x0a\x01i").unwrap_err();
    assert_eq!(
        (idemix.msp_id.as_str(), idemix.fault),
        ("i", SetupFault::Idemix)
    );
    assert_eq!(fault(&[0x08, 0x02]), SetupFault::UnknownType { found: 2 });
    assert_eq!(fault(&[]), SetupFault::NoRoots);
}

#[test]
fn unusable_cas() {
    let org = Org::new();
    let place = CertificatePlace::Root(1);
    let not_ca = Issued::self_signed(Spec {
        ca: false,
        ..Spec::ca("ca2", Key::ed25519(4))
    });
    let with_root = |root: &Issued| {
        newest(&Definition {
            roots: vec![&org.root, root],
            ..org.definition()
        })
    };
    assert_eq!(with_root(&not_ca), SetupFault::NotCa { place });
    let no_ski = Issued::self_signed(Spec {
        subject_key_id: false,
        ..Spec::ca("ca2", Key::p256(4))
    });
    assert_eq!(with_root(&no_ski), SetupFault::CaWithoutSki { place });
    let never = Issued::self_signed(Spec {
        from: 9,
        to: 9,
        ..Spec::ca("ca2", Key::p256(4))
    });
    assert!(
        matches!(with_root(&never), SetupFault::Certificate { place: found, .. } if found == place)
    );
    let elsewhere = Issued::self_signed(Spec::ca("elsewhere", Key::p256(6)));
    let lost = elsewhere.issue(Spec::ca("lost", Key::p256(5)));
    let place = CertificatePlace::Intermediate(0);
    let definition = Definition {
        intermediates: vec![&lost],
        ..org.definition()
    };
    let source = ChainError::Verification(x509::ChainError::None);
    assert_eq!(
        newest(&definition),
        SetupFault::Certificate {
            place,
            source: IdentityError::Chain(source),
        }
    );
}

#[test]
fn revoked_intermediates() {
    let org = Org::new();
    let middle = org.root.issue(Spec {
        serial: 5,
        ..Spec::ca("middle", Key::p256(4))
    });
    let admin = middle.issue(Spec::leaf("admin", &[], Key::p256(2)));
    let with = |serials: &[u8]| Definition {
        intermediates: vec![&middle],
        admins: vec![&admin],
        crls: vec![org.root.crl(serials, true, &org.root.key)],
        ..org.definition()
    };
    let source = InvalidIdentity::Revoked { index: 0 };
    let place = CertificatePlace::Intermediate(0);
    assert_eq!(newest(&with(&[5])), SetupFault::CaInvalid { place, source });
    assert!(validity(&msp(&with(&[6])), &admin).is_ok());
    let garbage = Definition {
        crls: vec![vec![0x30, 0x00]],
        ..org.definition()
    };
    assert!(matches!(newest(&garbage), SetupFault::Crl { index: 0, .. }));
}

#[test]
fn tls_cas() {
    let org = Org::new();
    let tls_root = Issued::self_signed(Spec::ca("tlsca", Key::p256(4)));
    let tls_middle = tls_root.issue(Spec::ca("tlsmiddle", Key::p256(5)));
    let good = Definition {
        tls_roots: vec![&tls_root],
        tls_intermediates: vec![&tls_middle],
        ..org.definition()
    };
    let msp = msp(&good);
    assert!(msp.tls_roots().eq([tls_root.pem()]));
    assert!(msp.tls_intermediates().eq([tls_middle.pem()]));
    let place = CertificatePlace::TlsIntermediate(0);
    let alone = Definition {
        tls_roots: vec![&org.root],
        ..good.clone()
    };
    let source = InvalidIdentity::Chain(ChainError::Verification(x509::ChainError::None));
    assert_eq!(newest(&alone), SetupFault::CaInvalid { place, source });
    let leaf = tls_root.issue(Spec::leaf("leaf", &[], Key::p256(6)));
    let not_ca = Definition {
        tls_intermediates: vec![&leaf],
        ..good.clone()
    };
    assert_eq!(newest(&not_ca), SetupFault::NotCa { place });
    let crls = vec![tls_root.crl(&[1], true, &tls_root.key)];
    let source = InvalidIdentity::Revoked { index: 0 };
    assert_eq!(
        newest(&Definition { crls, ..good }),
        SetupFault::CaInvalid { place, source }
    );
}

#[test]
fn ou_identifiers_name_cas_at_the_end_of_the_tree() {
    let org = Org::new();
    let middle = org.root.issue(Spec::ca("middle", Key::p256(4)));
    let low = middle.issue(Spec::ca("low", Key::p256(5)));
    let admin = low.issue(Spec::leaf("admin", &["unit"], Key::p256(2)));
    let with = |certifier| Definition {
        intermediates: vec![&middle, &low],
        admins: vec![&admin],
        ou_identifiers: vec![("unit", certifier)],
        ..org.definition()
    };
    let place = CertificatePlace::OuIdentifier(0);
    assert_eq!(
        newest(&with(None)),
        SetupFault::Certificate {
            place,
            source: IdentityError::NoPem
        }
    );
    let unlisted = middle.issue(Spec::ca("unlisted", Key::p256(6)));
    assert_eq!(
        newest(&with(Some(&unlisted))),
        SetupFault::UnknownCertifier { place }
    );
    assert_eq!(
        newest(&with(Some(&middle))),
        SetupFault::CertifierChain {
            place,
            source: ChainError::IssuerIsInternal
        }
    );
    // A root may be named although it issues no identities here: then nobody qualifies.
    let source = InvalidIdentity::NoRecognizedOu;
    assert_eq!(
        newest(&with(Some(&org.root))),
        SetupFault::AdminInvalid { index: 0, source }
    );
    assert!(validity(&msp(&with(Some(&low))), &admin).is_ok());
}

#[test]
fn node_ous_by_version() {
    let org = Org::new();
    let client = org.leaf(&["client"]);
    let with = |enable, roles| Definition {
        admins: vec![&client],
        node_ous: Some(NodeOus { enable, roles }),
        ..org.definition()
    };
    let (client_ou, peer_ou) = (Some(("client", None)), Some(("peer", None)));
    let missing = |role| SetupFault::NodeOuMissing { role };
    for version in [MspVersion::V1_1, MspVersion::V1_3] {
        // Both are mandatory, even where they are not enforced.
        for enable in [false, true] {
            let no_peer = with(enable, [client_ou, None, None, None]);
            assert_eq!(fault(version, &no_peer), missing(NodeOuRole::Peer));
            let empty = with(enable, [Some(("", None)), peer_ou, None, None]);
            assert_eq!(fault(version, &empty), missing(NodeOuRole::Client));
        }
        msp_of(version, &with(true, [client_ou, peer_ou, None, None]));
    }
    for version in [MspVersion::V1_4_3, MspVersion::V3_0] {
        msp_of(version, &with(true, [client_ou, None, None, None]));
        msp_of(version, &with(false, [None; 4]));
    }
    // The oldest rules do not look at the message at all.
    let stranger = Issued::self_signed(Spec::ca("stranger", Key::p256(6)));
    let bad_certifier = with(
        false,
        [Some(("client", Some(&stranger))), peer_ou, None, None],
    );
    msp_of(MspVersion::V1_0, &bad_certifier);
    let place = CertificatePlace::NodeOu(NodeOuRole::Client);
    for version in &VERSIONS[1..] {
        assert_eq!(
            fault(*version, &bad_certifier),
            SetupFault::UnknownCertifier { place }
        );
    }
}

#[test]
fn administrators_by_version() {
    let org = Org::new();
    let none = Definition {
        admins: vec![],
        ..org.definition()
    };
    for version in VERSIONS {
        if version < MspVersion::V1_4_3 {
            msp_of(version, &none);
        } else {
            assert_eq!(fault(version, &none), SetupFault::NoAdmins);
        }
    }
    msp(&org.with_node_ous());
    let mut no_admin_ou = NodeOus::all();
    no_admin_ou.roles[2] = None;
    let definition = Definition {
        node_ous: Some(no_admin_ou),
        ..org.with_node_ous()
    };
    assert_eq!(newest(&definition), SetupFault::NoAdmins);
    let disabled = NodeOus {
        enable: false,
        ..NodeOus::all()
    };
    let definition = Definition {
        node_ous: Some(disabled),
        ..org.with_node_ous()
    };
    assert_eq!(newest(&definition), SetupFault::NoAdmins);
}

#[test]
fn administrators_with_node_ous() {
    let org = Org::new();
    let with = |version, ous: &[&str]| {
        let admin = org.leaf(ous);
        let definition = Definition {
            admins: vec![&admin],
            ..org.with_node_ous()
        };
        Msp::new(version, &definition.serialized())
            .map(drop)
            .map_err(|error| error.fault)
    };
    let (old, new) = (MspVersion::V1_3, MspVersion::V1_4_3);
    let without_role = Err(SetupFault::AdminWithoutRole { index: 0 });
    let invalid = |source| Err(SetupFault::AdminInvalid { index: 0, source });
    assert_eq!(with(old, &["client"]), Ok(()));
    assert_eq!(with(old, &["peer"]), without_role);
    assert_eq!(with(old, &["admin"]), invalid(InvalidIdentity::NoRole));
    assert_eq!(
        with(old, &["client", "peer"]),
        invalid(InvalidIdentity::SeveralRoles)
    );
    assert_eq!(with(new, &["client"]), Ok(()));
    assert_eq!(with(new, &["admin"]), Ok(()));
    assert_eq!(with(new, &["client", "peer"]), Ok(()));
    assert_eq!(with(new, &["peer"]), without_role);
    let ca_admin = Definition {
        admins: vec![&org.root],
        ..org.with_node_ous()
    };
    assert_eq!(
        fault(new, &ca_admin),
        SetupFault::AdminInvalid {
            index: 0,
            source: InvalidIdentity::IsCa
        }
    );
}

#[test]
fn hashes_and_signing_identities() {
    let org = Org::new();
    let unknown = Definition {
        identity_hash: "MD5",
        ..org.definition()
    };
    assert_eq!(
        newest(&unknown),
        SetupFault::UnknownHash {
            found: "MD5".into()
        }
    );
    let signing = Definition {
        signing_identity: true,
        ..org.definition()
    };
    assert_eq!(newest(&signing), SetupFault::SigningIdentity);
}
