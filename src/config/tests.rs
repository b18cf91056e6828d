//! Configurations as Fabric's peers have them, and what is wrong with others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::Node;
use super::reader::variable_name;
use super::*;

const FULL: &str = include_str!("testdata/core.yaml");
const LEAST: &str = "peer: {localMspId: Org1MSP}";

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    PeerConfig::parse(text, Path::new("/etc/peer"), environment.iter().map(owned))
}

/// The wrong values, each in a line.
fn wrong(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    match parse(text, environment) {
        Err(ConfigError::Wrong(WrongValues(wrong))) => {
            wrong.iter().map(WrongValue::to_string).collect()
        }
        other => panic!("expected wrong values, found {other:?}"),
    }
}

fn warnings(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let loaded = parse(text, environment).unwrap();
    loaded.warnings.iter().map(Warning::to_string).collect()
}

fn ping(interval: u64, timeout: u64) -> KeepalivePing {
    KeepalivePing {
        interval: Duration::from_secs(interval),
        timeout: Duration::from_secs(timeout),
    }
}

#[test]
fn every_key_of_the_sample_is_known() {
    assert_eq!(warnings(FULL, &[]), Vec::<String>::new());
}

fn deliveryclient_of_the_sample() -> DeliverClient {
    DeliverClient {
        block_gossip_enabled: false,
        reconnect_total_time_threshold: Duration::from_secs(3601),
        conn_timeout: Duration::from_secs(5),
        reconnect_backoff_threshold: Duration::from_secs(3602),
        minimal_reconnect_interval: Duration::from_millis(101),
        block_censorship_timeout: Duration::from_secs(31),
        address_overrides: vec![
            AddressOverride {
                from: "orderer:7050".to_owned(),
                to: "localhost:17050".to_owned(),
                ca_certs_file: Some("/etc/peer/tls/orderer-ca.crt".into()),
            },
            AddressOverride {
                from: "orderer2:7050".to_owned(),
                to: "[::1]:17051".to_owned(),
                ca_certs_file: None,
            },
        ],
        policy: DeliverPolicy::Simple,
    }
}

fn gossip_of_the_sample() -> GossipSettings {
    let seconds = Duration::from_secs;
    GossipSettings {
        bootstrap: vec!["127.0.0.1:7051".to_owned()],
        use_leader_election: true,
        org_leader: false,
        endpoint: None,
        external_endpoint: Some("peer0.org1.example.com:8051".to_owned()),
        max_block_count_to_store: 11,
        propagate_iterations: 2,
        propagate_peer_num: 4,
        pull_interval: seconds(5),
        pull_peer_num: 5,
        response_wait_time: Duration::from_millis(2001),
        request_state_info_interval: seconds(6),
        publish_state_info_interval: seconds(7),
        publish_cert_period: seconds(11),
        alive_time_interval: seconds(6),
        alive_expiration_timeout: seconds(30),
        reconnect_interval: seconds(26),
        msg_expiration_factor: 21,
        election: ElectionSettings {
            startup_grace_period: seconds(16),
            membership_sample_interval: seconds(2),
            leader_alive_threshold: seconds(12),
            leader_election_duration: seconds(6),
        },
        state: StateTransferSettings {
            enabled: true,
            check_interval: seconds(9),
            response_timeout: seconds(4),
            batch_size: 12,
            block_buffer_size: 21,
        },
    }
}

