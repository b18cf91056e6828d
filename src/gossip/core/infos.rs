//! Who of a channel's members has which blocks, by their signed state infos.
//!
//! Invariant: of one peer, only an info that is newer than every earlier one changes anything; a peer
//! that is no member of gossip has none.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::trust::PkiId;
use super::wire::Stamp;

/// What a peer told last.
#[derive(Debug, Clone)]
pub(super) struct Info {
    pub(super) stamp: Stamp,
    /// How many blocks it has.
    pub(super) height: u64,
    pub(super) left: bool,
    /// The message as it came.
    pub(super) bytes: Bytes,
}

/// The infos of one channel.
#[derive(Debug, Default)]
pub(super) struct Infos(BTreeMap<PkiId, Info>);

impl Infos {
    /// Whether an info of this time would be news.
    pub(super) fn is_news(&self, peer: PkiId, stamp: Stamp) -> bool {
        let known = self.0.get(&peer);
        known.is_none_or(|known| known.stamp < stamp)
    }

    /// Whether an info of this time is the first of the peer's life.
    pub(super) fn is_first(&self, peer: PkiId, stamp: Stamp) -> bool {
        let known = self.0.get(&peer);
        known.is_none_or(|known| known.left || known.stamp.incarnation < stamp.incarnation)
    }

    /// A verified info; whether it was news.
    pub(super) fn hear(&mut self, peer: PkiId, info: Info) -> bool {
        let is_news = self.is_news(peer, info.stamp);
        if is_news {
            self.0.insert(peer, info);
        }
        is_news
    }

    /// Keeps those of which `keep` says so.
    pub(super) fn retain(&mut self, keep: impl Fn(PkiId) -> bool) {
        self.0.retain(|peer, _| keep(*peer));
    }

    /// How many blocks a peer says that it has; `None` where it has not joined.
    pub(super) fn height(&self, peer: PkiId) -> Option<u64> {
        let info = self.0.get(&peer)?;
        (!info.left).then_some(info.height)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PkiId, &Info)> {
        self.0.iter().map(|(peer, info)| (*peer, info))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_count() {
        let mut infos = Infos::default();
        let info = |sequence, height, left| Info {
            stamp: Stamp {
                incarnation: 1,
                sequence,
            },
            height,
            left,
            bytes: Bytes::new(),
        };
        let peer = PkiId([1; 32]);
        assert_eq!(infos.height(peer), None);
        assert!(infos.is_first(peer, info(5, 10, false).stamp));
        assert!(infos.hear(peer, info(5, 10, false)));
        assert!(!infos.hear(peer, info(5, 99, false)));
        assert!(!infos.hear(peer, info(4, 99, false)));
        assert!(!infos.is_first(peer, info(6, 10, false).stamp));
        assert_eq!(infos.height(peer), Some(10));
        assert!(infos.hear(peer, info(6, 11, true)));
        assert_eq!(infos.height(peer), None, "it has left");
        infos.retain(|_| false);
        assert_eq!(infos.len(), 0);
    }
}
