//! How the orderer client behaves: `peer.deliveryclient`, `peer.keepalive.deliveryClient`.

use std::sync::Arc;
use std::time::Duration;

use super::core::CoreOptions;
use super::endpoints::AddressOverride;
use crate::config::{DeliverPolicy, PeerConfig};
use crate::limits::{MSP_FILE_BYTES_MAX, ORDERER_RETRY_WAIT_MAX};
use crate::sys::storage::read_file;
use crate::tls::{ClientTls, TlsError};

/// The settings of one peer, the same for all its channels.
#[derive(Debug, Clone)]
pub struct OrdererOptions {
    /// Waits and penalties.
    pub core: CoreOptions,
    /// `peer.keepalive.deliveryClient.interval`
    pub keepalive_interval: Duration,
    /// `peer.keepalive.deliveryClient.timeout`
    pub keepalive_timeout: Duration,
    /// `None` for connections in the clear: `peer.tls.enabled` is false.
    pub tls: Option<Arc<ClientTls>>,
    /// Whether headers are asked for in BFT channels (`peer.deliveryclient.policy` is `cluster`).
    pub headers: bool,
    /// `peer.deliveryclient.addressOverrides`
    pub overrides: Vec<AddressOverride>,
}

/// Fabric's defaults, but for the longest wait; a penalty, which Fabric does not have, of a minute.
impl Default for CoreOptions {
    fn default() -> Self {
        Self {
            retry_wait_min: Duration::from_millis(100),
            retry_wait_max: ORDERER_RETRY_WAIT_MAX,
            connect_wait: Duration::from_secs(3),
            withheld_wait: Duration::from_secs(30),
            penalty: Duration::from_secs(60),
        }
    }
}

impl OrdererOptions {
    /// What `core.yaml` says. `tls` is the peer as a client, where it has TLS.
    ///
    /// # Errors
    /// A file of authorities that an address override names cannot be read.
    pub fn of(config: &PeerConfig, tls: Option<Arc<ClientTls>>) -> Result<Self, TlsError> {
        let client = &config.deliveryclient;
        let mut overrides = Vec::new();
        for other in &client.address_overrides {
            let read = |path: &std::path::PathBuf| {
                let text = read_file(path, MSP_FILE_BYTES_MAX);
                text.map_err(|source| TlsError::Read {
                    path: path.clone(),
                    source,
                })
            };
            let roots = other.ca_certs_file.as_ref().map(read).transpose()?;
            let file = other.ca_certs_file.as_ref();
            overrides.push(AddressOverride {
                vouched_by: file.map(|path| path.display().to_string()),
                from: other.from.clone(),
                to: other.to.clone(),
                tls_roots: roots.map(|roots| vec![roots]),
            });
        }
        Ok(Self {
            core: CoreOptions {
                retry_wait_min: client.minimal_reconnect_interval,
                // Fabric's own default, which stands in every core.yaml, would have a peer wait for up to
                // an hour after a night without orderers. Asking costs nobody anything.
                retry_wait_max: client
                    .reconnect_backoff_threshold
                    .min(ORDERER_RETRY_WAIT_MAX),
                connect_wait: client.conn_timeout,
                withheld_wait: client.block_censorship_timeout,
                ..CoreOptions::default()
            },
            keepalive_interval: config.keepalive.delivery_client.interval,
            keepalive_timeout: config.keepalive.delivery_client.timeout,
            tls,
            headers: client.policy == DeliverPolicy::Cluster,
            overrides,
        })
    }
}

/// Fabric's defaults, and no TLS.
impl Default for OrdererOptions {
    fn default() -> Self {
        Self {
            core: CoreOptions::default(),
            keepalive_interval: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            tls: None,
            headers: true,
            overrides: Vec::new(),
        }
    }
}
