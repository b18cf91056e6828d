//! What is an identity, what makes two the same one, and which are valid.

use super::pki::{pem, serialized};
use super::*;
use crate::crypto::{SignatureHash, SignedMessage, sha256, verify};
use crate::x509;

fn no_chain() -> IdentityError {
    IdentityError::Chain(ChainError::Verification(x509::ChainError::None))
}

#[test]
fn bytes_that_are_no_identity() {
    let org = Org::new();
    let msp = msp(&org.definition());
    let refusal = |serialized: &[u8]| deserialize(&msp, serialized).unwrap_err();
    let leaf = org.leaf(&[]);
    assert!(matches!(refusal(&[0xff]), IdentityError::Undecodable(_)));
    assert_eq!(
        refusal(&leaf.serialized("Org2MSP")),
        IdentityError::UnknownMsp {
            msp_id: "Org2MSP".into()
        }
    );
    assert_eq!(refusal(&serialized("Org1MSP", b"")), IdentityError::NoPem);
    assert_eq!(
        refusal(&serialized("Org1MSP", &leaf.der)),
        IdentityError::NoPem
    );
    let trailing = pem("CERTIFICATE", &[&leaf.der[..], &[0]].concat());
    assert!(matches!(
        refusal(&serialized("Org1MSP", &trailing)),
        IdentityError::Certificate(_)
    ));
    let self_signed = Issued::self_signed(Spec::leaf("leaf", &[], Key::p256(3)));
    assert_eq!(refusal(&self_signed.serialized("Org1MSP")), no_chain());
    let elsewhere = Issued::self_signed(Spec::ca("ca.org1", Key::p256(9)));
    let foreign = elsewhere.issue(Spec::leaf("leaf", &[], Key::p256(3)));
    assert_eq!(refusal(&foreign.serialized("Org1MSP")), no_chain());
}

#[test]
fn e4_every_writing_of_a_certificate_is_the_same_identity() {
    let org = Org::new();
    let msp = msp(&org.definition());
    let spec = Spec::leaf("leaf", &[], Key::p256(3));
    let (low, high) = (
        org.root.issue(spec.clone()),
        org.root.issue(Spec {
            high_s: true,
            ..spec
        }),
    );
    assert_ne!(low.der, high.der);
    let usual = identity(&msp, &low);
    let second_block = [low.pem(), org.admin.pem()].concat();
    let spaced = String::from_utf8(low.pem()).unwrap().replace('\n', "\r\n");
    let with_text = [b"leaf of org1\n".to_vec(), low.pem(), b"the end".to_vec()].concat();
    let writings = [
        pem("ANYTHING", &low.der),
        second_block,
        spaced.into_bytes(),
        with_text,
        high.pem(),
    ];
    for writing in writings {
        let other = deserialize(&msp, &serialized("Org1MSP", &writing)).unwrap();
        assert_eq!(other.id(), usual.id());
        assert_eq!(other.certificate().raw(), low.der);
        assert_eq!(other.validate(), Ok(()));
    }
    assert_ne!(identity(&msp, &org.admin).id(), usual.id());
    assert_eq!(usual.id().msp_id(), "Org1MSP");
    assert_eq!(usual.id().digest(), sha256(&low.der).0);
}

#[test]
fn the_same_certificate_under_two_msps_is_two_identities() {
    let org = Org::new();
    let twin = Definition {
        name: "TwinMSP",
        ..org.definition()
    };
    let manager = MspManager::new(vec![msp(&org.definition()), msp(&twin)]);
    let first = manager
        .deserialize(&org.admin.serialized("Org1MSP"))
        .unwrap();
    let second = manager
        .deserialize(&org.admin.serialized("TwinMSP"))
        .unwrap();
    assert_eq!(first.id().digest(), second.id().digest());
    assert_ne!(first.id(), second.id());
    assert_eq!(second.msp_id(), "TwinMSP");
}

