//! A number for everything that can grow.
//!
//! Sizes are bytes unless the name says otherwise. Relations between limits are checked at compile
//! time at the end of each file.

mod gossip;

pub use gossip::*;

/// A block's size: what Fabric's gRPC limit lets through (100 MiB).
pub const BLOCK_BYTES_MAX: usize = 100 << 20;

/// Blocks that one queue between two stages holds: enough that small ones can go through a stage
/// together, few enough that a block meets its own bytes in the cache.
pub const STAGE_QUEUE_BLOCKS: usize = 8;

/// Bytes of blocks in one channel's pipeline, for each worker, that keep every stage at work while the disk
/// takes its time: more would only be in memory for longer, and memory that is used for the first time
/// costs more than what is done with it.
pub const PIPELINE_BYTES_PER_WORKER: usize = 14 << 20;

/// The same, for all workers.
pub const PIPELINE_BYTES_ENOUGH: usize = 32 << 20;

/// Blocks in it that may have more bytes than are enough, so that stages overlap with large blocks, too.
pub const PIPELINE_LARGE_BLOCKS: usize = 6;

/// Bytes of blocks in it at most; a larger block goes through alone.
pub const PIPELINE_BYTES_MAX: usize = 256 << 20;

/// Channels of one peer.
pub const CHANNELS_MAX: usize = 1024;

/// How long a channel waits before it asks its feed again.
pub const FEED_RETRY_WAIT: std::time::Duration = std::time::Duration::from_millis(200);

/// How often certificates are looked at again.
pub const CERTIFICATES_RELOAD_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Series of one metric; what comes on top is counted together.
pub const METRIC_SERIES_MAX: usize = 4096;

/// Bytes of a label's value of a metric; longer ones are counted together.
pub const METRIC_LABEL_BYTES_MAX: usize = 128;

/// Blocks that a channel may be behind what its orderer has shown, and still be in sync.
pub const IN_SYNC_LAG_BLOCKS: u64 = 2;

/// How long the collector of spans may take.
pub const COLLECTOR_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// Connections to the operations service at a time.
pub const OPS_CONNECTIONS_MAX: usize = 64;

/// Bytes of a request's body there.
pub const OPS_BODY_BYTES_MAX: usize = 64 << 10;

/// How much is read from a server's connection at once.
pub const TLS_READ_BYTES: usize = 128 << 10;

/// How long a server that was connected to may be silent before it is spoken to.
pub const TLS_GREETING_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// How much of what a server says first is read before it is spoken to.
pub const TLS_GREETING_BYTES: usize = 1024;

/// TLS handshakes of the client port at a time.
pub const TLS_HANDSHAKES_MAX: usize = 256;

/// How long a client may take for one.
pub const TLS_HANDSHAKE_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long open streams may take to end when the peer does.
pub const SHUTDOWN_WAIT: std::time::Duration = std::time::Duration::from_secs(3);

/// Blocks that wait for a deliver client to read them.
pub const DELIVER_BLOCKS_AHEAD: usize = 2;

/// Blocks that are decoded side by side, or verified: what is serial in one, and the end of its last
/// task, does not keep workers from the others.
pub const BLOCKS_TOGETHER: usize = 3;

/// Blocks that the queue in front of commit holds: what waits there while a disk syncs slowly, becomes
/// durable with the next sync.
pub const COMMIT_QUEUE_BLOCKS: usize = 16;

/// Bytes of blocks that one worker decodes at a time: small blocks go together.
pub const DECODE_BYTES_TOGETHER: usize = 256 << 10;

/// Transactions whose signatures go through together, of one block or of several: enough to share what
/// they can share.
pub const VERIFY_TRANSACTIONS_TOGETHER: usize = 85;

/// Buffers of blocks that wait to be used again.
pub const BLOCK_BUFFERS_KEPT: usize = 64;

