//! The channels that are running: each with its task, its file and a bounded queue.
//!
//! One task per channel owns its [`Ordering`]: messages come through the queue, blocks go to the file,
//! readers watch the height. A channel whose disk fails stops; the others go on.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use heddle::channel::{Bundle, ConfigBlock, ConfigError};
use heddle::msp::SigningIdentity;
use heddle::proto::messages::common::{Block, Envelope, Status};
use heddle::sys::clock::Clock;
use heddle::sys::random;
use heddle::sys::storage::Storage;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::admission::{Headers, Kind, Refusal, admit, size};
use crate::blocks::{BlockMaker, MadeBlock, Nonces, Tip};
use crate::log::{BlockLog, LogError};
use crate::ordering::{Now, Ordering, chain};
use crate::say;

/// Messages that wait to be ordered, per channel. Broadcast streams fill it, the channel's task empties
/// it; when it is full, streams wait.
const MESSAGES_QUEUED: usize = 1024;

/// Kilobytes of messages that wait to be ordered, all channels together. When as many are waiting, streams
/// wait.
const KILOBYTES_QUEUED: u32 = 256 << 10;

/// Why a channel is not running.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{name}: not a config block of a channel: {source}")]
    Genesis {
        name: String,
        source: Box<ConfigError>,
    },
    #[error("{name}: block 0 on disk is another one: expected the one that was given")]
    OtherGenesis { name: String },
    #[error("{name}: the last block does not tell where the configuration is")]
    NoConfig { name: String },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("no randomness: {0}")]
    Random(#[source] io::Error),
}

/// What a channel's task is told.
enum Command {
    Order {
        envelope: Envelope,
        /// Of the configuration that admitted it.
        sequence: u64,
        /// Its place among the bytes that wait.
        place: OwnedSemaphorePermit,
    },
    Configure {
        envelope: Envelope,
        answer: oneshot::Sender<Result<(), Refusal>>,
    },
}

/// A channel to read from.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) log: Arc<BlockLog>,
    /// How many blocks are durable.
    pub(crate) height: watch::Receiver<u64>,
    /// The configuration whose Readers policy holds; none where everybody may read.
    pub(crate) bundle: Option<watch::Receiver<Arc<Bundle>>>,
}

/// A channel that takes messages.
#[derive(Debug)]
struct Channel {
    reader: Reader,
    bundle: watch::Receiver<Arc<Bundle>>,
    inbox: mpsc::Sender<Command>,
}

/// All channels.
#[derive(Debug)]
pub(crate) struct Channels {
    writable: BTreeMap<String, Channel>,
    readable: BTreeMap<String, Reader>,
    /// Of channels that are only read: kept, so that readers wait for blocks that never come.
    fixed_heights: Vec<watch::Sender<u64>>,
    room: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

impl Channels {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let room = usize::try_from(KILOBYTES_QUEUED).unwrap_or(usize::MAX);
        Self {
            writable: BTreeMap::new(),
            readable: BTreeMap::new(),
            fixed_heights: Vec::new(),
            room: Arc::new(Semaphore::new(room)),
            clock,
        }
    }

