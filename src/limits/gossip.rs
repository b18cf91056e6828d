//! Peers, connections and messages of gossip.

use super::BLOCK_BYTES_MAX;

/// Peers that gossip knows at a time, living and dead.
pub const GOSSIP_MEMBERS_MAX: usize = 2048;

/// Of these, peers of one organization: none can crowd out the others.
pub const GOSSIP_MEMBERS_PER_ORG_MAX: usize = 512;

/// Certificates of peers that are known, their members' among them.
pub const GOSSIP_IDENTITIES_MAX: usize = 3072;

/// A serialized identity that a peer may have.
pub const GOSSIP_IDENTITY_BYTES_MAX: usize = 8 << 10;

/// An alive message, with its identity.
pub const GOSSIP_ALIVE_BYTES_MAX: usize = 12 << 10;

/// A state info, with the chaincodes that it names.
pub const GOSSIP_STATE_INFO_BYTES_MAX: usize = 64 << 10;

/// Chaincodes that a state info names.
pub const GOSSIP_CHAINCODES_MAX: usize = 256;

/// Forgotten peers of which the last alive message's time is kept, so that it cannot be replayed.
pub const GOSSIP_TOMBSTONES_MAX: usize = 4096;

/// Connections with peers.
pub const GOSSIP_LINKS_MAX: usize = 1024;

/// Connections that the peer opens by itself; what others open comes on top.
pub const GOSSIP_LINKS_DIALED_MAX: usize = 256;

/// Connections whose other end has not yet said who it is.
pub const GOSSIP_HANDSHAKES_MAX: usize = 128;

/// How long it may take for that.
pub const GOSSIP_HANDSHAKE_WAIT: std::time::Duration = std::time::Duration::from_secs(4);

/// The first wait before an address is dialled again; doubles up to `peer.gossip.reconnectInterval`.
pub const GOSSIP_REDIAL_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// Bytes of an address that a peer tells.
pub const GOSSIP_ENDPOINT_BYTES_MAX: usize = 300;

/// Addresses that are dialled because a configuration names them: bootstrap and anchor peers.
pub const GOSSIP_SEEDS_MAX: usize = 1024;

/// A message that carries no block.
pub const GOSSIP_CONTROL_BYTES_MAX: usize = 1 << 20;

/// A message that carries blocks: one of the largest size, or some smaller ones.
pub const GOSSIP_BLOCKS_BYTES_MAX: usize = BLOCK_BYTES_MAX + (1 << 20);

/// Bytes of blocks that answer one request, unless the first alone has more.
pub const GOSSIP_ANSWER_BYTES_MAX: usize = 4 << 20;

/// Alive messages in an answer about members, and state infos in a snapshot.
pub const GOSSIP_SNAPSHOT_MAX: usize = 512;

/// Bytes of these.
pub const GOSSIP_SNAPSHOT_BYTES_MAX: usize = GOSSIP_CONTROL_BYTES_MAX / 2;

/// Messages that one connection may bring in a second, and at once.
pub const GOSSIP_MESSAGES_PER_SECOND: u64 = 1000;
/// See [`GOSSIP_MESSAGES_PER_SECOND`].
pub const GOSSIP_MESSAGES_BURST: u64 = 4000;

/// Identities that are being asked for.
pub const GOSSIP_IDENTITIES_ASKED_MAX: usize = 512;

/// Blocks of one channel that are kept for pulls, whatever `peer.gossip.maxBlockCountToStore` says.
pub const GOSSIP_RECENT_BLOCKS_MAX: usize = 1000;

/// Bytes of these blocks, unless the newest alone has more.
pub const GOSSIP_RECENT_BYTES_MAX: usize = 16 << 20;

/// Pulls that a peer takes part in, on each side, for one channel.
pub const GOSSIP_PULLS_MAX: usize = 64;

/// Blocks ahead of the next needed one that are taken, whatever `peer.gossip.state.blockBufferSize`
/// says.
pub const GOSSIP_WINDOW_BLOCKS_MAX: u64 = 1000;

/// Bytes of blocks of one channel that wait for their turn; the next needed one comes on top.
pub const GOSSIP_BUFFER_BYTES_MAX: usize = 64 << 20;

/// Of these, bytes that are fetched ahead: the memory for more is dearer than what a longer wait saves.
pub const GOSSIP_FETCHED_BYTES_MAX: usize = 16 << 20;

/// Bytes of blocks of all channels that wait for their turn.
pub const GOSSIP_BUFFERS_BYTES_MAX: usize = 256 << 20;

/// Different blocks of one number that are kept until one is verified: a forged one does not keep a
/// good one out.
pub const GOSSIP_CANDIDATES_MAX: usize = 3;

/// How long the next block may be missing while a later one is there, before it is asked for.
pub const GOSSIP_HOLE_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// Blocks that one request may ask for.
pub const GOSSIP_RANGE_BLOCKS_MAX: u64 = 256;

