//! How the orderer client behaves: `peer.deliveryclient`, `peer.keepalive.deliveryClient`.

use std::time::Duration;

use super::core::CoreOptions;
use super::endpoints::AddressOverride;
use super::tls::OrdererTls;

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
    pub tls: Option<OrdererTls>,
    /// `peer.deliveryclient.addressOverrides`
    pub overrides: Vec<AddressOverride>,
}

/// Fabric's defaults; a penalty, which Fabric does not have, of a minute.
impl Default for CoreOptions {
    fn default() -> Self {
        Self {
            retry_wait_min: Duration::from_millis(100),
            retry_wait_max: Duration::from_secs(3600),
            connect_wait: Duration::from_secs(3),
            withheld_wait: Duration::from_secs(30),
            penalty: Duration::from_secs(60),
        }
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
            overrides: Vec::new(),
        }
    }
}
