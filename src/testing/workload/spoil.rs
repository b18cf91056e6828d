//! Makes a sound transaction wrong in one way.

use super::cast::Cast;
use super::fault::Fault;
use super::random::Random;
use super::recipe::CHAINCODE;
use crate::testing::kit::{Identity, Transaction, Wire, ns};

/// Bytes that are no message.
const UNDECODABLE: &[u8] = &[0xff];

/// Applies a fault. Those that are in the read-write set already, or in the nonce, change nothing here.
pub(super) fn spoil<'c>(
    fault: Fault,
    tx: &mut Transaction<'c>,
    cast: &'c Cast,
    random: &mut Random,
) {
    let undecodable = || Some(UNDECODABLE.to_vec());
    match fault {
        Fault::UndecodablePayload => tx.raw.payload = undecodable(),
        Fault::BadEpoch => tx.epoch = 1 + random.below(1000),
        Fault::UnknownType => tx.header_type = 4 + random.below(100),
        Fault::EmptyNonce => tx.nonce.clear(),
        Fault::BadCreatorSignature => tx.raw.signature = Some(tx.creator.sign(&[b"another one"])),
        Fault::UnknownMsp => tx.creator = &cast.stranger,
        Fault::ForeignCertificate => tx.creator = &cast.forger,
        Fault::OtherChannel => tx.channel = format!("not-{}", tx.channel),
        Fault::UndecodableTransaction => tx.raw.data = undecodable(),
        Fault::TwoActions => tx.raw.data = tx.parts().data.map(|data| data.repeat(2)),
        Fault::WrongProposalHash => tx.raw.proposal_hash = Some(vec![0x5a; 32]),
        Fault::ConfigWithoutData => {
            tx.header_type = 1;
            tx.raw.data = Some(Vec::new());
        }
        Fault::ConfigUpdate => tx.header_type = 2,
        Fault::WrongTxId => tx.id = Some(tx.tx_id().chars().rev().collect()),
        Fault::MissingEndorsement => {
            let required = cast.spec.required();
            tx.endorsers.truncate(required.saturating_sub(1));
        }
        Fault::BadEndorserSignature => replace_first(tx, cast, &cast.cheats),
        Fault::ClientEndorses => replace_first(tx, cast, &cast.first_clients),
        Fault::SameEndorser => {
            let first = tx.endorsers.first().copied();
            tx.endorsers.fill(first.unwrap_or(&cast.stranger));
        }
        Fault::BadHeaderExtension => tx.raw.header_extension = undecodable(),
        Fault::UndecodableAction => tx.raw.action = undecodable(),
        Fault::NoAction => tx.raw.action = Some(Vec::new()),
        Fault::UndecodableRwset => tx.raw.results = undecodable(),
        Fault::NamespaceTwice => tx.rwset.namespaces.push(ns(CHAINCODE)),
        Fault::UndefinedChaincode => {
            tx.chaincode = "undefined".to_owned();
            tx.rwset = [ns("undefined").write("key", "value")].into();
        }
        Fault::NoVersion => tx.version.clear(),
        Fault::ExpiredVersion => tx.version = "0".to_owned(),
        Fault::OtherChaincode => {
            let other = Wire::new().bytes(2, "other");
            tx.raw.header_extension = Some(Wire::new().element(2, other).done());
        }
        Fault::NoChaincodeId => tx.raw.header_extension = Some(Vec::new()),
        Fault::ForeignEvent => {
            let event = Wire::new().bytes(1, "other").bytes(2, tx.tx_id());
            tx.event = Some(event.bytes(3, "happened").done());
        }
        Fault::DuplicateTxId
        | Fault::StaleRead
        | Fault::StalePrivateRead
        | Fault::Phantom
        | Fault::PhantomSummary
        | Fault::Mutation => {}
    }
}

/// Only as many endorsements as must be, each of another organization, and somebody of the first one
/// in the place of its peer.
fn replace_first<'c>(tx: &mut Transaction<'c>, cast: &'c Cast, by: &'c [Identity]) {
    tx.endorsers.truncate(cast.spec.required());
    let Some(first) = tx.endorsers.first_mut() else {
        return;
    };
    let belongs = |peers: &Vec<Identity>| {
        let same = |peer: &Identity| std::ptr::eq(peer, *first);
        peers.iter().any(same)
    };
    let org = cast.peers.iter().position(belongs).unwrap_or(0);
    if let Some(other) = by.get(org) {
        *first = other;
    }
}