/// A buffer that is kept: larger ones, which hardly any channel needs, go back to the system.
pub const BLOCK_BUFFER_BYTES_KEPT: usize = 16 << 20;

/// Bytes of the filter that spares look-ups of new transaction ids: some 40 million ids. A ledger with
/// more of them asks its index.
pub const TX_FILTER_BYTES_MAX: usize = 64 << 20;

/// Rows of the index of transaction ids that are read with each write transaction to fill the filter.
pub const TX_FILTER_ROWS_PER_COMMIT: usize = 100_000;

/// The stack of a thread that decodes or evaluates: policies nest up to 10,000 messages deep.
pub const WORKER_STACK_BYTES: usize = 64 << 20;

/// The peer's configuration file, `core.yaml`.
pub const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// A file of an MSP folder: a certificate, a key, a revocation list, `config.yaml`.
pub const MSP_FILE_BYTES_MAX: u64 = 16 << 20;

/// Files in one folder of an MSP.
pub const MSP_FOLDER_FILES_MAX: usize = 1024;

/// Identities that one channel's cache holds, good and bad ones together.
pub const IDENTITY_CACHE_ENTRIES: usize = 16_384;

/// Bytes of serialized identities that one channel's cache holds.
pub const IDENTITY_CACHE_BYTES: usize = 64 << 20;

/// A serialized identity that is cached; larger ones are checked anew each time.
pub const IDENTITY_BYTES_CACHED_MAX: usize = 16 << 10;

/// Identities named by principals that one MSP remembers.
pub const NAMED_IDENTITY_CACHE_ENTRIES: usize = 1024;

/// Bytes of serialized identities named by principals that one MSP remembers.
pub const NAMED_IDENTITY_CACHE_BYTES: usize = 4 << 20;

/// Decisions of policies that a task keeps while it checks a block's endorsements.
pub const POLICY_DECISIONS_KEPT: usize = 16;

/// A signature policy with more rules remembers which signer satisfies which principal while it is
/// evaluated.
pub const POLICY_RULES_UNMEMOIZED: usize = 64;

/// Pairs of signer and principal that are remembered while a signature policy is evaluated; where there
/// are more, each is checked anew.
pub const POLICY_CHECKS_MEMOIZED: usize = 1 << 22;

/// Workers that verify signatures and evaluate policies.
pub const WORKERS_MAX: usize = 256;

/// Levels of groups in a channel configuration: `/Channel/Consortiums/<consortium>/<org>` is 4.
pub const CONFIG_GROUP_DEPTH_MAX: usize = 8;

/// Levels of messages in a config envelope, whose deepest policy is 12 levels down. A config update
/// may nest deeper, up to the wire format's own limit.
pub const CONFIG_MESSAGE_DEPTH_MAX: u32 = 64;

/// An RSA modulus that is used: 16,384 bits. Larger ones are read, but verify nothing.
pub const RSA_MODULUS_BYTES_MAX: usize = 2048;

/// P-256 keys of accepted identities that are known for tables of multiples, over all channels.
pub const P256_KEYS_KNOWN_MAX: usize = 1 << 16;

/// Bytes of small tables, 8 KiB each: keys in use.
pub const P256_WARM_TABLE_BYTES_MAX: usize = 64 << 20;

/// Bytes of large tables, 64 KiB each: keys that sign very much, such as endorsers'.
pub const P256_HOT_TABLE_BYTES_MAX: usize = 64 << 20;

/// Signatures that a key must have had verified before its small table is computed, which takes about
/// as long as verifying 3 signatures without one.
pub const P256_WARM_AFTER_SIGNATURES: u32 = 4;

/// Signatures more before its large table is computed, which takes about as long as verifying 150
/// signatures with the small one.
pub const P256_HOT_AFTER_SIGNATURES: u32 = 1024;

/// Bytes of the largest tables, 2.75 MiB each: the few keys that sign most of what a channel carries.
pub const P256_WIDE_TABLE_BYTES_MAX: usize = 64 << 20;

