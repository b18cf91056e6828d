//! What is to be done, and words that inputs and outputs share.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::blame::Offence;
use crate::limits;
use crate::types::{BlockNumber, ChannelId};

/// One connection with one peer. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A kind of traffic. Each has a stream of its own, so that blocks never delay an alive message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Everything without blocks.
    Control,
    /// New blocks, pushed or pulled.
    Blocks,
    /// Ranges of old blocks.
    Transfer,
}

impl Lane {
    /// The largest message on it; a driver need not read a longer one to its end.
    #[must_use]
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Control => limits::GOSSIP_CONTROL_BYTES_MAX,
            Self::Blocks | Self::Transfer => limits::GOSSIP_BLOCKS_BYTES_MAX,
        }
    }
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseReason {
    /// Another connection with the same peer took its place, or it is our own.
    Superseded,
    /// No connection, or no handshake, in time.
    Timeout,
    /// The handshake did not prove who it is, or it is not who was called.
    Handshake,
    /// Its identity is not valid any more.
    Expired,
    /// It has offended too often; the last offence.
    Banned(Offence),
    /// It was banned before.
    StillBanned,
    /// There are too many.
    Limit,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect, and report by [`super::Core::dialed`] or [`super::Core::closed`].
    Dial {
        /// The connection's name from now on.
        link: LinkId,
        /// Whom: `host:port`.
        endpoint: Arc<str>,
    },
    /// Drop the connection. No report follows.
    Close {
        /// Which one.
        link: LinkId,
        /// Why: for the log, not for the peer.
        reason: CloseReason,
    },
    /// Send a message. Where the lane is full, it is dropped: every message has its next occasion.
    Send {
        /// On which connection.
        link: LinkId,
        /// On which of its streams.
        lane: Lane,
        /// `gossip.Envelope`, without a length.
        bytes: Bytes,
    },
    /// Send [`super::blocks_answer`] on the transfer lane with committed blocks from `first` on, at most up
    /// to `last`: as many as fit [`limits::GOSSIP_ANSWER_BYTES_MAX`], at least one. Report by
    /// [`super::Core::served`], sent or not.
    Serve {
        /// To whom.
        link: LinkId,
        /// Of which channel.
        channel: ChannelId,
        /// The request's number, which the answer repeats.
        nonce: u64,
        /// The first block.
        first: BlockNumber,
        /// The last block.
        last: BlockNumber,
    },
    /// Check that this is the channel's block of this number: orderers' signatures, hash chain, number.
    /// Give it to the pipeline if it is. Report by [`super::Core::verified`] or
    /// [`super::Core::rejected`]. One at a time for each channel; a driver that is not ready reports
    /// later.
    Verify {
        /// Of which channel.
        channel: ChannelId,
        /// The number that it has to have: the next one.
        number: BlockNumber,
        /// `common.Block`.
        block: Bytes,
        /// Whether it came by [`super::Core::ordered`]: the orderer's client has checked it already.
        from_orderer: bool,
    },
    /// Pull blocks from the channel's orderers, from this one on, and give them to
    /// [`super::Core::ordered`].
    Pull {
        /// Of which channel.
        channel: ChannelId,
        /// The first block.
        from: BlockNumber,
    },
    /// Stop that.
    StopPull {
        /// Of which channel.
        channel: ChannelId,
    },
}
