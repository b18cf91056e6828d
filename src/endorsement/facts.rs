//! What definitions depend on in the configuration, made once per configuration.
//!
//! Knows nothing of definitions themselves.

use std::sync::Arc;

use crate::channel::Bundle;
use crate::lifecycle::{ApplicationOrg, ChannelFacts};

/// The facts of a configuration; `kept` are those of the last one that was asked for.
pub(super) fn facts_of<'s>(
    kept: &'s mut Option<(Arc<Bundle>, ChannelFacts)>,
    bundle: &Arc<Bundle>,
) -> &'s ChannelFacts {
    let stale = kept
        .as_ref()
        .is_none_or(|(known, _)| !Arc::ptr_eq(known, bundle));
    if stale {
        *kept = None;
    }
    let (_, facts) = kept.get_or_insert_with(|| (Arc::clone(bundle), channel_facts(bundle)));
    facts
}

fn channel_facts(bundle: &Bundle) -> ChannelFacts {
    let application_orgs = bundle.application_orgs().iter().map(|org| {
        let endorsement = format!("/Channel/Application/{}/Endorsement", org.group_name);
        ApplicationOrg {
            name: org.group_name.to_string(),
            msp_id: org.msp_id.to_string(),
            has_endorsement: bundle.policies().policy(&endorsement).is_some(),
        }
    });
    ChannelFacts {
        application_orgs: application_orgs.collect(),
        has_lifecycle_endorsement: bundle.has_lifecycle_endorsement(),
    }
}
