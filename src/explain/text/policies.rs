//! Policies as trees: a line for each clause, with a mark that says whether it is met.

use std::fmt;

use super::answer::{any_of, guarded};
use super::words::{cause, clean, counted, list, name, quoted, wrapped};
use super::{msp_of, standing};
use crate::explain::reason::{Endorser, Explanation, Guard, PolicyNote, PolicySource, Standing};
use crate::limits;
use crate::policy::{Clause, ClauseKind, ImplicitMetaRule, PolicyTrace, RejectedSigner};

/// Columns of a mark.
const MARK: usize = 12;

/// Steps of indentation; deeper clauses stand below each other.
const STEPS_MAX: usize = 12;

/// Rules whose names stand for the rules.
const PLAIN_MAX: usize = 6;

/// Names that one sentence lists.
const NAMED_MAX: usize = 4;

/// Why the transaction is refused, where a policy is not met.
pub(super) fn not_met(explanation: &Explanation, policy: usize) -> String {
    let Some(note) = explanation.policies.get(policy) else {
        return "An endorsement policy is not met.".to_owned();
    };
    let guarded = guarded(&note.namespace, &note.guard);
    let head = format!("The endorsement policy of {guarded} is not met");
    if let Some(problem) = &note.trace.problem {
        return format!("{head}: {}.", cause(problem));
    }
    let mut text = head;
    match first_line(&note.trace) {
        Some((needed, found)) => text.push_str(&format!(": it needs {needed}, and has {found}.")),
        None => text.push_str(": it has no clauses."),
    }
    let missing = any_of(&missing(&note.trace));
    // Where none is there, what is needed and what is missing are the same.
    let none = note.trace.clauses.iter().all(|clause| !clause.holds);
    if !missing.is_empty() && !none {
        text.push_str(&format!(" There is no endorsement by {missing}."));
    }
    let places = (1_usize..).zip(&explanation.endorsements);
    let mut void = places.filter(|(_, endorser)| !counts(endorser));
    if let Some((place, endorser)) = void.next() {
        let (by, why) = (msp_of(&endorser.party), standing(endorser, explanation));
        text.push_str(&format!(" Endorsement {place}, by {by}, {why}."));
        let more = void.count();
        if more > 0 {
            text.push_str(&format!(" {more} more do not count either."));
        }
    }
    text
}

/// Whether an endorsement can count for anything.
pub(super) fn counts(endorser: &Endorser) -> bool {
    matches!(&endorser.standing, Standing::Good { invalid: None, .. })
}

/// What the outermost clause needs, and how far that is met.
pub(super) fn first_line(trace: &PolicyTrace) -> Option<(String, String)> {
    let (place, clause) = outermost(trace)?;
    let (needed, found) = demand(clause);
    let ClauseKind::NOutOf { n, rules, .. } = &clause.kind else {
        return Some((needed, found));
    };
    // Where all rules are plain, their names say more than their number.
    let below = trace.clauses.iter().skip(place + 1);
    let below = below.take_while(|below| below.depth > clause.depth);
    let names: Option<Vec<String>> = below
        .map(|below| match &below.kind {
            ClauseKind::SignedBy { principal, .. } => Some(whom(principal)),
            ClauseKind::NOutOf { .. } | ClauseKind::ImplicitMeta { .. } | ClauseKind::Missing => {
                None
            }
        })
        .collect();
    let needed = match (names, usize::try_from(*n)) {
        (Some(names), Ok(n)) if names.len() == *rules && *rules <= PLAIN_MAX => match n {
            1 => format!("an endorsement by {}", any_of(&names)),
            n if n == *rules => format!("endorsements by {}", list(&names, "and")),
            n => format!("{n} endorsements by {}", any_of(&names)),
        },
        _ => needed,
    };
    Some((needed, found))
}

/// The first clause that is not an n-of with one rule.
fn outermost(trace: &PolicyTrace) -> Option<(usize, &Clause)> {
    let mut clauses = trace.clauses.iter().enumerate();
    clauses.find(|(_, clause)| !is_shell(clause))
}

