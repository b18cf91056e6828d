//! Upgrades of chaincodes make other transactions of their block invalid: code 18.
//!
//! Fabric: `v14/validator.go:invalidTXsForUpgradeCC`.

use std::collections::HashMap;

use super::lscc::{UPGRADE, arguments, deployment};
use crate::decode::{ChaincodeCall, EndorserTx};
use crate::endorsement::candidate::{Candidate, is_valid, set};
use crate::lifecycle::LEGACY_NAMESPACE;
use crate::proto::chaincode::TYPE_GOLANG;
use crate::types::{TxIndex, ValidationCode};

/// Of several upgrades of one chaincode the last one counts, and no invocation of it does. `valid` are
/// the transactions that were valid before duplicate ids were looked for: an upgrade that is a
/// duplicate still counts as one, and one that is not the last gets 18 whatever it had.
pub(super) fn mark_upgraded(valid: &[&Candidate<'_>], codes: &mut [ValidationCode]) {
    let mut upgraded: HashMap<&str, TxIndex> = HashMap::new();
    for candidate in valid {
        let Some(name) = upgraded_chaincode(candidate.endorser) else {
            continue;
        };
        if let Some(earlier) = upgraded.insert(name, candidate.tx) {
            set(codes, earlier, ValidationCode::ChaincodeVersionConflict);
        }
    }
    for candidate in valid {
        let invoked = candidate.endorser.action.as_ref().map(invoked);
        if invoked.is_ok_and(|name| upgraded.contains_key(name)) && is_valid(codes, candidate.tx) {
            set(
                codes,
                candidate.tx,
                ValidationCode::ChaincodeVersionConflict,
            );
        }
    }
}

fn invoked<'a>(call: &ChaincodeCall<'a>) -> &'a str {
    call.header_name
}

/// The chaincode that a valid transaction upgrades. Fabric: packages of other languages than Go are
/// overlooked.
pub(super) fn upgraded_chaincode<'b>(endorser: &EndorserTx<'b>) -> Option<&'b str> {
    let call = endorser.action.as_ref().ok()?;
    if call.header_name != LEGACY_NAMESPACE {
        return None;
    }
    let arguments = arguments(endorser.proposal_payload).ok()?;
    let [UPGRADE, _, package, ..] = arguments.as_slice() else {
        return None;
    };
    let deployment = deployment(package).ok()?;
    (deployment.language == TYPE_GOLANG).then_some(deployment.name)
}
