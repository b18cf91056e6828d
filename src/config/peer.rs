//! The configuration of a peer as a whole.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::Node;
use super::error::{ConfigError, Warning, WrongValues};
use super::gossip::{GossipSettings, read_gossip};
use super::logging::LoggingSpec;
use super::reader::{Reader, host_and_port, peer_variables};
use super::settings::{
    AddressOverride, Bccsp, DeliverClient, DeliverPolicy, Keepalive, KeepalivePing, LedgerSettings,
    MetricsProvider, Operations, PeerTls, ServerTlsFiles, ServiceLimits,
};
use crate::limits::CONFIG_BYTES_MAX;
use crate::sys::storage::read_file;

/// The configuration's file in its folder.
const FILE_NAME: &str = "core.yaml";

/// Where Fabric looks for it, unless `FABRIC_CFG_PATH` says where.
const FOLDERS: [&str; 2] = [".", "/etc/hyperledger/fabric"];

const LOGGING_SPEC: &str = "FABRIC_LOGGING_SPEC";

/// What a peer is told before it starts. Relative paths have been joined to the folder of `core.yaml`.
///
/// In parentheses stand the key, below `peer` where it is not given whole, and its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// A name for this peer (`id`, `jdoe`).
    pub id: String,
    /// A name for the network (`networkId`, `dev`).
    pub network_id: String,
    /// Where the peer's services listen, host and port (`listenAddress`, 0.0.0.0:7051).
    pub listen_address: String,
    /// Where others reach the peer, host and port (`address`, that of `listenAddress`); see
    /// [`PeerConfig::address_to_tell`].
    pub address: String,
    /// Whether the host in `address` is to be found out (`addressAutoDetect`, false).
    pub address_auto_detect: bool,
    /// The MSP that the peer belongs to (`localMspId`, has to be set).
    pub local_msp_id: String,
    /// The folder of its MSP (`mspConfigPath`, `msp`).
    pub msp_config_path: PathBuf,
    /// Where everything is stored (`fileSystemPath`, /var/hyperledger/production).
    pub file_system_path: PathBuf,
    /// Worker threads (`validatorPoolSize`; `None`, or 0, is one for each processor).
    pub validator_pool_size: Option<u32>,
    /// How long a client may take for the handshakes of a connection (`connectiontimeout`, 5 s).
    pub connection_timeout: Duration,
    /// `keepalive`.
    pub keepalive: Keepalive,
    /// `tls`.
    pub tls: PeerTls,
    /// How far a client's clock may be off (`authentication.timewindow`, 15 min).
    pub authentication_timewindow: Duration,
    /// How long a command line tool waits for a connection (`client.connTimeout`, 3 s).
    pub client_conn_timeout: Duration,
    /// `deliveryclient`.
    pub deliveryclient: DeliverClient,
    /// `gossip`.
    pub gossip: GossipSettings,
    /// `limits.concurrency`.
    pub limits: ServiceLimits,
    /// The largest message that is taken, in bytes (`maxRecvMsgSize`, 100 MiB).
    pub max_recv_msg_size: usize,
    /// The largest message that is sent, in bytes (`maxSendMsgSize`, 100 MiB).
    pub max_send_msg_size: usize,
    /// `BCCSP`.
    pub bccsp: Bccsp,
    /// `operations`, not below `peer`.
    pub operations: Operations,
    /// `metrics.provider`, not below `peer`.
    pub metrics: MetricsProvider,
    /// `ledger`, not below `peer`.
    pub ledger: LedgerSettings,
    /// `FABRIC_LOGGING_SPEC` of the environment (`info`).
    pub logging: LoggingSpec,
}

/// A configuration, and what is strange about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: PeerConfig,
    /// To be logged.
    pub warnings: Vec<Warning>,
}

impl PeerConfig {
    /// Reads the configuration of this process: `core.yaml` in `FABRIC_CFG_PATH` (else in the working
    /// directory or in /etc/hyperledger/fabric) and its environment.
    ///
    /// # Errors
    /// Where there is no such file, and as [`PeerConfig::parse`].
    pub fn of_process() -> Result<Loaded, ConfigError> {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let folder = env::var_os("FABRIC_CFG_PATH").filter(|folder| !folder.is_empty());
        let folders = match folder {
            Some(folder) => vec![PathBuf::from(folder)],
            None => FOLDERS.map(PathBuf::from).to_vec(),
        };
        let environment = env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        Self::load(&folders, environment)
    }

