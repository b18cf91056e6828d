//! Connections to peers and orderers, with the flags and the environment variables of Fabric's `peer`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::error::CliError;
use super::open::clock;
use crate::client::{Caller, Endpoint, TlsFiles};
use crate::msp::SigningIdentity;

/// How to connect. What is not given is taken from Fabric's variables: CORE_PEER_ADDRESS,
/// CORE_PEER_LOCALMSPID, CORE_PEER_MSPCONFIGPATH, CORE_PEER_TLS_ENABLED, CORE_PEER_TLS_ROOTCERT_FILE,
/// CORE_PEER_TLS_SERVERHOSTOVERRIDE, CORE_PEER_TLS_CLIENTAUTHREQUIRED, CORE_PEER_TLS_CLIENTCERT_FILE,
/// CORE_PEER_TLS_CLIENTKEY_FILE.
#[derive(Debug, Args)]
pub(super) struct ConnectionArgs {
    /// The orderer, for 'fetch'
    #[arg(short, long, value_name = "HOST:PORT")]
    orderer: Option<String>,
    /// Use TLS towards the orderer
    #[arg(long)]
    tls: bool,
    /// Who may have issued the orderer's TLS certificate, in PEM
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// Show a TLS certificate to the orderer
    #[arg(long)]
    clientauth: bool,
    /// That certificate, in PEM
    #[arg(long, value_name = "FILE")]
    certfile: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE")]
    keyfile: Option<PathBuf>,
    /// The name that the orderer's TLS certificate is for
    #[arg(long = "ordererTLSHostnameOverride", value_name = "NAME")]
    orderer_name: Option<String>,
    /// How long a connection may take, in seconds
    #[arg(long = "connTimeout", value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    timeout: Duration,
}

/// How to connect to a peer that is named on the command line. What is not given is taken from Fabric's
/// variables, as for 'heddle channel'.
#[derive(Debug, Args)]
pub(super) struct PeerArgs {
    /// Who may have issued the peer's TLS certificate, in PEM: connect with TLS
    /// [default: CORE_PEER_TLS_ROOTCERT_FILE where CORE_PEER_TLS_ENABLED]
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// A TLS certificate to show to the peer, in PEM [default: CORE_PEER_TLS_CLIENTCERT_FILE where
    /// CORE_PEER_TLS_CLIENTAUTHREQUIRED]
    #[arg(long, value_name = "FILE", requires = "keyfile")]
    certfile: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "certfile")]
    keyfile: Option<PathBuf>,
    /// The name that the peer's TLS certificate is for [default: CORE_PEER_TLS_SERVERHOSTOVERRIDE, or
    /// the address]
    #[arg(long = "tlsHostnameOverride", value_name = "NAME")]
    name: Option<String>,
    /// How long a connection may take, in seconds
    #[arg(long = "connTimeout", value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    timeout: Duration,
}

impl PeerArgs {
    /// A connection to the peer at `address`.
    pub(super) async fn peer(&self, address: &str) -> Result<Caller, CliError> {
        let mut tls = environment_tls();
        if let Some(root) = &self.cafile {
            tls.get_or_insert_default().root.clone_from(root);
        }
        if let Some(tls) = &mut tls {
            if let (Some(certificate), Some(key)) = (&self.certfile, &self.keyfile) {
                tls.client = Some((certificate.clone(), key.clone()));
            }
            if let Some(name) = &self.name {
                tls.server_name = Some(name.clone());
            }
        }
        caller(address.to_owned(), tls, self.timeout).await
    }
}

/// Runs the calls of one command.
pub(super) fn block_on<R>(work: impl Future<Output = Result<R, CliError>>) -> Result<R, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Serve)?;
    runtime.block_on(work)
}

impl ConnectionArgs {
    /// Whether an orderer is named.
    pub(super) fn has_orderer(&self) -> bool {
        self.orderer.is_some()
    }

    /// A connection to the peer.
    pub(super) async fn peer(&self) -> Result<Caller, CliError> {
        let address = required("CORE_PEER_ADDRESS")?;
        caller(address, environment_tls(), self.timeout).await
    }

    /// A connection to the orderer.
    pub(super) async fn orderer(&self) -> Result<Caller, CliError> {
        let tls = self.tls.then(|| TlsFiles {
            root: self.cafile.clone().unwrap_or_default(),
            client: self.clientauth.then(|| {
                (
                    self.certfile.clone().unwrap_or_default(),
                    self.keyfile.clone().unwrap_or_default(),
                )
            }),
            server_name: self.orderer_name.clone(),
        });
        let address = self.orderer.clone().unwrap_or_default();
        caller(address, tls, self.timeout).await
    }
}

/// TLS towards a peer, as the environment says.
fn environment_tls() -> Option<TlsFiles> {
    is_on("CORE_PEER_TLS_ENABLED").then(|| {
        let client = is_on("CORE_PEER_TLS_CLIENTAUTHREQUIRED").then(|| {
            (
                path("CORE_PEER_TLS_CLIENTCERT_FILE"),
                path("CORE_PEER_TLS_CLIENTKEY_FILE"),
            )
        });
        TlsFiles {
            root: path("CORE_PEER_TLS_ROOTCERT_FILE"),
            client,
            server_name: variable("CORE_PEER_TLS_SERVERHOSTOVERRIDE"),
        }
    })
}

/// A connection, and who calls over it.
async fn caller(
    address: String,
    tls: Option<TlsFiles>,
    timeout: Duration,
) -> Result<Caller, CliError> {
    let msp_id = required("CORE_PEER_LOCALMSPID")?;
    let folder = PathBuf::from(required("CORE_PEER_MSPCONFIGPATH")?);
    let identity = Arc::new(SigningIdentity::load(&folder, &msp_id)?);
    let endpoint = Endpoint {
        address,
        tls,
        timeout,
        clock: clock(),
    };
    Ok(Caller {
        connection: endpoint.connect().await?,
        identity,
        tls_cert_hash: endpoint.tls_cert_hash()?,
        clock: endpoint.clock,
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &'static str) -> Result<String, CliError> {
    variable(name).ok_or(CliError::Variable { name })
}

fn path(name: &str) -> PathBuf {
    variable(name).map(PathBuf::from).unwrap_or_default()
}

fn is_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
}

/// Fabric's flag is a Go duration: `3s`, or a bare number of seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds: u32 = number
        .parse()
        .map_err(|_| "expected seconds, as in 3s".to_owned())?;
    Ok(Duration::from_secs(seconds.into()))
}
