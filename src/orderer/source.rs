//! The source that a channel's pipeline reads from.
//!
//! Everything is decided on the thread that asks for the next block: it takes what the streams' tasks
//! have put into the buffer, tells the core, checks blocks and headers, and does what the core wants.
//! So a block that leaves here is the next one, linked, whole and signed by the orderers, and a pipeline
//! that is behind takes nothing, decides nothing, and holds nobody's silence against him: the core's
//! clock stands while nobody waits for a block.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::buffer::{Buffer, Event, Taken};
use super::core::{Action, Content, Core, Endpoint, StreamId, Trouble};
use super::door::Door;
use super::endpoints::{endpoints, is_bft};
use super::options::OrdererOptions;
use super::status::{OrdererStatus, Tally};
use super::stream::Stream;
use crate::channel::Bundle;
use crate::client::{Seek, SeekContent, SeekTo};
use crate::ingress::{BlockSource, Candidate, DataCheck, EndSource, SourceError};
use crate::limits;
use crate::msp::SigningIdentity;
use crate::sys::clock::{Clock, Instant};
use crate::sys::random;
use crate::types::{BlockNumber, Digest};
use crate::verify::ChainTip;

/// How often it is looked whether a config block has been committed.
const CONFIG_POLL: Duration = Duration::from_millis(1);

/// Blocks from the channel's orderers, each checked.
#[derive(Debug)]
pub struct OrdererSource<D> {
    door: D,
    core: Core,
    /// Header hash of the last accepted block.
    tip: Digest,
    /// What is known of its data.
    data: DataCheck,
    /// The configuration for the next block.
    bundle: Option<Arc<Bundle>>,
    network: Network,
    /// Headers that came before their blocks.
    headers: BTreeMap<StreamId, Bytes>,
    /// Who gave which blocks: the first of each row, and the address.
    givers: VecDeque<(BlockNumber, String)>,
    time: WaitingTime,
    status: OrdererStatus,
    /// Whether it was told that nobody gives blocks.
    outage: bool,
}

/// The streams' tasks.
#[derive(Debug)]
struct Network {
    runtime: Handle,
    buffer: Arc<Buffer>,
    open: BTreeMap<StreamId, Open>,
    identity: Arc<SigningIdentity>,
    options: Arc<OrdererOptions>,
}

#[derive(Debug)]
struct Open {
    endpoint: Arc<Endpoint>,
    go_on: Arc<Notify>,
    task: JoinHandle<()>,
}

/// A clock that stands while nobody waits.
#[derive(Debug)]
struct WaitingTime {
    clock: Arc<dyn Clock>,
    away: Duration,
    left: Option<Instant>,
}