    /// Reads `core.yaml` in the first of the folders that has one, and `environment` over it.
    ///
    /// # Errors
    /// Where there is no such file, and as [`PeerConfig::parse`].
    pub fn load(
        folders: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let has_file = |folder: &&PathBuf| folder.join(FILE_NAME).is_file();
        let Some(folder) = folders.iter().find(has_file) else {
            return Err(ConfigError::NotFound {
                looked_in: folders.to_vec(),
            });
        };
        let path = folder.join(FILE_NAME);
        let bytes = match read_file(&path, CONFIG_BYTES_MAX + 1) {
            Ok(bytes) => bytes,
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        if u64::try_from(bytes.len()).is_ok_and(|len| len > CONFIG_BYTES_MAX) {
            return Err(ConfigError::TooLarge { path });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&text, folder, environment),
            Err(_) => Err(ConfigError::Yaml {
                path,
                reason: "the text is not UTF-8".to_owned(),
            }),
        }
    }

    /// Reads a configuration: the text of a `core.yaml`, the folder that it is in, and an environment.
    ///
    /// # Errors
    /// Where the text is no YAML mapping, or values are wrong: all of them are in the error.
    pub fn parse(
        text: &str,
        folder: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let not_yaml = |reason| ConfigError::Yaml {
            path: folder.join(FILE_NAME),
            reason,
        };
        let file = Node::parse(text).map_err(not_yaml)?;
        if matches!(file, Node::Scalar(_) | Node::List(_)) {
            return Err(not_yaml(format!("found {file}")));
        }
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        let spec = environment.get(LOGGING_SPEC).cloned();
        let variables = peer_variables(environment);
        let mut reader = Reader::new(&file, folder, &variables);
        let config = read_peer(&mut reader, spec.as_deref());
        reader.look_for_unknown();
        if reader.wrong.is_empty() {
            Ok(Loaded {
                config,
                warnings: reader.warnings,
            })
        } else {
            Err(WrongValues(reader.wrong).into())
        }
    }

    /// The address that others are told, where `local_ip` is the machine's own: the configured one,
    /// with `local_ip` for a host that stands for every address or that is to be found out.
    ///
    // Fabric: core/peer/config.go:getLocalAddress.
    #[must_use]
    pub fn address_to_tell(&self, local_ip: Option<std::net::IpAddr>) -> String {
        let Some((host, port)) = host_and_port(&self.address) else {
            return self.address.clone();
        };
        let is_unspecified = host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_unspecified());
        match local_ip {
            Some(ip) if is_unspecified || self.address_auto_detect => {
                std::net::SocketAddr::new(ip, port).to_string()
            }
            _ => self.address.clone(),
        }
    }
}

fn read_peer(reader: &mut Reader<'_>, spec: Option<&str>) -> PeerConfig {
    let listen_address = reader
        .address("peer.listenAddress")
        .unwrap_or_else(|| "0.0.0.0:7051".to_owned());
    let address = reader.address("peer.address");
    let local_msp_id = reader.text("peer.localMspId").unwrap_or_else(|| {
        reader.miss("peer.localMspId", "the name of the peer's own MSP");
        String::new()
    });
    let in_folder = |path: &str, reader: &Reader<'_>| reader.folder().join(path);
    let msp_config_path = reader
        .path("peer.mspConfigPath")
        .unwrap_or_else(|| in_folder("msp", reader));
    let file_system_path = reader
        .path("peer.fileSystemPath")
        .unwrap_or_else(|| PathBuf::from("/var/hyperledger/production"));
    let workers = reader.parsed("peer.validatorPoolSize", "a whole number", |text| {
        text.parse::<i32>().ok()
    });
    PeerConfig {
        id: reader.text("peer.id").unwrap_or_else(|| "jdoe".to_owned()),
        network_id: reader
            .text("peer.networkId")
            .unwrap_or_else(|| "dev".to_owned()),
        address: address.unwrap_or_else(|| listen_address.clone()),
        listen_address,
        address_auto_detect: reader.flag("peer.addressAutoDetect", false),
        local_msp_id,
        msp_config_path,
        validator_pool_size: workers
            .and_then(|workers| u32::try_from(workers).ok())
            .filter(|workers| *workers > 0),
        connection_timeout: reader
            .duration_over_zero("peer.connectiontimeout", Duration::from_secs(5)),
        keepalive: read_keepalive(reader),
        tls: read_tls(reader),
        authentication_timewindow: reader
            .duration_over_zero("peer.authentication.timewindow", Duration::from_mins(15)),
        client_conn_timeout: reader
            .duration_over_zero("peer.client.connTimeout", Duration::from_secs(3)),
        deliveryclient: read_deliveryclient(reader),
        gossip: read_gossip(reader),
        limits: read_limits(reader),
        max_recv_msg_size: message_size(reader, "peer.maxRecvMsgSize"),
        max_send_msg_size: message_size(reader, "peer.maxSendMsgSize"),
        bccsp: read_bccsp(reader),
        operations: read_operations(reader),
        metrics: read_metrics(reader),
        ledger: read_ledger(reader, &file_system_path),
        logging: read_logging(reader, spec),
        file_system_path,
    }
}

