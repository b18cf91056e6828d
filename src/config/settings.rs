//! The groups of settings that a peer's configuration has.

use std::path::PathBuf;
use std::time::Duration;

/// `peer.keepalive`: when connections that are silent are asked whether they live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalive {
    /// What the peer's server sends to clients (`interval` 7200 s, `timeout` 20 s).
    pub server: KeepalivePing,
    /// The least time between two pings of a client (`minInterval`, 60 s).
    pub min_interval: Duration,
    /// What the peer sends to other peers (`client`, 60 s and 20 s).
    pub client: KeepalivePing,
    /// What the peer sends to orderers (`deliveryClient`, 60 s and 20 s).
    pub delivery_client: KeepalivePing,
}

/// When one side of a connection asks the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepalivePing {
    /// After so long a silence.
    pub interval: Duration,
    /// Without an answer for so long, the connection is closed.
    pub timeout: Duration,
}

/// What a TLS server needs: `peer.tls` and `operations.tls`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerTlsFiles {
    /// Whether there is TLS (`enabled`, false).
    pub enabled: bool,
    /// Whether clients have to show a certificate of a known authority (`clientAuthRequired`, false).
    pub client_auth_required: bool,
    /// The server's certificate chain in PEM (`cert.file`); there if `enabled`.
    pub cert_file: PathBuf,
    /// Its private key in PEM (`key.file`); there if `enabled`.
    pub key_file: PathBuf,
    /// Authorities of clients in PEM (`clientRootCAs.files`), without those of channels.
    pub client_root_ca_files: Vec<PathBuf>,
}

/// `peer.tls`: the peer's server, and the peer as a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerTls {
    /// The server's side. With `enabled`, connections to orderers and peers have TLS too.
    pub server: ServerTlsFiles,
    /// Authorities of the peer's own organization (`rootcert.file`).
    pub root_cert_file: Option<PathBuf>,
    /// The certificate that the peer shows to servers (`clientCert.file`), where it is not that of its
    /// own server.
    pub client_cert_file: Option<PathBuf>,
    /// The key of that certificate (`clientKey.file`).
    pub client_key_file: Option<PathBuf>,
    /// The name that a server's certificate has to be for, in place of the host that is connected to
    /// (`serverhostoverride`; a command line tool's setting).
    pub server_host_override: Option<String>,
}

/// `peer.deliveryclient`: how blocks are pulled from orderers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverClient {
    /// Whether blocks are passed on to other peers of the organization (`blockGossipEnabled`; true
    /// where it is not set, as in Fabric, whose sample says false).
    pub block_gossip_enabled: bool,
    /// How long reconnecting is tried before giving up (`reconnectTotalTimeThreshold`, 3600 s).
    pub reconnect_total_time_threshold: Duration,
    /// How long one connection may take (`connTimeout`, 3 s).
    pub conn_timeout: Duration,
    /// The longest pause between two tries (`reConnectBackoffThreshold`, 3600 s; more than
    /// [`ORDERER_RETRY_WAIT_MAX`](crate::limits::ORDERER_RETRY_WAIT_MAX) has no effect).
    pub reconnect_backoff_threshold: Duration,
    /// The first pause (`minimalReconnectInterval`, 100 ms).
    pub minimal_reconnect_interval: Duration,
    /// How long a header may be there without its block before the source is changed, in BFT channels
    /// (`blockCensorshipTimeoutKey`, 30 s).
    pub block_censorship_timeout: Duration,
    /// Orderers that are to be reached elsewhere (`addressOverrides`).
    pub address_overrides: Vec<AddressOverride>,
    /// How blocks are pulled in BFT channels (`policy`, `cluster`).
    pub policy: DeliverPolicy,
}

/// An orderer that is to be reached elsewhere than the channel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressOverride {
    /// The address in the channel's configuration, host and port.
    pub from: String,
    /// The address to connect to, host and port.
    pub to: String,
    /// Authorities of that orderer's TLS certificate in PEM, in place of its organization's. Relative
    /// to the folder of `core.yaml` (in Fabric to the working directory).
    pub ca_certs_file: Option<PathBuf>,
}

/// How blocks are pulled in BFT channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeliverPolicy {
    /// `simple`: from one orderer, as in raft channels.
    Simple,
    /// `cluster`: blocks from one, headers from the others.
    #[default]
    Cluster,
}

/// `peer.limits.concurrency`: calls that a service serves at a time; `None` (0) is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceLimits {
    /// `endorserService`, 2500.
    pub endorser: Option<u32>,
    /// `deliverService`, 2500.
    pub deliver: Option<u32>,
    /// `gatewayService`, 500.
    pub gateway: Option<u32>,
}

/// `peer.BCCSP`: where keys are. Only `SW` with SHA2 and 256 bits is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bccsp {
    /// `SW.FileKeyStore.KeyStore`; `None` is the `keystore` folder of the MSP.
    pub key_store: Option<PathBuf>,
}

/// `operations`: the HTTP server for health, metrics and log levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operations {
    /// Host and port (`listenAddress`, 127.0.0.1:9443).
    pub listen_address: String,
    /// Its TLS (`tls`).
    pub tls: ServerTlsFiles,
}

/// `metrics.provider`: who gets to see metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetricsProvider {
    /// Nobody.
    #[default]
    Disabled,
    /// Who asks `/metrics`.
    Prometheus,
}

/// `ledger`: what a channel stores. The world state is always the embedded database (`goleveldb`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The most results of one query (`state.totalQueryLimit`, 100000).
    pub total_query_limit: u32,
    /// Whether the history of keys is kept (`history.enableHistoryDatabase`, true).
    pub history_enabled: bool,
    /// Where snapshots are made (`snapshots.rootDir`, `snapshots` in `peer.fileSystemPath`).
    pub snapshots_root: PathBuf,
}
