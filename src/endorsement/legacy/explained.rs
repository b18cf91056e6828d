//! The two rules of the old lifecycle that those who explain verdicts ask by themselves.

use super::definitions::LegacyDefinitions;
use super::dispatch::Context;
use super::refusal::Refusal;
use super::{lscc, upgrades};
use crate::channel::Bundle;
use crate::decode::{ChaincodeCall, Creator, EndorserTx};
use crate::endorsement::candidate::Candidate;
use crate::endorsement::error::Fault;
use crate::ledger::{StateReader, TxKey};
use crate::lifecycle::ChannelFacts;
use crate::types::{BlockNumber, TxIndex};

/// The rule that an invocation of `lscc` breaks whose endorsement policy holds, on a channel below
/// application capability V2_0; `None` where it breaks none. The state is that of the block before.
///
/// # Errors
/// The channel stops at this transaction.
pub fn lscc_refusal<S: StateReader>(
    (block, tx): (BlockNumber, TxIndex),
    bundle: &Bundle,
    state: &S,
    (creator, endorser): (&Creator<'_>, &EndorserTx<'_>),
    call: &ChaincodeCall<'_>,
) -> Result<Option<Refusal>, Fault> {
    // It looks definitions up by itself.
    let definitions = LegacyDefinitions::load(std::iter::empty(), state, &ChannelFacts::default())?;
    let context = Context {
        block,
        bundle,
        capabilities: bundle.capabilities().application(),
        definitions: &definitions,
        state,
    };
    let candidate = Candidate {
        tx,
        tx_key: TxKey::of(endorser.tx_id),
        creator,
        endorser,
        signers: &[],
    };
    Ok(lscc::check(&context, &candidate, call)?.err())
}

/// The chaincode that a transaction upgrades, if it is accepted.
#[must_use]
pub fn upgraded_chaincode<'b>(endorser: &'b EndorserTx<'b>) -> Option<&'b str> {
    upgrades::upgraded_chaincode(endorser)
}