fn read_keepalive(reader: &mut Reader<'_>) -> Keepalive {
    let mut ping = |interval, seconds, timeout| KeepalivePing {
        interval: reader.duration(interval, Duration::from_secs(seconds)),
        timeout: reader.duration(timeout, Duration::from_secs(20)),
    };
    let server = ping("peer.keepalive.interval", 7200, "peer.keepalive.timeout");
    let client = ping(
        "peer.keepalive.client.interval",
        60,
        "peer.keepalive.client.timeout",
    );
    let delivery_client = ping(
        "peer.keepalive.deliveryClient.interval",
        60,
        "peer.keepalive.deliveryClient.timeout",
    );
    Keepalive {
        server,
        client,
        delivery_client,
        min_interval: reader.duration("peer.keepalive.minInterval", Duration::from_mins(1)),
    }
}

fn read_tls(reader: &mut Reader<'_>) -> PeerTls {
    let server = read_server_tls(
        reader,
        [
            "peer.tls.enabled",
            "peer.tls.clientAuthRequired",
            "peer.tls.cert.file",
            "peer.tls.key.file",
            "peer.tls.clientRootCAs.files",
        ],
    );
    PeerTls {
        server,
        root_cert_file: reader.path("peer.tls.rootcert.file"),
        client_cert_file: reader.path("peer.tls.clientCert.file"),
        client_key_file: reader.path("peer.tls.clientKey.file"),
        server_host_override: reader.text("peer.tls.serverhostoverride"),
    }
}

fn read_server_tls(reader: &mut Reader<'_>, keys: [&'static str; 5]) -> ServerTlsFiles {
    let [enabled, client_auth, cert, key, client_roots] = keys;
    let enabled = reader.flag(enabled, false);
    let mut file = |key, expected| {
        let path = reader.path(key);
        if enabled && path.is_none() {
            reader.miss(key, expected);
        }
        path.unwrap_or_default()
    };
    ServerTlsFiles {
        enabled,
        cert_file: file(cert, "a PEM file with the server's certificate"),
        key_file: file(key, "a PEM file with the server's private key"),
        client_auth_required: reader.flag(client_auth, false),
        client_root_ca_files: reader.paths(client_roots),
    }
}

fn read_deliveryclient(reader: &mut Reader<'_>) -> DeliverClient {
    let policy = |text: &str| match text {
        "simple" => Some(DeliverPolicy::Simple),
        "cluster" => Some(DeliverPolicy::Cluster),
        _ => None,
    };
    DeliverClient {
        block_gossip_enabled: reader.flag("peer.deliveryclient.blockGossipEnabled", true),
        reconnect_total_time_threshold: reader.duration_over_zero(
            "peer.deliveryclient.reconnectTotalTimeThreshold",
            Duration::from_hours(1),
        ),
        conn_timeout: reader
            .duration_over_zero("peer.deliveryclient.connTimeout", Duration::from_secs(3)),
        reconnect_backoff_threshold: reader.duration_over_zero(
            "peer.deliveryclient.reConnectBackoffThreshold",
            Duration::from_hours(1),
        ),
        minimal_reconnect_interval: reader.duration(
            "peer.deliveryclient.minimalReconnectInterval",
            Duration::from_millis(100),
        ),
        block_censorship_timeout: reader.duration(
            "peer.deliveryclient.blockCensorshipTimeoutKey",
            Duration::from_secs(30),
        ),
        address_overrides: reader.list(
            "peer.deliveryclient.addressOverrides",
            "a list of mappings with from and to (host:port each) and maybe caCertsFile",
            address_override,
        ),
        policy: reader
            .parsed("peer.deliveryclient.policy", "simple or cluster", policy)
            .unwrap_or_default(),
    }
}