/// Principals that the outermost clauses miss: each would help.
pub(super) fn missing(trace: &PolicyTrace) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let met = |wanted: &str| {
        trace.clauses.iter().any(|clause| match &clause.kind {
            ClauseKind::SignedBy { principal, .. } => clause.holds && principal == wanted,
            ClauseKind::NOutOf { .. } | ClauseKind::ImplicitMeta { .. } | ClauseKind::Missing => {
                false
            }
        })
    };
    for clause in trace.clauses.iter().filter(|clause| !clause.holds) {
        if let ClauseKind::SignedBy { principal, .. } = &clause.kind {
            let name = if met(principal) {
                another(principal)
            } else {
                whom(principal)
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.len() > NAMED_MAX {
        let more = names.len() - NAMED_MAX;
        names.truncate(NAMED_MAX);
        names.push(format!("{more} others"));
    }
    names
}

/// All policies of an explanation.
pub(super) fn write(f: &mut fmt::Formatter<'_>, explanation: &Explanation) -> fmt::Result {
    for note in &explanation.policies {
        let verdict = if note.trace.holds { "met" } else { "NOT MET" };
        let title = title(note);
        wrapped(f, "\n", &format!("{title}: {verdict}"), 2)?;
        if let Some(problem) = &note.trace.problem {
            wrapped(f, "  ", &cause(problem), 4)?;
        }
        tree(f, note, explanation)?;
    }
    if explanation.policies_left_out > 0 {
        let more = counted(explanation.policies_left_out, "policy", "policies");
        writeln!(f, "\n{more} more, all met")?;
    }
    Ok(())
}

fn title(note: &PolicyNote) -> String {
    let source = match (&note.guard, &note.trace.path) {
        (_, Some(path)) => format!(" ({} of the channel configuration)", clean(path)),
        (Guard::Chaincode, None) => " (from its definition)".to_owned(),
        (Guard::Key { .. }, None) => " (the key's own)".to_owned(),
        (Guard::Collection { source, .. }, None) => match source {
            PolicySource::Collection => " (from the collection's definition)".to_owned(),
            PolicySource::Chaincode => " (that of its chaincode)".to_owned(),
            PolicySource::Organization => " (that of its organization)".to_owned(),
        },
    };
    let guarded = guarded(&note.namespace, &note.guard);
    format!("endorsement policy of {guarded}{source}")
}

/// A clause "1 of 1" says nothing: what is in it stands in its place, under its group's name.
fn is_shell(clause: &Clause) -> bool {
    matches!(clause.kind, ClauseKind::NOutOf { n: 1, rules: 1, .. })
}

fn tree(f: &mut fmt::Formatter<'_>, note: &PolicyNote, explanation: &Explanation) -> fmt::Result {
    let trace = &note.trace;
    let mut shells: Vec<usize> = Vec::new();
    let mut group_of_shell = None;
    // The depth below which nothing is missing any more, since the clause there is met.
    let mut met_from = usize::MAX;
    for clause in trace.clauses.iter().take(limits::EXPLAINED_LINES_MAX) {
        while shells.last().is_some_and(|shell| *shell >= clause.depth) {
            shells.pop();
        }
        let group = clause.group.as_ref().or_else(|| group_of_shell.take());
        if is_shell(clause) {
            shells.push(clause.depth);
            group_of_shell = group;
            continue;
        }
        if clause.depth <= met_from {
            met_from = if clause.holds {
                clause.depth
            } else {
                usize::MAX
            };
        }
        let mark = match clause.holds {
            true => "met",
            false if clause.depth > met_from => "not needed",
            false => "NOT MET",
        };
        let steps = 2 * clause.depth.saturating_sub(shells.len()).min(STEPS_MAX);
        let head = format!("  {mark:<MARK$}{:steps$}", "");
        let group = group.map(|group| format!("{}: ", name(group)));
        let text = group.unwrap_or_default() + &line(clause, explanation);
        wrapped(f, &head, &text, 2 + MARK + steps + 2)?;
    }
    let left_out = trace
        .clauses
        .len()
        .saturating_sub(limits::EXPLAINED_LINES_MAX);
    let left_out = left_out + trace.clauses_left_out;
    if left_out > 0 {
        writeln!(f, "  and {} more", counted(left_out, "clause", "clauses"))?;
    }
    Ok(())
}

fn line(clause: &Clause, explanation: &Explanation) -> String {
    let (needed, found) = demand(clause);
    match &clause.kind {
        ClauseKind::SignedBy {
            principal,
            signer: None,
            rejected,
        } => format!("{needed}: {}", nobody(principal, rejected, explanation)),
        ClauseKind::SignedBy { .. } => format!("{needed}: {found}"),
        ClauseKind::NOutOf { satisfied, .. } | ClauseKind::ImplicitMeta { satisfied, .. } => {
            let met = match satisfied {
                0 => "none".to_owned(),
                count => count.to_string(),
            };
            format!("{needed}: {met} met")
        }
        ClauseKind::Missing => needed,
    }
}

/// What a clause needs, and how far that is met.
fn demand(clause: &Clause) -> (String, String) {
    match &clause.kind {
        ClauseKind::NOutOf {
            n,
            rules,
            satisfied,
        } => {
            let rules = *rules;
            let needed = match usize::try_from(*n).unwrap_or(0) {
                0 => "nothing".to_owned(),
                n if n > rules => format!("{n} of only {}", counted(rules, "clause", "clauses")),
                n if n == rules => format!("all {rules} clauses"),
                1 => format!("one of {rules} clauses"),
                n => format!("{n} of {rules} clauses"),
            };
            (needed, so_many(*satisfied))
        }
        ClauseKind::SignedBy {
            principal, signer, ..
        } => {
            let needed = format!("an endorsement by {}", whom(principal));
            let found = match signer {
                Some(signer) => format!("endorsement {}", signer + 1),
                None => "none".to_owned(),
            };
            (needed, found)
        }
        ClauseKind::ImplicitMeta {
            sub_policy,
            rule,
            threshold,
            groups,
            satisfied,
        } => {
            let whom = match rule {
                ImplicitMetaRule::Any => format!("one of {groups} organizations"),
                ImplicitMetaRule::All => format!("all {groups} organizations"),
                ImplicitMetaRule::Majority => {
                    format!("a majority ({threshold}) of {groups} organizations")
                }
                ImplicitMetaRule::Unknown(rule) => {
                    format!("organizations by rule {rule}, which does not exist")
                }
            };
            let policy = quoted(sub_policy);
            let needed = format!("endorsements by {whom}, as the policy {policy} of each demands");
            (needed, so_many(*satisfied))
        }
        ClauseKind::Missing => (
            "there is no such policy, and so it is never met".to_owned(),
            "it does not exist".to_owned(),
        ),
    }
}

/// A principal in words: `Org1MSP.peer` is a peer of Org1MSP.
pub(super) fn whom(principal: &str) -> String {
    match role(principal) {
        Some((msp_id, "member")) => format!("any member of {}", name(msp_id)),
        Some((msp_id, role)) => format!("{} of {}", with_article(role), name(msp_id)),
        None => clean(principal),
    }
}

fn another(principal: &str) -> String {
    match role(principal) {
        Some((msp_id, role)) => format!("another {role} of {}", name(msp_id)),
        None => format!("another one that is {}", clean(principal)),
    }
}

/// MSP and role, where a principal is one of the usual roles.
fn role(principal: &str) -> Option<(&str, &str)> {
    let (msp_id, role) = principal.rsplit_once('.')?;
    ["member", "admin", "client", "peer", "orderer"]
        .contains(&role)
        .then_some((msp_id, role))
}

fn with_article(role: &str) -> String {
    let article = if role.starts_with(['a', 'o']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {role}")
}

fn so_many(count: usize) -> String {
    match count {
        0 => "none of them".to_owned(),
        count => format!("{count} of them"),
    }
}

/// Why no endorsement counts as a principal.
fn nobody(principal: &str, rejected: &[RejectedSigner], explanation: &Explanation) -> String {
    let of_org = |endorser: &Endorser| {
        let msp_id = endorser.party.msp_id.as_deref().unwrap_or_default();
        let role = principal.strip_prefix(msp_id).unwrap_or_default();
        !msp_id.is_empty() && role.starts_with(['.', ','])
    };
    let mut whys: Vec<String> = Vec::new();
    for RejectedSigner { signer, why } in rejected.iter().take(NAMED_MAX) {
        if explanation.endorsements.get(*signer).is_some_and(counts) {
            whys.push(format!("endorsement {}: {}", signer + 1, cause(why)));
        }
    }
    for (place, endorser) in (1_usize..).zip(&explanation.endorsements) {
        if !counts(endorser) && of_org(endorser) && whys.len() < NAMED_MAX {
            whys.push(format!("endorsement {place} does not count (see above)"));
        }
    }
    if whys.is_empty() {
        "there is none".to_owned()
    } else {
        whys.join("; ")
    }
}
