//! One block, validated once more as of its height, and its transactions explained.

use std::sync::Arc;

use bytes::Bytes;

use super::at::At;
use super::conflicts::{Conflicts, Earlier, written_of_read};
use super::error::Error;
use super::identities::{Endorsements, check_creator, party};
use super::legacy::{LegacyTx, Upgrades};
use super::past::Past;
use super::policies::{
    Changed, Dispatched, Policies, Refusal, Refused, channel_facts, metadata_writes,
};
use super::reason::{Chaincode, Explanation, Reason, TxRef};
use crate::channel::Bundle;
use crate::decode::{
    ChaincodeCall, DecodedBlock, DecodedTx, EndorserTx, SignedKind, TxBody, decode_block,
};
use crate::endorsement::{EndorsedBlock, EndorsementStage, upgraded_chaincode};
use crate::ingress::RawBlock;
use crate::ledger::{self, StateReader, TxKey};
use crate::lifecycle::ChannelFacts;
use crate::msp::Identity;
use crate::proto::common::{ChannelHeader, Envelope, Payload, SignatureHeader, metadata_index};
use crate::proto::wire::Message;
use crate::rwset::RwSet;
use crate::stage::Workers;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, ChannelId, Digest, Namespace, TxIndex, ValidationCode};
use crate::verify::{Chain, ChainTip, TxVerdict};

/// A stored block and what was before it.
pub(super) struct Before<'b> {
    pub(super) channel: &'b ChannelId,
    pub(super) number: BlockNumber,
    /// The configuration in force; `None` before the genesis block.
    pub(super) bundle: Option<Arc<Bundle>>,
    pub(super) state: &'b (dyn StateReader + Sync),
    pub(super) past: &'b dyn Past,
    /// The namespaces in which keys have metadata; more of them do no harm.
    pub(super) with_metadata: Vec<Namespace>,
}

/// A block that went through the stages once more.
pub(super) struct BlockExplainer<'b> {
    before: Before<'b>,
    endorsed: EndorsedBlock,
    facts: ChannelFacts,
    /// The stored codes.
    stored: Vec<ValidationCode>,
}

impl<'b> BlockExplainer<'b> {
    /// Takes a stored block through the stages.
    ///
    /// # Errors
    /// It does not pass, or the state cannot be read.
    pub(super) fn new(before: Before<'b>, bytes: Bytes) -> Result<Self, Error> {
        let meter = CpuMeter::default();
        let raw = RawBlock::new(before.number, bytes);
        let decoded = decode_block(raw, &meter)?;
        let stored = stored_codes(&decoded);
        let mut chain = match &before.bundle {
            None => Chain::founding(before.channel.clone()),
            Some(bundle) => Chain::at(tip_before(&decoded), Arc::clone(bundle)),
        };
        let verified = chain.verify(decoded, &meter)?;
        let facts = channel_facts(verified.bundle());
        let frontier = At {
            state: before.state,
            past: before.past,
            last: before.number.0.checked_sub(1).map(BlockNumber),
        };
        let mut stage = EndorsementStage::new(frontier, before.with_metadata.iter().cloned());
        let endorsed = stage.endorse(verified, &Workers::default())?;
        Ok(Self {
            before,
            endorsed,
            facts,
            stored,
        })
    }

    /// How many transactions the block has.
    pub(super) fn transactions(&self) -> usize {
        self.decoded().contents().transactions.len()
    }

    /// Explains a transaction.
    ///
    /// # Errors
    /// There is no such transaction, or the state cannot be read.
    pub(super) fn explain(&self, tx: TxIndex) -> Result<Explanation, Error> {
        let Some(transaction) = self.transaction(tx) else {
            return Err(Error::NoTransaction {
                block: self.before.number,
                tx,
                count: self.transactions(),
            });
        };
        let mut explanation = self.facts_of(transaction, tx);
        let (code, reason) = self.reason(transaction, tx, &mut explanation)?;
        let recomputed = self.recomputed(transaction, tx)?;
        let agree = recomputed == code && code == explanation.code;
        explanation.reason = if agree {
            reason
        } else {
            Reason::Inconsistent {
                recomputed: recomputed.number(),
                explained: code.number(),
            }
        };
        Ok(explanation)
    }