fn address_override(node: &Node, folder: &Path) -> Option<AddressOverride> {
    let Node::Map(entries) = node else {
        return None;
    };
    let text = |name| match node.at(name) {
        Some(Node::Scalar(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    let known = |name: &str| ["from", "to", "cacertsfile"].contains(&name);
    let is_legal = entries
        .iter()
        .all(|(name, _)| known(&name.to_ascii_lowercase()));
    let address = |name| text(name).filter(|address| host_and_port(address).is_some());
    is_legal.then_some(AddressOverride {
        from: address("from")?.to_owned(),
        to: address("to")?.to_owned(),
        ca_certs_file: text("caCertsFile").map(|file| folder.join(file)),
    })
}

fn read_limits(reader: &mut Reader<'_>) -> ServiceLimits {
    let mut limit = |key, default| Some(reader.number(key, default)).filter(|limit| *limit > 0);
    ServiceLimits {
        endorser: limit("peer.limits.concurrency.endorserService", 2500),
        deliver: limit("peer.limits.concurrency.deliverService", 2500),
        gateway: limit("peer.limits.concurrency.gatewayService", 500),
    }
}

fn message_size(reader: &mut Reader<'_>, key: &'static str) -> usize {
    const DEFAULT: u32 = 100 << 20;
    match reader.number(key, DEFAULT) {
        0 => usize::try_from(DEFAULT),
        size => usize::try_from(size),
    }
    .unwrap_or(usize::MAX)
}

fn read_bccsp(reader: &mut Reader<'_>) -> Bccsp {
    let only =
        |allowed: &'static str| move |text: &str| text.eq_ignore_ascii_case(allowed).then_some(());
    reader.parsed(
        "peer.BCCSP.Default",
        "SW: keys in hardware (PKCS11) cannot be used; put the key into the keystore folder of \
         peer.mspConfigPath and set SW",
        only("SW"),
    );
    reader.parsed("peer.BCCSP.SW.Hash", "SHA2", only("SHA2"));
    reader.parsed("peer.BCCSP.SW.Security", "256", only("256"));
    Bccsp {
        key_store: reader.path("peer.BCCSP.SW.FileKeyStore.KeyStore"),
    }
}

fn read_operations(reader: &mut Reader<'_>) -> Operations {
    Operations {
        listen_address: reader
            .address("operations.listenAddress")
            .unwrap_or_else(|| "127.0.0.1:9443".to_owned()),
        tls: read_server_tls(
            reader,
            [
                "operations.tls.enabled",
                "operations.tls.clientAuthRequired",
                "operations.tls.cert.file",
                "operations.tls.key.file",
                "operations.tls.clientRootCAs.files",
            ],
        ),
    }
}

fn read_metrics(reader: &mut Reader<'_>) -> MetricsProvider {
    const KEY: &str = "metrics.provider";
    let provider = |text: &str| match text {
        "disabled" | "statsd" => Some((MetricsProvider::Disabled, text == "statsd")),
        "prometheus" => Some((MetricsProvider::Prometheus, false)),
        _ => None,
    };
    let (provider, is_statsd) = reader
        .parsed(KEY, "disabled or prometheus", provider)
        .unwrap_or_default();
    if is_statsd {
        reader.warnings.push(Warning::Unheeded {
            key: KEY,
            value: "statsd".to_owned(),
            instead: "metrics are disabled; set prometheus and let it ask /metrics",
        });
    }
    provider
}

fn read_ledger(reader: &mut Reader<'_>, file_system_path: &Path) -> LedgerSettings {
    let database = |text: &str| text.eq_ignore_ascii_case("goleveldb").then_some(());
    reader.parsed(
        "ledger.state.stateDatabase",
        "goleveldb, which stands for the embedded database: the world state cannot be kept in CouchDB",
        database,
    );
    LedgerSettings {
        total_query_limit: reader.number("ledger.state.totalQueryLimit", 100_000),
        history_enabled: reader.flag("ledger.history.enableHistoryDatabase", true),
        snapshots_root: reader
            .path("ledger.snapshots.rootDir")
            .unwrap_or_else(|| file_system_path.join("snapshots")),
    }
}

fn read_logging(reader: &mut Reader<'_>, spec: Option<&str>) -> LoggingSpec {
    match LoggingSpec::parse(spec.unwrap_or_default()) {
        Ok(spec) => spec,
        Err(error) => {
            reader.refuse_variable(LOGGING_SPEC, spec.unwrap_or_default(), &error.to_string());
            LoggingSpec::default()
        }
    }
}