#[test]
fn e38_expiry_does_not_count_but_the_beginning_does() {
    let root = Issued::self_signed(Spec {
        from: 5_000,
        to: 9_000,
        ..Spec::ca("ca", Key::p256(1))
    });
    let admin = root.issue(Spec {
        from: 6_000,
        ..Spec::leaf("admin", &[], Key::p256(2))
    });
    let msp = msp(&Definition {
        name: "Org1MSP",
        roots: vec![&root],
        admins: vec![&admin],
        ..Definition::default()
    });
    // Validity is looked at one second after the leaf begins; the year is 2024, long ago.
    let table = [
        (5_000, 9_000, true),
        (4_999, 9_000, true),
        (4_998, 9_000, false),
        (8_999, 20_000, true),
        (9_000, 20_000, false),
        (6_000, 6_001, true),
        (6_000, 6_000, false),
        (6_000, 5_000, false),
    ];
    for (from, to, valid) in table {
        let leaf = root.issue(Spec {
            from,
            to,
            ..Spec::leaf("leaf", &[], Key::p256(3))
        });
        match deserialize(&msp, &leaf.serialized("Org1MSP")) {
            Ok(identity) => assert!(valid && identity.is_valid(), "{from} to {to}"),
            Err(error) => assert!(!valid && error == no_chain(), "{from} to {to}: {error:?}"),
        }
    }
}

#[test]
fn e38_client_auth_alone_is_refused() {
    let org = Org::new();
    let msp = msp(&org.definition());
    let spec = Spec {
        only_client_auth: true,
        ..Spec::leaf("leaf", &[], Key::p256(3))
    };
    let leaf = org.root.issue(spec);
    assert_eq!(
        deserialize(&msp, &leaf.serialized("Org1MSP")).unwrap_err(),
        no_chain()
    );
}

#[test]
fn e38_two_cas_with_the_same_key_and_name_are_ambiguous() {
    let org = Org::new();
    let renewed = Issued::self_signed(Spec {
        serial: 2,
        from: 100,
        ..Spec::ca("ca.org1", Key::p256(1))
    });
    // The administrator began before the renewed CA did.
    let admin = org.root.issue(Spec {
        from: 50,
        ..Spec::leaf("admin", &[], Key::p256(2))
    });
    let msp = msp(&Definition {
        roots: vec![&org.root, &renewed],
        admins: vec![&admin],
        ..org.definition()
    });
    let leaf = org.leaf(&[]);
    assert_eq!(
        deserialize(&msp, &leaf.serialized("Org1MSP")).unwrap_err(),
        IdentityError::Chain(ChainError::Verification(x509::ChainError::Ambiguous {
            count: 2
        }))
    );
    assert_eq!(validity(&msp, &admin), Ok(()));
}

#[test]
fn e38_a_root_with_intermediates_issues_no_identities() {
    let root = Issued::self_signed(Spec::ca("ca", Key::p256(1)));
    let middle = root.issue(Spec::ca("middle", Key::p256(4)));
    let low = middle.issue(Spec::ca("low", Key::p256(5)));
    let unlisted = middle.issue(Spec::ca("unlisted", Key::p256(6)));
    let leaf = |ca: &Issued| ca.issue(Spec::leaf("leaf", &[], Key::p256(3)));
    let admin = leaf(&low);
    let msp = msp(&Definition {
        name: "Org1MSP",
        roots: vec![&root],
        intermediates: vec![&middle, &low],
        admins: vec![&admin],
        ..Definition::default()
    });
    let internal = Err(InvalidIdentity::Chain(ChainError::IssuerIsInternal));
    assert_eq!(validity(&msp, &leaf(&low)), Ok(()));
    assert_eq!(validity(&msp, &leaf(&middle)), internal);
    assert_eq!(validity(&msp, &leaf(&root)), internal);
    let serialized = leaf(&unlisted).serialized("Org1MSP");
    assert_eq!(deserialize(&msp, &serialized).unwrap_err(), no_chain());
}

#[test]
fn cas_are_not_identities() {
    let org = Org::new();
    let msp = msp(&org.definition());
    assert_eq!(validity(&msp, &org.root), Err(InvalidIdentity::IsCa));
    let unlisted = org.root.issue(Spec::ca("other", Key::p256(5)));
    assert_eq!(validity(&msp, &unlisted), Err(InvalidIdentity::IsCa));
    // A self-signed CA is its own anchor when it is read, whoever it is.
    let foreign = Issued::self_signed(Spec::ca("foreign", Key::p256(6)));
    assert_eq!(validity(&msp, &foreign), Err(InvalidIdentity::IsCa));
    let high = Issued::self_signed(Spec {
        high_s: true,
        ..Spec::ca("foreign", Key::p256(6))
    });
    assert_eq!(identity(&msp, &high).certificate().raw(), foreign.der);
}

