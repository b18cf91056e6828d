//! Explanations: why a transaction got its validation code.
//!
//! Nothing of this is kept when a block is committed. To explain a transaction, the state before its
//! block is brought back ([`explain`] says how), the block goes through the real stages once more, and
//! for the check that decided, the facts are collected beside it: who endorsed, which clause of which
//! policy, which key, who wrote it. The result is an [`Explanation`]: data for machines (`serde`), and
//! text for people (`Display`).
//!
//! Knows nothing of terminals or arguments.
//!
//! Invariants:
//! - a reason belongs to the code that the stages give, and that is the stored one; where the three
//!   differ, the explanation says so ([`Reason::Inconsistent`]) and claims nothing else;
//! - what is shown is bounded ([`crate::limits`]), and text holds no control characters, whatever the
//!   transaction has in it.

mod at;
mod block;
mod conflicts;
mod error;
mod history;
mod identities;
mod legacy;
mod past;
mod policies;
mod reason;
mod replay;
mod run;
mod text;
mod watched;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use reason::{
    Chaincode, CreatorProblem, DefinitionProblem, Endorser, EventProblem, Explanation, Guard,
    KeyName, NameProblem, Party, PolicyNote, PolicySource, RangeDifference, Reason, Removed,
    SignatureProblem, Standing, TxRef, Writer,
};
pub use run::{How, Progress, explain};
