//! Identity signatures per second: the libraries, and each backend with tables of each size.
//!
//! `cargo bench --bench signatures` measures, in CPU time of its thread, which other programs do not add
//! to; under `cargo test` each case runs once. All measured signatures are good, over messages of 100
//! bytes by eight keys of one kind; that bad ones are found is checked beside, and a hash of all those verdicts is
//! printed.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use ed25519_dalek::Signer as _;
use heddle::crypto::{
    Backend, Curve, EcdsaKey, Ed25519Key, PublicKey, SignatureHash, SignatureJob, SignedMessage,
    sha256, verify_batch_with,
};
use heddle::sys::process::thread_cpu_ns;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};

const KEYS: usize = 8;
const BATCHES: [usize; 4] = [8, 64, 256, 1024];

/// A kind of keys, and its tables.
struct Kind {
    name: &'static str,
    signer: fn(secret: [u8; 32]) -> Signer,
    tables: [(&'static str, usize); 3],
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "P-256",
        signer: |secret| Signer::P256(SigningKey::from_slice(&secret).expect("a secret")),
        tables: [
            ("warm, 8 KiB", 8 << 10),
            ("hot, 64 KiB", 64 << 10),
            ("wide, 2.75 MiB", 2816 << 10),
        ],
    },
    Kind {
        name: "Ed25519",
        signer: |secret| Signer::Ed25519(ed25519_dalek::SigningKey::from_bytes(&secret)),
        tables: [
            ("warm, 12 KiB", 12 << 10),
            ("hot, 96 KiB", 96 << 10),
            ("full, 384 KiB", 384 << 10),
        ],
    },
];

enum Signer {
    P256(SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl Signer {
    fn key(&self) -> PublicKey {
        match self {
            Self::P256(signer) => {
                let point = signer.verifying_key().to_sec1_point(false);
                let key = EcdsaKey::from_uncompressed_point(Curve::P256, point.as_bytes());
                PublicKey::Ecdsa(key.expect("a point"))
            }
            Self::Ed25519(signer) => {
                let key = Ed25519Key::from_bytes(signer.verifying_key().as_bytes());
                PublicKey::Ed25519(key.expect("a key"))
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(signer) => {
                let signature: Signature = signer
                    .sign_prehash(&sha256(message).0)
                    .expect("signs any digest");
                signature.normalize_s().to_der().as_bytes().to_vec()
            }
            Self::Ed25519(signer) => signer.sign(message).to_vec(),
        }
    }
}

struct Signed {
    key: usize,
    message: [u8; 100],
    signature: Vec<u8>,
}

fn signatures(signers: &[Signer], count: usize) -> Vec<Signed> {
    let places = (0..count).zip((0..signers.len()).cycle());
    places
        .map(|(at, key)| {
            let mut message = [7; 100];
            let (number, _) = message.split_at_mut(8);
            number.copy_from_slice(&at.to_le_bytes());
            let signer = signers.get(key).expect("a signer");
            Signed {
                key,
                message,
                signature: signer.sign(&message),
            }
        })
        .collect()
}

fn jobs<'a>(signed: &'a [Signed], keys: &'a [PublicKey]) -> Vec<SignatureJob<'a>> {
    signed
        .iter()
        .map(|signed| SignatureJob {
            digest: None,
            key: keys.get(signed.key).expect("a key"),
            hash: SignatureHash::Sha256,
            message: SignedMessage {
                head: &signed.message,
                tail: &[],
            },
            signature: &signed.signature,
        })
        .collect()
}

/// Verdicts on signatures of which every seventh is damaged, as one hash.
fn hash_of_verdicts(backend: Backend, signers: &[Signer], keys: &[PublicKey]) -> String {
    let mut signed = signatures(signers, 256);
    for signed in signed.iter_mut().step_by(7) {
        let (last, _) = signed.signature.split_last_mut().expect("a signature");
        *last ^= 1;
    }
    let verdicts = verify_batch_with(backend, &jobs(&signed, keys));
    let bytes: Vec<u8> = verdicts.into_iter().map(u8::from).collect();
    sha256(&bytes).to_string()
}

fn signature(criterion: &mut Criterion, kind: &Kind) {
    let signers: Vec<Signer> = (1..=KEYS)
        .map(|key| (kind.signer)(sha256(&key.to_le_bytes()).0))
        .collect();
    let signed = signatures(&signers, BATCHES.into_iter().max().unwrap_or(1));
    let plain: Vec<PublicKey> = signers.iter().map(Signer::key).collect();
    let expected = hash_of_verdicts(Backend::Library, &signers, &plain);
    let mut group = criterion.benchmark_group(format!("signatures, {}", kind.name));
    let mut measure = |backend: Backend, tables: &str, keys: &[PublicKey]| {
        assert_eq!(hash_of_verdicts(backend, &signers, keys), expected);
        for batch in BATCHES {
            let some = signed.get(..batch).expect("as many as the largest batch");
            let jobs = jobs(some, keys);
            group.throughput(Throughput::Elements(batch as u64));
            let id = BenchmarkId::new(format!("{backend} ({tables})"), batch);
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|rounds| {
                    let start = thread_cpu_ns();
                    for _ in 0..rounds {
                        let verdicts = verify_batch_with(backend, &jobs);
                        assert!(verdicts.iter().all(|&good| good));
                    }
                    Duration::from_nanos(thread_cpu_ns() - start)
                });
            });
        }
    };
    measure(Backend::Library, "no tables", &plain);
    for (name, bytes) in kind.tables {
        let with_tables = plain.iter().map(|key| key.with_table(bytes));
        let keys: Vec<PublicKey> = with_tables.collect::<Option<_>>().expect("a known size");
        for backend in [Backend::Scalar, Backend::Avx512Ifma] {
            if backend.is_available() {
                measure(backend, name, &keys);
            }
        }
    }
    group.finish();
    #[expect(
        clippy::print_stderr,
        reason = "the hash belongs to the bench's output"
    )]
    {
        eprintln!("verdicts, {}: {expected}", kind.name);
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for kind in &KINDS {
        signature(&mut criterion, kind);
    }
    criterion.final_summary();
}
