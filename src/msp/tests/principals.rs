//! Principals other than roles, and principals that are broken.

use super::*;
use crate::crypto::sha256;

fn organization_unit(msp_id: &str, unit: &str, certifiers_id: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, 1, msp_id.as_bytes());
    put_bytes(&mut bytes, 2, unit.as_bytes());
    put_bytes(&mut bytes, 3, certifiers_id);
    principal(1, &bytes)
}

fn anonymity(kind: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_uint(&mut bytes, 1, kind);
    principal(3, &bytes)
}

#[test]
fn organization_units_are_compared_with_their_certifiers() {
    let org = Org::new();
    let leaf = org.leaf(&["blue", "red"]);
    let certifiers = sha256(&org.root.der).0;
    for version in VERSIONS {
        let msp = msp_of(version, &org.definition());
        let asked = |principal: &[u8]| ask(&msp, &leaf, principal);
        assert_eq!(
            asked(&organization_unit("Org1MSP", "blue", &certifiers)),
            Ok(())
        );
        assert_eq!(
            asked(&organization_unit("Org1MSP", "red", &certifiers)),
            Ok(())
        );
        let other = Err(Unsatisfied::OtherOu);
        assert_eq!(
            asked(&organization_unit("Org1MSP", "green", &certifiers)),
            other
        );
        assert_eq!(asked(&organization_unit("Org1MSP", "blue", &[])), other);
        let other_msp = Err(Unsatisfied::OtherMsp);
        assert_eq!(
            asked(&organization_unit("Org2MSP", "blue", &certifiers)),
            other_msp
        );
        let invalid = Unsatisfied::Invalid(InvalidIdentity::IsCa);
        let root = ask(
            &msp,
            &org.root,
            &organization_unit("Org1MSP", "blue", &certifiers),
        );
        assert_eq!(root, Err(invalid));
    }
}

#[test]
fn identities_are_compared_in_canonical_form() {
    let org = Org::new();
    let spec = Spec::leaf("leaf", &[], Key::p256(3));
    let leaf = org.root.issue(spec.clone());
    let high = org.root.issue(Spec {
        high_s: true,
        ..spec
    });
    let named = |certificate: &Issued, msp_id| principal(2, &certificate.serialized(msp_id));
    for version in VERSIONS {
        let msp = msp_of(version, &org.definition());
        assert_eq!(ask(&msp, &leaf, &named(&leaf, "Org1MSP")), Ok(()));
        assert_eq!(ask(&msp, &leaf, &named(&high, "Org1MSP")), Ok(()));
        assert_eq!(ask(&msp, &high, &named(&leaf, "Org1MSP")), Ok(()));
        let other = Err(Unsatisfied::OtherIdentity);
        assert_eq!(ask(&msp, &leaf, &named(&org.admin, "Org1MSP")), other);
        assert_eq!(
            ask(&msp, &leaf, &named(&leaf, "Org2MSP")),
            Err(Unsatisfied::OtherMsp)
        );
        let garbage = principal(2, &pki::serialized("Org1MSP", b"garbage"));
        let unreadable = Err(Unsatisfied::PrincipalIdentity(IdentityError::NoPem));
        assert_eq!(ask(&msp, &leaf, &garbage), unreadable);
        let invalid = Err(Unsatisfied::Invalid(InvalidIdentity::IsCa));
        assert_eq!(ask(&msp, &org.root, &named(&org.root, "Org1MSP")), invalid);
    }
}

#[test]
fn nominal_principals_do_not_ask_for_validity() {
    let org = Org::new();
    // Signed with Ed25519, so that it is read without a chain.
    let stranger = Issued::self_signed(Spec::leaf("stranger", &[], Key::ed25519(9)));
    for version in VERSIONS {
        let msp = msp_of(version, &org.definition());
        let asked = |kind| ask(&msp, &stranger, &anonymity(kind));
        assert!(validity(&msp, &stranger).is_err());
        if version < MspVersion::V1_3 {
            assert_eq!(asked(0), Err(Unsatisfied::ClassUnsupported { class: 3 }));
            continue;
        }
        assert_eq!(asked(0), Ok(()));
        assert_eq!(asked(1), Err(Unsatisfied::NotAnonymous));
        assert_eq!(asked(2), Err(Unsatisfied::UnknownAnonymity { kind: 2 }));
    }
}

#[test]
fn combined_principals_hold_where_all_parts_do() {
    let org = Org::new();
    let leaf = org.leaf(&["blue"]);
    let member = role("Org1MSP", MEMBER);
    let blue = organization_unit("Org1MSP", "blue", &sha256(&org.root.der).0);
    let admin = role("Org1MSP", ADMIN);
    for version in VERSIONS {
        let msp = msp_of(version, &org.definition());
        let asked = |parts: &[Vec<u8>]| ask(&msp, &leaf, &combined(parts));
        let both = asked(&[member.clone(), blue.clone()]);
        if version < MspVersion::V1_3 {
            assert_eq!(both, Err(Unsatisfied::ClassUnsupported { class: 4 }));
            continue;
        }
        assert_eq!(both, Ok(()));
        assert_eq!(
            asked(&[
                combined(std::slice::from_ref(&blue)),
                combined(std::slice::from_ref(&member))
            ]),
            Ok(())
        );
        let not_admin = Err(Unsatisfied::NotListedAdmin);
        assert_eq!(
            asked(&[member.clone(), combined(std::slice::from_ref(&admin))]),
            not_admin
        );
        let broken = |broken| Err(Unsatisfied::Broken(broken));
        assert_eq!(asked(&[]), broken(BrokenPrincipal::EmptyCombined));
        assert_eq!(
            asked(&[member.clone(), combined(&[])]),
            broken(BrokenPrincipal::EmptyCombined)
        );
        let unknown = BrokenPrincipal::UnknownClass { class: 9 };
        assert_eq!(asked(&[member.clone(), principal(9, &[])]), broken(unknown));
        let undecodable = asked(&[member.clone(), principal(0, &[0xff])]);
        assert!(matches!(
            undecodable,
            Err(Unsatisfied::Broken(BrokenPrincipal::Undecodable {
                class: 0,
                ..
            }))
        ));
    }
}

#[test]
fn broken_principals_are_never_satisfied() {
    let org = Org::new();
    let msp = msp(&org.definition());
    let asked = |principal: &[u8]| ask(&msp, &org.admin, principal).unwrap_err();
    for class in 0..5 {
        assert!(matches!(
            asked(&principal(class, &[0xff])),
            Unsatisfied::Broken(BrokenPrincipal::Undecodable { .. })
        ));
    }
    assert!(matches!(asked(&principal(5, &[])), Unsatisfied::Broken(_)));
    assert_eq!(asked(&principal(0, &[])), Unsatisfied::OtherMsp);
    let negative = principal(u64::MAX, &[]);
    assert_eq!(
        decode(&negative).broken(),
        Some(BrokenPrincipal::UnknownClass { class: -1 })
    );
}

#[test]
fn combined_principals_nest_without_limit_and_repeat_for_free() {
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(|| {
            let mut nested = role("Org1MSP", MEMBER);
            for _ in 0..1_500 {
                nested = combined(&[nested]);
            }
            let org = Org::new();
            let msp = msp(&org.definition());
            assert_eq!(ask(&msp, &org.admin, &nested), Ok(()));
            let repeated = decode(&combined(&vec![nested; 50]));
            assert_eq!(repeated.to_string(), "Org1MSP.member");
            assert_eq!(repeated.msp_id(), Some("Org1MSP"));
        })
        .unwrap()
        .join()
        .unwrap();
}
