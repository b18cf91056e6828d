//! Config updates in between: other batch sizes and timeouts, and organizations that join.

use std::sync::Arc;

use super::cast::{Cast, without_node_ous};
use super::spec::WorkloadSpec;
use crate::limits;
use crate::proto::messages::common::ConfigGroup;
use crate::testing::kit::{ConfigUpdate, Member, Network, Organization, Seed, Wire, config_value};

/// Makes the next update: the config transaction, signed by all administrators and by the orderer, and
/// whoever takes part from now on. `network` has the new configuration afterwards.
pub(super) fn reconfigure(network: &mut Network, cast: &Arc<Cast>) -> (Vec<u8>, Arc<Cast>) {
    let number = network.config.sequence;
    match number % 3 {
        0 => {
            let count = 500 + number + 1;
            let size = Wire::new()
                .uint(1, count)
                .uint(2, 10 << 20)
                .uint(3, 2 << 20);
            (orderer_value(network, "BatchSize", size), Arc::clone(cast))
        }
        1 if network.orgs.len() < limits::WORKLOAD_ORGS_MAX => join(network, cast),
        _ => {
            let timeout = Wire::new().bytes(1, format!("{}ms", 500 + number));
            let envelope = orderer_value(network, "BatchTimeout", timeout);
            (envelope, Arc::clone(cast))
        }
    }
}

fn orderer_value(network: &mut Network, name: &str, value: Wire) -> Vec<u8> {
    update(network, |channel| {
        if let Some(orderer) = channel.groups.get_mut("Orderer") {
            orderer.values.insert(name.to_owned(), config_value(value));
        }
    })
}

/// One more organization, whose clients submit, too.
fn join(network: &mut Network, cast: &Arc<Cast>) -> (Vec<u8>, Arc<Cast>) {
    let spec: &WorkloadSpec = &cast.spec;
    let name = format!("Org{}", network.orgs.len() + 1);
    let seed = Seed::new(spec.seed);
    let mut member = Member::new(Organization::new(&name, spec.key_kind, &seed));
    if !spec.node_ous {
        without_node_ous(&mut member);
    }
    let mut cast = Cast::clone(cast);
    cast.admit(&member);
    let mut larger = network.clone();
    larger.orgs.push(member.clone());
    larger.reset_config();
    let joined = larger.config.channel_group.as_mut().and_then(|channel| {
        let application = channel.groups.get_mut("Application")?;
        application.groups.remove(&name)
    });
    let envelope = update(network, |channel| {
        if let (Some(application), Some(joined)) = (channel.groups.get_mut("Application"), joined) {
            application.groups.insert(name, joined);
        }
    });
    network.orgs.push(member);
    (envelope, Arc::new(cast))
}

fn update(network: &mut Network, edit: impl FnOnce(&mut ConfigGroup)) -> Vec<u8> {
    let admins = network.orgs.iter().chain([&network.orderer]);
    let update = ConfigUpdate::new(&network.spec.channel, &network.config, edit)
        .signed_by(admins.map(|org| &org.admin));
    let creator = network.orgs.first().unwrap_or(&network.orderer);
    let envelope = update.envelope(&creator.admin, &network.orderer.orderer);
    network.config = update.next;
    envelope
}
