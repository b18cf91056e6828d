//! Whether this node gossips, and with what.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::error::NodeError;
use super::feed::OrdererFeed;
use super::listen_error;
use crate::config::PeerConfig;
use crate::gossip::core::GossipOptions;
use crate::gossip::service::{Gossip, GossipFeed, GossipSetup, Prepared};
use crate::host::LocalAccess;
use crate::msp::SigningIdentity;
use crate::sys::clock::Clock;
use crate::tls::{KeyPair, read_authorities};

/// Gossip as it is configured; `None` where it is not: the peer then pulls from the orderers and is alone.
///
/// It is where `peer.gossip` says who to call or where to be called, or that a leader is elected, and
/// where `peer.tls` is enabled.
pub(super) fn prepare(
    config: &PeerConfig,
    identity: &Arc<SigningIdentity>,
    orderers: &Arc<OrdererFeed>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<(Prepared, GossipFeed)>, NodeError> {
    let settings = &config.gossip;
    let is_wanted = !settings.bootstrap.is_empty()
        || settings.endpoint.is_some()
        || settings.external_endpoint.is_some()
        || settings.use_leader_election;
    if !is_wanted {
        return Ok(None);
    }
    let tls = &config.tls.server;
    if !tls.enabled {
        tracing::warn!("peer.gossip is configured, but gossip needs peer.tls: it is off");
        return Ok(None);
    }
    let block_gossip = config.deliveryclient.block_gossip_enabled;
    let address = config.address_to_tell(own_address());
    let key_pair = KeyPair::load(tls.cert_file.clone(), tls.key_file.clone())?;
    let setup = GossipSetup {
        options: GossipOptions::new(settings, &address, block_gossip),
        local: LocalAccess::load(&config.msp_config_path, &config.local_msp_id)?,
        signer: Arc::clone(identity),
        key_pair: Arc::new(key_pair),
        authorities: read_authorities(config.tls.root_cert_file.as_slice())?,
        orderers: Arc::clone(orderers) as _,
        clock: Arc::clone(clock),
    };
    Ok(Some(Prepared::new(setup)?))
}

/// The address from which this machine reaches others; nothing is sent to find it out.
fn own_address() -> Option<IpAddr> {
    // An address for documentation: the route to it is the default one.
    let somewhere = (Ipv4Addr::new(192, 0, 2, 1), 7051);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(somewhere).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Begins on the UDP port with the number of the TCP port that clients come to.
pub(super) fn start(
    prepared: Prepared,
    runtime: &Handle,
    address: SocketAddr,
) -> Result<Gossip, NodeError> {
    let socket = UdpSocket::bind(address);
    let socket = socket.map_err(|error| listen_error(&format!("{address} (UDP)"), error))?;
    let gossip = prepared.start(runtime, socket)?;
    tracing::info!(address = %gossip.address(), "gossip listens (UDP)");
    Ok(gossip)
}
