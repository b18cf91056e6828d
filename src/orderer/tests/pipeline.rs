//! From an orderer into a ledger, through a config update that names another orderer.

use std::sync::Arc;

use bytes::Bytes;

use super::bed::{Manner, Plan, quick};
use crate::commit::CommittedBlock;
use crate::ingress::{BlockSource, SourceError};
use crate::ledger::{Ledger, LedgerOptions};
use crate::mvcc::StoredReplay;
use crate::notify::CommitListener;
use crate::pipeline::{IngestDoor, Pipeline, PipelineOptions};
use crate::sys::clock::{Clock, SystemClock};
use crate::testing::kit::{Wire, ns};
use crate::testing::play::Play;
use crate::types::ChannelId;

struct One(Option<Bytes>);

impl BlockSource for One {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.take())
    }
}

/// Ends the source at a height.
struct Until(u64, Arc<dyn crate::ingress::EndSource>);

impl CommitListener for Until {
    fn committed(&mut self, block: &CommittedBlock) {
        if block.validated().decoded().number().next().0 >= self.0 {
            self.1.end();
        }
    }
}

struct Deaf;

impl CommitListener for Deaf {
    fn committed(&mut self, _: &CommittedBlock) {}
}

#[test]
fn a_channel_follows_its_orderers_when_they_move() {
    // The first orderer is the only one that the genesis block names, and stops after the update.
    let plan = Plan::new(2, false);
    let mut network = plan.network.clone();
    let endpoints = |address: &str| Wire::new().element(1, address).done();
    let group = network.config.channel_group.as_mut().unwrap();
    let section = group.groups.get_mut("Orderer").unwrap();
    let org = section.groups.get_mut("Orderer").unwrap();
    org.values.get_mut("Endpoints").unwrap().value = endpoints(&plan.addresses[0]);
    let mut play = Play::new(network).unwrap();
    for number in 0..10 {
        if number == 5 {
            let update = play.config_update(|group| {
                let section = group.groups.get_mut("Orderer").unwrap();
                let org = section.groups.get_mut("Orderer").unwrap();
                org.values.get_mut("Endpoints").unwrap().value = endpoints(&plan.addresses[1]);
            });
            play.commit_config(update).unwrap();
        }
        let tx = play.tx(
            "basic",
            [ns("basic").write(format!("key {number}"), "value")],
        );
        let tx = tx.envelope();
        play.commit([tx]).unwrap();
    }
    let blocks = play.blocks.clone();
    let manners = vec![Manner::Withhold(7), Manner::Honest];
    let bed = plan.serve(blocks.clone(), manners);

    let dir = tempfile::tempdir().unwrap();
    let channel = ChannelId::new(bed.network.channel()).unwrap();
    let options = LedgerOptions::default();
    let ledger = Ledger::open(dir.path(), &channel, &options, &StoredReplay, &mut |_| {});
    let ledger = ledger.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut pipeline = Pipeline::new(&ledger, &clock, PipelineOptions::default()).unwrap();
    let mut genesis = One(Some(blocks[0].clone()));
    pipeline.run(&mut genesis, &mut Deaf).unwrap();
    assert_eq!(ledger.height(), 1);

    let door = IngestDoor::new(&ledger);
    let (mut source, status) = bed.source_with_seed(door, quick(), 1);
    let height = blocks.len() as u64;
    let mut until = Until(height, source.stopper());
    pipeline.run(&mut source, &mut until).unwrap();
    assert_eq!(ledger.height(), height);
    let reading = status.read();
    assert_eq!((reading.failures, reading.offences), (0, 0), "{reading:?}");
    assert_eq!(reading.state.source.as_ref(), Some(&bed.addresses[1]));
    assert_eq!(reading.streams, 2);
}
