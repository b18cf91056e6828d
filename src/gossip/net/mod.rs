//! Gossip's connections: QUIC, both sides with a certificate, a stream in each direction for each
//! [`Lane`].
//!
//! ```text
//!  dial ------> task: name, handshake ----> Event::Dialed   --> open --> link: a task, and tasks that read
//!  endpoint --> task: limits, handshake --> Event::Accepted --> open --/
//!                                                                send --> lane's queue --> stream
//! ```
//!
//! - Whoever drives the core owns the [`Net`] and hears [`Event`]s from one bounded queue; nothing in the
//!   methods here waits.
//! - A message is its length in four bytes, big-endian, and an envelope. One longer than the lane lets
//!   through is not read, and ends its connection. What is being read has room in one budget for all.
//! - A lane's queue is bounded, in messages and bytes: what does not fit is dropped. Who takes no bytes
//!   for long is disconnected.
//! - Streams with blocks are not read before the first message on the control stream was dealt with,
//!   which says who the other side is.
//! - Room is taken only by an address that has answered. 0-RTT and resumption are off.
//!
//! Knows nothing of what is in a message, of channels, and of ledgers.

mod answer;
mod error;
mod frame;
mod gate;
mod lane;
mod link;
mod socket;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use bytes::Bytes;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::rustls::pki_types::CertificateDer;
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, IdleTimeout, Incoming, MtuDiscoveryConfig,
    Runtime as _, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use socket2::SockRef;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use answer::answer_pieces;
pub use error::NetError;

use crate::gossip::core::{Lane, LinkId};
use crate::limits;
use crate::tls::{MutualTls, leaf_hash};
use crate::types::Digest;
use error::DialError;
use frame::{Outgoing, Rooms};
use gate::{Gate, Slot};
use link::{Link, Reading};
use socket::{DATAGRAM_BYTES_MAX, Socket};

/// What is spoken inside TLS (ALPN).
pub const PROTOCOL: &[u8] = b"heddle-gossip/1";

const LANES: [Lane; 3] = [Lane::Control, Lane::Blocks, Lane::Transfer];

/// What happened on the network.
#[derive(Debug)]
pub enum Event {
    /// The connection that was dialled stands.
    Dialed(LinkId, Connection),
    /// Somebody connected.
    Accepted(Connection),
    /// The connection is gone, or could not be made. Nothing follows.
    Closed(LinkId),
    /// A message.
    Received(Received),
    /// A message that is longer than its lane lets through; the connection is gone.
    TooLong(LinkId),
    /// What [`Net::serve`] was given has been sent.
    Served(LinkId),
}

/// A message that came. Its room is given back when it is dropped.
#[derive(Debug)]
pub struct Received {
    /// On which connection.
    pub link: LinkId,
    /// On which stream.
    pub lane: Lane,
    /// `gossip.Envelope`.
    pub bytes: Bytes,
    _room: tokio::sync::OwnedSemaphorePermit,
}

/// A connection whose other side has shown a certificate that is believed.
#[derive(Debug)]
pub struct Connection {
    quic: quinn::Connection,
    tls: Digest,
    /// Of the address, where the other side connected.
    slot: Option<Slot>,
}

impl Connection {
    /// SHA-256 of the other side's certificate.
    #[must_use]
    pub fn tls(&self) -> Digest {
        self.tls
    }
}