    /// The names of all channels.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let writable = self.writable.keys();
        writable.chain(self.readable.keys()).map(String::as_str)
    }

    /// Makes a channel of a genesis block, if it is not there yet.
    pub(crate) fn found(
        storage: &dyn Storage,
        data: &Path,
        genesis: &[u8],
        name: &str,
    ) -> Result<(), ChannelError> {
        let refused = |source| ChannelError::Genesis {
            name: name.to_owned(),
            source: Box::new(source),
        };
        let block = ConfigBlock::read(genesis).map_err(refused)?;
        Bundle::from_genesis(&block.channel_id, block.config_envelope).map_err(refused)?;
        let folder = data.join(block.channel_id.as_str());
        if !BlockLog::exists(storage, &folder) {
            return Ok(BlockLog::create(storage, &folder, genesis)?);
        }
        let (log, _) = BlockLog::open(storage, &folder)?;
        match log.read(0)? {
            Some(first) if first == genesis => Ok(()),
            _ => Err(ChannelError::OtherGenesis {
                name: name.to_owned(),
            }),
        }
    }

    /// Opens the channel in a folder and starts its task, which ends when the channels are dropped.
    pub(crate) fn start(
        &mut self,
        storage: &dyn Storage,
        folder: &Path,
        signer: &SigningIdentity,
    ) -> Result<tokio::task::JoinHandle<()>, ChannelError> {
        let name = folder.display().to_string();
        let (log, torn) = BlockLog::open(storage, folder)?;
        if torn > 0 {
            say(&format!(
                "{name}: cut {torn} bytes of a block that was not written to its end"
            ));
        }
        let (bundle, tip) = resume(&log, &name)?;
        let channel = bundle.channel_id().as_str().to_owned();
        let nonces = Nonces::new(random::bytes().map_err(ChannelError::Random)?);
        let blocks = BlockMaker::new(signer.clone(), nonces, tip);
        let ordering = Ordering::new(Arc::clone(&bundle), blocks)?;
        let (heights, height) = watch::channel(log.height());
        let (bundles, bundle) = watch::channel(bundle);
        let (inbox, commands) = mpsc::channel(MESSAGES_QUEUED);
        let log = Arc::new(log);
        let task = Task {
            name: channel.clone(),
            ordering,
            log: Arc::clone(&log),
            heights,
            bundles,
            clock: Arc::clone(&self.clock),
        };
        let reader = Reader {
            log,
            height,
            bundle: Some(bundle.clone()),
        };
        let running = Channel {
            reader,
            bundle,
            inbox,
        };
        self.writable.insert(channel, running);
        Ok(tokio::spawn(task.run(commands)))
    }

    /// Adds a channel that can only be read, by everybody.
    pub(crate) fn serve(&mut self, log: BlockLog, name: &str) -> Result<(), ChannelError> {
        let refused = |source| ChannelError::Genesis {
            name: name.to_owned(),
            source: Box::new(source),
        };
        let first = log.read(0)?.unwrap_or_default();
        let channel = ConfigBlock::read(&first).map_err(refused)?.channel_id;
        let (fixed, height) = watch::channel(log.height());
        self.fixed_heights.push(fixed);
        let reader = Reader {
            height,
            log: Arc::new(log),
            bundle: None,
        };
        self.readable.insert(channel.as_str().to_owned(), reader);
        Ok(())
    }

    /// The channel to read from.
    pub(crate) fn reader(&self, channel: &str) -> Option<Reader> {
        let writable = self.writable.get(channel).map(|channel| &channel.reader);
        writable.or_else(|| self.readable.get(channel)).cloned()
    }

    /// Takes a message, or says why not. Waits while the queues are full.
    pub(crate) async fn broadcast(&self, envelope: Envelope) -> Result<(), Refusal> {
        let headers = Headers::read(&envelope.payload)
            .ok_or_else(|| Refusal::bad("could not determine channel ID: headers do not decode"))?;
        let name = headers.channel.channel_id;
        let channel = self.writable.get(name).ok_or_else(|| {
            let why = if self.readable.contains_key(name) {
                "channel is only served: it takes no transactions"
            } else {
                "channel does not exist"
            };
            Refusal::bad(why)
        })?;
        let stopped = || {
            let channel = channel.bundle.borrow().channel_id().clone();
            let info = format!("channel {channel} has stopped: see the orderer's log");
            Refusal::new(Status::ServiceUnavailable, info)
        };
        if headers.kind()? == Kind::ConfigUpdate {
            let (answer, answered) = oneshot::channel();
            let command = Command::Configure { envelope, answer };
            channel.inbox.send(command).await.map_err(|_| stopped())?;
            return answered.await.map_err(|_| stopped())?;
        }
        let bundle = Arc::clone(&channel.bundle.borrow());
        admit(
            &bundle,
            &envelope,
            Kind::Normal,
            self.clock.unix_micros() / 1_000_000,
        )?;
        let kilobytes = u32::try_from(size(&envelope) / 1024 + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room);
        let place = room
            .acquire_many_owned(kilobytes.min(KILOBYTES_QUEUED))
            .await;
        let command = Command::Order {
            envelope,
            sequence: bundle.sequence(),
            place: place.map_err(|_| stopped())?,
        };
        channel.inbox.send(command).await.map_err(|_| stopped())
    }
}

