//! A feeder's side of the protocol, over a blocking socket: one thread sends blocks, another hears.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::address::IngestAddress;
use super::protocol::{Greeting, ServerFrame};
use super::refusal::RefusalKind;
use crate::ingress::{BlockSource, SourceError, header};
use crate::limits;
use crate::proto::wire::put_varint;

/// A feed did not end well.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// There is no server.
    #[error("cannot connect to {address}; is 'heddle ledger serve-ingest' running?")]
    Connect {
        /// Where.
        address: IngestAddress,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something else is there.
    #[error("{address} does not greet as a block-ingest server")]
    Greeting {
        /// Where.
        address: IngestAddress,
        /// What came instead.
        #[source]
        source: io::Error,
    },
    /// The server cut the feed off.
    #[error("the server refuses the feed: {reason}")]
    Refused {
        /// The reason's number.
        number: u8,
        /// The reason.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection to the server broke")]
    Lost(#[source] io::Error),
    /// The source cannot give its next block.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A block of the source has no header.
    #[error("record {record} of the source is no block: it has no header")]
    NotABlock {
        /// Its place in the source.
        record: u64,
    },
}

impl FeedError {
    /// Whether connecting again may help.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost(_) => true,
            Self::Refused { number, .. } => RefusalKind::may_retry(*number),
            Self::Greeting { source, .. } => source.kind() != io::ErrorKind::InvalidData,
            Self::Source(_) | Self::NotABlock { .. } => false,
        }
    }
}

/// What a feed did that ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feeding {
    /// Blocks that were sent.
    pub sent: u64,
    /// Blocks of the source that the server did not need.
    pub skipped: u64,
    /// The height that was last heard of as durable.
    pub durable: u64,
}

/// A connection whose greeting was heard.
#[derive(Debug)]
pub struct FeedConnection {
    stream: Stream,
    greeting: Greeting,
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// What the server said so far.
#[derive(Debug, Default)]
struct Heard {
    durable: Option<u64>,
    end: Option<FeedError>,
}

#[derive(Debug, Default)]
struct Ear {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl FeedConnection {
    /// Connects, and waits for the greeting.
    ///
    /// # Errors
    /// There is no server, or not one of these.
    pub fn open(address: &IngestAddress) -> Result<Self, FeedError> {
        let connect = |source| FeedError::Connect {
            address: address.clone(),
            source,
        };
        let wait = Some(limits::FEED_GREETING_WAIT);
        let mut stream = match address {
            IngestAddress::Unix(path) => Stream::Unix(UnixStream::connect(path).map_err(connect)?),
            IngestAddress::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, limits::FEED_GREETING_WAIT);
                Stream::Tcp(stream.map_err(connect)?)
            }
        };
        stream.set_read_timeout(wait).map_err(connect)?;
        let greeting = Greeting::read(&mut stream).map_err(|source| FeedError::Greeting {
            address: address.clone(),
            source,
        })?;
        stream.set_read_timeout(None).map_err(connect)?;
        Ok(Self { stream, greeting })
    }

    /// What the server said first.
    #[must_use]
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Sends the blocks of `source` from `from` on, or where that is `None` from the height on that the
    /// server needs, and returns once the last of them is durable. Where the server needs none of them,
    /// the last one is sent all the same: so that the server can say whether it has the same chain.
    ///
    /// `durable` hears of each height that the server says is durable.
    ///
    /// # Errors
    /// The source cannot be read, the server refuses what it gets, or the connection breaks.
    pub fn feed(
        self,
        source: &mut dyn BlockSource,
        from: Option<u64>,
        durable: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Feeding, FeedError> {
        let from = from.unwrap_or(self.greeting.height);
        let mut listening = self.stream.try_clone().map_err(FeedError::Lost)?;
        let ear = Ear::default();
        thread::scope(|scope| {
            let ear = &ear;
            scope.spawn(move || ear.listen(&mut listening, durable));
            let result = send(&self.stream, source, from, ear);
            // The listening thread ends with its stream.
            let _ = self.stream.shutdown(Shutdown::Both);
            result
        })
    }
}

/// Sends what is needed and waits until it is durable.
fn send(
    stream: &Stream,
    source: &mut dyn BlockSource,
    from: u64,
    ear: &Ear,
) -> Result<Feeding, FeedError> {
    let (mut sent, mut skipped, mut record) = (0, 0, 0);
    let mut last_skipped = None;
    let mut needed = 0;
    let result = loop {
        let Some(block) = source.next_block()? else {
            break Ok(());
        };
        let number = header(&block)
            .ok_or(FeedError::NotABlock { record })?
            .number;
        record += 1;
        needed = number.saturating_add(1);
        if number < from {
            skipped += 1;
            last_skipped = Some(block);
            continue;
        }
        if let Err(error) = stream.send(&block) {
            break Err(error);
        }
        sent += 1;
    };
    let result = match last_skipped {
        Some(block) if sent == 0 => result.and_then(|()| stream.send(&block)),
        _ => result,
    };
    // The server's reason says more than a broken connection.
    let durable = ear.wait(if result.is_ok() { needed } else { u64::MAX })?;
    result.map_err(FeedError::Lost)?;
    Ok(Feeding {
        sent,
        skipped,
        durable,
    })
}

impl Ear {
    /// Hears until the connection ends.
    fn listen(&self, stream: &mut Stream, durable: &mut (dyn FnMut(u64) + Send)) {
        let mut input = BufReader::new(stream);
        loop {
            let frame = ServerFrame::read(&mut input);
            let mut heard = self.lock();
            match frame {
                Ok(ServerFrame::Durable(height)) => heard.durable = Some(height),
                Ok(ServerFrame::Refusal { number, reason }) => {
                    heard.end = Some(FeedError::Refused { number, reason });
                }
                Err(error) => heard.end = Some(FeedError::Lost(error)),
            }
            let (ended, height) = (heard.end.is_some(), heard.durable);
            drop(heard);
            self.changed.notify_all();
            if ended {
                return;
            }
            if let Some(height) = height {
                durable(height);
            }
        }
    }

    /// Waits for a height, and returns what is durable then.
    fn wait(&self, height: u64) -> Result<u64, FeedError> {
        let mut heard = self.lock();
        loop {
            // An empty source needs nothing.
            if height == 0 {
                return Ok(heard.durable.unwrap_or(0));
            }
            if let Some(durable) = heard.durable.filter(|durable| *durable >= height) {
                return Ok(durable);
            }
            if let Some(end) = heard.end.take() {
                return Err(end);
            }
            heard = self
                .changed
                .wait(heard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    fn set_read_timeout(&self, wait: Option<std::time::Duration>) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(wait),
            Self::Tcp(stream) => stream.set_read_timeout(wait),
        }
    }

    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        }
    }

    /// Sends one block, waiting as long as the server pushes back.
    fn send(&self, block: &[u8]) -> io::Result<()> {
        let mut length = Vec::with_capacity(5);
        put_varint(&mut length, block.len() as u64);
        match self {
            Self::Unix(stream) => write(stream, &length, block),
            Self::Tcp(stream) => write(stream, &length, block),
        }
    }
}

fn write(mut stream: impl Write, length: &[u8], block: &[u8]) -> io::Result<()> {
    stream.write_all(length)?;
    stream.write_all(block)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}
