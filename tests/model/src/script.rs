//! Chains as data: what proptest draws and shrinks, rich in conflicts, duplicates, phantoms and garbage.

use proptest::collection::vec;
use proptest::prelude::*;

/// A chain behind its genesis block and the definitions.
#[derive(Debug, Clone)]
pub struct Script {
    /// What the channel is like.
    pub channel: ChannelKind,
    /// The blocks.
    pub blocks: Vec<BlockScript>,
}

/// What a channel is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChannelKind {
    /// Capabilities V2_0 and V2_5.
    Usual,
    /// Without a LifecycleEndorsement policy, application capability V2_0.
    NoLifecyclePolicy,
    /// Capability V3_0, Ed25519 keys, a BFT cluster.
    Bft,
}

/// A block.
#[derive(Debug, Clone)]
pub enum BlockScript {
    /// Transactions.
    Txs(Vec<TxScript>),
    /// A config update, which one.
    Config(u8),
}

/// A transaction.
#[derive(Debug, Clone)]
pub struct TxScript {
    /// Which chaincode it invokes.
    pub chaincode: u8,
    /// What it reads and writes.
    pub steps: Vec<Step>,
    /// Who endorses.
    pub endorsers: Vec<u8>,
    /// What is odd about it.
    pub twist: Twist,
}

/// One thing that a transaction does.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What.
    pub verb: Verb,
    /// In which chaincode.
    pub chaincode: u8,
    /// To which key.
    pub key: u8,
    /// How.
    pub how: u8,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads at the version of now, or at another one.
    Read,
    /// Writes.
    Write,
    /// Deletes.
    Delete,
    /// Reads a range key by key.
    Range,
    /// Reads a range as a summary.
    Merkle,
    /// Sets a key's policy.
    Policy,
    /// Removes a key's metadata.
    NoPolicy,
    /// Reads a private key's hash.
    PrivateRead,
    /// Writes one.
    PrivateWrite,
    /// Deletes one.
    PrivateDelete,
    /// Sets a private key's policy.
    PrivatePolicy,
    /// Defines the chaincode anew.
    Define,
}

/// What is odd about a transaction.
#[derive(Debug, Clone)]
pub enum Twist {
    /// Nothing.
    None,
    /// It has the nonce, and so the id, of an earlier transaction.
    Repeat(u16),
    /// One of a list of faults.
    Fault(u8),
    /// A part is changed at protobuf level; what is further out fits the change.
    Mutation {
        /// Which part.
        part: u8,
        /// Where and how.
        edits: Vec<u32>,
    },
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        8 => Just(Verb::Read),
        8 => Just(Verb::Write),
        2 => Just(Verb::Delete),
        2 => Just(Verb::Range),
        2 => Just(Verb::Merkle),
        2 => Just(Verb::Policy),
        1 => Just(Verb::NoPolicy),
        3 => Just(Verb::PrivateRead),
        3 => Just(Verb::PrivateWrite),
        1 => Just(Verb::PrivateDelete),
        1 => Just(Verb::PrivatePolicy),
        1 => Just(Verb::Define),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // Few keys, so that they meet; rarely one of many.
    let key = prop_oneof![8 => 0..12_u8, 2 => any::<u8>()];
    (verb(), 0..16_u8, key, any::<u8>()).prop_map(|(verb, chaincode, key, how)| Step {
        verb,
        chaincode,
        key,
        how,
    })
}

fn twist() -> impl Strategy<Value = Twist> {
    let mutation = (0..8_u8, vec(any::<u32>(), 1..4));
    prop_oneof![
        12 => Just(Twist::None),
        1 => any::<u16>().prop_map(Twist::Repeat),
        2 => any::<u8>().prop_map(Twist::Fault),
        3 => mutation.prop_map(|(part, edits)| Twist::Mutation { part, edits }),
    ]
}

fn tx() -> impl Strategy<Value = TxScript> {
    let endorsers = prop_oneof![8 => Just(vec![0, 1, 2]), 2 => vec(0..9_u8, 0..5)];
    (0..16_u8, vec(step(), 0..5), endorsers, twist()).prop_map(
        |(chaincode, steps, endorsers, twist)| TxScript {
            chaincode,
            steps,
            endorsers,
            twist,
        },
    )
}

/// Chains with so many blocks and transactions in each, at most.
pub fn script(blocks: usize, txs: usize) -> impl Strategy<Value = Script> {
    let channel = prop_oneof![
        6 => Just(ChannelKind::Usual),
        3 => Just(ChannelKind::NoLifecyclePolicy),
        1 => Just(ChannelKind::Bft),
    ];
    let block = prop_oneof![
        9 => vec(tx(), 1..=txs).prop_map(BlockScript::Txs),
        1 => any::<u8>().prop_map(BlockScript::Config),
    ];
    (channel, vec(block, 1..=blocks)).prop_map(|(channel, blocks)| Script { channel, blocks })
}
