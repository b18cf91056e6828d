//! Figures: how long a block takes to everybody, and what it costs, without faults.
//!
//! Eight peers of one organization on a network with a line of a given speed at each peer and at the
//! orderer. Either one peer pulls and gossip spreads, or every peer pulls.

use std::time::Duration;

use heddle::gossip::core::{GossipOptions, LeaderMode};
use heddle::sys::clock::Instant;

use crate::scenario::{Network, PeerPlan, Scenario};
use crate::world::World;
use crate::{Sabotage, SimOptions};

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Peers of the organization.
    pub peers: usize,
    /// To how many peers each pushes; 0: every peer pulls from the orderer.
    pub fan_out: usize,
    /// A block's size.
    pub block_bytes: usize,
    /// Blocks that are sent.
    pub blocks: u64,
    /// Bytes that a line carries in a second.
    pub bandwidth: u64,
    /// One way between any two.
    pub delay: Duration,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// From the block at the leader, or at the orderers where everybody pulls, to it being stored by all
    /// peers: half of the blocks were not slower.
    pub median: Duration,
    /// The slowest block.
    pub worst: Duration,
    /// Bytes that peers sent for each byte of blocks, on average.
    pub sent_by_peers: f64,
    /// Of the peer that sent most.
    pub sent_by_busiest: f64,
    /// Bytes that the orderer sent for each byte of blocks.
    pub sent_by_orderer: f64,
}

/// Measures a setting.
///
/// # Errors
/// Where a check of the simulation fails, or a block does not reach everybody.
pub fn measure(setting: Setting) -> Result<Figures, String> {
    let options = SimOptions {
        peers: Some(setting.peers),
        sabotage: Sabotage::None,
    };
    let mut world = World::new(1, scenario(setting), options);
    // Everybody finds everybody, and a leader, first.
    let mut now = Instant::from_micros(60_000_000);
    world.run_until(now)?;
    let before = world.net.bytes_sent.clone();
    let mut times = Vec::new();
    for _ in 0..setting.blocks {
        world.order_block();
        let stored = world.until_stored(now, Duration::from_secs(30))?;
        times.push(stored);
        now = now.plus(Duration::from_secs(2)).max(now.plus(stored));
        world.run_until(now)?;
    }
    times.sort_unstable();
    let sent = |at: usize| {
        let sent = world.net.bytes_sent.get(&at).copied().unwrap_or(0);
        sent.saturating_sub(before.get(&at).copied().unwrap_or(0))
    };
    let all: Vec<u64> = (0..setting.peers).map(sent).collect();
    let share = |bytes: u64| bytes as f64 / (setting.blocks * setting.block_bytes as u64) as f64;
    Ok(Figures {
        median: times.get(times.len() / 2).copied().unwrap_or_default(),
        worst: times.last().copied().unwrap_or_default(),
        sent_by_peers: share(all.iter().sum::<u64>()) / setting.peers as f64,
        sent_by_busiest: share(all.iter().copied().max().unwrap_or(0)),
        sent_by_orderer: share(sent(usize::MAX)),
    })
}

fn scenario(setting: Setting) -> Scenario {
    let everybody_pulls = setting.fan_out == 0;
    let mut options = GossipOptions {
        leader: if everybody_pulls {
            LeaderMode::Always
        } else {
            LeaderMode::Elected
        },
        block_gossip: !everybody_pulls,
        fan_out: setting.fan_out.max(1),
        ..GossipOptions::default()
    };
    options.transfer.enabled = true;
    let never = Duration::from_secs(1 << 30);
    let plan = PeerPlan {
        org: 0,
        lies: false,
        expires: None,
        starts: Instant::default(),
        is_public: true,
    };
    Scenario {
        orgs: 1,
        inner_orgs: 0,
        peers: vec![plan; setting.peers],
        options,
        network: Network {
            delay_min: setting.delay,
            delay_max: setting.delay,
            loss: 0,
            duplicates: 0,
            stragglers: 0,
            bandwidth: setting.bandwidth,
        },
        faults: Vec::new(),
        heals_at: Instant::default().plus(never),
        block_interval: never,
        block_bytes: setting.block_bytes,
        blocks_before: 1,
    }
}

impl World {
    /// How long it takes until every peer has stored every block of the first channel.
    fn until_stored(&mut self, since: Instant, wait: Duration) -> Result<Duration, String> {
        let step = Duration::from_micros(100);
        let mut now = since;
        while now.since(since) < wait {
            let height = self.chains[0].height();
            if self
                .peers
                .iter()
                .all(|peer| peer.disks[0].durable == height)
            {
                return Ok(now.since(since));
            }
            now = now.plus(step);
            self.run_until(now)?;
        }
        Err(format!("a block did not reach everybody in {wait:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gossip_takes_the_orderers_load_away() {
        let setting = Setting {
            peers: 8,
            fan_out: 3,
            block_bytes: 100_000,
            blocks: 40,
            bandwidth: 125_000_000,
            delay: Duration::from_millis(1),
        };
        let gossip = measure(setting).unwrap();
        let everybody = measure(Setting {
            fan_out: 0,
            ..setting
        });
        let everybody = everybody.unwrap();
        assert!((0.9..1.5).contains(&gossip.sent_by_orderer), "{gossip:?}");
        assert!(everybody.sent_by_orderer >= 8.0, "{everybody:?}");
        assert!(gossip.sent_by_busiest < 3.5, "the fan-out: {gossip:?}");
        let soon = Duration::from_millis(500);
        assert!(gossip.worst < soon, "nobody waits for a pull: {gossip:?}");
    }
}
