//! The UDP socket as the QUIC library uses it, for packets as large as the way takes them.
//!
//! The library hands over up to ten packets at a time, whatever their size, and the system takes so many
//! bytes at a time as one UDP packet can have: what is more goes in several calls. Without this, packets
//! larger than a tenth of that would be lost.
//!
//! Knows nothing of QUIC.

use std::fmt::Debug;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// The bytes of the largest UDP packet: what the system takes, and gives, at a time.
pub(super) const DATAGRAM_BYTES_MAX: u16 = 65_507;

/// A socket that takes any number of packets at a time.
#[derive(Debug)]
pub(super) struct Socket(pub(super) Arc<dyn AsyncUdpSocket>);

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.0).create_io_poller()
    }

    /// What went before a call that would block goes once more with the next try: a packet that comes
    /// twice does no harm.
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        parts(transmit).try_for_each(|part| self.0.try_send(&part))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.max_transmit_segments()
    }

    /// Packets that come together fit into the room of the largest one, which is what the library gives to
    /// each: it would give 64 times that.
    fn max_receive_segments(&self) -> usize {
        1
    }

    fn may_fragment(&self) -> bool {
        self.0.may_fragment()
    }
}

/// As many packets as the system takes at a time, and so on.
fn parts<'t>(transmit: &Transmit<'t>) -> impl Iterator<Item = Transmit<'t>> {
    let (destination, ecn, src_ip) = (transmit.destination, transmit.ecn, transmit.src_ip);
    let all = transmit.contents.len();
    let segment = transmit.segment_size.unwrap_or(all).max(1);
    let together = (usize::from(DATAGRAM_BYTES_MAX) / segment).max(1) * segment;
    let contents = transmit.contents.chunks(together.min(all).max(1));
    contents.map(move |contents| Transmit {
        destination,
        ecn,
        contents,
        segment_size: (contents.len() > segment).then_some(segment),
        src_ip,
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// The parts of so many bytes in packets of this size, and whether a part has several packets.
    fn lengths(bytes: usize, segment_size: Option<usize>) -> Vec<(usize, Option<usize>)> {
        let contents: Vec<u8> = (0..=250).cycle().take(bytes).collect();
        let transmit = Transmit {
            destination: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            ecn: None,
            contents: &contents,
            segment_size,
            src_ip: None,
        };
        let parts: Vec<_> = parts(&transmit).collect();
        let joined: Vec<u8> = parts
            .iter()
            .flat_map(|part| part.contents)
            .copied()
            .collect();
        assert_eq!(joined, contents);
        let lengths = parts
            .into_iter()
            .map(|part| (part.contents.len(), part.segment_size));
        lengths.collect()
    }

    #[test]
    fn no_part_is_longer_than_the_system_takes() {
        assert_eq!(lengths(1200, None), [(1200, None)]);
        assert_eq!(lengths(14_520, Some(1452)), [(14_520, Some(1452))]);
        let two = (64_000, Some(32_000));
        assert_eq!(lengths(160_000, Some(32_000)), [two, two, (32_000, None)]);
        assert_eq!(lengths(150_000, Some(50_000)), [(50_000, None); 3]);
        assert_eq!(
            lengths(70_100, Some(7000)),
            [(63_000, Some(7000)), (7100, Some(7000))]
        );
    }
}
