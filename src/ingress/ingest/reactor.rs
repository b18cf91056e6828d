//! The one thread that serves all sockets: bytes from feeders to the desk, answers back.
//!
//! Sockets are registered once, edge-triggered; each remembers whether there may be bytes or room. A
//! feeder that the desk does not want to hear is just not read from, and the system pushes back on it.
//! Every turn serves every feeder with a bounded number of reads, so none starves another.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::desk::FeederId;
use super::hub::Hub;
use super::listen::{Listener, Listeners, Stream};
use crate::limits;

const WAKER: Token = Token(usize::MAX);
const EVENTS: usize = 128;
/// How long to wait after the system had no resources for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The thread's sockets.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    waker: Arc<Waker>,
    listeners: Listeners,
    connections: BTreeMap<Token, Connection>,
    last_token: usize,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    id: FeederId,
    stream: Stream,
    readable: bool,
    writable: bool,
    shut: bool,
}

impl Reactor {
    /// A reactor for these listeners.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new(mut listeners: Listeners) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        for (index, listener) in listeners.open.iter_mut().enumerate() {
            let source = listener.source();
            poll.registry()
                .register(source, Token(index), Interest::READABLE)?;
        }
        Ok(Self {
            last_token: listeners.open.len(),
            poll,
            waker,
            listeners,
            connections: BTreeMap::new(),
            buffer: vec![0; limits::INGEST_READ_BYTES],
        })
    }

    /// Wakes the reactor.
    #[must_use]
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Where it listens.
    #[must_use]
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Serves until the hub is closed and every feeder has gone. An error of the reactor itself is
    /// handed to the hub, whose source ends with it.
    pub fn run(mut self, hub: &Hub) {
        if let Err(error) = self.serve(hub) {
            hub.fail(error);
        }
    }

    fn serve(&mut self, hub: &Hub) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut timeout = None;
        loop {
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => result?,
            }
            for event in &events {
                if let Some(connection) = self.connections.get_mut(&event.token()) {
                    connection.readable |= event.is_readable() || event.is_read_closed();
                    connection.writable |= event.is_writable() || event.is_write_closed();
                }
            }
            let short_of_resources = !hub.is_closed() && self.accept(hub);
            let now = hub.now();
            hub.lock().tick(now);
            let more = self.turn(hub);
            hub.notify();
            if hub.is_closed() && hub.lock().is_deserted() {
                return Ok(());
            }
            timeout = if more {
                Some(Duration::ZERO)
            } else if short_of_resources {
                Some(ACCEPT_AGAIN)
            } else {
                // Rounded up: the poll must not end just before the deadline.
                let deadline = hub.lock().deadline();
                deadline.map(|at| at.since(now) + Duration::from_millis(1))
            };
        }
    }

    /// Takes new connections; whether the system could give none though there may be some.
    fn accept(&mut self, hub: &Hub) -> bool {
        let mut short_of_resources = false;
        for listener in &self.listeners.open {
            loop {
                let stream = match listener.accept() {
                    Ok(stream) => stream,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(_) => {
                        short_of_resources = true;
                        break;
                    }
                };
                let Some(id) = hub.lock().join(hub.now()) else {
                    continue;
                };
                self.last_token += 1;
                let token = Token(self.last_token);
                let mut connection = Connection {
                    id,
                    stream,
                    readable: true,
                    writable: true,
                    shut: false,
                };
                match connection.register(self.poll.registry(), token) {
                    Ok(()) => {
                        self.connections.insert(token, connection);
                    }
                    Err(_) => hub.lock().ended(id, true, hub.now()),
                }
            }
        }
        short_of_resources
    }

    /// Serves each feeder once; whether there is more to do at once.
    fn turn(&mut self, hub: &Hub) -> bool {
        for connection in self.connections.values_mut() {
            connection.read(hub, &mut self.buffer);
        }
        let registry = self.poll.registry();
        self.connections.retain(|_, connection| {
            connection.write(hub);
            let done = hub.lock().is_done(connection.id);
            if done {
                // Closing the socket deregisters it in any case.
                let _ = registry.deregister(connection.stream.source());
            }
            !done
        });
        // What one feeder did may have made room for another that was served before it.
        let mut desk = hub.lock();
        self.connections.values().any(|connection| {
            let id = connection.id;
            let reads = connection.readable && desk.wants_read(id);
            reads || (connection.writable && !desk.output(id).is_empty())
        })
    }
}

impl Connection {
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(self.stream.source(), token, interest)
    }

    /// Reads what is there and wanted, as often as one turn allows.
    fn read(&mut self, hub: &Hub, buffer: &mut [u8]) {
        for _ in 0..limits::INGEST_READS_PER_TURN {
            if !self.readable || !hub.lock().wants_read(self.id) {
                return;
            }
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.readable = false;
                    hub.lock().ended(self.id, false, hub.now());
                }
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    hub.lock().received(self.id, bytes, hub.now());
                    hub.notify();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.readable = false;
                    hub.lock().ended(self.id, true, hub.now());
                }
            }
        }
    }

    /// Writes what there is to write and room for.
    fn write(&mut self, hub: &Hub) {
        while self.writable {
            let mut desk = hub.lock();
            let output = desk.output(self.id);
            if output.is_empty() {
                break;
            }
            match self.stream.write(output) {
                Ok(count) => desk.wrote(self.id, count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.writable = false;
                    desk.ended(self.id, true, hub.now());
                }
            }
        }
        // The feeder learns that nothing more comes, and closes; until then what it sends is thrown
        // away: closing first could lose the reason on its way.
        if !self.shut && hub.lock().is_told_all(self.id) {
            self.shut = true;
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

impl Listener {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Unix(listener) => listener,
            Self::Tcp(listener) => listener,
        }
    }

    fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
        }
    }
}

impl Stream {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Unix(stream) => stream,
            Self::Tcp(stream) => stream,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        }
    }
}
