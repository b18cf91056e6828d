//! An explanation as text, for somebody who knows only that a transaction was refused.
//!
//! From the answer to the details: one or two sentences that say what happened and why; what the
//! reason usually means and what to do; what was expected and found; who submitted it and who
//! endorsed; and every policy as a tree. Nothing in it decides anything.
//!
//! Invariants: printable ASCII and line feeds only; every name is bounded
//! ([`limits::EXPLAINED_TEXT_CHARS_MAX`]), and so is the number of lines.

mod advice;
mod answer;
mod facts;
mod policies;
mod words;

use std::fmt;

use super::reason::{Endorser, Explanation, Party, Reason, SignatureProblem, Standing};
use crate::limits;
use crate::proto::common::header_type;
use words::{cause, list, name, quoted, wrapped};

/// Where the values of named lines begin.
const INDENT: usize = 14;

impl Explanation {
    /// What happened and why, in one line.
    #[must_use]
    pub fn answer(&self) -> String {
        answer::answer(self)
    }

    /// What the reason usually means, and what to do, in one line; empty where all is well.
    #[must_use]
    pub fn advice(&self) -> String {
        advice::advice(self)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wrapped(f, "", &self.answer(), 0)?;
        let advice = self.advice();
        if !advice.is_empty() {
            f.write_str("\n")?;
        }
        if let Some((expected, found)) = facts::expected_and_found(self) {
            named(f, "expected", &expected)?;
            named(f, "found", &found)?;
        }
        if !advice.is_empty() {
            named(f, "what to do", &advice)?;
        }
        f.write_str("\n")?;
        named(f, "transaction", &transaction(self))?;
        let creator = self.creator.as_ref().map(party);
        let creator = creator.unwrap_or_else(|| "unknown: the transaction does not say".to_owned());
        named(f, "submitted by", &creator)?;
        if let Some(chaincode) = &self.chaincode {
            let version = match &*chaincode.version {
                "" => "no version".to_owned(),
                version => format!("version {}", quoted(version)),
            };
            let text = format!("chaincode {}, {version}", quoted(&chaincode.name));
            named(f, "invokes", &text)?;
        }
        endorsements(f, self)?;
        policies::write(f, self)
    }
}

fn named(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    wrapped(f, &format!("{name:<INDENT$}"), text, INDENT)
}

fn transaction(explanation: &Explanation) -> String {
    let kind = match explanation.r#type {
        header_type::CONFIG => ", a channel configuration",
        _ => "",
    };
    let id = match &*explanation.txid {
        "" => "without an id".to_owned(),
        id => name(id),
    };
    let (channel, block, tx) = (
        name(&explanation.channel),
        explanation.block,
        explanation.tx,
    );
    format!("{id}, number {tx} of block {block} of channel {channel} (counted from 0){kind}")
}

/// The MSP that somebody names.
fn msp_of(party: &Party) -> String {
    match party.msp_id.as_deref() {
        None => "somebody whose identity does not decode".to_owned(),
        Some("") => "somebody who names no MSP".to_owned(),
        Some(msp_id) => name(msp_id),
    }
}

/// Who somebody is: `Org1MSP, "user1" (OU client)`.
fn party(party: &Party) -> String {
    let mut text = msp_of(party);
    if let Some(common_name) = &party.name {
        text.push_str(&format!(", {}", quoted(common_name)));
    }
    if !party.units.is_empty() {
        let shown = party.units.iter().take(limits::EXPLAINED_UNITS_MAX);
        let units: Vec<String> = shown.map(|unit| name(unit)).collect();
        text.push_str(&format!(" (OU {})", list(&units, "and")));
    }
    text
}

fn endorsements(f: &mut fmt::Formatter<'_>, explanation: &Explanation) -> fmt::Result {
    let all = &explanation.endorsements;
    if all.is_empty() {
        let looked_at = !matches!(
            explanation.reason,
            Reason::Structure { .. } | Reason::Creator { .. } | Reason::Inconsistent { .. }
        );
        let is_config = explanation.r#type == header_type::CONFIG;
        return if is_config || !looked_at {
            Ok(())
        } else {
            f.write_str("\nendorsements: none\n")
        };
    }
    let shown = || all.iter().take(limits::EXPLAINED_ENDORSEMENTS_MAX);
    let parties: Vec<String> = shown().map(|one| party(&one.party)).collect();
    let width = parties.iter().map(String::len).max().unwrap_or(0).min(60);
    writeln!(f, "\nendorsements: {}", all.len())?;
    for (number, (endorser, party)) in (1_usize..).zip(shown().zip(&parties)) {
        let head = format!("  {number:>3}  {party:<width$}  ");
        wrapped(f, &head, &standing(endorser, explanation), 11)?;
    }
    let left_out = all.len().saturating_sub(parties.len());
    if left_out > 0 {
        writeln!(f, "  and {left_out} more")?;
    }
    Ok(())
}

/// What an endorsement is worth.
fn standing(endorser: &Endorser, explanation: &Explanation) -> String {
    match &endorser.standing {
        Standing::Good {
            invalid: Some(rule),
            ..
        } => {
            let rule = cause(rule);
            format!("counts for nothing, though its signature is good: {rule}")
        }
        Standing::Good { counted_as, .. } if counted_as.is_empty() => {
            if explanation.policies.is_empty() {
                "good signature; no policy was evaluated".to_owned()
            } else {
                "good signature, but no clause counts it".to_owned()
            }
        }
        Standing::Good { counted_as, .. } => {
            let shown = counted_as.iter().take(limits::EXPLAINED_UNITS_MAX);
            let names: Vec<String> = shown.map(|principal| policies::whom(principal)).collect();
            format!("good signature, counted as {}", list(&names, "and"))
        }
        Standing::NotAnIdentity { error } => format!("does not count: {}", cause(error)),
        Standing::BadSignature { problem } => {
            format!("does not count: {}", signature_problem(*problem))
        }
        Standing::Spoiled { by } => format!(
            "does not count: endorsement {} does not decode, which makes all void",
            by + 1
        ),
        Standing::Duplicate { of } => format!(
            "does not count again: the same identity as endorsement {}",
            of + 1
        ),
    }
}

fn signature_problem(problem: SignatureProblem) -> &'static str {
    match problem {
        SignatureProblem::Empty => "it has no signature",
        SignatureProblem::RsaKey => "the certificate's key is RSA, which signs nothing in Fabric",
        SignatureProblem::NotVerifiable => "there is nothing that could verify the signature",
        SignatureProblem::DoesNotVerify => {
            "the signature does not verify: other bytes were signed, or with another key"
        }
    }
}
