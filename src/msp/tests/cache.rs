//! The bounded cache, and that identities exist once.

use super::*;
use crate::msp::cache::Cache;

fn key(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

#[test]
fn values_come_back_and_the_first_one_stays() {
    let cache = Cache::new(1000, 1 << 20);
    assert_eq!(cache.get(b"a"), None);
    assert_eq!(cache.insert(b"a", 1, 10), 1);
    assert_eq!(cache.insert(b"a", 2, 10), 1);
    assert_eq!(cache.get(b"a"), Some(1));
    assert_eq!(cache.get(b"b"), None);
}

#[test]
fn entries_and_bytes_are_bounded() {
    let by_entries = Cache::new(640, usize::MAX);
    let by_bytes = Cache::new(usize::MAX, 64 * 1000);
    for number in 0..20_000 {
        by_entries.insert(&key(number), number, 1);
        by_bytes.insert(&key(number), number, 100);
    }
    assert!(
        (500..=640).contains(&by_entries.len()),
        "{}",
        by_entries.len()
    );
    assert!((500..=640).contains(&by_bytes.len()), "{}", by_bytes.len());
    // Too large for a shard: not kept, but given back.
    assert_eq!(by_bytes.insert(b"large", 1, 1001), 1);
    assert_eq!(by_bytes.get(b"large"), None);
}

#[test]
fn a_flood_does_not_displace_what_is_in_use() {
    let cache = Cache::new(6_400, usize::MAX);
    let used: Vec<u32> = (0..100).collect();
    for number in &used {
        cache.insert(&key(*number), *number, 1);
    }
    let mut lost = 0;
    for number in 1_000..50_000 {
        cache.insert(&key(number), number, 1);
        if number % 3 == 0 {
            // A flood that repeats itself once does not help either.
            cache.get(&key(number));
        }
        if number % 100 == 0 {
            lost += used
                .iter()
                .filter(|number| cache.get(&key(**number)).is_none())
                .count();
        }
    }
    assert_eq!(lost, 0);
}

#[test]
fn what_falls_out_of_use_makes_room() {
    let cache = Cache::new(640, usize::MAX);
    for number in 0..640 {
        cache.insert(&key(number), number, 1);
        for _ in 0..5 {
            cache.get(&key(number));
        }
    }
    for number in 1_000..6_000 {
        cache.insert(&key(number), number, 1);
        cache.get(&key(number));
    }
    let old = (0..640)
        .filter(|number| cache.get(&key(*number)).is_some())
        .count();
    assert!(old < 64, "{old}");
}

#[test]
fn identities_exist_once() {
    let org = Org::new();
    let manager = MspManager::new(vec![msp(&org.definition())]);
    let serialized = org.admin.serialized("Org1MSP");
    let identities: Vec<Arc<Identity>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| manager.deserialize(&serialized).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        identities
            .iter()
            .all(|identity| Arc::ptr_eq(identity, &identities[0]))
    );
    assert!(Arc::ptr_eq(
        &identities[0],
        &manager.deserialize(&serialized).unwrap()
    ));
    assert!(manager.msp("Org1MSP").is_some() && manager.msp("Org2MSP").is_none());
    assert_eq!(manager.msps().count(), 1);
    let garbage = pki::serialized("Org1MSP", b"garbage");
    assert_eq!(
        manager.deserialize(&garbage).unwrap_err(),
        IdentityError::NoPem
    );
    assert_eq!(
        manager.deserialize(&garbage).unwrap_err(),
        IdentityError::NoPem
    );
}

#[test]
fn large_identities_are_read_but_not_kept() {
    let org = Org::new();
    let manager = MspManager::new(vec![msp(&org.definition())]);
    let text = vec![b'x'; crate::limits::IDENTITY_BYTES_CACHED_MAX];
    let large = pki::serialized("Org1MSP", &[&text[..], b"\n", &org.admin.pem()].concat());
    let first = manager.deserialize(&large).unwrap();
    let second = manager.deserialize(&large).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!(first.id(), second.id());
}