    /// What the transaction says of itself.
    fn facts_of(&self, transaction: &DecodedTx<'_>, tx: TxIndex) -> Explanation {
        let call = endorser(transaction).and_then(|endorser| endorser.action.as_ref().ok());
        let creator = claimed_creator(transaction.envelope);
        Explanation {
            channel: self.before.channel.to_string(),
            block: self.before.number.0,
            tx: tx.0,
            txid: transaction.claimed_id.to_owned(),
            r#type: transaction.header_type.unwrap_or(-1),
            code: self.stored_code(tx),
            creator: creator.map(|creator| party(creator, self.bundle())),
            chaincode: call.map(|call| Chaincode {
                name: call.header_name.to_owned(),
                version: call.action_version.to_owned(),
            }),
            endorsements: Vec::new(),
            policies: Vec::new(),
            policies_left_out: 0,
            reason: Reason::Valid,
        }
    }

    /// What the stages say now.
    fn recomputed(
        &self,
        transaction: &DecodedTx<'_>,
        tx: TxIndex,
    ) -> Result<ValidationCode, Error> {
        let code = self.endorsed_code(tx);
        match call_of(transaction) {
            Some(call) if code.is_valid() => Ok(self.conflict(tx, &call.rwset)?.0),
            _ => Ok(code),
        }
    }

    fn reason(
        &self,
        transaction: &DecodedTx<'_>,
        tx: TxIndex,
        explanation: &mut Explanation,
    ) -> Result<(ValidationCode, Reason), Error> {
        let flaw = transaction.flaw.as_deref().copied();
        let structure = flaw.map(|flaw| (flaw.code(), Reason::Structure { flaw }));
        let valid = (ValidationCode::Valid, Reason::Valid);
        let (creator, kind) = match (&transaction.body, self.verdict(tx)) {
            (_, Some(TxVerdict::Config)) => return Ok(valid),
            (TxBody::Refused(_), _) => return Ok(structure.unwrap_or(valid)),
            (TxBody::Signed { creator, kind }, _) => (creator, kind),
        };
        if let Err(problem) = check_creator(creator, self.bundle()) {
            let reason = Reason::Creator { problem };
            return Ok((ValidationCode::BadCreatorSignature, reason));
        }
        let SignedKind::Endorser(endorser) = kind else {
            return Ok(structure.unwrap_or(valid));
        };
        let mut endorsements = Endorsements::of(endorser, self.bundle());
        let reason = self.endorser_reason(tx, endorser, structure, &mut endorsements, explanation);
        explanation.endorsements = endorsements.notes;
        reason
    }

    fn endorser_reason(
        &self,
        tx: TxIndex,
        endorser: &EndorserTx<'_>,
        structure: Option<(ValidationCode, Reason)>,
        endorsements: &mut Endorsements,
        explanation: &mut Explanation,
    ) -> Result<(ValidationCode, Reason), Error> {
        if let Some(earlier) = self.earlier_in_ledger(endorser.tx_id)? {
            let reason = Reason::Duplicate { earlier };
            return Ok((ValidationCode::DuplicateTxid, reason));
        }
        let Ok(call) = &endorser.action else {
            return Ok(structure.unwrap_or((ValidationCode::NotValidated, Reason::Valid)));
        };
        let changed = self.changed_before(tx)?;
        let mut dispatched = self.dispatch(tx, call, &endorsements.signers, &changed)?;
        for note in &mut dispatched.notes {
            endorsements.place(&mut note.trace);
        }
        explanation.policies = dispatched.notes;
        explanation.policies_left_out = dispatched.left_out;
        let policy_failure = ValidationCode::EndorsementPolicyFailure;
        match dispatched.refusal {
            Some(Refused::By(refusal)) => return Ok(*refusal),
            Some(Refused::Policy(policy)) => {
                return Ok((policy_failure, Reason::Policy { policy }));
            }
            Some(Refused::Changed(key, by)) => {
                let by = self.tx_ref(by);
                return Ok((policy_failure, Reason::KeyPolicyChanged { key, by }));
            }
            None => {}
        }
        if let Some(refusal) = self.among_others(tx, endorser, call)? {
            return Ok(refusal);
        }
        let (code, conflict) = self.conflict(tx, &call.rwset)?;
        Ok((code, conflict.unwrap_or(Reason::Valid)))
    }

