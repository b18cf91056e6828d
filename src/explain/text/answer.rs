//! The answer: what happened to a transaction, and why, in a line.

use super::words::{cause, clean, list, name, quoted};
use super::{policies, signature_problem};
use crate::explain::reason::{
    CreatorProblem, DefinitionProblem, EventProblem, Explanation, Guard, KeyName, NameProblem,
    RangeDifference, Reason, Removed, TxRef, Writer,
};
use crate::proto::common::header_type;
use crate::types::{ValidationCode, Version};

const LEGACY_LIFECYCLE: &str = "Its endorsements are sufficient, but what it asks the system \
    chaincode \"lscc\" to do is not allowed";

pub(super) fn answer(explanation: &Explanation) -> String {
    let (code, block, tx) = (explanation.code, explanation.block, explanation.tx);
    let verdict = match (&explanation.reason, code) {
        (Reason::Inconsistent { .. }, _) => "has a verdict that cannot be explained",
        (_, ValidationCode::Valid) => "is valid",
        _ => "was refused",
    };
    let (code_name, number) = (code.name(), code.number());
    let because = because(explanation);
    format!("Transaction {tx} of block {block} {verdict}: {code_name} ({number}). {because}")
}

fn because(explanation: &Explanation) -> String {
    match &explanation.reason {
        Reason::Valid => valid(explanation),
        Reason::Structure { flaw } => format!("It is not built as it must be: {}.", cause(flaw)),
        Reason::Creator { problem } => creator(problem, explanation),
        Reason::Duplicate { earlier } => format!(
            "A transaction with the same id was there before: {}.",
            tx(earlier, explanation)
        ),
        Reason::ChaincodeName { problem } => name_problem(problem),
        Reason::Event { problem } => match problem {
            EventProblem::Undecodable => "Its chaincode event does not decode.".to_owned(),
            EventProblem::OtherChaincode { expected } => format!(
                "Its chaincode event names another chaincode than {}, which it invokes.",
                quoted(expected)
            ),
        },
        Reason::NamespaceTwice { namespace } => format!(
            "Its read-write set has the namespace {} more than once.",
            quoted(namespace)
        ),
        Reason::NotDefined { chaincode, problem } => not_defined(chaincode, problem, explanation),
        Reason::Policy { policy } => policies::not_met(explanation, *policy),
        Reason::KeyPolicyChanged { key, by } => format!(
            "It writes {}, but {} changes the endorsement policy of that key, and then no later \
             transaction of the block may write it.",
            key_name(key),
            tx(by, explanation)
        ),
        Reason::NoCollection {
            chaincode,
            collection,
        } => format!(
            "It writes to collection {} of chaincode {}, which does not exist.",
            quoted(collection),
            quoted(chaincode)
        ),
        Reason::ReadConflict {
            key,
            read,
            found,
            by,
        } => read_conflict(key, *read, *found, by, explanation),
        Reason::Phantom { .. } => phantom(&explanation.reason, explanation),
        Reason::ExpiredVersion {
            chaincode,
            invoked,
            defined,
        } => expired(chaincode, invoked, defined),
        Reason::Upgraded { chaincode, by } => format!(
            "Chaincode {} is upgraded in the same block, by {}.",
            quoted(chaincode),
            tx(by, explanation)
        ),
        Reason::SystemChaincode { chaincode, invoked } => system(chaincode, *invoked),
        Reason::LegacyLifecycle { problem } => format!("{LEGACY_LIFECYCLE}: {}.", cause(problem)),
        Reason::Inconsistent {
            recomputed,
            explained,
        } => format!(
            "Validated again, it gets code {recomputed}, and the reason found is one for code \
             {explained}."
        ),
    }
}

fn valid(explanation: &Explanation) -> String {
    match explanation.r#type {
        header_type::CONFIG => {
            "It is a channel configuration, in force from the next block on.".to_owned()
        }
        _ => "Every check holds, and its writes are in the world state.".to_owned(),
    }
}

fn expired(chaincode: &str, invoked: &str, defined: &str) -> String {
    format!(
        "It was made with version {} of chaincode {}, but the channel's version is {}.",
        quoted(invoked),
        quoted(chaincode),
        quoted(defined)
    )
}

fn system(chaincode: &str, invoked: bool) -> String {
    let verb = if invoked { "invokes" } else { "writes to" };
    let chaincode = quoted(chaincode);
    format!("It {verb} system chaincode {chaincode}, which no transaction may do.")
}

fn creator(problem: &CreatorProblem, explanation: &Explanation) -> String {
    match problem {
        CreatorProblem::OtherChannel { found } => format!(
            "It was made for channel {}, not for channel {}.",
            quoted(found),
            quoted(&explanation.channel)
        ),
        CreatorProblem::NotAnIdentity { error } => format!(
            "The channel does not know who submitted it: {}.",
            cause(error)
        ),
        CreatorProblem::Invalid { rule } => format!(
            "The certificate of who submitted it is not valid on the channel: {}.",
            cause(rule)
        ),
        CreatorProblem::BadSignature { signature } => format!(
            "The signature of who submitted it is not good: {}.",
            signature_problem(*signature)
        ),
    }
}

fn name_problem(problem: &NameProblem) -> String {
    match problem {
        NameProblem::NoName => "Its header names no chaincode to invoke.".to_owned(),
        NameProblem::Differs { header, action } => format!(
            "Its header names chaincode {}, but the endorsers executed chaincode {}.",
            quoted(header),
            quoted(action)
        ),
        NameProblem::NoVersion => {
            "It does not say which version of the chaincode the endorsers executed.".to_owned()
        }
    }
}

