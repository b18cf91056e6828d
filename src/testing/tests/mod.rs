//! What the kit makes is accepted, and what is made odd gets the code that the odd thing deserves.

#![allow(
    dead_code,
    clippy::type_complexity,
    clippy::needless_lifetimes,
    reason = "tables of edits read best in one piece"
)]

mod decode;
mod definitions;
mod duplicates;
mod identities;
mod key_level;
mod kit;
mod policies;
mod structure;

use crate::testing::kit::{
    ChaincodeDefinition, Identity, Network, Principal, Rule, SignaturePolicy, Signer, any_of, by,
};
use crate::testing::play::Play;
use crate::testing::sequential::Stop;

impl Play {
    /// Commits a block and compares the codes' numbers.
    #[track_caller]
    pub(crate) fn check<const N: usize>(&mut self, envelopes: [Vec<u8>; N], expected: [u8; N]) {
        let validated = self.commit(envelopes).unwrap();
        let codes: Vec<u8> = validated.codes().iter().map(|code| code.number()).collect();
        assert_eq!(codes, expected);
    }

    /// Expects that a block is refused or stops the channel, for this reason.
    #[track_caller]
    pub(crate) fn check_stop<const N: usize>(&mut self, envelopes: [Vec<u8>; N], reason: &str) {
        let stop = self.commit(envelopes).unwrap_err();
        assert!(text(&stop).contains(reason), "{}", text(&stop));
    }

    /// Defines a chaincode in a block of its own.
    #[track_caller]
    pub(crate) fn define(&mut self, definition: &ChaincodeDefinition) {
        self.check([self.definition(definition).envelope()], [0]);
    }
}

/// An error with its causes.
pub(crate) fn text(stop: &Stop) -> String {
    let mut text = stop.to_string();
    let mut cause = std::error::Error::source(stop);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The rule "one peer of any organization".
pub(crate) fn any_peer(network: &Network) -> Rule {
    any_of(
        network
            .orgs
            .iter()
            .map(|org| by(Principal::Peer(org.msp_id().to_owned()))),
    )
}

/// A channel of two organizations with chaincode `cc`, which any peer may endorse. The next block is 2.
#[track_caller]
pub(crate) fn play() -> Play {
    let mut play = Play::with_orgs(2).unwrap();
    let rule = any_peer(&play.network);
    play.define(&ChaincodeDefinition::new("cc").policy(rule));
    play
}

/// Bytes from hex.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// An identity whose signatures are not quite right.
#[derive(Debug)]
pub(crate) struct Tampered {
    signer: std::sync::Arc<dyn Signer>,
    edit: fn(Vec<u8>) -> Vec<u8>,
}

impl Signer for Tampered {
    fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        (self.edit)(self.signer.sign(message))
    }
}

/// The same identity, but `edit` changes each of its signatures.
pub(crate) fn tampered(identity: &Identity, edit: fn(Vec<u8>) -> Vec<u8>) -> Identity {
    let signer = std::sync::Arc::clone(identity.signer());
    let serialized = identity.serialized().to_vec();
    Identity::from_serialized(serialized, std::sync::Arc::new(Tampered { signer, edit }))
}

/// A signature that does not verify.
pub(crate) fn broken(mut signature: Vec<u8>) -> Vec<u8> {
    let last = signature.len() - 1;
    signature[last] ^= 1;
    signature
}

/// A peer of the MSP.
pub(crate) fn peer_of(msp_id: &str) -> Rule {
    by(Principal::Peer(msp_id.to_owned()))
}

/// A key's policy: a peer of the MSP.
pub(crate) fn key_policy_of(msp_id: &str) -> Vec<u8> {
    SignaturePolicy::from(any_of([peer_of(msp_id)])).envelope()
}
