//! Where a channel's orderers are, as its configuration says.

use super::core::Endpoint;
use crate::channel::Bundle;

/// `peer.deliveryclient.addressOverrides`: another address for one that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressOverride {
    /// `host:port` in the configuration.
    pub from: String,
    /// `host:port` that is asked instead.
    pub to: String,
    /// Certificates of TLS authorities for it, PEM; `None` for those of the configuration.
    pub tls_roots: Option<Vec<Vec<u8>>>,
    /// The file that they are from.
    pub vouched_by: Option<String>,
}

/// The orderers of a channel. Each organization's are known by the TLS authorities of its MSP; addresses
/// that belong to no organization count only where none has its own, and are known by those of all.
///
/// Fabric: `internal/pkg/peer/orderers/connection.go:Update`.
#[must_use]
pub fn endpoints(bundle: &Bundle, overrides: &[AddressOverride]) -> Vec<Endpoint> {
    let orderer = bundle.orderer();
    let (mut endpoints, mut all_roots) = (Vec::new(), Vec::new());
    for org in &orderer.orgs {
        let roots = tls_roots(bundle, &org.msp_id);
        let vouched_by = format!("the channel's {}", org.msp_id);
        for address in &org.endpoints {
            endpoints.push(endpoint(address, &roots, &vouched_by, overrides));
        }
        all_roots.extend(roots);
    }
    if endpoints.is_empty() {
        let addresses = orderer.global_addresses.iter();
        let all = "the channel's orderer organizations";
        endpoints.extend(addresses.map(|address| endpoint(address, &all_roots, all, overrides)));
    }
    endpoints
}

/// Whether headers are asked for beside blocks.
#[must_use]
pub fn is_bft(bundle: &Bundle) -> bool {
    bundle.orderer().consensus_type == "BFT"
}

fn tls_roots(bundle: &Bundle, msp_id: &str) -> Vec<Vec<u8>> {
    let Some(msp) = bundle.msps().msp(msp_id) else {
        return Vec::new();
    };
    let pems = msp.tls_roots().chain(msp.tls_intermediates());
    pems.map(<[u8]>::to_vec).collect()
}

fn endpoint(
    address: &str,
    roots: &[Vec<u8>],
    vouched_by: &str,
    overrides: &[AddressOverride],
) -> Endpoint {
    let other = overrides.iter().find(|other| other.from == address);
    let (address, roots, vouched_by) = match other {
        None => (address, roots, vouched_by),
        Some(other) => (
            &*other.to,
            other.tls_roots.as_deref().unwrap_or(roots),
            other.vouched_by.as_deref().unwrap_or(vouched_by),
        ),
    };
    Endpoint {
        address: address.to_owned(),
        tls_roots: roots.to_vec(),
        vouched_by: vouched_by.to_owned(),
    }
}