fn not_defined(chaincode: &str, problem: &DefinitionProblem, explanation: &Explanation) -> String {
    let invoked = explanation.chaincode.as_ref();
    let verb = match invoked {
        Some(invoked) if invoked.name == chaincode => "invokes",
        _ => "writes to",
    };
    let chaincode = quoted(chaincode);
    match problem {
        DefinitionProblem::Missing => {
            format!("It {verb} chaincode {chaincode}, which is not defined on the channel.")
        }
        DefinitionProblem::NoPlugin => format!(
            "It {verb} chaincode {chaincode}, whose definition names no usable validation plugin."
        ),
        DefinitionProblem::NoPolicy => {
            format!("It {verb} chaincode {chaincode}, whose definition has no endorsement policy.")
        }
        DefinitionProblem::Undecodable(error) => format!(
            "It {verb} chaincode {chaincode}, whose definition does not decode: {}.",
            cause(error)
        ),
    }
}

fn read_conflict(
    key: &KeyName,
    read: Option<Version>,
    found: Option<Version>,
    by: &Writer,
    explanation: &Explanation,
) -> String {
    let key = key_name(key);
    let read = match read {
        Some(read) => format!("It read {key} at {}", version(read)),
        None => format!("When it read {key}, the key did not exist"),
    };
    let found = match found {
        Some(found) => format!("the key had {}", version(found)),
        None => "the key did not exist".to_owned(),
    };
    let by = match by {
        Writer::Wrote(by) => format!(", written by {}", tx(by, explanation)),
        Writer::Removed(removed) => format!(": {}", removal(removed, explanation)),
        Writer::Nobody => " and never had that version".to_owned(),
    };
    format!("{read}, but when it was validated {found}{by}.")
}

fn removal(removed: &Removed, explanation: &Explanation) -> String {
    match removed {
        Removed::By(by) => format!("{} deleted it", tx(by, explanation)),
        Removed::Expired { block } => format!("its time to live was over with block {block}"),
    }
}

fn phantom(reason: &Reason, explanation: &Explanation) -> String {
    let Reason::Phantom {
        namespace,
        start,
        end,
        end_included,
        difference,
    } = reason
    else {
        return String::new();
    };
    let from = match &**start {
        "" => "from the first key".to_owned(),
        start => format!("from {}", quoted(start)),
    };
    let to = match (&**end, end_included) {
        ("", _) => "to the last".to_owned(),
        (end, true) => format!("to {} inclusive", quoted(end)),
        (end, false) => format!("up to {} exclusive", quoted(end)),
    };
    let chaincode = quoted(namespace);
    format!(
        "It read a range of keys of chaincode {chaincode}, {from} {to}, and when it was validated \
         the range was different: {}.",
        range_difference(difference, explanation)
    )
}

fn range_difference(difference: &RangeDifference, explanation: &Explanation) -> String {
    let written = |by: &Writer| match by {
        Writer::Wrote(by) => format!(", written by {}", tx(by, explanation)),
        Writer::Removed(removed) => format!(": {}", removal(removed, explanation)),
        Writer::Nobody => String::new(),
    };
    match difference {
        RangeDifference::Appeared { key, found, by } => format!(
            "key {}, which it had not seen, was there at {}{}",
            quoted(&key.key),
            version(*found),
            written(by)
        ),
        RangeDifference::Vanished { key, by, .. } => format!(
            "key {}, which it had seen, was gone{}",
            quoted(&key.key),
            written(by)
        ),
        RangeDifference::Changed {
            key,
            read,
            found,
            by,
        } => format!(
            "key {}, which it had seen at {}, was at {}{}",
            quoted(&key.key),
            read.map_or_else(|| "no version".to_owned(), version),
            version(*found),
            written(by)
        ),
        RangeDifference::Summary { newest: None, .. } => {
            "it had seen keys, and there was none".to_owned()
        }
        RangeDifference::Summary {
            keys,
            newest: Some(newest),
            by,
        } => format!(
            "the transaction holds only hashes of what it had seen, and they are not those of the \
             {keys} keys that were there; the one that changed last is {}{}",
            quoted(&newest.key),
            written(by)
        ),
    }
}

/// `block 7 tx 1`, as Fabric counts versions.
pub(super) fn version(version: Version) -> String {
    format!("version block {} tx {}", version.block, version.tx)
}

/// `key "car7" of chaincode "fabcar"`.
pub(super) fn key_name(key: &KeyName) -> String {
    let namespace = quoted(&key.namespace);
    match &key.collection {
        None => format!("key {} of chaincode {namespace}", quoted(&key.key)),
        Some(collection) => format!(
            "the private key with SHA-256 {} of collection {} of chaincode {namespace}",
            clean(&key.key),
            quoted(collection)
        ),
    }
}

/// `transaction 1 of the same block (0a1b)`.
pub(super) fn tx(tx: &TxRef, explanation: &Explanation) -> String {
    let block = match tx.block {
        block if block == explanation.block => "the same block".to_owned(),
        block => format!("block {block}"),
    };
    let id = match tx.txid.as_deref() {
        // The explained transaction's own id says nothing about another one.
        Some(id) if !id.is_empty() && id != explanation.txid => format!(" ({})", name(id)),
        _ => String::new(),
    };
    format!("transaction {} of {block}{id}", tx.tx)
}

/// What a policy guards: `chaincode "fabcar"`.
pub(super) fn guarded(namespace: &str, guard: &Guard) -> String {
    match guard {
        Guard::Chaincode => format!("chaincode {}", quoted(namespace)),
        Guard::Collection { collection, .. } => format!(
            "collection {} of chaincode {}",
            quoted(collection),
            quoted(namespace)
        ),
        Guard::Key { key } => key_name(key),
    }
}

/// Principals as alternatives.
pub(super) fn any_of(names: &[String]) -> String {
    list(names, "or")
}
