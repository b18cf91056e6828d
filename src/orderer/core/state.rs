//! What health and metrics show of the core.

use super::{Content, Core};
use crate::sys::clock::Instant;
use crate::types::BlockNumber;

/// Where a channel's blocks come from, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreState {
    /// The next needed block.
    pub next: BlockNumber,
    /// Whether headers are asked for beside blocks.
    pub bft: bool,
    /// The orderer that blocks are asked of: `host:port`.
    pub source: Option<String>,
    /// Whether the connection with it stands.
    pub connected: bool,
    /// Whether it has stood for a while: nothing is wrong, even if no new block comes.
    pub settled: bool,
    /// When the last block was accepted.
    pub last_block: Option<Instant>,
    /// Streams of blocks that failed since then.
    pub failures: u32,
    /// When the next attempt is made, where none is going on.
    pub retry_at: Option<Instant>,
    /// Orderers that headers come from.
    pub header_streams: usize,
    /// The orderers, in the order in which they are asked if nothing is held against them.
    pub sources: Vec<SourceState>,
}

/// What is known of one orderer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// `host:port`.
    pub address: String,
    /// Its streams of blocks that failed since the last good block.
    pub failed: u32,
    /// How often it misbehaved.
    pub offences: u32,
    /// Until when it comes behind the others.
    pub penalised_until: Option<Instant>,
    /// What last went wrong, and when.
    pub trouble: Option<(Instant, String)>,
}

impl Core {
    /// How things stand.
    #[must_use]
    pub fn state(&self) -> CoreState {
        let serving = self.serving();
        let stream = serving.and_then(|source| source.stream.as_ref());
        let waits = serving.is_none() && !self.sources.is_empty();
        let sources = self.sources.iter().map(|source| SourceState {
            address: source.endpoint.address.clone(),
            failed: source.failed,
            offences: source.offences,
            penalised_until: source.penalised_until,
            trouble: source
                .trouble
                .as_ref()
                .map(|(at, trouble)| (*at, trouble.to_string())),
        });
        let headers = self.sources.iter();
        CoreState {
            next: self.next,
            bft: self.bft,
            source: serving.map(|source| source.endpoint.address.clone()),
            connected: stream.is_some_and(|stream| stream.connected),
            settled: stream.is_some_and(|stream| stream.settled),
            last_block: self.last_block,
            failures: self.failures,
            retry_at: waits.then_some(self.retry_at),
            header_streams: headers
                .filter(|source| source.carries(Content::Headers))
                .count(),
            sources: sources.collect(),
        }
    }
}

impl CoreState {
    /// What a person should know: that nobody gives blocks, and why. `None` while all is well, or while
    /// it is too early to tell.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.sources.is_empty() {
            return Some("the channel's configuration names no orderer".to_owned());
        }
        if self.settled || !self.sources.iter().all(|source| source.failed > 0) {
            return None;
        }
        let told = self.sources.iter().map(|source| {
            let trouble = source.trouble.as_ref();
            let trouble = trouble.map_or("no answer", |(_, trouble)| trouble);
            format!("{}: {trouble}", source.address)
        });
        Some(format!(
            "none of the {} orderers gives block {} after {} attempts; {}",
            self.sources.len(),
            self.next,
            self.failures,
            told.collect::<Vec<_>>().join("; "),
        ))
    }
}
