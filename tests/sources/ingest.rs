//! `heddle ledger serve-ingest` and `feed`: real sockets, real processes, hostile feeders.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use heddle::ingress::ingest::{Greeting, RefusalKind, ServerFrame};
use heddle::proto::wire::put_varint;
use serde_json::Value;

use crate::support::{check_export, corpus, corpus_file, heddle, split, succeed};

const CHANNEL: &str = "cars";
/// A test that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    pub(crate) socket: PathBuf,
    pub(crate) tcp: String,
    pub(crate) height: u64,
}

impl Server {
    pub(crate) fn start(room: &Path, channel: &str) -> Self {
        let socket = room.join("ingest");
        let unix = format!("unix:{}", socket.display());
        let listen = ["--json", "--listen", &unix, "--listen", "tcp:127.0.0.1:0"];
        let mut child = heddle("serve-ingest", &room.join("data"), channel, &listen)
            .stdout(Stdio::piped())
            .spawn()
            .expect("heddle starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line).expect("where it listens");
        Self {
            child,
            stdout,
            socket,
            tcp: said["listening"][1]
                .as_str()
                .expect("an address")
                .to_owned(),
            height: said["height"].as_u64().expect("a height"),
        }
    }

    pub(crate) fn unix(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Ends the server by SIGTERM and returns its summary.
    pub(crate) fn stop(mut self) -> Value {
        let kill = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(kill.expect("kill starts").success());
        let mut summary = String::new();
        self.stdout.read_to_string(&mut summary).expect("a summary");
        assert!(self.child.wait().expect("it ends").success(), "{summary}");
        assert!(!self.socket.exists(), "the socket is cleaned up");
        serde_json::from_str(&summary).expect("a summary")
    }

    /// A connection that has heard its greeting.
    pub(crate) fn connect(&self) -> (UnixStream, Greeting) {
        let mut stream = UnixStream::connect(&self.socket).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        let greeting = Greeting::read(&mut stream).expect("a greeting");
        (stream, greeting)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `heddle ledger feed`, not started yet.
pub(crate) fn feed(to: &str, source: &Path, rest: &[&str]) -> Command {
    let mut feed = Command::new(env!("CARGO_BIN_EXE_heddle"));
    feed.args(["ledger", "feed", "--json", "--to", to])
        .args(rest)
        .arg(source)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    feed
}

#[track_caller]
pub(crate) fn check_fed(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).expect("a summary")
}

#[track_caller]
fn check_failed(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "one clear line: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "'{word}' is missing: {stderr}");
    }
}

/// Reads frames up to a refusal.
fn refusal(stream: &mut UnixStream) -> (u8, String) {
    loop {
        match ServerFrame::read(stream).expect("a frame") {
            ServerFrame::Durable(_) => {}
            ServerFrame::Refusal { number, reason } => return (number, reason),
        }
    }
}

/// Reads frames up to a height.
fn wait_durable(stream: &mut UnixStream, height: u64) {
    loop {
        match ServerFrame::read(stream).expect("a frame") {
            ServerFrame::Durable(durable) if durable >= height => return,
            ServerFrame::Durable(_) => {}
            ServerFrame::Refusal { reason, .. } => panic!("refused: {reason}"),
        }
    }
}

fn framed(block: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, block.len() as u64);
    bytes.extend_from_slice(block);
    bytes
}

fn blocks() -> Vec<Vec<u8>> {
    split(&corpus("real-cars", "blocks.pb"))
}

fn cars() -> PathBuf {
    corpus_file("real-cars", "blocks.pb.zst")
}

#[track_caller]
fn check_ledger(room: &Path) {
    let data = room.join("data");
    check_export(
        &data,
        CHANNEL,
        "--codes",
        &corpus("real-cars", "expected.jsonl"),
    );
    check_export(
        &data,
        CHANNEL,
        "--state",
        &corpus("real-cars", "state.jsonl"),
    );
    succeed("verify", &data, CHANNEL, &[]);
}

#[test]
fn two_feeders_of_the_same_chain_cost_one_commit_each_block() {
    let room = tempfile::tempdir().expect("a directory");
    let server = Server::start(room.path(), CHANNEL);
    let addresses = [server.unix(), server.tcp.clone()];
    let feeds = addresses.map(|to| feed(&to, &cars(), &[]).spawn().expect("heddle starts"));
    for feed in feeds {
        let fed = check_fed(&feed.wait_with_output().expect("it ends"));
        assert_eq!(fed["durable"], 306, "{fed}");
    }
    // A third one hears that all is there.
    let fed = check_fed(&feed(&server.unix(), &cars(), &[]).output().expect("heddle"));
    assert_eq!(
        (&fed["skipped"], &fed["durable"]),
        (&306.into(), &306.into())
    );
    let summary = server.stop();
    assert_eq!(
        (&summary["blocks"], &summary["feeders"]),
        (&306.into(), &3.into())
    );
    assert_eq!(summary["pipeline_restarts"], 0);
    check_ledger(room.path());
}

#[test]
fn two_feeders_with_every_other_block_each_make_one_chain() {
    let room = tempfile::tempdir().expect("a directory");
    let server = Server::start(room.path(), CHANNEL);
    let blocks = blocks();
    std::thread::scope(|scope| {
        for half in [0, 1] {
            let (server, blocks) = (&server, &blocks);
            scope.spawn(move || {
                let (mut stream, greeting) = server.connect();
                assert_eq!((greeting.height, greeting.channel.as_str()), (0, CHANNEL));
                let mut writer = stream.try_clone().expect("a stream");
                for block in blocks.iter().skip(half).step_by(2) {
                    writer.write_all(&framed(block)).expect("writes");
                }
                wait_durable(&mut stream, 306);
            });
        }
    });
    let summary = server.stop();
    assert_eq!(
        (&summary["blocks"], &summary["blocks_doubled"]),
        (&306.into(), &0.into())
    );
    check_ledger(room.path());
}

#[test]
fn hostile_feeders_are_cut_off_and_a_good_one_goes_on() {
    let room = tempfile::tempdir().expect("a directory");
    let server = Server::start(room.path(), CHANNEL);
    let blocks = blocks();
    // These never say anything, never finish, and never read.
    let (silent, _) = server.connect();
    let (mut half, _) = server.connect();
    half.write_all(&framed(&blocks[0])[..1000]).expect("writes");
    let (mut deaf, _) = server.connect();
    let mut deaf_writer = deaf.try_clone().expect("a stream");
    let (mut good, _) = server.connect();
    for block in &blocks[..100] {
        good.write_all(&framed(block)).expect("writes");
        deaf_writer.write_all(&framed(block)).expect("writes");
    }
    wait_durable(&mut good, 100);

    let check = |bytes: &[u8], kind: RefusalKind| {
        let (mut stream, greeting) = server.connect();
        assert_eq!(greeting.height, 100);
        stream.write_all(bytes).expect("writes");
        let (number, reason) = refusal(&mut stream);
        assert_eq!(number, kind.number(), "{reason}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("reads");
        assert!(rest.is_empty(), "nothing after a refusal");
    };
    check(&[0xff; 100], RefusalKind::NotABlock);
    check(&[0xff, 0xff, 0xff, 0x7f, 0x0a], RefusalKind::Oversize);
    check(b"GET / HTTP/1.1\r\n\r\n", RefusalKind::NotABlock);
    // The next block with a bit of its data changed, and with one of its signatures changed.
    let mut forged = blocks[100].clone();
    forged[200] ^= 1;
    check(&framed(&forged), RefusalKind::Forged);
    check(&framed(&unsigned(&blocks[100])), RefusalKind::Forged);
    // A block that is not the one that is committed; the next block of another fork or channel.
    let other = split(&corpus("crafted-basic", "blocks.pb"));
    check(&framed(&other[10]), RefusalKind::Fork);
    check(&framed(&renumbered(&other[10], 100)), RefusalKind::Fork);

    let fed = check_fed(&feed(&server.tcp, &cars(), &[]).output().expect("heddle"));
    assert_eq!(fed["durable"], 306);
    wait_durable(&mut good, 306);
    wait_durable(&mut deaf, 306);
    drop((silent, half));
    let summary = server.stop();
    assert_eq!(summary["blocks"], 306, "{summary}");
    for (kind, count) in [
        ("forged", 2),
        ("fork", 2),
        ("not-a-block", 2),
        ("oversize", 1),
    ] {
        assert_eq!(summary["refusals"][kind], count, "{summary}");
    }
    assert_eq!(summary["pipeline_restarts"], 0);
    check_ledger(room.path());
}

/// The block without its orderers' signatures.
fn unsigned(block: &[u8]) -> Vec<u8> {
    use heddle::proto::common::Block;
    use heddle::proto::wire::{Message, put_element};
    let parsed = Block::decode(block).expect("a block");
    let slots = parsed.metadata.expect("metadata").metadata;
    let list = |slots: &[&[u8]]| {
        let mut list = Vec::new();
        slots
            .iter()
            .for_each(|slot| put_element(&mut list, 1, slot));
        let mut field = Vec::new();
        put_element(&mut field, 3, &list);
        field
    };
    let bytes = block
        .strip_suffix(list(&slots).as_slice())
        .expect("metadata last");
    let mut without = slots.clone();
    without[0] = b"";
    [bytes, &list(&without)].concat()
}

/// The block with another number.
fn renumbered(block: &[u8], number: u64) -> Vec<u8> {
    use heddle::proto::common::Block;
    use heddle::proto::wire::{Message, put_bytes, put_element, put_uint};
    let header = Block::decode(block)
        .expect("a block")
        .header
        .expect("a header");
    let bytes = |number: u64| {
        let mut bytes = Vec::new();
        put_uint(&mut bytes, 1, number);
        put_bytes(&mut bytes, 2, header.previous_hash);
        put_bytes(&mut bytes, 3, header.data_hash);
        let mut field = Vec::new();
        put_element(&mut field, 1, &bytes);
        field
    };
    let rest = block
        .strip_prefix(bytes(header.number).as_slice())
        .expect("header first");
    [&bytes(number), rest].concat()
}

#[test]
fn a_forged_block_after_a_config_block_does_not_stop_the_ledger() {
    // While the config block before is on its way, nobody at the door can say who may sign the next
    // one: the pipeline finds out, and begins anew.
    let room = tempfile::tempdir().expect("a directory");
    let server = Server::start(room.path(), CHANNEL);
    let blocks = blocks();
    let (mut hostile, _) = server.connect();
    let forged = unsigned(&blocks[1]);
    hostile
        .write_all(&[framed(&blocks[0]), framed(&forged)].concat())
        .expect("writes");
    let (number, reason) = refusal(&mut hostile);
    let kinds = [RefusalKind::Rejected, RefusalKind::Forged].map(RefusalKind::number);
    assert!(kinds.contains(&number), "{reason}");
    assert!(reason.contains("block 1"), "{reason}");
    check_fed(&feed(&server.unix(), &cars(), &[]).output().expect("heddle"));
    assert_eq!(server.stop()["height"], 306);
    check_ledger(room.path());
}

#[test]
fn a_killed_server_and_a_feed_that_goes_on() {
    let room = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(room.path(), CHANNEL);
    let (mut stream, _) = server.connect();
    for block in &blocks()[..40] {
        stream.write_all(&framed(block)).expect("writes");
    }
    wait_durable(&mut stream, 30);
    server.child.kill().expect("kills");
    server.child.wait().expect("it ends");
    // The socket is still there, but nobody listens: the next server takes its place.
    assert!(server.socket.exists());
    drop(server);
    let server = Server::start(room.path(), CHANNEL);
    assert!((30..=40).contains(&server.height), "{}", server.height);
    let fed = check_fed(&feed(&server.unix(), &cars(), &[]).output().expect("heddle"));
    assert_eq!(fed["sent"], 306 - server.height);
    assert_eq!(server.stop()["height"], 306);
    check_ledger(room.path());
}

/// Waits until somebody else is connected: with those made here, the server has enough then.
fn wait_connected(server: &Server) {
    let _held: Vec<_> = (1..heddle::limits::INGEST_FEEDERS_MAX)
        .map(|_| server.connect())
        .collect();
    loop {
        let (mut stream, _) = server.connect();
        let soon = Some(Duration::from_millis(20));
        stream.set_read_timeout(soon).expect("a timeout");
        if ServerFrame::read(&mut stream).is_ok() {
            return;
        }
    }
}

#[test]
fn a_feed_outlives_its_server() {
    let room = tempfile::tempdir().expect("a directory");
    let server = Server::start(room.path(), CHANNEL);
    // It has everything but block 0, and waits.
    let waiting = feed(&server.unix(), &cars(), &["--from", "1"])
        .spawn()
        .expect("heddle");
    wait_connected(&server);
    let first = room.path().join("first.pb");
    std::fs::write(&first, framed(&blocks()[0])).expect("writes");
    assert_eq!(server.stop()["height"], 0);
    let server = Server::start(room.path(), CHANNEL);
    check_fed(&feed(&server.unix(), &first, &[]).output().expect("heddle"));
    let output = waiting.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(check_fed(&output)["durable"], 306, "{stderr}");
    // Cut off by the server that stopped, or refused by it while we held its places.
    assert!(stderr.contains("attempt 1 of"), "{stderr}");
    assert_eq!(server.stop()["height"], 306);
}

#[test]
fn misuse_ends_in_one_line() {
    let room = tempfile::tempdir().expect("a directory");
    let serve = |data: &str, rest: &[&str]| {
        crate::support::run("serve-ingest", &room.path().join(data), CHANNEL, rest)
    };
    check_failed(
        &serve("a", &["--listen", "pipe:x"]),
        &["unix:PATH or tcp:HOST:PORT"],
    );
    check_failed(&serve("a", &["--listen", "tcp:127.0.0.1"]), &["a port"]);
    check_failed(
        &serve("a", &["--listen", "tcp:0.0.0.0:0"]),
        &["--allow-remote", "authentication"],
    );
    let file = room.path().join("file");
    std::fs::write(&file, "precious").expect("writes");
    let unix = format!("unix:{}", file.display());
    check_failed(&serve("a", &["--listen", &unix]), &["is no socket"]);
    assert_eq!(std::fs::read(&file).expect("still there"), b"precious");
    let server = Server::start(room.path(), CHANNEL);
    check_failed(&serve("b", &["--listen", &server.unix()]), &["in use"]);

    let feed = |to: &str, source: &Path| feed(to, source, &[]).output().expect("heddle");
    let nobody = format!("unix:{}", room.path().join("nobody").display());
    check_failed(&feed(&nobody, &cars()), &["cannot connect", "serve-ingest"]);
    check_failed(
        &feed(&server.unix(), &room.path().join("no.pb")),
        &["cannot read"],
    );
    check_failed(
        &feed("no address", &cars()),
        &["unix:PATH or tcp:HOST:PORT"],
    );
    let basic = corpus_file("crafted-basic", "blocks.pb.zst");
    check_failed(
        &feed(&server.unix(), &basic),
        &["refuses the feed", "channel"],
    );
    let torn = room.path().join("torn.pb");
    std::fs::write(&torn, &framed(&blocks()[0])[..100]).expect("writes");
    check_failed(&feed(&server.unix(), &torn), &["is cut off"]);
    assert_eq!(server.stop()["height"], 0);
}