/// One peer's connections.
#[derive(Debug)]
pub struct Net {
    runtime: Handle,
    endpoint: Endpoint,
    client: ClientConfig,
    events: mpsc::Sender<Event>,
    rooms: Rooms,
    links: BTreeMap<LinkId, State>,
    /// Bytes that were sent on connections that are gone.
    bytes_before: u64,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
enum State {
    Dialing(JoinHandle<()>),
    Open(Link),
}

impl State {
    fn bytes_sent(&self) -> u64 {
        match self {
            Self::Dialing(_) => 0,
            Self::Open(open) => open.bytes_sent(),
        }
    }
}

impl Net {
    /// Begins to take connections.
    ///
    /// # Errors
    /// The socket or the TLS settings cannot be used.
    pub fn start(
        runtime: &Handle,
        socket: UdpSocket,
        tls: &MutualTls,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, NetError> {
        let transport = Arc::new(transport());
        let server = QuicServerConfig::try_from(tls.server()?).map_err(|_| NetError::Suite)?;
        let mut server = ServerConfig::with_crypto(Arc::new(server));
        server
            .transport_config(Arc::clone(&transport))
            .migration(false)
            .max_incoming(limits::GOSSIP_HANDSHAKES_MAX);
        let client = QuicClientConfig::try_from(tls.client()?).map_err(|_| NetError::Suite)?;
        let mut client = ClientConfig::new(Arc::new(client));
        client.transport_config(transport);
        // What the system holds little of is lost while this machine's cores are busy.
        let held = SockRef::from(&socket);
        let _ = held.set_recv_buffer_size(limits::GOSSIP_SOCKET_BYTES);
        let _ = held.set_send_buffer_size(limits::GOSSIP_SOCKET_BYTES);
        let _inside = runtime.enter();
        let runtime_of = Arc::new(TokioRuntime);
        let socket = Arc::new(Socket(runtime_of.wrap_udp_socket(socket)?));
        let mut config = EndpointConfig::default();
        // Room for whatever the system gives at a time; none is too large.
        let _ = config.max_udp_payload_size(DATAGRAM_BYTES_MAX);
        let server = Some(server);
        let endpoint = Endpoint::new_with_abstract_socket(config, server, socket, runtime_of)?;
        let accepting = runtime.spawn(accept(endpoint.clone(), events.clone()));
        Ok(Self {
            runtime: runtime.clone(),
            endpoint,
            client,
            events,
            rooms: Rooms::default(),
            links: BTreeMap::new(),
            bytes_before: 0,
            accepting,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Connects to `host:port`. [`Event::Dialed`] or [`Event::Closed`] follows.
    pub fn dial(&mut self, link: LinkId, endpoint: Arc<str>) {
        let dial = Dial {
            endpoint: self.endpoint.clone(),
            client: self.client.clone(),
            to: endpoint,
        };
        let events = self.events.clone();
        let task = self.runtime.spawn(async move {
            let dialed = timeout(limits::GOSSIP_HANDSHAKE_WAIT, dial.run()).await;
            let event = match dialed.unwrap_or(Err(DialError::Timeout)) {
                Ok(connection) => Event::Dialed(link, connection),
                Err(error) => {
                    tracing::debug!(to = &*dial.to, %error, "no connection");
                    Event::Closed(link)
                }
            };
            let _ = events.send(event).await;
        });
        self.links.insert(link, State::Dialing(task));
    }

    /// Whether a connection is being dialled: one that the core has closed meanwhile is not.
    #[must_use]
    pub fn is_dialing(&self, link: LinkId) -> bool {
        matches!(self.links.get(&link), Some(State::Dialing(_)))
    }

    /// Begins to read from a connection, and to write to it.
    pub fn open(&mut self, link: LinkId, connection: Connection) {
        let reading = Reading {
            link,
            events: self.events.clone(),
            rooms: self.rooms.clone(),
        };
        let opened = Link::open(&self.runtime, connection, reading);
        self.links.insert(link, State::Open(opened));
    }

    /// The first message of a connection was dealt with: messages with blocks may come.
    pub fn admit_blocks(&mut self, link: LinkId) {
        if let Some(State::Open(open)) = self.links.get_mut(&link) {
            open.admit_blocks();
        }
    }

    /// Sends a message; false where it is dropped, as the lane is full or the connection gone.
    pub fn send(&mut self, link: LinkId, lane: Lane, bytes: Bytes) -> bool {
        self.put(link, lane, Outgoing::new(vec![bytes], false))
    }

    /// Sends a message in pieces on the transfer lane; [`Event::Served`] follows. False where that does not
    /// follow, as the message is dropped.
    pub fn serve(&mut self, link: LinkId, pieces: Vec<Bytes>) -> bool {
        self.put(link, Lane::Transfer, Outgoing::new(pieces, true))
    }

    fn put(&mut self, link: LinkId, lane: Lane, outgoing: Outgoing) -> bool {
        match self.links.get(&link) {
            Some(State::Open(open)) => open.lane(lane).put(outgoing),
            Some(State::Dialing(_)) | None => false,
        }
    }

    /// Drops a connection. No event follows but those that wait already.
    pub fn close(&mut self, link: LinkId) {
        match self.remove(link) {
            Some(State::Dialing(task)) => task.abort(),
            Some(State::Open(open)) => open.close(),
            None => {}
        }
    }

    /// An [`Event::Closed`] came: whether the connection was still known.
    pub fn closed(&mut self, link: LinkId) -> bool {
        self.remove(link).is_some()
    }

    fn remove(&mut self, link: LinkId) -> Option<State> {
        let removed = self.links.remove(&link);
        self.bytes_before += removed.as_ref().map_or(0, State::bytes_sent);
        removed
    }

    /// Bytes of all packets that were sent so far.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        let now = self.links.values().map(State::bytes_sent);
        self.bytes_before + now.sum::<u64>()
    }

    /// Connections that stand.
    #[must_use]
    pub fn open_count(&self) -> usize {
        let open = self.links.values();
        open.filter(|state| matches!(state, State::Open(_))).count()
    }

    /// Drops all connections, and tells the other sides.
    pub async fn end(mut self) {
        self.accepting.abort();
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.close(link);
        }
        self.endpoint.close(VarInt::from_u32(0), b"");
        // What was said last has to leave the machine.
        let _ = timeout(limits::GOSSIP_KEEPALIVE, self.endpoint.wait_idle()).await;
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.accepting.abort();
        for state in self.links.values() {
            if let State::Dialing(task) = state {
                task.abort();
            }
        }
    }
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(limits::GOSSIP_IDLE_WAIT).ok();
    let lanes = VarInt::from_u32(3);
    let mut packets = MtuDiscoveryConfig::default();
    packets.upper_bound(limits::GOSSIP_PACKET_BYTES_MAX);
    transport
        .mtu_discovery_config(Some(packets))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(lanes)
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(limits::GOSSIP_STREAM_WINDOW))
        .receive_window(VarInt::from_u32(limits::GOSSIP_CONNECTION_WINDOW))
        .send_window(u64::from(limits::GOSSIP_CONNECTION_WINDOW))
        .max_idle_timeout(idle)
        .keep_alive_interval(Some(limits::GOSSIP_KEEPALIVE));
    transport
}

/// Takes connections from those whose address has answered, as long as there is room.
async fn accept(endpoint: Endpoint, events: mpsc::Sender<Event>) {
    let gate = Arc::new(Gate::default());
    while let Some(incoming) = endpoint.accept().await {
        let address = incoming.remote_address();
        if !incoming.remote_address_validated() {
            // Whoever only claims the address does not get the answer, and takes nobody's room.
            if incoming.may_retry() {
                let _ = incoming.retry();
            }
            continue;
        }
        let Some(mut slot) = Gate::enter(&gate, address.ip()) else {
            tracing::debug!(%address, "there are too many connections");
            incoming.refuse();
            continue;
        };
        let events = events.clone();
        tokio::spawn(async move {
            let taken = timeout(limits::GOSSIP_HANDSHAKE_WAIT, handshake(incoming)).await;
            match taken.unwrap_or(Err(DialError::Timeout)) {
                Ok(mut connection) => {
                    slot.is_through();
                    connection.slot = Some(slot);
                    let _ = events.send(Event::Accepted(connection)).await;
                }
                Err(error) => tracing::debug!(%address, %error, "a connection came to nothing"),
            }
        });
    }
}

async fn handshake(incoming: Incoming) -> Result<Connection, DialError> {
    shown(incoming.accept()?.await?)
}

/// The connection with what the other side has shown.
fn shown(quic: quinn::Connection) -> Result<Connection, DialError> {
    let identity = quic.peer_identity();
    let shown = identity.and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
    let tls = shown.and_then(|shown| leaf_hash(&shown));
    Ok(Connection {
        quic,
        tls: tls.ok_or(DialError::NoCertificate)?,
        slot: None,
    })
}

/// A call.
struct Dial {
    endpoint: Endpoint,
    client: ClientConfig,
    to: Arc<str>,
}

impl Dial {
    /// The first of the name's addresses that answers.
    async fn run(&self) -> Result<Connection, DialError> {
        let (host, _) = self.to.rsplit_once(':').ok_or(DialError::NoAddress)?;
        let host = host.trim_matches(['[', ']']);
        let addresses = tokio::net::lookup_host(&*self.to).await;
        let mut failed = DialError::NoAddress;
        for address in addresses.map_err(DialError::Name)? {
            match self.connect(address, host).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn connect(&self, address: SocketAddr, host: &str) -> Result<Connection, DialError> {
        let connecting = self
            .endpoint
            .connect_with(self.client.clone(), address, host)?;
        shown(connecting.await?)
    }
}