/// Signatures more before its largest table is computed, which takes about as long as that table saves
/// over so many.
pub const P256_WIDE_AFTER_SIGNATURES: u32 = 16_384;

/// Ed25519 keys of accepted identities that are known for tables of multiples, over all channels.
pub const ED25519_KEYS_KNOWN_MAX: usize = 1 << 16;

/// Bytes of small tables, 12 KiB each: keys in use.
pub const ED25519_WARM_TABLE_BYTES_MAX: usize = 64 << 20;

/// Bytes of large tables, 96 KiB each: keys that sign very much, such as endorsers'.
pub const ED25519_HOT_TABLE_BYTES_MAX: usize = 64 << 20;

/// Signatures that a key must have had verified before its small table is computed, which takes about
/// as long as verifying 2 signatures without one.
pub const ED25519_WARM_AFTER_SIGNATURES: u32 = 4;

/// Signatures more before its large table is computed, which takes about as long as verifying 200
/// signatures with the small one.
pub const ED25519_HOT_AFTER_SIGNATURES: u32 = 1024;

/// Bytes of a message that is hashed beside seven others for Ed25519, each of which is copied.
pub const SHA512_LANE_BYTES_MAX: usize = 64 << 10;

/// Names whose chaincode definition, or lack of one, is remembered on one channel.
pub const DEFINITIONS_CACHED_MAX: usize = 4096;

/// Visits of blocks to stages that a trace keeps: 100,000 blocks of 7 stages.
pub const TRACE_ENTRIES: usize = 700_000;
/// A segment of the block file; a block that does not fit begins the next one.
pub const SEGMENT_BYTES_MAX: u64 = 256 << 20;

/// With less than this left on the disk, a running peer takes no more blocks: room for what is in its
/// pipelines, and for what its databases need to be opened again.
pub const FREE_DISK_BYTES_MIN: u64 = 256 << 20;

/// With this left it goes on.
pub const FREE_DISK_BYTES_RESUME: u64 = 320 << 20;

/// How often a peer that waits for room looks again.
pub const FREE_DISK_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// How much a segment grows at a time: syncing is far cheaper while a file's size stays.
pub const SEGMENT_PREALLOCATED_BYTES: u64 = 16 << 20;

/// Writes of so many bytes or more go past the system's memory of a file: for small ones, whose readers come
/// at once, its memory is the better place.
pub const DIRECT_WRITE_BYTES_MIN: usize = 512 << 10;

/// Bytes that go to the disk at a time then; memory for as many is kept for it.
pub const DIRECT_WRITE_BYTES_STEP: usize = 4 << 20;

/// Bytes of the newest blocks that the system may keep in memory, for those who follow the chain.
pub const RECENT_BYTES_CACHED: u64 = 32 << 20;

/// Bytes of older blocks that it is told of at a time.
pub const FORGOTTEN_BYTES_STEP: u64 = 4 << 20;

/// A stored block: what an orderer sends, and what the peer adds (a byte per transaction and its
/// commit hash).
pub const STORED_BLOCK_BYTES_MAX: usize = BLOCK_BYTES_MAX + (16 << 20);

/// Segments of a channel that are mapped at the same time.
pub const SEGMENTS_MAPPED_MAX: usize = 1024;

/// Blocks of a channel that are durable but not yet in its state database.
pub const OVERLAY_BLOCKS_MAX: usize = 128;

/// Bytes of the update batches of these blocks.
pub const OVERLAY_BYTES_MAX: usize = 256 << 20;

/// Durable blocks that are brought into the state database together; they do not wait for more.
pub const APPLY_GROUP_BLOCKS: usize = 32;

/// Bytes of the update batches of such a group.
pub const APPLY_GROUP_BYTES: usize = 32 << 20;

/// How long a durable block waits for others at most before it is brought into the state database.
pub const APPLY_GROUP_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// What the state database of a channel may take of the address space at first; it doubles as needed.
pub const STATE_MAP_BYTES_INITIAL: usize = 1 << 30;

