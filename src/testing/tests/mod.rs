//! What the kit makes is accepted, and what is made odd gets the code that the odd thing deserves.

mod kit;

use crate::testing::kit::{ChaincodeDefinition, Network, Principal, Rule, any_of, by};
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
