//! Which configuration may follow which, both valid by themselves.

use super::error::TransitionError;
use super::{Bundle, application, orderer};

/// Refuses steps that no update may take, however many agreed.
///
/// That the orderer and application sections stay, and that every orderer organization has
/// endpoints once V3_0 is on, holds for every bundle by itself.
///
/// Fabric: `common/channelconfig/bundle.go:ValidateNew`.
pub(super) fn check(current: &Bundle, next: &Bundle) -> Result<(), TransitionError> {
    let (from, to) = (
        &current.orderer.consensus_type,
        &next.orderer.consensus_type,
    );
    if from != to && !current.capabilities.consensus_type_migration() {
        return Err(TransitionError::ConsensusType {
            from: from.clone(),
            to: to.clone(),
        });
    }
    for org in &current.orderer.orgs {
        let next = next
            .orderer
            .orgs
            .iter()
            .find(|next| next.group_name == org.group_name);
        check_msp(
            orderer::PATH,
            &org.group_name,
            &org.msp_id,
            next.map(|org| &*org.msp_id),
        )?;
    }
    for org in &current.application_orgs {
        let next = next
            .application_orgs
            .iter()
            .find(|next| next.group_name == org.group_name);
        check_msp(
            application::PATH,
            &org.group_name,
            &org.msp_id,
            next.map(|org| &*org.msp_id),
        )?;
    }
    let (current, next) = match (&current.consortiums, &next.consortiums) {
        (None, None) => return Ok(()),
        (Some(_), None) => return Err(TransitionError::ConsortiumsRemoved),
        (None, Some(_)) => return Err(TransitionError::ConsortiumsAdded),
        (Some(current), Some(next)) => (&current.0, &next.0),
    };
    for (consortium, orgs) in current {
        let Some(next_orgs) = next.get(consortium) else {
            continue;
        };
        let path = format!("/Channel/Consortiums/{consortium}");
        for (name, msp_id) in orgs {
            check_msp(&path, name, msp_id, next_orgs.get(name).map(|id| &**id))?;
        }
    }
    Ok(())
}

/// An organization that stays keeps its MSP id.
fn check_msp(path: &str, org: &str, from: &str, to: Option<&str>) -> Result<(), TransitionError> {
    match to {
        Some(to) if to != from => Err(TransitionError::MspId {
            org: format!("{path}/{org}"),
            from: from.to_owned(),
            to: to.to_owned(),
        }),
        _ => Ok(()),
    }
}
