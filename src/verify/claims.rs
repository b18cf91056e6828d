//! Who some transactions say they are from: each identity looked up once where it stands again and
//! again, and each set of signers made once.
//!
//! Invariant: what is remembered depends on the bytes alone, so an answer is that of
//! [`MspManager::deserialize`](crate::msp::MspManager::deserialize) and of [`accepted_signers`].

use std::sync::Arc;

use crate::channel::Bundle;
use crate::decode::{Creator, DecodedTx, SignedKind, TxBody};
use crate::msp::Identity;
use crate::policy::accepted_signers;
use crate::sys::prefetch::prefetch_bytes;

/// The place of an identity in a [`Roster`].
pub(super) type Place = usize;

/// The identities that some transactions name.
pub(super) struct Claims {
    /// Those that are identities of the channel.
    pub(super) identities: Vec<Arc<Identity>>,
    /// One per transaction; `None` where it is refused already, or its creator is not valid.
    pub(super) creators: Vec<Option<Place>>,
    /// One per endorsement of the transactions with a creator; `None` where it is no identity of the
    /// channel.
    pub(super) endorsers: Vec<Option<Place>>,
}

impl Claims {
    /// Looks up the identities of `transactions`.
    pub(super) fn of(transactions: &[&DecodedTx<'_>], bundle: &Bundle) -> Self {
        let mut roster = Roster {
            bundle,
            identities: Vec::new(),
            recent: [None; RECENT_IDENTITIES],
        };
        let mut creators = Vec::with_capacity(transactions.len());
        let mut endorsers = Vec::with_capacity(2 * transactions.len());
        for (at, transaction) in transactions.iter().enumerate() {
            if let Some(next) = transactions.get(at + 1) {
                call_for_identities(next);
            }
            let TxBody::Signed { creator, kind } = &transaction.body else {
                creators.push(None);
                continue;
            };
            let place = roster.valid_creator(creator);
            creators.push(place);
            if let (Some(_), SignedKind::Endorser(endorser)) = (place, kind) {
                let endorsements = endorser.endorsements.iter();
                endorsers.extend(endorsements.map(|it| roster.place(it.endorser)));
            }
        }
        Self {
            identities: roster.identities,
            creators,
            endorsers,
        }
    }
}

/// Calls for the bytes that will be compared.
fn call_for_identities(transaction: &DecodedTx<'_>) {
    let TxBody::Signed { creator, kind } = &transaction.body else {
        return;
    };
    prefetch_bytes(creator.identity);
    if let SignedKind::Endorser(endorser) = kind {
        let endorsements = endorser.endorsements.iter();
        endorsements.for_each(|it| prefetch_bytes(it.endorser));
    }
}

/// Identities that are found again without asking the channel's cache.
const RECENT_IDENTITIES: usize = 32;

struct Roster<'a, 'b> {
    bundle: &'b Bundle,
    identities: Vec<Arc<Identity>>,
    /// By some of their bytes.
    recent: [Option<(&'a [u8], Place)>; RECENT_IDENTITIES],
}

impl<'a> Roster<'a, '_> {
    fn place(&mut self, serialized: &'a [u8]) -> Option<Place> {
        let recent = self.recent.get_mut(slot(serialized))?;
        if let Some((bytes, place)) = *recent
            && bytes == serialized
        {
            return Some(place);
        }
        let identity = self.bundle.msps().deserialize(serialized).ok()?;
        // An endorser's standing counts in policies only. But it is found out once, and only keys of valid
        // identities get tables: better now than when the first policy asks, some thousand signatures later.
        let _ = identity.is_valid();
        let place = self.identities.len();
        self.identities.push(identity);
        *recent = Some((serialized, place));
        Some(place)
    }

    /// The creator, if it is a valid identity of this channel. An empty channel id selects the peer's
    /// local MSP in Fabric, and then stops the channel; here it is no identity of the channel.
    fn valid_creator(&mut self, creator: &Creator<'a>) -> Option<Place> {
        if creator.channel_id != self.bundle.channel_id().as_str() {
            return None;
        }
        let place = self.place(creator.identity)?;
        self.identities.get(place)?.is_valid().then_some(place)
    }
}

/// Where identities end in the text of a certificate, their last line but one is the end of a
/// signature: the bytes in which they differ.
fn slot(serialized: &[u8]) -> usize {
    let tail = serialized.len().saturating_sub(48);
    let word = serialized.get(tail..).and_then(<[u8]>::first_chunk);
    let word = word.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // The golden ratio's multiplier; its high bits depend on all of the word's.
    let mixed = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(mixed).unwrap_or(0) % RECENT_IDENTITIES
}

/// Distinct identities with good signatures, in order.
pub(super) type Signers = Arc<[Arc<Identity>]>;

/// Sets of signers that came up, to share them: a few recur in nearly all transactions.
#[derive(Default)]
pub(super) struct SignerSets {
    known: Vec<(Vec<Place>, Signers)>,
}

/// Sets of which one is looked for.
const SETS_COMPARED: usize = 16;

impl SignerSets {
    /// The signers at `places`, in their order, by the rules of [`accepted_signers`].
    pub(super) fn of(&mut self, places: &[Place], identities: &[Arc<Identity>]) -> Signers {
        let mut recent = self.known.iter().rev().take(SETS_COMPARED);
        if let Some((_, set)) = recent.find(|(known, _)| known == places) {
            return Arc::clone(set);
        }
        let signed = places.iter().filter_map(|place| identities.get(*place));
        let set: Signers = accepted_signers(signed.map(|identity| (identity, true))).into();
        self.known.push((places.to_vec(), Arc::clone(&set)));
        set
    }
}