/// Where a chain stands: its configuration and its tip.
fn resume(log: &BlockLog, name: &str) -> Result<(Arc<Bundle>, Tip), ChannelError> {
    let missing = || ChannelError::NoConfig {
        name: name.to_owned(),
    };
    let last = log
        .read(log.height().saturating_sub(1))?
        .ok_or_else(missing)?;
    let last = Block::decode(last).map_err(|_| missing())?;
    let tip = Tip::of(&last).ok_or_else(missing)?;
    let config = log.read(tip.last_config)?.ok_or_else(missing)?;
    let refused = |source| ChannelError::Genesis {
        name: name.to_owned(),
        source: Box::new(source),
    };
    let config = ConfigBlock::read(&config).map_err(refused)?;
    let bundle = Bundle::from_genesis(&config.channel_id, config.config_envelope);
    Ok((Arc::new(bundle.map_err(refused)?), tip))
}

/// What a channel's task owns.
struct Task {
    name: String,
    ordering: Ordering,
    log: Arc<BlockLog>,
    heights: watch::Sender<u64>,
    bundles: watch::Sender<Arc<Bundle>>,
    clock: Arc<dyn Clock>,
}

impl Task {
    /// Runs until nobody can send any more, or the disk fails.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let deadline = self.ordering.deadline();
            let wait = deadline.map(|deadline| deadline.since(self.clock.now()));
            let timer = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            let stored = tokio::select! {
                // The timer first: many messages must not hold up the first of a batch.
                biased;
                () = timer => {
                    let block = self.ordering.tick(self.clock.now());
                    self.store(block)
                }
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
            };
            if let Err(error) = stored {
                say(&format!("channel {} stops: {}", self.name, chain(&error)));
                return;
            }
        }
        // Everybody was told that it is taken.
        let rest = self.ordering.cut();
        if let Err(error) = self.store(rest) {
            say(&format!("channel {}: {}", self.name, chain(&error)));
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), LogError> {
        let now = Now {
            at: self.clock.now(),
            unix_micros: self.clock.unix_micros(),
        };
        match command {
            Command::Order {
                envelope,
                sequence,
                place,
            } => {
                let blocks = self.ordering.order(&envelope, sequence, now);
                drop(place);
                match blocks {
                    Ok(blocks) => self.store(blocks),
                    Err(refusal) => {
                        // Fabric drops it as silently: its sender has gone.
                        say(&format!(
                            "channel {}: dropped a message: {refusal}",
                            self.name
                        ));
                        Ok(())
                    }
                }
            }
            Command::Configure { envelope, answer } => {
                let made = self.ordering.configure(&envelope, now);
                let (stored, told) = match made {
                    Ok(blocks) => (self.store(blocks), Ok(())),
                    Err(refusal) => (Ok(()), Err(refusal)),
                };
                if stored.is_ok() {
                    // Who has not waited does not want to know.
                    let _ = answer.send(told);
                }
                stored
            }
        }
    }

    /// Makes blocks durable, then visible.
    fn store(&mut self, blocks: impl IntoIterator<Item = MadeBlock>) -> Result<(), LogError> {
        for block in blocks {
            tokio::task::block_in_place(|| self.log.append(&block.bytes))?;
            // A reader that sees a config block is checked by what it says.
            if self.bundles.borrow().sequence() != self.ordering.bundle().sequence() {
                self.bundles
                    .send_replace(Arc::clone(self.ordering.bundle()));
            }
            self.heights.send_replace(block.number + 1);
        }
        Ok(())
    }
}
