//! How many may connect: all together, and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits;

/// Counts those who connected.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<IpAddr, usize>,
    all: usize,
    /// Of these, those in a handshake.
    handshakes: usize,
}

/// Room for one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    gate: Arc<Gate>,
    address: IpAddr,
    in_handshake: bool,
}

impl Gate {
    /// Room for a connection from there, if there is some.
    pub(super) fn enter(gate: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        let address = network_of(address);
        let mut counts = gate.lock();
        let has_room = counts.all < limits::GOSSIP_LINKS_MAX
            && counts.handshakes < limits::GOSSIP_HANDSHAKES_MAX;
        let from_there = counts.by_address.get(&address).copied().unwrap_or(0);
        if !has_room || from_there >= limits::GOSSIP_CONNECTIONS_PER_ADDRESS_MAX {
            return None;
        }
        counts.by_address.insert(address, from_there + 1);
        counts.all += 1;
        counts.handshakes += 1;
        Some(Slot {
            gate: Arc::clone(gate),
            address,
            in_handshake: true,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The handshake is done.
    pub(super) fn is_through(&mut self) {
        if std::mem::take(&mut self.in_handshake) {
            self.gate.lock().handshakes -= 1;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.is_through();
        let mut counts = self.gate.lock();
        counts.all -= 1;
        if let Some(from_there) = counts.by_address.get_mut(&self.address) {
            *from_there -= 1;
            if *from_there == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// Whoever has one IPv6 address has its whole network.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_little_room_and_gives_it_back() {
        let gate = Arc::new(Gate::default());
        let enter = |address: &str| Gate::enter(&gate, address.parse().unwrap());
        let through = |mut slot: Slot| {
            slot.is_through();
            slot
        };
        let many = (0..1000).filter_map(|n: u16| enter(&format!("fd00::{n:x}")).map(through));
        let many: Vec<Slot> = many.collect();
        assert_eq!(many.len(), limits::GOSSIP_CONNECTIONS_PER_ADDRESS_MAX);
        let mapped = enter("::ffff:10.0.0.1").unwrap();
        assert_eq!(mapped.address, enter("10.0.0.1").unwrap().address);
        drop(many);
        assert!(enter("fd00::1").is_some());
        drop(mapped);
        let counts = gate.lock();
        assert_eq!((counts.all, counts.handshakes), (0, 0));
        assert!(counts.by_address.is_empty());
    }

    #[test]
    fn strangers_and_all_together_have_their_bounds() {
        let gate = Arc::new(Gate::default());
        let enter = |n: u32| Gate::enter(&gate, IpAddr::from(n.to_be_bytes()));
        let strangers: Vec<Slot> = (0..5000).filter_map(enter).collect();
        assert_eq!(strangers.len(), limits::GOSSIP_HANDSHAKES_MAX);
        drop(strangers);
        let all = (0..5000).filter_map(enter).map(|mut slot| {
            slot.is_through();
            slot
        });
        assert_eq!(all.collect::<Vec<_>>().len(), limits::GOSSIP_LINKS_MAX);
    }
}
