//! Orderers that do what they should.

use std::sync::atomic::Ordering;
use std::time::Duration;

use prost::Message as _;

use super::bed::{Bed, Manner, OneBundle, Plan, client, client_tls, quick, seek_info};
use crate::crypto::{SignedMessage, sha256, verify};
use crate::ingress::BlockSource as _;
use crate::limits;
use crate::orderer::core::Endpoint;
use crate::orderer::{AddressOverride, endpoints};
use crate::proto::messages::common::{ChannelHeader, Payload, SignatureHeader};
use crate::proto::messages::orderer::seek_position::Type as Position;
use crate::x509::pem;

#[test]
fn blocks_come_in_order_over_mutual_tls() {
    let bed = Bed::new(20, false, vec![Manner::Honest]);
    let (mut source, status) = bed.source(0);
    assert_eq!(status.read().next, 1);
    bed.take_all(&mut source);
    let reading = status.read();
    assert_eq!(reading.next, 21);
    assert_eq!(reading.blocks, 20);
    assert_eq!((reading.failures, reading.offences), (0, 0));
    assert_eq!(reading.streams, 1);
    assert!(reading.last_block_unix_micros.is_some());
    assert_eq!(reading.state.source.as_ref(), Some(&bed.addresses[0]));
    assert!(reading.state.connected);
    assert_eq!(status.problem(), None);
    bed.idle(&mut source, Duration::from_millis(20));
}

#[test]
fn the_request_is_what_fabric_orderers_expect() {
    let bed = Bed::new(1, false, vec![Manner::Honest]);
    let (mut source, _) = bed.source(0);
    bed.take_all(&mut source);
    let asked = bed.orderers[0].asked.lock().unwrap();
    let envelope = &asked[0];
    let seek = seek_info(envelope);
    let position = |position: Option<crate::proto::messages::orderer::SeekPosition>| {
        let Some(Position::Specified(block)) = position.and_then(|at| at.r#type) else {
            panic!("a number is asked for");
        };
        block.number
    };
    assert_eq!(position(seek.start), 1);
    assert_eq!(position(seek.stop), u64::MAX);
    assert_eq!((seek.behavior, seek.content_type), (0, 0));
    let payload = Payload::decode(envelope.payload.clone()).unwrap();
    let header = payload.header.unwrap();
    let channel = ChannelHeader::decode(&*header.channel_header).unwrap();
    assert_eq!(channel.r#type, 5, "DELIVER_SEEK_INFO");
    assert_eq!(channel.channel_id, bed.network.channel());
    assert!(channel.timestamp.unwrap().seconds > 1_700_000_000);
    let der = pem::first_block(&client().0).unwrap().bytes;
    assert_eq!(channel.tls_cert_hash, sha256(&der).0);
    let signer = SignatureHeader::decode(&*header.signature_header).unwrap();
    assert_eq!(signer.nonce.len(), 24);
    let identity = bed.bundle().msps().deserialize(&signer.creator).unwrap();
    assert_eq!(identity.msp_id(), "Org1MSP");
    let message = SignedMessage {
        head: &envelope.payload,
        tail: &[],
    };
    let job = identity.signature_job(message, &envelope.signature);
    assert!(verify(&job.unwrap()));
}

#[test]
fn a_pipeline_that_is_behind_holds_the_orderer_back() {
    const BLOCK: usize = 256 << 10;
    const COUNT: usize = 200;
    let plan = Plan::new(1, false);
    let blocks = plan.blocks(COUNT, BLOCK);
    let bed = plan.serve(blocks, vec![Manner::Honest]);
    let (mut source, status) = bed.source(0);
    assert!(source.next_block().unwrap().is_some());
    let sent = || usize::try_from(bed.orderers[0].sent.load(Ordering::SeqCst)).unwrap();
    let mut before = 0;
    while sent() > before || status.read().buffered_blocks == 0 {
        before = sent();
        std::thread::sleep(Duration::from_millis(200));
    }
    let buffered = status.read().buffered_blocks;
    assert!(
        buffered * BLOCK <= limits::ORDERER_BUFFER_BYTES,
        "{buffered}"
    );
    assert!(
        buffered * BLOCK > limits::ORDERER_BUFFER_BYTES / 2,
        "{buffered}"
    );
    assert!(
        before < 150,
        "{before} of {COUNT} blocks have left the orderer"
    );
    for number in 2..=COUNT {
        let block = source.next_block().unwrap().expect("a block");
        assert_eq!(block, bed.blocks[number]);
    }
}

#[test]
fn whoever_waits_is_ended() {
    let bed = Bed::new(0, false, vec![Manner::Honest]);
    let (mut source, _) = bed.source(0);
    let ender = source.ender().unwrap();
    let end = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        ender.end();
    });
    assert!(source.next_block().unwrap().is_none());
    end.join().unwrap();
    // The next run waits again, until the channel ends.
    source.rejected(bed.tip(0), "for the test".to_owned());
    bed.idle(&mut source, Duration::from_millis(50));
    source.rejected(bed.tip(0), "for the test".to_owned());
    assert!(source.next_block().unwrap().is_none(), "for good");
}

#[test]
fn endpoints_are_those_of_the_organizations_or_overridden() {
    let bed = Bed::new(0, false, vec![Manner::Honest, Manner::Honest]);
    let bundle = bed.bundle();
    let found = endpoints(&bundle, &[]);
    let addresses: Vec<&String> = found.iter().map(|found| &found.address).collect();
    assert_eq!(addresses, [&bed.addresses[0], &bed.addresses[1]]);
    let root = super::bed::authority("tls").pem;
    assert_eq!(found[0].tls_roots, std::slice::from_ref(&root));
    let other = AddressOverride {
        from: bed.addresses[0].clone(),
        to: "elsewhere:1".to_owned(),
        tls_roots: None,
        vouched_by: None,
    };
    let rooted = AddressOverride {
        from: bed.addresses[1].clone(),
        to: "elsewhere:2".to_owned(),
        tls_roots: Some(vec![b"other".to_vec()]),
        vouched_by: Some("other.pem".to_owned()),
    };
    let expected = [
        Endpoint {
            address: "elsewhere:1".to_owned(),
            tls_roots: vec![root],
            vouched_by: "the channel's OrdererMSP".to_owned(),
        },
        Endpoint {
            address: "elsewhere:2".to_owned(),
            tls_roots: vec![b"other".to_vec()],
            vouched_by: "other.pem".to_owned(),
        },
    ];
    assert_eq!(endpoints(&bundle, &[other, rooted]), expected);
}

#[test]
fn an_orderer_that_wants_a_certificate_gets_one_or_refuses() {
    let bed = Bed::new(3, false, vec![Manner::Honest]);
    let mut options = quick();
    options.tls = Some(client_tls(false));
    let (mut source, status) = bed.source_with(0, OneBundle(bed.bundle()), options);
    bed.idle(&mut source, Duration::from_millis(300));
    let problem = status.problem().unwrap();
    assert!(problem.contains("CertificateRequired"), "{problem}");
    let mut clear = quick();
    clear.tls = None;
    let (mut source, status) = bed.source_with(0, OneBundle(bed.bundle()), clear);
    bed.idle(&mut source, Duration::from_millis(300));
    assert!(status.problem().is_some());
}
