//! The fuzz targets' seeds, run with the stable compiler.

use std::fs;
use std::path::Path;

use heddle::fuzzing::TARGETS;

/// Each target has seeds, and no target complains about one of them or about a damaged one.
#[test]
fn seeds_break_no_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, target) in TARGETS {
        let entries = fs::read_dir(root.join(name)).expect("a folder of seeds");
        let paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert!(!paths.is_empty(), "{name} has seeds");
        for path in paths {
            let seed = fs::read(&path).expect("a readable seed");
            target(&seed);
            for_each_damage(&seed, target, damaged_places(name));
        }
    }
}

/// How many places of a seed are damaged: fewer where a run takes milliseconds.
fn damaged_places(target: &str) -> usize {
    match target {
        "config_block" | "config_update" | "block_file" => 30,
        "p256_differential" | "ed25519_differential" => 30,
        "gossip_message" | "gossip_core" => 60,
        _ => 1000,
    }
}

/// Prefixes, and bytes turned over: a small fuzzer that always does the same.
fn for_each_damage(seed: &[u8], target: fn(&[u8]), places: usize) {
    let mut damaged = seed.to_vec();
    for at in (0..seed.len()).step_by(seed.len() / places + 1) {
        target(seed.get(..at).unwrap_or_default());
        for mask in [0x01, 0x80, 0xff] {
            if let Some(byte) = damaged.get_mut(at) {
                *byte ^= mask;
            }
            target(&damaged);
            if let Some(byte) = damaged.get_mut(at) {
                *byte ^= mask;
            }
        }
    }
}

/// A target without its file in `fuzz/`, or a file without its target, would never run.
#[test]
fn each_function_has_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let entries = fs::read_dir(folder).expect("a folder of targets");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            path.file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    files.sort();
    // The comparison with the model is not the crate's own: its seeds run in the model's tests.
    let mut functions: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    functions.push("pipeline_model");
    functions.sort_unstable();
    assert_eq!(files, functions);
}