impl<D: Door> OrdererSource<D> {
    /// Blocks behind `tip`, which the ledger has. Streams are tasks of `runtime`, whose timers and
    /// network must be enabled; nothing is asked of anybody before the first
    /// [`next_block`](BlockSource::next_block), which must not be called from a task.
    pub fn start(
        runtime: &Handle,
        door: D,
        tip: ChainTip,
        identity: Arc<SigningIdentity>,
        options: Arc<OrdererOptions>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> (Self, OrdererStatus) {
        let core = Core::new(tip.number.next(), options.core, seed);
        let buffer = Arc::<Buffer>::default();
        let status = OrdererStatus::new(core.state(), Arc::clone(&buffer));
        let network = Network {
            runtime: runtime.clone(),
            buffer,
            open: BTreeMap::new(),
            identity,
            options,
        };
        let source = Self {
            door,
            core,
            tip: tip.header_hash,
            data: DataCheck::Unknown,
            bundle: None,
            network,
            headers: BTreeMap::new(),
            givers: VecDeque::new(),
            time: WaitingTime {
                clock,
                away: Duration::ZERO,
                left: None,
            },
            status: status.clone(),
            outage: false,
        };
        (source, status)
    }

    /// Ends the source for good, from another thread. What [`BlockSource::ender`] gives ends only one run
    /// of the pipeline.
    #[must_use]
    pub fn stopper(&self) -> Arc<dyn EndSource> {
        Arc::new(Stopper(Arc::clone(&self.network.buffer)))
    }

    /// Prepares for another run of the pipeline, which refused a block that was let in here: blocks
    /// behind `tip` are asked for again, and whoever gave the one after it is put behind the others.
    pub fn rejected(&mut self, tip: ChainTip, problem: String) {
        let number = tip.number.next();
        let giver = self.givers.iter().rev().find(|(first, _)| *first <= number);
        let giver = giver.map(|(_, address)| address.clone());
        let channel = self.channel();
        tracing::warn!(channel, %number, orderer = giver, problem, "a block is refused by validation");
        let trouble = Trouble::BadBlock { number, problem };
        let blame = giver.as_deref().map(|address| (address, trouble));
        self.core.rewind(self.time.now(), number, blame);
        Tally::add(&self.status.tally().offences, 1);
        self.tip = tip.header_hash;
        self.network.buffer.begin_run();
        self.perform();
        self.status.publish(self.core.state());
    }

    /// The next good block; `None` where nobody wants it any more.
    fn wait(&mut self) -> Option<Bytes> {
        loop {
            if !self.follow_configuration() {
                if self.network.buffer.pause(CONFIG_POLL) {
                    continue;
                }
                return None;
            }
            self.perform();
            let now = self.time.now();
            let wait = self.core.wake_at().map(|at| at.since(now));
            match self.network.buffer.take(wait) {
                Taken::Ended => return None,
                Taken::Nothing => self.core.tick(self.time.now()),
                Taken::Event(stream, Event::Block(bytes)) => {
                    if self.examine(stream, &bytes) {
                        self.perform();
                        return Some(bytes);
                    }
                }
                Taken::Event(stream, event) => self.hear(stream, event),
            }
            self.status.publish(self.core.state());
            self.tell_outage();
        }
    }

    /// Looks whether the configuration has changed; `false` while it is not known.
    fn follow_configuration(&mut self) -> bool {
        let Some(bundle) = self.door.configuration(self.core.next()) else {
            return false;
        };
        let known = self.bundle.as_ref();
        if known.is_none_or(|known| !Arc::ptr_eq(known, &bundle)) {
            let endpoints = endpoints(&bundle, &self.network.options.overrides);
            let bft = is_bft(&bundle) && self.network.options.headers;
            self.core.set_endpoints(self.time.now(), &endpoints, bft);
            self.bundle = Some(bundle);
        }
        true
    }

    /// Lets the block in, or has its source dropped.
    fn examine(&mut self, stream: StreamId, bytes: &Bytes) -> bool {
        if self.core.content(stream) != Some(Content::Blocks) {
            return false;
        }
        let now = self.time.now();
        match self.check(bytes) {
            Ok((header_hash, data)) => {
                self.note_giver(stream);
                self.tip = header_hash;
                self.data = data;
                let was_failing = self.status_is_old();
                self.core.accepted(now, stream);
                if self.outage {
                    self.tell_outage();
                }
                self.count(bytes);
                if was_failing {
                    self.status.publish(self.core.state());
                }
                true
            }
            Err(trouble) => {
                self.blame(stream, trouble);
                false
            }
        }
    }

    /// Whether the block is the next one, linked, whole and signed; its header hash, and what is known of
    /// its data.
    fn check(&mut self, bytes: &Bytes) -> Result<(Digest, DataCheck), Trouble> {
        let next = self.core.next();
        let bad = |problem: String| Trouble::BadBlock {
            number: next,
            problem,
        };
        if bytes.len() > limits::BLOCK_BYTES_MAX {
            let (found, max) = (bytes.len(), limits::BLOCK_BYTES_MAX);
            return Err(bad(format!(
                "it has {found} bytes, a block has at most {max}"
            )));
        }
        let block = Candidate::decode(bytes);
        let block = block.map_err(|error| bad(format!("it does not decode ({error})")))?;
        if block.number != next {
            return Err(Trouble::Unasked {
                what: format!("block {}", block.number),
                expected: format!("block {next}"),
            });
        }
        let link = block.check_link(self.tip);
        let checked = link.and_then(|()| block.check_contents(&mut self.door));
        let data = checked.map_err(|objection| bad(objection.to_string()))?;
        Ok((block.header_hash, data))
    }

    fn hear(&mut self, stream: StreamId, event: Event) {
        if self.core.content(stream).is_none() {
            return;
        }
        let now = self.time.now();
        match event {
            Event::Connected => {
                self.tell_connected(stream);
                self.core.connected(now, stream);
            }
            Event::Header(bytes) => self.hear_header(stream, bytes),
            Event::Failed(trouble) => {
                self.tell_failure(stream, &trouble);
                Tally::add(&self.status.tally().failures, 1);
                self.core.failed(now, stream, trouble);
            }
            Event::Misbehaved(trouble) => self.blame(stream, trouble),
            Event::Block(_) => {}
        }
    }

    fn hear_header(&mut self, stream: StreamId, bytes: Bytes) {
        match Candidate::decode(&bytes).map(|header| header.number) {
            Ok(number) => {
                self.headers.insert(stream, bytes);
                self.core.claimed(self.time.now(), stream, number);
            }
            Err(error) => {
                let number = self.core.next();
                let problem = format!("it does not decode ({error})");
                self.blame(stream, Trouble::BadHeader { number, problem });
            }
        }
    }

    fn blame(&mut self, stream: StreamId, trouble: Trouble) {
        let (channel, orderer) = (self.channel(), self.address(stream));
        tracing::warn!(channel, orderer, %trouble, "an orderer misbehaves");
        Tally::add(&self.status.tally().offences, 1);
        self.core.misbehaved(self.time.now(), stream, trouble);
    }

    /// Does what the core wants, until it wants nothing more.
    fn perform(&mut self) {
        let mut done = false;
        while let Some(action) = self.core.next_action() {
            done = true;
            match action {
                Action::Open {
                    stream,
                    endpoint,
                    from,
                    content,
                } => self.open(stream, endpoint, from, content),
                Action::Close { stream } => {
                    self.headers.remove(&stream);
                    self.network.close(stream);
                }
                Action::Continue { stream } => {
                    self.headers.remove(&stream);
                    if let Some(open) = self.network.open.get(&stream) {
                        open.go_on.notify_one();
                    }
                }
                Action::Prove { stream } => self.prove(stream),
            }
        }
        if done {
            self.status.publish(self.core.state());
        }
    }

    fn open(
        &mut self,
        stream: StreamId,
        endpoint: Arc<Endpoint>,
        from: BlockNumber,
        content: Content,
    ) {
        let Some(bundle) = &self.bundle else {
            return;
        };
        let hash = self.network.options.tls.as_ref();
        let hash = hash.and_then(|tls| tls.certificate_hash());
        let seek = Seek {
            channel: bundle.channel_id().as_str(),
            to: SeekTo::From(from.0),
            content: match content {
                Content::Blocks => SeekContent::Blocks,
                Content::Headers => SeekContent::Headers,
            },
            tls_cert_hash: hash.as_ref().map_or(&[], AsRef::as_ref),
            unix_micros: self.time.clock.unix_micros(),
        };
        Tally::add(&self.status.tally().streams, 1);
        match random::bytes() {
            Ok(nonce) => {
                let seek = seek.envelope(&self.network.identity, nonce);
                let seek = seek.encode_to_vec().into();
                self.network.open(stream, endpoint, content, seek);
            }
            Err(error) => {
                let reason = error.to_string();
                let now = self.time.now();
                self.core.failed(now, stream, Trouble::Request { reason });
            }
        }
    }

    fn prove(&mut self, stream: StreamId) {
        let Some(bytes) = self.headers.remove(&stream) else {
            return;
        };
        let next = self.core.next();
        let proof = Candidate::decode(&bytes).map_err(|error| error.to_string());
        let proof = proof.and_then(|header| {
            let checked = header.check_header(&mut self.door);
            checked.map_err(|objection| objection.to_string())
        });
        match proof {
            Ok(()) => self.core.proved(self.time.now(), stream),
            Err(problem) => self.blame(
                stream,
                Trouble::BadHeader {
                    number: next,
                    problem,
                },
            ),
        }
    }

    fn address(&self, stream: StreamId) -> &str {
        let open = self.network.open.get(&stream);
        open.map_or("", |open| &open.endpoint.address)
    }

    fn note_giver(&mut self, stream: StreamId) {
        let address = self.address(stream);
        let last = self.givers.back();
        if last.is_some_and(|(_, giver)| giver == address) {
            return;
        }
        let address = address.to_owned();
        if self.givers.len() >= limits::ORDERER_GIVERS_KEPT {
            self.givers.pop_front();
        }
        self.givers.push_back((self.core.next(), address));
    }

    /// Whether what the status shows is more than a number behind.
    fn status_is_old(&self) -> bool {
        self.status.tally().blocks.load(Ordering::Relaxed) == 0 || self.core.is_failing()
    }

    fn count(&self, block: &Bytes) {
        let tally = self.status.tally();
        // Ordering: for people.
        tally.next.store(self.core.next().0, Ordering::Relaxed);
        let now = self.time.clock.unix_micros();
        tally.last_block_unix_micros.store(now, Ordering::Relaxed);
        Tally::add(&tally.blocks, 1);
        Tally::add(&tally.bytes, block.len() as u64);
    }
}

/// What the log gets to hear. What goes wrong again and again is told once, until a block comes.
impl<D: Door> OrdererSource<D> {
    fn channel(&self) -> &str {
        let bundle = self.bundle.as_ref();
        bundle.map_or("", |bundle| bundle.channel_id().as_str())
    }