#[test]
fn leaders_are_static_or_elected() {
    let leads = |text: &str| {
        let text = format!("peer: {{localMspId: A, gossip: {{{text}}}}}");
        let gossip = parse(&text, &[]).unwrap().config.gossip;
        (gossip.use_leader_election, gossip.org_leader)
    };
    assert_eq!(leads(""), (false, true));
    assert_eq!(leads("orgLeader: false"), (false, false));
    assert_eq!(leads("useLeaderElection: true"), (true, false));
    let both = "peer: {localMspId: A, gossip: {useLeaderElection: true, orgLeader: true}}";
    assert_eq!(wrong(both, &[]).len(), 1);
    let list = "peer: {localMspId: A, gossip: {bootstrap: ['a:1', 'b:2']}}";
    let list = parse(list, &[]).unwrap().config.gossip.bootstrap;
    assert_eq!(list, ["a:1", "b:2"]);
    let text = parse(LEAST, &[("CORE_PEER_GOSSIP_BOOTSTRAP", "a:1 b:2")]);
    assert_eq!(text.unwrap().config.gossip.bootstrap, list);
    assert_eq!(
        wrong("peer: {localMspId: A, gossip: {bootstrap: a}}", &[]).len(),
        1
    );
}

#[test]
fn every_key_is_read() {
    let expected = PeerConfig {
        id: "peer0.org1.example.com".to_owned(),
        network_id: "testing".to_owned(),
        listen_address: "0.0.0.0:8051".to_owned(),
        address: "peer0.org1.example.com:8051".to_owned(),
        address_auto_detect: false,
        local_msp_id: "Org1MSP".to_owned(),
        msp_config_path: "/etc/peer/msp".into(),
        file_system_path: "/var/heddle".into(),
        validator_pool_size: Some(3),
        connection_timeout: Duration::from_secs(5),
        keepalive: Keepalive {
            server: ping(7000, 21),
            min_interval: Duration::from_secs(61),
            client: ping(62, 22),
            delivery_client: ping(63, 23),
        },
        tls: PeerTls {
            server: ServerTlsFiles {
                enabled: true,
                client_auth_required: true,
                cert_file: "/etc/peer/tls/server.crt".into(),
                key_file: "/keys/server.key".into(),
                client_root_ca_files: vec!["/etc/peer/tls/ca.crt".into(), "/keys/other.crt".into()],
            },
            root_cert_file: Some("/etc/peer/tls/ca.crt".into()),
            ..PeerTls::default()
        },
        authentication_timewindow: Duration::from_mins(10),
        client_conn_timeout: Duration::from_secs(4),
        deliveryclient: deliveryclient_of_the_sample(),
        gossip: gossip_of_the_sample(),
        limits: ServiceLimits {
            endorser: Some(2501),
            deliver: None,
            gateway: Some(501),
        },
        max_recv_msg_size: 1 << 20,
        max_send_msg_size: 2 << 20,
        bccsp: Bccsp::default(),
        operations: Operations {
            listen_address: "127.0.0.1:9444".to_owned(),
            tls: ServerTlsFiles::default(),
        },
        metrics: MetricsProvider::Prometheus,
        ledger: LedgerSettings {
            total_query_limit: 99_999,
            history_enabled: false,
            snapshots_root: "/var/snapshots".into(),
        },
        logging: LoggingSpec::default(),
    };
    assert_eq!(parse(FULL, &[]).unwrap().config, expected);
}

#[test]
fn defaults_are_those_of_fabric() {
    let config = parse(LEAST, &[]).unwrap().config;
    assert_eq!(config.listen_address, "0.0.0.0:7051");
    assert_eq!(config.address, "0.0.0.0:7051");
    assert_eq!(config.msp_config_path, PathBuf::from("/etc/peer/msp"));
    assert_eq!(
        config.ledger.snapshots_root,
        PathBuf::from("/var/hyperledger/production/snapshots")
    );
    assert_eq!(config.keepalive.server, ping(7200, 20));
    assert_eq!(config.keepalive.client, ping(60, 20));
    assert_eq!(config.keepalive.delivery_client, ping(60, 20));
    assert_eq!(config.validator_pool_size, None);
    assert_eq!(config.authentication_timewindow, Duration::from_mins(15));
    let limits = ServiceLimits {
        endorser: Some(2500),
        deliver: Some(2500),
        gateway: Some(500),
    };
    assert_eq!(config.limits, limits);
    assert_eq!(config.max_recv_msg_size, 104_857_600);
    assert!(config.deliveryclient.block_gossip_enabled);
    assert_eq!(config.deliveryclient.policy, DeliverPolicy::Cluster);
    assert_eq!(config.metrics, MetricsProvider::Disabled);
    assert!(!config.tls.server.enabled);
}

