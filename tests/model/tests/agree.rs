//! Model and pipeline agree on generated and mutated chains, at one worker and several.

use model::{Effort, Tally, explore};

/// 5,000 transactions with everything in them.
#[test]
fn on_five_thousand_transactions() {
    let effort = Effort {
        blocks: 8,
        txs: 24,
        workers: vec![1, 4],
        shrinks: 500,
    };
    let mut tally = Tally::default();
    let mut seed = 0;
    while tally.transactions() < 5_000 {
        seed += 1;
        if let Err(found) = explore(seed, &effort, &mut tally) {
            panic!("seed {seed}: {}\n{:#?}", found.difference, found.script);
        }
    }
    // Whatever the seeds give, these come up.
    println!("{tally:?}");
    assert!(tally.codes.len() > 12, "{tally:?}");
}

/// What model and pipeline once saw differently.
mod cases {
    use heddle::testing::kit::{
        ChaincodeDefinition, Collected, Collection, Principal, SignaturePolicy, any_of, by, ns,
    };
    use heddle::testing::play::Play;
    use heddle::types::ValidationCode;
    use model::check_blocks;

    /// A write and two deletes of one key in one write set: the flags add up to 17, which is neither a
    /// delete nor a write, so the old value stays, and a key that is not there does not come.
    #[test]
    fn a_write_and_two_deletes_are_nothing() {
        let mut play = Play::with_orgs(3).unwrap();
        let definition = play.definition(&ChaincodeDefinition::new("assets"));
        let envelope = definition.envelope();
        play.commit([envelope]).unwrap();
        for _ in 0..2 {
            let set = ns("assets").write("a", "x").delete("a").delete("a");
            let odd = play.tx("assets", [set]).envelope();
            let validated = play.commit([odd]).unwrap();
            assert_eq!(validated.codes(), [ValidationCode::Valid]);
            let plain = play.tx("assets", [ns("assets").write("a", "y")]).envelope();
            play.commit([plain]).unwrap();
        }
        check_blocks(&play.blocks).unwrap();
    }

    /// Policies take a collection without a name for the public part: a write to it needs the
    /// chaincode's policy, and then the channel stops, since there is no such collection.
    #[test]
    fn a_collection_without_a_name_is_guarded_by_the_chaincode() {
        let mut play = Play::with_orgs(3).unwrap();
        let members: SignaturePolicy = any_of([by(Principal::Peer("Org1MSP".into()))]).into();
        let definition =
            ChaincodeDefinition::new("assets").collection(Collection::new("own", &members));
        let envelope = play.definition(&definition).envelope();
        play.commit([envelope]).unwrap();
        let write = || [ns("assets").collection(&Collected::new("").write("key", "value"))];
        let orgs = &play.network.orgs;
        let weak = play.tx("assets", write()).endorsed_by([&orgs[0].peer]);
        let weak = weak.envelope();
        let codes = play.commit([weak]).unwrap().codes().to_vec();
        assert_eq!(codes, [ValidationCode::EndorsementPolicyFailure]);
        let strong = play.tx("assets", write()).envelope();
        let stopping = play.chain.draft([strong]);
        play.commit_draft(&stopping).unwrap_err();
        let mut blocks = play.blocks.clone();
        blocks.push(stopping.serialize().into());
        check_blocks(&blocks).unwrap();
    }
}

/// Workloads of the load generator, mutations and every fault among them.
#[test]
fn on_workloads() {
    for seed in [4, 20, 36, 76] {
        let built = model::build_workload(seed).unwrap();
        let checked = model::check(&built, seed, &[1, 4]);
        checked.unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
    }
}
