//! Each ECDSA engine beside another library that computes the same equation.

use proptest::prelude::*;

use crate::crypto::{
    Curve, EcdsaKey, PublicKey, SignatureHash, SignatureJob, SignedMessage, encode_ecdsa_signature,
    sha256, verify,
};

/// What happens to a good signature before both sides see it.
#[derive(Debug, Clone, Copy)]
enum Damage {
    None,
    FlipR(usize),
    FlipS(usize),
    FlipMessage,
    Swap,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => Just(Damage::None),
        1 => any::<usize>().prop_map(Damage::FlipR),
        1 => any::<usize>().prop_map(Damage::FlipS),
        1 => Just(Damage::FlipMessage),
        1 => Just(Damage::Swap),
    ]
}

fn flip(bytes: &mut [u8], bit: usize) {
    let bit = bit % (8 * bytes.len());
    bytes[bit / 8] ^= 1 << (bit % 8);
}

macro_rules! twin {
    ($name:ident, $library:ident, $curve:expr) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(48))]
            #[test]
            fn $name(secret in 1_u64.., message: Vec<u8>, damage in damage()) {
                use $library::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
                use $library::ecdsa::{Signature, SigningKey};

                let mut scalar = vec![0; $curve.scalar_length()];
                let at = scalar.len() - 8;
                scalar[at..].copy_from_slice(&secret.to_be_bytes());
                let signer = SigningKey::from_slice(&scalar).unwrap();
                // The other library wants a digest at least half as long as the order.
                let mut digest = vec![0; $curve.scalar_length().saturating_sub(32)];
                digest.extend(sha256(&message).0);
                let signature: Signature = signer.sign_prehash(&digest).unwrap();
                let signature = signature.normalize_s();
                let (mut r, mut s) =
                    (signature.r().to_bytes().to_vec(), signature.s().to_bytes().to_vec());
                let mut message = message;
                match damage {
                    Damage::None => {}
                    Damage::FlipR(bit) => flip(&mut r, bit),
                    Damage::FlipS(bit) => flip(&mut s, bit),
                    Damage::FlipMessage => message.push(0),
                    Damage::Swap => std::mem::swap(&mut r, &mut s),
                }
                let mut digest = vec![0; $curve.scalar_length().saturating_sub(32)];
                digest.extend(sha256(&message).0);
                let expected = Signature::from_slice(&[r.clone(), s.clone()].concat())
                    .is_ok_and(|signature| {
                        signature.normalize_s() == signature
                            && signer.verifying_key().verify_prehash(&digest, &signature).is_ok()
                    });

                let point = signer.verifying_key().to_sec1_point(false);
                let key = EcdsaKey::from_uncompressed_point($curve, point.as_bytes()).unwrap();
                let verdict = verify(&SignatureJob {
                    digest: None,
                    key: &PublicKey::Ecdsa(key),
                    hash: SignatureHash::Sha256,
                    message: SignedMessage { head: &message, tail: &[] },
                    signature: &encode_ecdsa_signature(&r, &s),
                });
                prop_assert_eq!(verdict, expected);
                prop_assert!(verdict || !matches!(damage, Damage::None));
            }
        }
    };
}

twin!(p256_agrees_with_its_twin, p256, Curve::P256);
twin!(p384_agrees_with_its_twin, p384, Curve::P384);
twin!(p521_agrees_with_its_twin, p521, Curve::P521);
