//! What the desk does with the block whose turn it is, after a look at it.

use super::desk::Pick;
use super::refusal::IngestRefusal;
use crate::ingress::{Candidate, Objection, SignatureCheck};

/// What becomes of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admit,
    /// It does not follow the block before, which is not committed yet.
    Doubt,
    Refuse(IngestRefusal),
}

/// Looks at the block whose turn it is.
pub(super) fn examine(pick: &Pick, signatures: &mut dyn SignatureCheck) -> Verdict {
    let number = pick.start.number;
    let not_a_block = |problem| Verdict::Refuse(IngestRefusal::NotABlock { problem });
    let Ok(block) = Candidate::decode(&pick.bytes) else {
        return not_a_block("a block does not decode");
    };
    // Its first header was looked at so far; a second one would have been merged into it.
    if block.header_hash != pick.start.header_hash {
        return not_a_block("a block has two headers");
    }
    let link = pick.tip.map_or(Ok(()), |tip| block.check_link(tip));
    match link.and_then(|()| block.check_contents(signatures)) {
        Ok(_) => Verdict::Admit,
        Err(Objection::Fork { .. }) if !pick.tip_durable => Verdict::Doubt,
        Err(Objection::Fork { expected, found }) => Verdict::Refuse(IngestRefusal::Fork {
            number,
            what: "its previous hash",
            expected,
            found,
        }),
        Err(Objection::Forged { problem }) => {
            Verdict::Refuse(IngestRefusal::Forged { number, problem })
        }
    }
}
