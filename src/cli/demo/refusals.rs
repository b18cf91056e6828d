//! What became of the transactions, and three that were refused, to be explained.

use std::collections::BTreeMap;

use crate::cli::error::CliError;
use crate::commit::CommittedBlock;
use crate::explain::{Explanation, How, explain};
use crate::ledger::Ledger;
use crate::notify::CommitListener;
use crate::types::{BlockNumber, TxIndex, ValidationCode};

/// Refusals that are worth an explanation, the most instructive first.
const INSTRUCTIVE: [ValidationCode; 6] = [
    ValidationCode::MvccReadConflict,
    ValidationCode::EndorsementPolicyFailure,
    ValidationCode::PhantomReadConflict,
    ValidationCode::DuplicateTxid,
    ValidationCode::BadCreatorSignature,
    ValidationCode::InvalidChaincode,
];

/// How many are explained.
const EXPLAINED: usize = 3;

/// Counts codes, and remembers where each was first given.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) transactions: u64,
    pub(super) codes: BTreeMap<ValidationCode, u64>,
    first: BTreeMap<ValidationCode, (BlockNumber, TxIndex)>,
}

impl CommitListener for Listener {
    fn committed(&mut self, block: &CommittedBlock) {
        let validated = block.validated();
        let number = validated.decoded().number();
        for (tx, code) in (0..).map(TxIndex).zip(validated.codes()) {
            self.transactions += 1;
            *self.codes.entry(*code).or_default() += 1;
            self.first.entry(*code).or_insert((number, tx));
        }
    }
}

impl Listener {
    /// Explains refusals of different kinds.
    pub(super) fn explain(&self, ledger: &Ledger) -> Result<Vec<Explanation>, CliError> {
        let found = INSTRUCTIVE.iter().filter_map(|code| self.first.get(code));
        found
            .take(EXPLAINED)
            .map(|(block, tx)| Ok(explain(ledger, *block, *tx, How::Fastest, &mut |_| {})?))
            .collect()
    }
}