    fn tell_connected(&self, stream: StreamId) {
        let (channel, orderer) = (self.channel(), self.address(stream));
        let content = match self.core.content(stream) {
            Some(Content::Headers) => "headers",
            Some(Content::Blocks) | None => "blocks",
        };
        let from = self.core.next();
        if self.core.is_sound(stream) {
            tracing::info!(channel, orderer, %from, content, "connected");
        } else {
            tracing::debug!(channel, orderer, %from, content, "connected again");
        }
    }

    fn tell_failure(&self, stream: StreamId, trouble: &Trouble) {
        let (channel, orderer) = (self.channel(), self.address(stream));
        if self.core.is_known(stream, trouble) {
            tracing::debug!(channel, orderer, %trouble, "still no blocks from here");
        } else {
            tracing::warn!(channel, orderer, %trouble, "no more blocks from here");
        }
    }

    /// Says once that nobody gives blocks, and once that somebody does again.
    fn tell_outage(&mut self) {
        let state = self.core.state();
        let problem = state.problem();
        if problem.is_some() == self.outage {
            return;
        }
        self.outage = problem.is_some();
        let channel = self.channel();
        match problem {
            Some(problem) => tracing::error!(channel, problem, "the channel gets no blocks"),
            None => tracing::info!(
                channel,
                orderer = state.source,
                "the channel gets blocks again"
            ),
        }
    }
}

impl<D: Door> BlockSource for OrdererSource<D> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        self.time.enter();
        let block = self.wait();
        self.time.leave();
        Ok(block)
    }

    fn take_data_check(&mut self) -> DataCheck {
        std::mem::take(&mut self.data)
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        Some(Arc::new(Ender(Arc::clone(&self.network.buffer))))
    }
}