#[test]
fn key_algorithms_by_version() {
    let org = Org::new();
    let ed25519 = org.root.issue(Spec::leaf("leaf", &[], Key::ed25519(3)));
    let rsa = org.root.issue(Spec::leaf("leaf", &[], Key::Rsa));
    for version in VERSIONS {
        let msp = msp_of(version, &org.definition());
        let refused = |algorithm| Err(InvalidIdentity::KeyAlgorithm { algorithm });
        let expected = if version == MspVersion::V3_0 {
            Ok(())
        } else {
            refused("Ed25519")
        };
        assert_eq!(validity(&msp, &ed25519), expected, "{version:?}");
        assert_eq!(validity(&msp, &rsa), refused("RSA"), "{version:?}");
    }
}

#[test]
fn certificates_of_ed25519_cas_are_taken_as_they_are() {
    let root = Issued::self_signed(Spec::ca("ca", Key::ed25519(1)));
    let admin = root.issue(Spec::leaf("admin", &[], Key::p256(2)));
    let definition = Definition {
        name: "Org1MSP",
        roots: vec![&root],
        admins: vec![&admin],
        ..Definition::default()
    };
    for version in VERSIONS {
        let msp = msp_of(version, &definition);
        assert_eq!(
            validity(&msp, &root.issue(Spec::leaf("leaf", &[], Key::p256(3)))),
            Ok(())
        );
        // No chain is needed to read it, but to be valid.
        let foreign = Issued::self_signed(Spec::leaf("leaf", &[], Key::ed25519(3)));
        let chain = ChainError::Verification(x509::ChainError::None);
        let expected = if version == MspVersion::V3_0 {
            InvalidIdentity::Chain(chain)
        } else {
            InvalidIdentity::KeyAlgorithm {
                algorithm: "Ed25519",
            }
        };
        assert_eq!(validity(&msp, &foreign), Err(expected));
    }
}

#[test]
fn name_constraints_and_a_host_name_do_not_go_together() {
    let root = Issued::self_signed(Spec {
        name_constraints: true,
        ..Spec::ca("ca", Key::p256(1))
    });
    let admin = root.issue(Spec::leaf("an admin", &[], Key::p256(2)));
    let msp = msp(&Definition {
        name: "Org1MSP",
        roots: vec![&root],
        admins: vec![&admin],
        ..Definition::default()
    });
    let host = root.issue(Spec::leaf("peer0.org1", &[], Key::p256(3)));
    assert_eq!(
        deserialize(&msp, &host.serialized("Org1MSP")).unwrap_err(),
        IdentityError::Chain(ChainError::Verification(
            x509::ChainError::NameConstraintsWithoutSan
        ))
    );
}

#[test]
fn high_s_cas_are_rewritten() {
    let spec = Spec::ca("ca.org1", Key::p256(1));
    let low = Issued::self_signed(spec.clone());
    let high = Issued::self_signed(Spec {
        high_s: true,
        ..spec
    });
    assert_ne!(low.der, high.der);
    let middle_spec = Spec::ca("middle", Key::p256(4));
    let middle = high.issue(Spec {
        high_s: true,
        ..middle_spec.clone()
    });
    let admin = middle.issue(Spec::leaf("admin", &["unit"], Key::p256(2)));
    let msp = msp(&Definition {
        name: "Org1MSP",
        roots: vec![&high],
        intermediates: vec![&middle],
        admins: vec![&admin],
        ou_identifiers: vec![("unit", Some(&middle))],
        ..Definition::default()
    });
    assert_eq!(msp.roots()[0].raw(), low.der);
    assert_eq!(msp.intermediates()[0].raw(), low.issue(middle_spec).der);
    // The certifiers of an OU are named by the rewritten chain.
    let leaf = middle.issue(Spec::leaf("leaf", &["unit"], Key::p256(3)));
    assert_eq!(validity(&msp, &leaf), Ok(()));
}

// --- signatures ----------------------------------------------------------------------------------

fn verdict(identity: &Identity, message: &[u8], signature: &[u8]) -> Option<bool> {
    let (head, tail) = message.split_at(message.len() / 2);
    identity
        .signature_job(SignedMessage { head, tail }, signature)
        .map(|job| verify(&job))
}

