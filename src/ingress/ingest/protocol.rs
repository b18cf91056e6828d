//! What the server says on the wire: greeting and frames. The byte tables are in the module's
//! documentation.

use std::io::{self, Read};

use super::refusal::IngestRefusal;
use crate::limits;
use crate::types::ChannelId;

const MAGIC: &[u8; 8] = b"HEDDLE/I";
const VERSION: u8 = 1;
const DURABLE: u8 = 1;
const REFUSAL: u8 = 2;

/// The first thing that a feeder hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The ledger's height: the next block that it needs.
    pub height: u64,
    /// The channel.
    pub channel: ChannelId,
}

/// What a feeder hears after the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerFrame {
    /// Every block below this height is durable.
    Durable(u64),
    /// The server cuts the feeder off.
    Refusal {
        /// A [`super::RefusalKind`]'s number.
        number: u8,
        /// The reason.
        reason: String,
    },
}

impl Greeting {
    /// As bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let name = self.channel.as_str().as_bytes();
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend(self.height.to_be_bytes());
        // Invariant: a channel's name has at most 249 characters.
        bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        bytes.extend(name);
        bytes
    }

    /// Reads a greeting.
    ///
    /// # Errors
    /// The connection fails or ends, or what comes is no greeting of this version.
    pub fn read(input: &mut impl Read) -> io::Result<Self> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let magic: [u8; 8] = array(input)?;
        if magic != *MAGIC {
            return Err(invalid("there is no block-ingest server at this address"));
        }
        if array(input)? != [VERSION] {
            return Err(invalid("the server speaks another version of the protocol"));
        }
        let height = u64::from_be_bytes(array(input)?);
        let [length] = array(input)?;
        let name = text(input, usize::from(length))?;
        let channel = ChannelId::new(&name).map_err(|_| invalid("the channel's name is none"))?;
        Ok(Self { height, channel })
    }
}

impl ServerFrame {
    /// The frame that tells of a refusal.
    #[must_use]
    pub fn refusal(refusal: &IngestRefusal) -> Self {
        let mut reason = refusal.to_string();
        let end = (0..=limits::INGEST_REASON_BYTES_MAX)
            .rev()
            .find(|end| reason.is_char_boundary(*end));
        reason.truncate(end.unwrap_or(0));
        Self::Refusal {
            number: refusal.kind().number(),
            reason,
        }
    }

    /// As bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Durable(height) => [&[DURABLE][..], &height.to_be_bytes()].concat(),
            Self::Refusal { number, reason } => {
                let length = u16::try_from(reason.len()).unwrap_or(0).to_be_bytes();
                [&[REFUSAL, *number], &length[..], reason.as_bytes()].concat()
            }
        }
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// The connection fails or ends, or what comes is no frame.
    pub fn read(input: &mut impl Read) -> io::Result<Self> {
        match array(input)? {
            [DURABLE] => Ok(Self::Durable(u64::from_be_bytes(array(input)?))),
            [REFUSAL] => {
                let [number] = array(input)?;
                let length = u16::from_be_bytes(array(input)?);
                let reason = text(input, usize::from(length))?;
                Ok(Self::Refusal { number, reason })
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the server sent a frame of an unknown kind",
            )),
        }
    }
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(input: &mut impl Read, length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