impl Network {
    fn open(&mut self, id: StreamId, endpoint: Arc<Endpoint>, content: Content, seek: Bytes) {
        let go_on = Arc::new(Notify::new());
        let stream = Stream {
            id,
            endpoint: Arc::clone(&endpoint),
            content,
            seek,
            options: Arc::clone(&self.options),
            buffer: Arc::clone(&self.buffer),
            go_on: Arc::clone(&go_on),
        };
        let task = self.runtime.spawn(stream.run());
        let open = Open {
            endpoint,
            go_on,
            task,
        };
        self.open.insert(id, open);
    }

    fn close(&mut self, stream: StreamId) {
        if let Some(open) = self.open.remove(&stream) {
            open.task.abort();
        }
        self.buffer.discard(stream);
    }
}

/// The streams end with the source.
impl Drop for Network {
    fn drop(&mut self) {
        for open in self.open.values() {
            open.task.abort();
        }
    }
}

impl WaitingTime {
    fn now(&self) -> Instant {
        let away = u64::try_from(self.away.as_micros()).unwrap_or(u64::MAX);
        let now = self.left.unwrap_or_else(|| self.clock.now());
        Instant::from_micros(now.as_micros().saturating_sub(away))
    }

    fn enter(&mut self) {
        if let Some(left) = self.left.take() {
            self.away += self.clock.now().since(left);
        }
    }

    fn leave(&mut self) {
        self.left = Some(self.clock.now());
    }
}

struct Ender(Arc<Buffer>);

impl EndSource for Ender {
    fn end(&self) {
        self.0.end_run();
    }
}

struct Stopper(Arc<Buffer>);

impl EndSource for Stopper {
    fn end(&self) {
        self.0.stop();
    }
}