/// Read transactions that a channel's state database has at the same time.
pub const STATE_READERS_MAX: u32 = 1024;

/// Rows of history and transaction ids after which a segment of these indexes is closed: few enough that
/// the rows of a group share its pages, many enough that a look-up asks few segments.
pub const INDEX_SEGMENT_ROWS: u64 = 480_000;

/// Rows of a channel's state, give or take a group, that are gathered before they are merged into its
/// tree; as many again wait while that is done. Each takes some 11 bytes of memory; longer ones count as
/// one for each 256 bytes.
pub const RECENT_ROWS_MAX: u64 = 1_500_000;

/// Namespaces that a channel's state has: their names are held in memory.
pub const NAMESPACES_MAX: usize = 1 << 20;

/// How long a view can be read: an old one keeps the state database from reusing pages.
pub const VIEW_AGE_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// Blocks that recovery brings into the state in one go.
pub const REPLAY_GROUP_BLOCKS: usize = 64;

/// Keys of a range that are read ahead of their visitor.
pub const RANGE_CHUNK_KEYS_MAX: usize = 1024;

/// Bytes of values that are read ahead so, unless the first alone has more.
pub const RANGE_CHUNK_BYTES_MAX: usize = 1 << 20;

const _: () = {
    // A record's length has 32 bits.
    assert!(STORED_BLOCK_BYTES_MAX < u32::MAX as usize);
    // The overlay has room for the next blocks while a group is brought into the state.
    assert!(2 * APPLY_GROUP_BLOCKS <= OVERLAY_BLOCKS_MAX);
    assert!(2 * APPLY_GROUP_BYTES <= OVERLAY_BYTES_MAX);
    // One group of a recovery fits into the overlay.
    assert!(REPLAY_GROUP_BLOCKS <= OVERLAY_BLOCKS_MAX);
};

/// Blocks that become durable with one sync.
pub const COMMIT_GROUP_BLOCKS: usize = 64;

/// Bytes of blocks that become durable with one sync, give or take the last block.
pub const COMMIT_GROUP_BYTES: usize = 32 << 20;

/// Differences that a comparison keeps to show them again; the others are counted.
pub const DIFFERENCES_KEPT_MAX: usize = 100;

/// Clauses of a policy that an explanation shows; the others are counted.
pub const EXPLAINED_CLAUSES_MAX: usize = 1000;

/// Signers of which an explanation says why they do not satisfy one clause.
pub const EXPLAINED_SIGNERS_MAX: usize = 16;

/// Clauses of one policy that the text of an explanation shows; the others are counted.
pub const EXPLAINED_LINES_MAX: usize = 100;

/// Endorsements that the text of an explanation shows; the others are counted.
pub const EXPLAINED_ENDORSEMENTS_MAX: usize = 100;

/// Organizational units, or principals that one endorsement was counted as, that a line shows.
pub const EXPLAINED_UNITS_MAX: usize = 8;

/// Characters of a name or key that the text of an explanation shows.
pub const EXPLAINED_TEXT_CHARS_MAX: usize = 300;

/// Policies that hold and that an explanation shows; the others are counted.
pub const EXPLAINED_POLICIES_MAX: usize = 64;

/// Workloads that are made: blocks.
pub const WORKLOAD_BLOCKS_MAX: u64 = 1 << 32;

/// Transactions in one of their blocks.
pub const WORKLOAD_TXS_MAX: usize = 100_000;

/// Their organizations.
pub const WORKLOAD_ORGS_MAX: usize = 64;

/// Peers, or clients, of one of these organizations.
pub const WORKLOAD_IDENTITIES_MAX: usize = 10_000;

/// Ordering nodes of a BFT cluster that signs them.
pub const WORKLOAD_CONSENTERS_MAX: usize = 100;