#[test]
fn e39_signatures_are_low_s_and_may_have_a_tail() {
    let org = Org::new();
    let identity = identity(&msp(&org.definition()), &org.admin);
    let message = b"message";
    let good = org.admin.key.sign(message, false);
    assert_eq!(verdict(&identity, message, &good), Some(true));
    assert_eq!(
        verdict(&identity, message, &[&good[..], b"tail"].concat()),
        Some(true)
    );
    assert_eq!(
        verdict(&identity, message, &org.admin.key.sign(message, true)),
        Some(false)
    );
    assert_eq!(verdict(&identity, b"another", &good), Some(false));
    assert_eq!(verdict(&identity, message, b""), None);
}

#[test]
fn e39_the_hash_family_is_the_msps() {
    let org = Org::new();
    let table = [
        ("", Some(SignatureHash::Sha256)),
        ("SHA2", Some(SignatureHash::Sha256)),
        ("SHA3", Some(SignatureHash::Sha3_256)),
        ("sha3", None),
    ];
    let message = SignedMessage {
        head: b"head",
        tail: b"tail",
    };
    for (family, expected) in table {
        let msp = msp(&Definition {
            signature_hash_family: family,
            ..org.definition()
        });
        let identity_p256 = identity(&msp, &org.admin);
        let job = identity_p256.signature_job(message, b"signature");
        assert_eq!(job.map(|job| job.hash), expected, "{family}");
        // Ed25519 signs the message itself, whatever the family.
        let ed25519 = org.root.issue(Spec::leaf("leaf", &[], Key::ed25519(3)));
        let signature = ed25519.key.sign(b"message", false);
        let ed25519 = identity(&msp, &ed25519);
        assert_eq!(
            verdict(&ed25519, b"message", &signature),
            Some(true),
            "{family}"
        );
        assert_eq!(verdict(&ed25519, b"", &signature), None);
    }
    let msp = msp(&org.definition());
    let rsa = identity(&msp, &org.root.issue(Spec::leaf("leaf", &[], Key::Rsa)));
    assert!(rsa.signature_job(message, b"signature").is_none());
}

#[test]
fn identity_hashes_are_the_msps() {
    let org = Org::new();
    for (name, length) in [
        ("", 32),
        ("SHA256", 32),
        ("SHA384", 48),
        ("SHA3_256", 32),
        ("SHA3_384", 48),
    ] {
        let msp = msp(&Definition {
            identity_hash: name,
            ..org.definition()
        });
        let identity = identity(&msp, &org.admin);
        assert_eq!(identity.id().digest().len(), length, "{name}");
        assert!(identity.is_valid());
    }
}

// --- revocation ----------------------------------------------------------------------------------

#[test]
fn revoked_identities_are_invalid() {
    let org = Org::new();
    let other = Issued::self_signed(Spec::ca("ca.org1", Key::p256(8)));
    let admin = org.root.issue(Spec {
        serial: 9,
        ..Spec::leaf("admin", &[], Key::p256(2))
    });
    let leaf = org.leaf(&[]);
    let key = &org.root.key;
    let revoked = |index| Err(InvalidIdentity::Revoked { index });
    let no_aki = |index| Err(InvalidIdentity::CrlWithoutAki { index });
    let with = |crls: Vec<Vec<u8>>| {
        validity(
            &msp(&Definition {
                crls,
                admins: vec![&admin],
                ..org.definition()
            }),
            &leaf,
        )
    };
    assert_eq!(with(vec![org.root.crl(&[7], true, key)]), revoked(0));
    assert_eq!(with(vec![org.root.crl(&[3, 7, 5], true, key)]), revoked(0));
    assert_eq!(with(vec![org.root.crl(&[8], true, key)]), Ok(()));
    assert_eq!(
        with(vec![other.crl(&[7], true, &other.key)]),
        Ok(()),
        "of another CA"
    );
    let forged = org.root.crl(&[7], true, &other.key);
    assert_eq!(
        with(vec![forged.clone()]),
        Ok(()),
        "a list with a bad signature is skipped"
    );
    assert_eq!(
        with(vec![forged, org.root.crl(&[7], true, key)]),
        revoked(1)
    );
    // A list that does not say whose it is spoils the MSP; an administrator cannot be valid either.
    let broken = |crls: Vec<Vec<u8>>| {
        let definition = Definition {
            crls,
            ..org.with_node_ous()
        };
        validity(&msp(&definition), &org.leaf(&["client"]))
    };
    assert_eq!(broken(vec![org.root.crl(&[8], false, key)]), no_aki(0));
    assert_eq!(
        broken(vec![
            other.crl(&[], true, &other.key),
            other.crl(&[], false, &other.key)
        ]),
        no_aki(1)
    );
}
