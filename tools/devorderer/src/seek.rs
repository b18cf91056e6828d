//! What a client wants to read: seek requests, and which blocks they mean.
//!
//! Fabric: `common/deliver/deliver.go`, `common/ledger/blockledger/fileledger/impl.go:Iterator`.

use heddle::proto::messages::common::Status;
use heddle::proto::messages::orderer::seek_info::{SeekBehavior, SeekContentType};
use heddle::proto::messages::orderer::seek_position::Type;
use heddle::proto::messages::orderer::{SeekInfo, SeekPosition};
use prost::Message as _;

use crate::admission::Headers;

/// How far a request's time may be from ours.
const TIME_WINDOW_MICROS: u64 = 15 * 60 * 1_000_000;

/// Which blocks are to be delivered, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seek {
    pub(crate) start: u64,
    /// The last one; a number that is not reached where a client reads for ever.
    pub(crate) stop: u64,
    /// Whether a block that is not there yet ends the request.
    pub(crate) fail_if_not_ready: bool,
    /// Whether data blocks come without their data.
    pub(crate) header_only: bool,
}

/// Refuses a request whose time or TLS certificate is not what it has to be. `client_hash` is the hash of
/// the client's TLS certificate, where requests must be bound to it.
pub(crate) fn check_headers(
    headers: &Headers<'_>,
    unix_micros: u64,
    client_hash: Option<&[u8]>,
) -> Result<(), Status> {
    let timestamp = headers
        .channel
        .timestamp
        .as_ref()
        .ok_or(Status::BadRequest)?;
    let seconds = timestamp.seconds.saturating_mul(1_000_000);
    let theirs = seconds.saturating_add(i64::from(timestamp.nanos) / 1000);
    if theirs.abs_diff(unix_micros.cast_signed()) > TIME_WINDOW_MICROS {
        return Err(Status::BadRequest);
    }
    match client_hash {
        Some(hash) if headers.channel.tls_cert_hash != hash => Err(Status::BadRequest),
        _ => Ok(()),
    }
}

/// Reads a request; `None` where it does not decode.
pub(crate) fn read(data: &[u8]) -> Option<SeekInfo> {
    SeekInfo::decode(data).ok()
}

/// Which blocks a request means while the chain has `height` blocks.
pub(crate) fn resolve(info: &SeekInfo, height: u64) -> Result<Seek, Status> {
    let (Some(from), Some(to)) = (&info.start, &info.stop) else {
        return Err(Status::BadRequest);
    };
    let newest = height.saturating_sub(1);
    let start = match position(from) {
        Some(Type::Oldest(_)) => Some(0),
        Some(Type::Newest(_)) => Some(newest),
        Some(Type::Specified(specified)) => Some(specified.number).filter(|n| *n <= height),
        Some(Type::NextCommit(_)) => Some(height),
        None => None,
    };
    // Where nothing is found, Fabric goes on with block 0 until it tells so.
    let number = start.unwrap_or(0);
    let stop = match position(to) {
        Some(Type::Oldest(_)) => number,
        Some(Type::Newest(_)) if from == to => number,
        Some(Type::Newest(_)) => newest,
        Some(Type::Specified(specified)) if specified.number < number => {
            return Err(Status::BadRequest);
        }
        Some(Type::Specified(specified)) => specified.number,
        // Fabric: read as 0, which is behind every client that does not start there.
        Some(Type::NextCommit(_)) | None => 0,
    };
    Ok(Seek {
        start: start.ok_or(Status::NotFound)?,
        stop,
        fail_if_not_ready: info.behavior() == SeekBehavior::FailIfNotReady,
        header_only: info.content_type() == SeekContentType::HeaderWithSig,
    })
}

fn position(position: &SeekPosition) -> Option<&Type> {
    position.r#type.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle::proto::messages::orderer::{SeekNewest, SeekNextCommit, SeekOldest, SeekSpecified};

    fn at(text: &str) -> Option<SeekPosition> {
        let r#type = match text {
            "none" => return None,
            "empty" => None,
            "oldest" => Some(Type::Oldest(SeekOldest {})),
            "newest" => Some(Type::Newest(SeekNewest {})),
            "next" => Some(Type::NextCommit(SeekNextCommit {})),
            number => Some(Type::Specified(SeekSpecified {
                number: number.parse().unwrap(),
            })),
        };
        Some(SeekPosition { r#type })
    }

    /// On a chain of 10 blocks.
    #[track_caller]
    fn check(start: &str, stop: &str, expected: Result<(u64, u64), Status>) {
        let info = SeekInfo {
            start: at(start),
            stop: at(stop),
            ..SeekInfo::default()
        };
        let found = resolve(&info, 10).map(|seek| (seek.start, seek.stop));
        assert_eq!(found, expected, "{start} to {stop}");
    }

    #[test]
    fn positions_are_fabrics() {
        check("oldest", "newest", Ok((0, 9)));
        check("oldest", "oldest", Ok((0, 0)));
        check("newest", "newest", Ok((9, 9)));
        check("3", "5", Ok((3, 5)));
        check("3", "oldest", Ok((3, 3)));
        check("next", "9007199254740991", Ok((10, 9_007_199_254_740_991)));
        check("10", "12", Ok((10, 12)));
        check("11", "12", Err(Status::NotFound));
        check("5", "3", Err(Status::BadRequest));
        check("none", "3", Err(Status::BadRequest));
        check("3", "none", Err(Status::BadRequest));
        check("empty", "3", Err(Status::NotFound));
        check("3", "next", Ok((3, 0)));
    }
}
