//! Transactions per second through verify: identities and signatures, spread over all cores.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use criterion::Criterion;
use heddle::testing::kit::KeyKind;
use support::{Chain, bench_stage, slow_group};

fn verify(criterion: &mut Criterion) {
    let chain = |endorsements, key_kind| {
        Chain::new(|spec| {
            spec.endorsements = endorsements;
            spec.key_kind = key_kind;
        })
    };
    let ecdsa = [1, 2, 4].map(|endorsements| (endorsements, KeyKind::P256, "ECDSA"));
    let ed25519 = [(2, KeyKind::Ed25519, "Ed25519")];
    for (endorsements, key_kind, name) in ecdsa.into_iter().chain(ed25519) {
        let chain = chain(endorsements, key_kind);
        let mut group = slow_group(criterion, "verify", chain.transactions);
        let name = format!("{name}, {endorsements} endorsements");
        bench_stage(&mut group, "verify", &name, &chain);
        group.finish();
    }
}

fn main() {
    support::run(&[verify]);
}