/// Endorsements of one of their transactions.
pub const WORKLOAD_ENDORSEMENTS_MAX: usize = 64;

/// Keys from which their transactions draw; the maker holds 8 bytes for each.
pub const WORKLOAD_KEYS_MAX: u64 = 100_000_000;

/// Keys that one of their transactions reads, or writes.
pub const WORKLOAD_ACCESSES_MAX: usize = 1000;

/// A value that they write.
pub const WORKLOAD_VALUE_BYTES_MAX: usize = 1 << 20;

/// Bytes of blocks that are made at a time, about, give or take the last block.
pub const WORKLOAD_BATCH_BYTES: usize = 8 << 20;

/// Feeders that the block-ingest socket serves at the same time; as many again may be leaving.
pub const INGEST_FEEDERS_MAX: usize = 16;

/// Bytes of blocks that wait for their turn, for each feeder that sent them. The next needed block is
/// taken beyond that, so a feeder that sends in order never waits for itself.
pub const INGEST_FEEDER_BYTES_MAX: usize = 8 << 20;

/// Blocks larger than that, of all feeders: only the next needed number, and so many at once.
pub const INGEST_LARGE_BLOCKS_MAX: usize = 2;

/// How far ahead of the ledger's height a block may wait for its turn.
pub const INGEST_WINDOW_BLOCKS: u64 = 256;

/// Bytes of blocks that are in the pipeline, give or take the last block.
pub const INGEST_IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// A block header in front of a block: three fields of at most 34 bytes.
pub const INGEST_HEADER_BYTES_MAX: usize = 1024;

/// Bytes that are read from one feeder at a time, and how often before the others have their turn.
pub const INGEST_READ_BYTES: usize = 64 << 10;
/// See [`INGEST_READ_BYTES`].
pub const INGEST_READS_PER_TURN: usize = 16;

/// How long a feeder may take for a block that it has begun.
pub const INGEST_BLOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// How long a feeder that sends out of order may keep everybody waiting for the next block.
pub const INGEST_ORDER_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// After so long without a block that was of use, a feeder makes room where another wants to come.
pub const INGEST_IDLE_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a feeder that is cut off has to read why.
pub const INGEST_LINGER: std::time::Duration = std::time::Duration::from_secs(2);

/// The text of a refusal on the wire.
pub const INGEST_REASON_BYTES_MAX: usize = 1024;

/// How often a feed connects anew without any progress.
pub const FEED_ATTEMPTS_MAX: u32 = 6;

/// How long a feed waits for a connection and for the greeting.
pub const FEED_GREETING_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Streams of headers that a BFT channel asks for beside its blocks.
pub const ORDERER_HEADER_STREAMS_MAX: usize = 64;

/// The longest wait between two attempts to get blocks from the orderers, however long they have been
/// away: `peer.deliveryclient.reConnectBackoffThreshold` can only make it shorter.
pub const ORDERER_RETRY_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// How long a stream of blocks must have stood before health calls it good, if no block comes: orderers
/// refuse at once, and are silent while they have no new block.
pub const ORDERER_SETTLE_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// The longest wait between two attempts to get a stream of headers.
pub const ORDERER_HEADERS_RETRY_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// Blocks from the orderer that wait for the pipeline. Where there are so many, the stream is not read.
pub const ORDERER_BUFFER_BLOCKS: usize = 64;

/// Bytes of these blocks, unless one alone has more.
pub const ORDERER_BUFFER_BYTES: usize = 16 << 20;

/// An answer of an orderer: a block and what is around it.
pub const ORDERER_ANSWER_BYTES_MAX: usize = BLOCK_BYTES_MAX + (1 << 20);

/// Bytes of an orderer's stream that are under way without having been taken.
pub const ORDERER_WINDOW_BYTES: u32 = 4 << 20;

/// Changes of the orderer that blocks came from, which are remembered for a block that is refused late.
pub const ORDERER_GIVERS_KEPT: usize = 64;