    /// What other transactions of the block have against one whose policies hold: its id, upgrades.
    fn among_others(
        &self,
        tx: TxIndex,
        endorser: &EndorserTx<'_>,
        call: &ChaincodeCall<'_>,
    ) -> Result<Option<Refusal>, Error> {
        let capabilities = self.bundle().capabilities().application();
        let upgrades = match capabilities.v2_0_validation {
            true => Upgrades::new(),
            false => self.upgrades()?,
        };
        let upgraded = |chaincode: &str, by: TxIndex| {
            let (chaincode, by) = (chaincode.to_owned(), self.tx_ref(by));
            let reason = Reason::Upgraded { chaincode, by };
            (ValidationCode::ChaincodeVersionConflict, reason)
        };
        if let Some(name) = upgraded_chaincode(endorser)
            && let Some(last) = upgrades.get(name)
            && *last != tx
        {
            return Ok(Some(upgraded(name, *last)));
        }
        if capabilities.forbid_duplicate_tx_id
            && let Some(earlier) = self.earlier_in_block(tx, endorser.tx_id)
        {
            let reason = Reason::Duplicate { earlier };
            return Ok(Some((ValidationCode::DuplicateTxid, reason)));
        }
        let invoked = upgrades.get(call.header_name);
        Ok(invoked.map(|last| upgraded(call.header_name, *last)))
    }

    /// Below V2_0: the last upgrade of each chaincode, of all that were valid before duplicate ids were
    /// looked for.
    fn upgrades(&self) -> Result<Upgrades<'_>, Error> {
        let mut upgrades = Upgrades::new();
        for (tx, transaction) in self.numbered() {
            let Some(endorser) = endorser(transaction) else {
                continue;
            };
            let was_valid = [
                ValidationCode::Valid,
                ValidationCode::DuplicateTxid,
                ValidationCode::ChaincodeVersionConflict,
            ];
            if was_valid.contains(&self.endorsed_code(tx))
                && let Some(name) = upgraded_chaincode(endorser)
                && self.earlier_in_ledger(endorser.tx_id)?.is_none()
            {
                upgrades.insert(name, tx);
            }
        }
        Ok(upgrades)
    }

    fn dispatch<'a>(
        &'a self,
        tx: TxIndex,
        call: &ChaincodeCall<'a>,
        signers: &[Arc<Identity>],
        changed: &Changed<'_>,
    ) -> Result<Dispatched<'a>, Error> {
        let policies = Policies {
            bundle: self.bundle(),
            facts: &self.facts,
            state: self.before.state,
            with_metadata: &self.before.with_metadata,
        };
        if policies.legacy()
            && let Some(transaction) = self.transaction(tx)
            && let TxBody::Signed { creator, kind } = &transaction.body
            && let SignedKind::Endorser(endorser) = kind
        {
            let legacy = LegacyTx {
                block: self.before.number,
                tx,
                creator,
                endorser,
                call,
            };
            return policies.dispatch_legacy(&legacy, signers, changed);
        }
        Ok(policies.dispatch(call, signers, changed)?)
    }

    /// Whose policies the transactions before `tx` change, if their own policies hold.
    fn changed_before(&self, tx: TxIndex) -> Result<Changed<'_>, Error> {
        let mut changed = Changed::new();
        for (earlier, transaction) in self.numbered().take_while(|(earlier, _)| *earlier < tx) {
            let Some(TxVerdict::Endorser { signers }) = self.verdict(earlier) else {
                continue;
            };
            let (Some(call), Some(endorser)) = (call_of(transaction), endorser(transaction)) else {
                continue;
            };
            let writes = |name: &str| !metadata_writes(&call.rwset, name).is_empty();
            let names = call.rwset.namespaces.iter().map(|ns| ns.name);
            if !names.clone().any(writes) || self.earlier_in_ledger(endorser.tx_id)?.is_some() {
                continue;
            }
            let dispatched = self.dispatch(earlier, call, signers, &changed)?;
            for name in dispatched.held {
                for key in metadata_writes(&call.rwset, name) {
                    changed.entry(key).or_insert(earlier);
                }
            }
        }
        Ok(changed)
    }

    /// The first transaction with the id in an earlier block.
    fn earlier_in_ledger(&self, id: &str) -> Result<Option<TxRef>, ledger::Error> {
        let found = self.before.past.locate(&TxKey::of(id))?;
        let found = found.filter(|found| found.block < self.before.number);
        Ok(found.map(|found| TxRef {
            block: found.block.0,
            tx: u64::from(found.index.0),
            txid: Some(id.to_owned()),
        }))
    }

    /// The transaction of this block that has the id before `tx`, and passed up to here.
    fn earlier_in_block(&self, tx: TxIndex, id: &str) -> Option<TxRef> {
        let mut before = self.numbered().take_while(|(earlier, _)| *earlier < tx);
        let (found, _) = before.find(|(earlier, transaction)| {
            let same = endorser(transaction).is_some_and(|endorser| endorser.tx_id == id);
            // An upgrade may have refused it afterwards.
            let code = self.endorsed_code(*earlier);
            same && (code.is_valid() || code == ValidationCode::ChaincodeVersionConflict)
        })?;
        Some(self.tx_ref(found))
    }

    fn conflict(
        &self,
        tx: TxIndex,
        rwset: &RwSet<'_>,
    ) -> Result<(ValidationCode, Option<Reason>), Error> {
        let before = self.numbered().take_while(|(earlier, _)| *earlier < tx);
        let valid = before.filter(|(earlier, _)| self.stored_code(*earlier).is_valid());
        let earlier: Earlier<'_> = valid
            .filter_map(|(earlier, transaction)| {
                let written = &call_of(transaction)?.rwset;
                Some((earlier, written_of_read(written, rwset)?))
            })
            .collect();
        let conflicts = Conflicts {
            block: self.before.number,
            tx,
            rwset,
            state: self.before.state,
            past: self.before.past,
            lifetimes: self.endorsed.lifetimes(),
        };
        conflicts.find(&earlier)
    }

    fn tx_ref(&self, tx: TxIndex) -> TxRef {
        let transaction = self.transaction(tx);
        TxRef {
            block: self.before.number.0,
            tx: u64::from(tx.0),
            txid: transaction.map(|transaction| transaction.index_id.as_str().to_owned()),
        }
    }

    fn decoded(&self) -> &DecodedBlock {
        self.endorsed.verified().decoded()
    }

    /// The configuration of the block; the genesis block's is its own.
    fn bundle(&self) -> &Bundle {
        self.endorsed.verified().bundle()
    }

    fn transaction(&self, tx: TxIndex) -> Option<&DecodedTx<'_>> {
        let transactions = &self.decoded().contents().transactions;
        transactions.get(usize::try_from(tx.0).ok()?)
    }

    fn numbered(&self) -> impl Iterator<Item = (TxIndex, &DecodedTx<'_>)> {
        (0_u32..)
            .map(TxIndex)
            .zip(&self.decoded().contents().transactions)
    }

    fn verdict(&self, tx: TxIndex) -> Option<&TxVerdict> {
        let verdicts = self.endorsed.verified().verdicts();
        verdicts.get(usize::try_from(tx.0).ok()?)
    }

    fn endorsed_code(&self, tx: TxIndex) -> ValidationCode {
        code_at(self.endorsed.codes(), tx)
    }

    fn stored_code(&self, tx: TxIndex) -> ValidationCode {
        code_at(&self.stored, tx)
    }
}

