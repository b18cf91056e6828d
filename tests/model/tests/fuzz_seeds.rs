//! The seeds of the fuzz target `pipeline_model`, run with the stable compiler: heddle and the model
//! agree on the chains that they decide on, and on those of damaged seeds.

use std::fs;
use std::path::Path;

use heddle::fuzzing::generated_chain;
use model::check_blocks;

/// Places of a seed that are damaged: a chain takes some milliseconds.
const DAMAGED_PLACES: usize = 12;

#[test]
fn seeds_of_the_fuzz_target_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/pipeline_model");
    let mut seeds = 0;
    for entry in fs::read_dir(folder).expect("a folder of seeds") {
        let mut seed = fs::read(entry.expect("an entry").path()).expect("a readable seed");
        assert_eq!(check_blocks(&generated_chain(&seed)), Ok(()));
        for at in (0..seed.len()).step_by(seed.len() / DAMAGED_PLACES + 1) {
            seed[at] ^= 0x55;
            assert_eq!(
                check_blocks(&generated_chain(&seed)),
                Ok(()),
                "damaged at {at}"
            );
        }
        seeds += 1;
    }
    assert!(seeds > 1, "there are seeds");
}