/// Twin of the reader: where a value is in the file, the environment or both, in every spelling.
#[test]
fn environment_wins_over_file_over_default() {
    let key = "peer.networkId";
    assert_eq!(variable_name(key), "CORE_PEER_NETWORKID");
    for spelling in ["networkId", "networkid", "NETWORKID"] {
        for in_file in [None, Some(""), Some("file")] {
            for in_environment in [None, Some(""), Some("environment")] {
                let file = match in_file {
                    None => LEAST.to_owned(),
                    Some(value) => {
                        format!("peer: {{localMspId: Org1MSP, {spelling}: '{value}'}}")
                    }
                };
                let environment = in_environment.map(|value| ("CORE_PEER_NETWORKID", value));
                let loaded = parse(&file, environment.as_slice()).unwrap();
                let set = |value: Option<&'static str>| value.filter(|value| !value.is_empty());
                let expected = set(in_environment).or(set(in_file)).unwrap_or("dev");
                assert_eq!(loaded.config.network_id, expected, "{file} {environment:?}");
                assert_eq!(loaded.warnings, []);
            }
        }
    }
}

#[test]
fn environment_sets_values_of_every_kind() {
    let environment = [
        ("CORE_PEER_TLS_ENABLED", "T"),
        ("CORE_PEER_TLS_CERT_FILE", "a.crt"),
        ("CORE_PEER_TLS_KEY_FILE", "/k/a.key"),
        ("CORE_PEER_TLS_CLIENTROOTCAS_FILES", "a.crt  /k/b.crt"),
        ("CORE_PEER_LIMITS_CONCURRENCY_GATEWAYSERVICE", "7"),
        ("CORE_PEER_KEEPALIVE_DELIVERYCLIENT_INTERVAL", "1m30s"),
        (
            "CORE_PEER_DELIVERYCLIENT_ADDRESSOVERRIDES",
            "[{from: 'a:1', to: 'b:2'}]",
        ),
        ("CORE_PEER_GOSSIP_EXTERNALENDPOINT", "peer:7051"),
        ("CORE_CHAINCODE_SYSTEM__LIFECYCLE", "enable"),
        ("CORE_VM_ENDPOINT", "unix:///x"),
        ("CORE_PEER_ID", ""),
        ("PATH", "/bin"),
        ("FABRIC_LOGGING_SPEC", "gossip,ledger.a=debug:warn"),
    ];
    let Loaded { config, warnings } = parse(LEAST, &environment).unwrap();
    assert_eq!(warnings, []);
    assert!(config.tls.server.enabled);
    let files: [PathBuf; 2] = ["/etc/peer/a.crt".into(), "/k/b.crt".into()];
    assert_eq!(config.tls.server.cert_file, files[0]);
    assert_eq!(config.tls.server.client_root_ca_files, files);
    assert_eq!(config.limits.gateway, Some(7));
    assert_eq!(config.keepalive.delivery_client, ping(90, 20));
    assert_eq!(config.deliveryclient.address_overrides[0].to, "b:2");
    assert_eq!(config.logging.level("ledger.a.b"), LogLevel::Debug);
    assert_eq!(config.logging.level("ledger.b"), LogLevel::Warn);
}

