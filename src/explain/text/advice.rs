//! What a reason usually means, and what to do: for application developers and operators.

use super::answer::any_of;
use super::policies::{counts, missing};
use crate::decode::TxFlaw;
use crate::explain::reason::{CreatorProblem, DefinitionProblem, Explanation, Reason};

pub(super) fn advice(explanation: &Explanation) -> String {
    if let Reason::Policy { policy } = explanation.reason {
        return policy_advice(explanation, policy);
    }
    fixed(&explanation.reason).to_owned()
}

fn policy_advice(explanation: &Explanation, policy: usize) -> String {
    let Some(note) = explanation.policies.get(policy) else {
        return String::new();
    };
    if note.trace.problem.is_some() {
        return "The policy itself cannot be evaluated, so that no endorsement can help: correct it \
                in the chaincode's definition or in the channel configuration, then submit again."
            .to_owned();
    }
    let missing = missing(&note.trace);
    let whom = match missing.as_slice() {
        [] => "the organizations that the policy asks for".to_owned(),
        names => any_of(names),
    };
    let void = match explanation.endorsements.iter().all(counts) {
        true => "",
        false => " Endorsements that do not count have to be put right first: see the list below.",
    };
    format!(
        "The transaction was sent to the orderer with too few endorsements that count. Have it \
         endorsed by {whom} too (in the gateway or SDK: name the organization among the endorsing \
         organizations), and submit it as a new transaction.{void}"
    )
}

fn fixed(reason: &Reason) -> &'static str {
    match reason {
        Reason::Valid | Reason::Policy { .. } => "",
        Reason::Structure { flaw } => structure(flaw),
        Reason::Creator { problem } => creator(problem),
        Reason::Duplicate { .. } => {
            "Usually a client sent the same envelope twice, after a timeout for instance. The \
             earlier transaction stands; look up its verdict before sending anything again, and give \
             a new attempt a new nonce."
        }
        Reason::ChaincodeName { .. } | Reason::Event { .. } => {
            "Headers, action and event of a transaction must name the chaincode that was endorsed: \
             the client or the peer that assembled it has a fault, or somebody changed it."
        }
        Reason::NamespaceTwice { .. } => {
            "Endorsing peers never make this: a faulty or tampered client or peer assembled the \
             read-write set."
        }
        Reason::NotDefined { problem, .. } => definition(problem),
        Reason::KeyPolicyChanged { .. } => {
            "Two transactions were ordered into one block, and the first changes who must endorse \
             changes of this key. Have it endorsed again under the new policy, and submit it as a new \
             transaction."
        }
        Reason::NoCollection { .. } => {
            "The endorsing peers knew a collection that the channel's chaincode definition does not \
             have: check the spelling, and that the definition with the collection is committed."
        }
        Reason::ReadConflict { .. } => {
            "Nothing is wrong with the transaction itself: what it had read was out of date when its \
             turn came. A version is the block and the transaction that wrote a value. Have it \
             endorsed again on the current state and submit it as a new transaction; that may be \
             done automatically. If it happens often, let fewer transactions change the same key at \
             the same time."
        }
        Reason::Phantom { .. } => {
            "Nothing is wrong with the transaction itself: keys in the range that it had read were \
             added, changed or removed before its turn came. Have it endorsed again on the current \
             state and submit it as a new transaction. If it happens often, read narrower ranges in \
             transactions that write."
        }
        Reason::ExpiredVersion { .. } | Reason::Upgraded { .. } => {
            "The chaincode was upgraded between endorsement and validation. Have it endorsed by \
             peers that run the new version, and submit it as a new transaction."
        }
        Reason::SystemChaincode { .. } => {
            "System chaincodes can be queried on a peer, but not changed by transactions of \
             applications."
        }
        Reason::LegacyLifecycle { .. } => {
            "Below application capability V2_0, chaincodes are deployed and upgraded with \
             lscc: its arguments must fit what is defined, and the submitter the instantiation \
             policy. Check the request against the current definition."
        }
        Reason::Inconsistent { .. } => {
            "Either another program wrote the ledger, or this is a bug in heddle. Run 'heddle ledger \
             verify' first; if that is fine, please report it with this block."
        }
    }
}

fn structure(flaw: &TxFlaw) -> &'static str {
    match flaw {
        TxFlaw::TxId { .. } => {
            "The client computed the id wrongly, or changed nonce or creator afterwards. The id is \
             the SHA-256 of the nonce followed by the creator's serialized identity, in hex."
        }
        TxFlaw::ProposalHash { .. } => {
            "The client sent other headers or another proposal than the endorsers signed. Submit \
             exactly the proposal that was endorsed."
        }
        TxFlaw::ConfigUpdate | TxFlaw::HeaderType { .. } => {
            "The ordering service should never let this type into a block. Send config updates to \
             the orderer, which makes a config transaction of them."
        }
        TxFlaw::Undecodable { .. }
        | TxFlaw::Missing { .. }
        | TxFlaw::Epoch { .. }
        | TxFlaw::ActionCount { .. } => {
            "The client that assembled the transaction has a fault, or the bytes were damaged or \
             tampered with on the way to the orderer. Check the client or SDK."
        }
    }
}

fn creator(problem: &CreatorProblem) -> &'static str {
    match problem {
        CreatorProblem::OtherChannel { .. } => {
            "The client sent a transaction of one channel to another: check the channel that it is \
             configured for."
        }
        CreatorProblem::NotAnIdentity { .. } => {
            "The submitter's organization or its CA is not in the channel configuration of that \
             block: check the client's MSP id and certificate, or add the organization."
        }
        CreatorProblem::Invalid { .. } => {
            "The certificate breaks a rule of its own organization's MSP in the channel \
             configuration: enroll the client again, or correct the MSP."
        }
        CreatorProblem::BadSignature { .. } => {
            "The transaction was changed after it was signed, or was signed with a key that does not \
             belong to the certificate: check the client's key and certificate."
        }
    }
}

fn definition(problem: &DefinitionProblem) -> &'static str {
    match problem {
        DefinitionProblem::Missing => {
            "Check the chaincode's name and the channel, and that the chaincode's definition was \
             approved and committed before this block."
        }
        DefinitionProblem::NoPlugin
        | DefinitionProblem::NoPolicy
        | DefinitionProblem::Undecodable(_) => {
            "The chaincode's definition on the channel is incomplete: approve and commit it again."
        }
    }
}