fn code_at(codes: &[ValidationCode], tx: TxIndex) -> ValidationCode {
    let index = usize::try_from(tx.0).unwrap_or(usize::MAX);
    let code = codes.get(index).copied();
    code.unwrap_or(ValidationCode::NotValidated)
}

/// The codes in a stored block's filter.
fn stored_codes(decoded: &DecodedBlock) -> Vec<ValidationCode> {
    let slots = &decoded.contents().metadata;
    let filter = slots.get(metadata_index::TRANSACTIONS_FILTER);
    let code = |number: &u8| ValidationCode::from_number(*number);
    filter
        .copied()
        .unwrap_or_default()
        .iter()
        .map(|number| code(number).unwrap_or(ValidationCode::NotValidated))
        .collect()
}

/// The block before a stored one, as that one names it: the chain was checked when it was stored.
fn tip_before(decoded: &DecodedBlock) -> ChainTip {
    let previous = decoded.contents().previous_hash;
    ChainTip {
        number: BlockNumber(decoded.number().0.saturating_sub(1)),
        header_hash: Digest(previous.try_into().unwrap_or_default()),
    }
}

fn endorser<'t, 'a>(transaction: &'t DecodedTx<'a>) -> Option<&'t EndorserTx<'a>> {
    match &transaction.body {
        TxBody::Signed {
            kind: SignedKind::Endorser(endorser),
            ..
        } => Some(endorser),
        TxBody::Signed { .. } | TxBody::Refused(_) => None,
    }
}

fn call_of<'t, 'a>(transaction: &'t DecodedTx<'a>) -> Option<&'t ChaincodeCall<'a>> {
    endorser(transaction)?.action.as_ref().ok()
}

/// Whom an envelope names as its creator, as far as it decodes.
fn claimed_creator(envelope: &[u8]) -> Option<&[u8]> {
    let envelope = Envelope::decode(envelope).ok()?;
    let header = Payload::decode(envelope.payload).ok()?.header?;
    ChannelHeader::decode(header.channel_header).ok()?;
    let signature = SignatureHeader::decode(header.signature_header).ok()?;
    (!signature.creator.is_empty()).then_some(signature.creator)
}