#[test]
fn all_wrong_values_are_told_at_once() {
    let text = "
peer:
  keepalive: {interval: 20, timeout: -1s}
  tls: {enabled: maybe, clientRootCAs: {files: {a: b}}}
  limits: 7
  listenAddress: nowhere
  validatorPoolSize: many
  BCCSP: {Default: PKCS11}
  deliveryclient:
    policy: bft
    addressOverrides: [{from: 'a:1', too: 'b:1'}]
ledger: {state: {stateDatabase: CouchDB}}
metrics: {provider: graphite}
operations: {tls: {enabled: true}}
";
    let environment = [
        ("CORE_PEER_MAXRECVMSGSIZE", "100MB"),
        ("FABRIC_LOGGING_SPEC", "loud"),
    ];
    let mut found = wrong(text, &environment);
    found.sort();
    let mut expected = [
        "FABRIC_LOGGING_SPEC: found 'loud', expected logging spec part 'loud': expected \
         [logger[,logger...]=]level, with the level one of debug, info, warn, error",
        "ledger.state.stateDatabase: found 'CouchDB', expected goleveldb, which stands for the \
         embedded database: the world state cannot be kept in CouchDB",
        "metrics.provider: found 'graphite', expected disabled or prometheus",
        "operations.tls.cert.file: not set, expected a PEM file with the server's certificate",
        "operations.tls.key.file: not set, expected a PEM file with the server's private key",
        "peer.BCCSP.Default: found 'PKCS11', expected SW: keys in hardware (PKCS11) cannot be \
         used; put the key into the keystore folder of peer.mspConfigPath and set SW",
        "peer.deliveryclient.addressOverrides: found 'a list', expected a list of mappings with \
         from and to (host:port each) and maybe caCertsFile",
        "peer.deliveryclient.policy: found 'bft', expected simple or cluster",
        "peer.keepalive.interval: found '20', expected a duration such as 100ms, 30s or 1h30m",
        "peer.keepalive.timeout: found '-1s', expected a duration such as 100ms, 30s or 1h30m",
        "peer.limits: found '7', expected a mapping",
        "peer.listenAddress: found 'nowhere', expected host:port, with a port from 0 to 65535",
        "peer.localMspId: not set, expected the name of the peer's own MSP",
        "peer.maxRecvMsgSize (from CORE_PEER_MAXRECVMSGSIZE): found '100MB', expected a whole \
         number from 0 to 2147483647",
        "peer.tls.clientRootCAs.files: found 'a mapping', expected a list of paths",
        "peer.tls.enabled: found 'maybe', expected true or false",
        "peer.validatorPoolSize: found 'many', expected a whole number",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn unknown_keys_are_warned_of() {
    let text = "
peer:
  localMspId: Org1MSP
  listenAdress: 0.0.0.0:1
  colour: {blue: 1}
  gossip: {nobodyKnows: 1}
extra:
";
    let environment = [("CORE_PEER_ADRESS", "x"), ("CORE_PEERS", "x")];
    assert_eq!(
        warnings(text, &environment),
        [
            "peer.listenAdress: unknown, and without effect; is peer.listenAddress meant?",
            "peer.colour.blue: unknown, and without effect",
            "peer.gossip.nobodyKnows: unknown, and without effect",
            "extra: unknown, and without effect",
            "CORE_PEERS: unknown, and without effect",
            "CORE_PEER_ADRESS: unknown, and without effect; is CORE_PEER_ADDRESS meant?",
        ]
    );
    assert_eq!(
        warnings(LEAST, &[("CORE_METRICS_PROVIDER", "statsd")]),
        [
            "metrics.provider: 'statsd' is not supported: metrics are disabled; set prometheus \
             and let it ask /metrics"
        ]
    );
}

#[test]
fn texts_that_are_no_mapping_are_refused() {
    for text in ["- a", "a", "a: [", "a: 1\nA: 2", "\t"] {
        let found = parse(text, &[("CORE_PEER_LOCALMSPID", "M")]);
        match found {
            Err(ConfigError::Yaml { path, reason }) => {
                assert_eq!(path, PathBuf::from("/etc/peer/core.yaml"));
                assert!(!reason.contains('\n') && !reason.is_empty(), "{reason}");
            }
            Ok(_) if text == "\t" => {} // nothing at all: defaults and environment
            other => panic!("{text}: {other:?}"),
        }
    }
    let found = parse("", &[("CORE_PEER_LOCALMSPID", "M")]).unwrap();
    assert_eq!(found.config.local_msp_id, "M");
}

#[test]
fn the_first_folder_with_a_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    for folder in [&first, &second] {
        std::fs::create_dir(folder).unwrap();
    }
    let folders = [first, second.clone()];
    let error = PeerConfig::load(&folders, []).unwrap_err().to_string();
    assert!(error.contains("set FABRIC_CFG_PATH"), "{error}");
    std::fs::write(second.join("core.yaml"), LEAST).unwrap();
    let config = PeerConfig::load(&folders, []).unwrap().config;
    assert_eq!(config.msp_config_path, second.join("msp"));
}

#[test]
fn scalars_are_kept_as_text() {
    let node = Node::parse("{a: 1, b: 0.75, c: true, d: x, e: , f: [1], g: {}, h: '1'}").unwrap();
    for (key, expected) in [
        ("a", Some("1")),
        ("b", Some("0.75")),
        ("C", Some("true")),
        ("d", Some("x")),
        ("e", None),
        ("h", Some("1")),
        ("f", None),
        ("d.x", None),
    ] {
        let found = match node.at(key) {
            Some(Node::Scalar(text)) => Some(text.as_str()),
            _ => None,
        };
        assert_eq!(found, expected, "{key}");
    }
}

#[test]
fn addresses() {
    for (address, expected) in [
        ("a:1", Some(("a", 1))),
        (":0", Some(("", 0))),
        ("[::1]:65535", Some(("::1", 65535))),
        ("::1:1", None),
        ("a", None),
        ("a:", None),
        ("a:65536", None),
        ("a:+1", None),
        ("http://a:1", None),
        ("a b:1", None),
        ("[a:1", None),
    ] {
        assert_eq!(host_and_port(address), expected, "{address}");
    }
}

#[test]
fn the_address_to_tell() {
    let ip = Some("10.0.0.7".parse().unwrap());
    for (address, auto, ip, expected) in [
        ("peer:1", false, ip, "peer:1"),
        ("peer:1", true, ip, "10.0.0.7:1"),
        ("0.0.0.0:1", false, ip, "10.0.0.7:1"),
        ("[::]:1", false, ip, "10.0.0.7:1"),
        ("0.0.0.0:1", false, None, "0.0.0.0:1"),
    ] {
        let mut config = parse(LEAST, &[]).unwrap().config;
        config.address = address.to_owned();
        config.address_auto_detect = auto;
        assert_eq!(config.address_to_tell(ip), expected, "{address}");
    }
}

#[test]
fn logging_specs() {
    for (text, expected) in [
        ("", "info"),
        ("DEBUG", "debug"),
        (
            "a=debug:b,c.=ERROR:warning",
            "a=debug:b=error:c.=error:warn",
        ),
        ("a=debug:a=info", "a=info:info"),
        ("fatal", "error"),
        (":debug:", "debug"),
    ] {
        let spec = LoggingSpec::parse(text).unwrap();
        assert_eq!(spec.to_string(), expected);
        assert_eq!(LoggingSpec::parse(expected).unwrap(), spec);
    }
    for text in [
        "loud",
        "Debug",
        "=debug",
        "a=",
        "a=b=debug",
        "a..b=debug",
        "a b=info",
    ] {
        assert!(LoggingSpec::parse(text).is_err(), "{text}");
    }
    let spec = LoggingSpec::parse("a=warn:a.b=debug:a.b.=error").unwrap();
    for (logger, level) in [
        ("a", LogLevel::Warn),
        ("ab", LogLevel::Info),
        ("a.b", LogLevel::Error),
        ("a.b.c", LogLevel::Debug),
        ("a.c", LogLevel::Warn),
    ] {
        assert_eq!(spec.level(logger), level, "{logger}");
    }
}
