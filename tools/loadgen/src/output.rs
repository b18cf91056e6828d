//! The files: blocks, and what each transaction is.
//!
//! A file has its name only once it is whole: until then it is called `NAME.partial`. Pipes and devices
//! are written as they are.

use std::fs::{self, File};
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use heddle::proto::wire::put_varint;
use heddle::sys::file::create_for_writing;
use heddle::testing::workload::{Credential, Label, MadeBlock};
use serde::Serialize;

use crate::args::Args;

/// The level of zstd that is about as fast as blocks are made.
const ZSTD_LEVEL: i32 = 1;

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The disk.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// Whoever read standard output has enough.
    #[error("standard output was closed")]
    Closed,
}

/// Writes MSP folders as peers have them, without TLS authorities.
pub(crate) fn write_msps(
    folder: &Path,
    credentials: &[Credential],
    has_node_ous: bool,
) -> Result<(), OutputError> {
    let is_admin = |of: &Credential| of.name == "admin";
    for own in credentials {
        let msp = folder.join(&own.org).join(&own.name).join("msp");
        write_file(msp.join("cacerts/ca.pem"), &own.authority)?;
        write_file(msp.join("signcerts/cert.pem"), &own.certificate)?;
        write_file(msp.join("keystore/priv_sk"), &own.key)?;
        if has_node_ous {
            write_file(msp.join("config.yaml"), NODE_OUS.as_bytes())?;
            continue;
        }
        let admins = credentials
            .iter()
            .filter(|of| of.org == own.org && is_admin(of));
        for admin in admins {
            write_file(msp.join("admincerts/admin.pem"), &admin.certificate)?;
        }
    }
    Ok(())
}

/// Roles by organizational unit, as the channel has them.
const NODE_OUS: &str = "NodeOUs:
  Enable: true
  ClientOUIdentifier: {OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {OrganizationalUnitIdentifier: orderer}
";

fn write_file(path: PathBuf, bytes: &[u8]) -> Result<(), OutputError> {
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        create_for_writing(&path)?.write_all(bytes)
    };
    write().map_err(|source| OutputError::Write {
        path: path.clone(),
        source,
    })
}

/// Everything that is written.
pub(crate) struct Output {
    blocks: Sink,
    labels: Option<Sink>,
    scratch: Vec<u8>,
}

impl Output {
    /// Opens the files.
    pub(crate) fn create(args: &Args) -> Result<Self, OutputError> {
        let labels = args.labels().map(Sink::create).transpose()?;
        Ok(Self {
            blocks: Sink::create(args.out())?,
            labels,
            scratch: Vec::new(),
        })
    }

    /// Appends a block.
    pub(crate) fn write(&mut self, block: &MadeBlock) -> Result<(), OutputError> {
        self.scratch.clear();
        put_varint(&mut self.scratch, block.bytes.len() as u64);
        self.blocks.write(&self.scratch)?;
        self.blocks.write(&block.bytes)?;
        let Some(labels) = &mut self.labels else {
            return Ok(());
        };
        for (tx, label) in block.labels.iter().enumerate() {
            let line = Line {
                block: block.number,
                tx,
                label,
            };
            self.scratch.clear();
            if serde_json::to_writer(&mut self.scratch, &line).is_ok() {
                self.scratch.push(b'\n');
                labels.write(&self.scratch)?;
            }
        }
        Ok(())
    }

    /// Gives the files their names.
    pub(crate) fn finish(self) -> Result<(), OutputError> {
        // The blocks last: where they are, their labels are, too.
        if let Some(labels) = self.labels {
            labels.finish()?;
        }
        self.blocks.finish()
    }
}

#[derive(Serialize)]
struct Line<'l> {
    block: u64,
    tx: usize,
    #[serde(flatten)]
    label: &'l Label,
}

/// One file, or standard output.
struct Sink {
    target: Target,
    writer: Option<Writer>,
}

enum Target {
    Stdout,
    /// A pipe or a device.
    Device {
        path: PathBuf,
    },
    File {
        path: PathBuf,
        partial: PathBuf,
    },
}

enum Writer {
    Plain(BufWriter<Raw>),
    Zstd(zstd::Encoder<'static, BufWriter<Raw>>),
}

enum Raw {
    File(File),
    Stdout(Stdout),
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

impl Sink {
    fn create(path: &Path) -> Result<Self, OutputError> {
        let target = Target::of(path);
        let raw = target.open().map_err(|error| target.error(error))?;
        let buffer = BufWriter::with_capacity(256 << 10, raw);
        let compresses = path.extension().is_some_and(|extension| extension == "zst");
        let writer = if compresses {
            let encoder = zstd::Encoder::new(buffer, ZSTD_LEVEL);
            Writer::Zstd(encoder.map_err(|error| target.error(error))?)
        } else {
            Writer::Plain(buffer)
        };
        Ok(Self {
            target,
            writer: Some(writer),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        let written = match &mut self.writer {
            Some(Writer::Plain(writer)) => writer.write_all(bytes),
            Some(Writer::Zstd(writer)) => writer.write_all(bytes),
            None => Ok(()),
        };
        written.map_err(|error| self.target.error(error))
    }

    fn finish(mut self) -> Result<(), OutputError> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let done = writer.done();
        done.and_then(|()| self.target.name())
            .map_err(|error| self.target.error(error))?;
        // Nothing is left to be removed.
        self.target = Target::Stdout;
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Target::File { partial, .. } = &self.target {
            // Nobody wants half a chain; where it cannot be removed, its name says what it is.
            let _ = fs::remove_file(partial);
        }
    }
}

impl Writer {
    fn done(self) -> io::Result<()> {
        let buffer = match self {
            Self::Plain(buffer) => buffer,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        match buffer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
        {
            // Devices have nothing to sync.
            Raw::File(file) if file.metadata()?.is_file() => file.sync_all(),
            Raw::File(_) => Ok(()),
            Raw::Stdout(mut stdout) => stdout.flush(),
        }
    }
}

impl Target {
    fn of(path: &Path) -> Self {
        let path = path.to_owned();
        if path.as_os_str() == "-" {
            return Self::Stdout;
        }
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Self::Device { path };
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        Self::File {
            path,
            partial: PathBuf::from(partial),
        }
    }

    fn open(&self) -> io::Result<Raw> {
        match self {
            Self::Stdout => Ok(Raw::Stdout(io::stdout())),
            Self::Device { path: file } | Self::File { partial: file, .. } => {
                create_for_writing(file).map(Raw::File)
            }
        }
    }

    /// Gives the file its name.
    fn name(&self) -> io::Result<()> {
        match self {
            Self::Stdout | Self::Device { .. } => Ok(()),
            Self::File { path, partial } => fs::rename(partial, path),
        }
    }

    fn error(&self, source: io::Error) -> OutputError {
        match self {
            Self::Stdout if source.kind() == io::ErrorKind::BrokenPipe => OutputError::Closed,
            Self::Stdout => OutputError::Stdout(source),
            Self::Device { path } | Self::File { path, .. } => OutputError::Write {
                path: path.clone(),
                source,
            },
        }
    }
}
