//! `heddle gossip`: what a running peer says of its gossip, by its operations service.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::error::CliError;
use super::open::clock;
use super::print;
use crate::client::{Endpoint, TlsFiles};
use crate::limits::GOSSIP_ANSWER_BYTES_MAX;

/// How long the peer may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
pub(super) enum GossipCommand {
    /// List the peers that a peer knows, and how they are
    Members(GossipArgs),
    /// Show each channel's leader, and how far its peers are
    State(StateArgs),
}

#[derive(Debug, Args)]
pub(super) struct GossipArgs {
    /// The peer's operations service
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9443")]
    operations: String,
    /// Who may have issued the operations service's TLS certificate, in PEM: ask with TLS
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// A TLS certificate to show to it, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["keyfile", "cafile"])]
    certfile: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE", requires = "certfile")]
    keyfile: Option<PathBuf>,
    /// The name that the service's TLS certificate is for [default: the address]
    #[arg(long = "tlsHostnameOverride", value_name = "NAME", requires = "cafile")]
    name: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct StateArgs {
    #[command(flatten)]
    peer: GossipArgs,
    /// This channel alone
    #[arg(short, long, value_name = "NAME")]
    channel: Option<String>,
}

pub(super) fn gossip(command: &GossipCommand) -> Result<ExitCode, CliError> {
    match command {
        GossipCommand::Members(args) => {
            let state = ask(args)?;
            let members = part(&state, "members");
            if args.json {
                return print(&format!("{members:#}\n"));
            }
            print(&members_text(members))
        }
        GossipCommand::State(args) => {
            let state = ask(&args.peer)?;
            let channels = list(part(&state, "channels"));
            let wanted = channels.filter(|it| {
                let channel = args.channel.as_deref();
                channel.is_none_or(|wanted| part(it, "channel") == wanted)
            });
            let wanted: Vec<&Value> = wanted.collect();
            if let (Some(channel), []) = (&args.channel, &wanted[..]) {
                let channel = channel.clone();
                return Err(CliError::NotGossiped { channel });
            }
            if args.peer.json {
                let shown = json!({"pki_id": part(&state, "pki_id"), "channels": wanted});
                return print(&format!("{shown:#}\n"));
            }
            print(&state_text(&wanted, part(&state, "pki_id")))
        }
    }
}

/// What stands under a name; null where there is none.
fn part<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// What `/gossip` says.
fn ask(args: &GossipArgs) -> Result<Value, CliError> {
    let client = args.certfile.clone().zip(args.keyfile.clone());
    let tls = args.cafile.clone().map(|root| TlsFiles {
        root,
        client,
        server_name: args.name.clone(),
    });
    let endpoint = Endpoint {
        address: args.operations.clone(),
        tls,
        timeout: PATIENCE,
        clock: clock(),
    };
    let failed = |source| CliError::Operations {
        address: args.operations.clone(),
        source,
    };
    let answer = get(&endpoint, "/gossip").map_err(failed)?;
    let not_http = || failed(io::Error::other("it does not answer in HTTP; is it TLS?"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(not_http)?;
    let body: Value = serde_json::from_str(body).map_err(|_| not_http())?;
    if head.starts_with("HTTP/1.1 200") {
        return Ok(body);
    }
    Err(failed(io::Error::other(text(part(&body, "error")))))
}

fn get(endpoint: &Endpoint, path: &str) -> io::Result<String> {
    let mut stream = endpoint.open().map_err(io::Error::other)?;
    let host = &endpoint.address;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    let mut limited = stream.take(GOSSIP_ANSWER_BYTES_MAX as u64);
    limited.read_to_string(&mut answer)?;
    Ok(answer)
}

fn members_text(members: &Value) -> String {
    let mut rows =
        vec![["MSP", "ENDPOINT", "HEALTH", "HEARD", "CONNECTED", "PKI-ID"].map(String::from)];
    rows.extend(list(members).map(|member| {
        let internal = text(&member["internal_endpoint"]);
        let endpoint = if internal.is_empty() {
            text(&member["endpoint"])
        } else {
            internal
        };
        let connected = if member["connected"] == true {
            "yes"
        } else {
            "no"
        };
        [
            text(&member["msp"]),
            endpoint,
            text(&member["health"]),
            format!("{} s ago", member["heard_seconds_ago"]),
            connected.to_owned(),
            short(&member["pki_id"]),
        ]
    }));
    table(&rows)
}

fn state_text(channels: &[&Value], own: &Value) -> String {
    let mut out = String::new();
    for channel in channels {
        let leader = if channel["leads"] == true {
            "this peer".to_owned()
        } else {
            match short(&channel["leader"]) {
                none if none.is_empty() => "nobody known".to_owned(),
                name => name,
            }
        };
        let pulls = if channel["pulls_from_orderer"] == true {
            "pulls from an orderer"
        } else {
            "pulls from no orderer"
        };
        let _ = writeln!(
            out,
            "channel {}: height {}, leader {leader}, {pulls}, {} blocks waiting",
            text(&channel["channel"]),
            channel["height"],
            channel["blocks_waiting"],
        );
        let mut rows = vec![["HEIGHT", "ENDPOINT", "PKI-ID"].map(String::from)];
        rows.push([
            channel["height"].to_string(),
            "this peer".to_owned(),
            short(own),
        ]);
        rows.extend(list(&channel["peers"]).map(|peer| {
            [
                peer["height"].to_string(),
                text(&peer["endpoint"]),
                short(&peer["pki_id"]),
            ]
        }));
        out.push_str(&table(&rows));
    }
    out
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The beginning of a name that is a hash.
fn short(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_default()
        .chars()
        .take(12)
        .collect()
}

/// Columns as wide as what is in them.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let width = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_channels_are_tables() {
        let members = json!([
            {"msp": "Org1MSP", "endpoint": "", "internal_endpoint": "peer1:7051", "health": "alive",
             "heard_seconds_ago": 3, "connected": true, "pki_id": "0123456789abcdef"},
            {"msp": "O2", "endpoint": "p:1", "internal_endpoint": null, "health": "dead",
             "heard_seconds_ago": 12, "connected": false, "pki_id": "ff"},
        ]);
        assert_eq!(
            members_text(&members),
            "MSP      ENDPOINT    HEALTH  HEARD     CONNECTED  PKI-ID\n\
             Org1MSP  peer1:7051  alive   3 s ago   yes        0123456789ab\n\
             O2       p:1         dead    12 s ago  no         ff\n"
        );
        let channel = json!({"channel": "mychannel", "height": 7, "leads": false, "leader": "ff",
            "pulls_from_orderer": false, "blocks_waiting": 0,
            "peers": [{"pki_id": "ff", "endpoint": "p:1", "height": 12}]});
        assert_eq!(
            state_text(&[&channel], &json!("0123456789abcdef")),
            "channel mychannel: height 7, leader ff, pulls from no orderer, 0 blocks waiting\n\
             HEIGHT  ENDPOINT   PKI-ID\n\
             7       this peer  0123456789ab\n\
             12      p:1        ff\n"
        );
    }
}