/// Requests for blocks that one channel has under way, and of these with one peer.
pub const GOSSIP_REQUESTS_MAX: usize = 12;
/// See [`GOSSIP_REQUESTS_MAX`].
pub const GOSSIP_REQUESTS_PER_PEER_MAX: usize = 4;

/// Requests for blocks that are served at a time, and of these for one peer.
pub const GOSSIP_SERVINGS_MAX: usize = 32;
/// See [`GOSSIP_SERVINGS_MAX`].
pub const GOSSIP_SERVINGS_PER_PEER_MAX: usize = 4;

/// Peers whose offences are remembered.
pub const GOSSIP_OFFENDERS_MAX: usize = 1024;

/// How long a peer stays out at its first ban; doubles with each, up to an hour.
pub const GOSSIP_BAN: std::time::Duration = std::time::Duration::from_secs(60);

/// Actions of gossip that wait for whoever does them. Where there are so many, messages are dropped.
pub const GOSSIP_ACTIONS_MAX: usize = 1 << 16;

/// What sockets and ledgers have told gossip and it has not heard yet.
pub const GOSSIP_EVENTS_MAX: usize = 256;

/// How old what gossip shows of itself may be; and how often it looks whether an orderer is connected.
pub const GOSSIP_STATE_AGE: std::time::Duration = std::time::Duration::from_millis(500);

/// Blocks of one channel in the pipeline of which gossip remembers since when they are there.
pub const GOSSIP_COMMITTING_MAX: usize = 4096;

/// How long what is said last has to leave before the connections are closed.
pub const GOSSIP_FAREWELL: std::time::Duration = std::time::Duration::from_millis(100);

/// Connections from one address, of peers that share it too (of IPv6, from one network of 64 bits).
pub const GOSSIP_CONNECTIONS_PER_ADDRESS_MAX: usize = 64;

/// A connection on which nothing comes for so long is gone; [`GOSSIP_KEEPALIVE`] lets something come.
pub const GOSSIP_IDLE_WAIT: std::time::Duration = std::time::Duration::from_secs(10);
/// See [`GOSSIP_IDLE_WAIT`].
pub const GOSSIP_KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(3);

/// How long one message may take from its first byte to its last, on either side, before its connection
/// is given up.
pub const GOSSIP_MESSAGE_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Bytes under way on one stream, and on one connection, that nobody has read yet.
pub const GOSSIP_STREAM_WINDOW: u32 = 2 << 20;
/// See [`GOSSIP_STREAM_WINDOW`].
pub const GOSSIP_CONNECTION_WINDOW: u32 = 5 << 20;

/// Buffers for messages with blocks that wait to be used again, and how large one may be for that.
pub const GOSSIP_BUFFERS_KEPT: usize = 24;
/// See [`GOSSIP_BUFFERS_KEPT`].
pub const GOSSIP_BUFFER_BYTES_KEPT: usize = GOSSIP_ANSWER_BYTES_MAX + (1 << 20);

/// Bytes that the system is asked to hold on the way from and to gossip's socket; it may grant less.
pub const GOSSIP_SOCKET_BYTES: usize = 4 << 20;

/// The largest packet that is tried on the way to a peer: two of them go to the system at a time, which
/// takes 65,507 bytes.
pub const GOSSIP_PACKET_BYTES_MAX: u16 = 32_000;

/// Messages, and bytes, that wait to be sent on a connection's control stream.
pub const GOSSIP_CONTROL_QUEUE: usize = 1024;
/// See [`GOSSIP_CONTROL_QUEUE`].
pub const GOSSIP_CONTROL_QUEUE_BYTES: usize = 4 << 20;

/// The same on each stream with blocks, unless the first alone has more.
pub const GOSSIP_BLOCKS_QUEUE: usize = 128;
/// See [`GOSSIP_BLOCKS_QUEUE`].
pub const GOSSIP_BLOCKS_QUEUE_BYTES: usize = 80 << 20;

/// Bytes of messages without blocks that are being received, of all connections, in KiB.
pub const GOSSIP_CONTROL_ROOM_KIB: u32 = 64 << 10;

/// The same of messages with blocks.
pub const GOSSIP_BLOCKS_ROOM_KIB: u32 = 256 << 10;

const _: () = assert!(
    GOSSIP_BLOCKS_BYTES_MAX >> 10 < GOSSIP_BLOCKS_ROOM_KIB as usize
        && GOSSIP_CONTROL_BYTES_MAX >> 10 < GOSSIP_CONTROL_ROOM_KIB as usize,
    "the largest message finds room"
);

const _: () = assert!(
    GOSSIP_SERVINGS_PER_PEER_MAX * (GOSSIP_ANSWER_BYTES_MAX + (1 << 20))
        <= GOSSIP_BLOCKS_QUEUE_BYTES,
    "a peer's answers find room together"
);
