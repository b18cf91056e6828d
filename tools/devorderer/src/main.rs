//! `devorderer`: a single-node ordering service for developing against Fabric peers.
//!
//! It orders as Fabric's orderers do, for one node that never agrees with anybody: what is cut into a block
//! is decided by a pure state machine ([`ordering`]), made durable ([`log`]), and delivered. Production
//! uses Fabric's raft or BFT orderers.

mod admission;
mod args;
mod blocks;
mod channels;
mod cutter;
mod log;
mod ordering;
mod seek;
mod server;
mod service;

#[cfg(test)]
#[path = "../tests/net/mod.rs"]
mod net;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use heddle::ingress::{BlockFile, BlockSource as _, SourceError};
use heddle::limits::BLOCK_BYTES_MAX;
use heddle::msp::{LocalMspError, SigningIdentity};
use heddle::proto::wire::put_varint;
use heddle::sys::clock::{Clock, SystemClock};
use heddle::sys::storage::{Disk, Storage as _, lock_file, read_file};

use crate::args::{Args, Command, ServeArgs, StartArgs};
use crate::channels::{ChannelError, Channels};
use crate::log::{BlockLog, LogError};
use crate::server::ServerError;

/// Blocks are large: the system's allocator gives their memory back, and clears it, each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why it is not running.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: another process has it open", .0.display())]
    Locked(PathBuf),
    #[error(transparent)]
    Msp(#[from] LocalMspError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error("no channel is running: give a genesis block, or see above")]
    NoChannel,
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("the system gives no threads: {0}")]
    Runtime(#[source] io::Error),
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(usage) => {
            // Help and version are answers, not errors.
            let failed = usage.use_stderr();
            let _ = usage.print();
            return if failed {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    say(
        "for development only: one node that nobody checks; production uses Fabric's raft or BFT orderers",
    );
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&ordering::chain(&failure));
            ExitCode::FAILURE
        }
    }
}

/// Tells the operator something.
fn say(text: &str) {
    // Where nobody can read it, there is nobody to tell.
    let _ = writeln!(io::stderr(), "devorderer: {text}");
}

fn run(args: Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(async move {
        match args.command {
            Command::Start(args) => start(&args).await,
            Command::Serve(args) => serve(&args).await,
        }
    })
}

async fn start(args: &StartArgs) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let storage = Disk;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Failure::Io { path, source }
    };
    storage.create_dir(&args.data).map_err(failed(&args.data))?;
    let _lock = lock(&args.data)?;
    let signer = SigningIdentity::load(&args.msp, &args.msp_id)?;
    for path in &args.genesis {
        let block = read_file(path, BLOCK_BYTES_MAX as u64).map_err(failed(path))?;
        Channels::found(&storage, &args.data, &block, &path.display().to_string())?;
    }
    let mut channels = Channels::new(Arc::clone(&clock));
    let mut tasks = Vec::new();
    for name in storage.list(&args.data).map_err(failed(&args.data))? {
        let folder = args.data.join(&name);
        if !BlockLog::exists(&storage, &folder) {
            continue;
        }
        match channels.start(&storage, &folder, &signer) {
            Ok(task) => tasks.push(task),
            // The others go on.
            Err(error) => say(&format!(
                "channel {name} is not running: {}",
                ordering::chain(&error)
            )),
        }
    }
    if tasks.is_empty() {
        return Err(Failure::NoChannel);
    }
    server::run(&args.listen, channels, clock).await?;
    // Nobody can send any more: what is pending becomes blocks.
    for task in tasks {
        let _ = task.await;
    }
    Ok(())
}

/// One process at a time: kept until the returned file is dropped.
fn lock(data: &Path) -> Result<File, Failure> {
    let path = data.join("lock");
    let lock = lock_file(&path).map_err(|source| Failure::Io {
        path: path.clone(),
        source,
    })?;
    lock.ok_or(Failure::Locked(path))
}

async fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut channels = Channels::new(Arc::clone(&clock));
    let mut unpacked = Vec::new();
    for path in &args.blocks {
        let file = unpack(path)?;
        let plain = file.as_ref().map_or(path.as_path(), |file| file.path());
        let (log, torn) = BlockLog::open_file(&Disk, plain)?;
        if torn > 0 {
            let path = path.display();
            say(&format!(
                "{path}: the last {torn} bytes are no whole block and are not served"
            ));
        }
        channels.serve(log, &path.display().to_string())?;
        unpacked.push(file);
    }
    say("serving prepared chains: everybody who can connect may read them, nothing is ordered");
    server::run(&args.listen, channels, clock).await?;
    Ok(())
}

/// The blocks of a compressed file, as they are when they are not compressed; `None` where they are not.
fn unpack(path: &Path) -> Result<Option<tempfile::NamedTempFile>, Failure> {
    const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let failed = |source| Failure::Io {
        path: path.to_owned(),
        source,
    };
    if read_file(path, 4).map_err(failed)? != ZSTD_MAGIC {
        return Ok(None);
    }
    let mut source = BlockFile::open(path)?;
    let file = tempfile::NamedTempFile::new().map_err(failed)?;
    let mut out = io::BufWriter::new(file);
    while let Some(block) = source.next_block()? {
        let mut length = Vec::new();
        put_varint(&mut length, block.len() as u64);
        out.write_all(&length).map_err(failed)?;
        out.write_all(&block).map_err(failed)?;
    }
    let file = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok(Some(file))
}
