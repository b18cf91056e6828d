//! Every message of Fabric's protocols as a Rust type, generated from `definitions/`.
//!
//! For what is built, served or sent. What verdicts depend on is read with the readers beside this
//! file instead: these types do not follow Go's rules for odd bytes.
//! Modules are the protobuf packages; `protos` is the one that Fabric keeps in its folder `peer`.

#![allow(
    missing_docs,
    unreachable_pub,
    elided_lifetimes_in_paths,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    clippy::use_self,
    reason = "generated code: documented and shaped by the definitions"
)]

/// One module per protobuf package.
macro_rules! packages {
    ($( $(#[$meta:meta])* $name:ident ),* $(,)?) => {
        $( $(#[$meta])* pub mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
        } )*
    };
}

packages! {
    /// Definitions of the legacy lifecycle as the state holds them.
    ccprovider,
    /// Blocks, envelopes, the channel configuration, policies.
    common,
    /// How clients find out about a channel.
    discovery,
    /// Settings of the raft consensus.
    etcdraft,
    /// The service that applications use.
    gateway,
    /// Messages between Fabric's peers.
    gossip,
    /// Read-write sets of one namespace.
    kvrwset,
    /// The chaincode lifecycle.
    lifecycle,
    /// What Fabric notes about a ledger on disk.
    msgs,
    /// Organizations and identities.
    msp,
    /// The files of a ledger snapshot.
    privacyenabledstate,
    /// Transactions, proposals, chaincodes, events.
    protos,
    /// What iterators of a chaincode yield.
    queryresult,
    /// Read-write sets by namespace.
    rwset,
    /// Values of Fabric's LevelDB state.
    stateleveldb,
    /// Private data that wait for their transaction.
    transientstore,
    /// What the commit hash covers.
    txmgr,
}

/// The ordering service.
pub mod orderer {
    include!(concat!(env!("OUT_DIR"), "/orderer.rs"));

    /// Settings of the BFT consensus.
    pub mod smartbft {
        include!(concat!(env!("OUT_DIR"), "/orderer.smartbft.rs"));
    }
}
