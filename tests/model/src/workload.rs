//! Workloads of the load generator, with settings that follow from a seed.

use heddle::testing::kit::KeyKind;
use heddle::testing::workload::{SpecError, Workload, WorkloadSpec};
use heddle::types::ChannelId;

use crate::{Built, Model, on_deep_stack};

/// A workload with a bit of everything, and the model's verdicts on it.
///
/// # Errors
/// The load generator cannot make it.
pub fn build_workload(seed: u64) -> Result<Built, SpecError> {
    let spec = spec(seed);
    let channel = ChannelId::new(&spec.channel)?;
    let workload = Workload::new(spec)?;
    Ok(on_deep_stack(|| {
        let mut model = Model::new(channel.clone());
        let mut built = Built {
            channel,
            blocks: Vec::new(),
            verdicts: Vec::new(),
        };
        for block in workload {
            let verdict = model.commit(&block.bytes);
            let committed = verdict.is_ok();
            built.blocks.push(block.bytes);
            built.verdicts.push(verdict);
            if !committed {
                break;
            }
        }
        built
    }))
}

fn spec(seed: u64) -> WorkloadSpec {
    let share = |of: u64| f64::from(u32::try_from(seed / of % 4).unwrap_or(0)) / 20.0;
    WorkloadSpec {
        seed,
        blocks: 8,
        txs: 60,
        key_kind: if seed.is_multiple_of(5) {
            KeyKind::Ed25519
        } else {
            KeyKind::P256
        },
        keys: 200,
        hot_keys: 4,
        hot_share: share(1),
        deletes: share(3),
        conflicts: share(5),
        raw_ranges: share(7),
        merkle_ranges: share(11),
        key_policies: share(13),
        private: share(17),
        block_to_live: seed % 3,
        config_every: 3 + seed % 4,
        invalid: share(19),
        system_reads: seed.is_multiple_of(3),
        ..WorkloadSpec::default()
    }
}
