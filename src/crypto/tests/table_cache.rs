//! Who gets a table, and who keeps it.

use std::sync::Arc;

use crate::crypto::combs::Size;
use crate::crypto::table_cache::{ClassLimits, KeyTable, Slot, TableCache, TableLimits};

/// A table of nothing: keys are numbers.
#[derive(Debug)]
struct Empty(Size);

impl KeyTable for Empty {
    type Name = u64;
    type Point = ();

    fn compute((): (), size: Size) -> Option<Self> {
        Some(Self(size))
    }

    fn size(&self) -> Size {
        self.0
    }

    fn bytes(size: Size) -> usize {
        size.blocks() << 13
    }

    const SIZES: &'static [Size] = &Size::OF_COMBS;
}

/// Room for two warm tables and one hot one.
const LIMITS: TableLimits = TableLimits {
    keys_max: 4,
    classes: &[
        WARM,
        ClassLimits {
            size: Size::Hot,
            bytes_max: 65536,
            after: 100,
        },
    ],
};

const WARM: ClassLimits = ClassLimits {
    size: Size::Warm,
    bytes_max: 2 * 8192 + 1,
    after: 10,
};

#[track_caller]
fn check(slot: &Arc<Slot<Empty>>, signatures: u32, expected: Option<Size>) {
    let table = slot.table(signatures);
    assert_eq!(table.map(|leased| leased.table.0), expected);
}

#[test]
fn a_key_is_promoted_by_use() {
    let cache = TableCache::<Empty>::new(LIMITS);
    let slot = cache.slot(2, ()).unwrap();
    check(&slot, 9, None);
    check(&slot, 1, Some(Size::Warm));
    check(&slot, 99, Some(Size::Warm));
    check(&slot, 1, Some(Size::Hot));
    check(&slot, 1000, Some(Size::Hot));
    assert_eq!(cache.bytes(), [0, 65536]);
    // Equal keys share it; it is gone with the last of them.
    let again = cache.slot(2, ()).unwrap();
    assert!(Arc::ptr_eq(&slot, &again));
    drop(slot);
    check(&again, 1, Some(Size::Hot));
    drop(again);
    assert_eq!(cache.bytes(), [0, 0]);
    // One batch may earn a table for itself.
    check(&cache.slot(2, ()).unwrap(), 10, Some(Size::Warm));
}

#[test]
fn a_newcomer_must_sign_more_than_twice_as_much() {
    let cache = TableCache::<Empty>::new(LIMITS);
    let slots: Vec<_> = (2..5).map(|k| cache.slot(k, ()).unwrap()).collect();
    check(&slots[0], 50, Some(Size::Warm));
    check(&slots[1], 30, Some(Size::Warm));
    // Full. Each refusal must be earned anew.
    for _ in 0..6 {
        check(&slots[2], 10, None);
    }
    assert_eq!(cache.bytes(), [16384, 0]);
    check(&slots[2], 9, None);
    check(&slots[2], 1, Some(Size::Warm));
    check(&slots[1], 1, None);
    check(&slots[0], 1, Some(Size::Warm));
    assert_eq!(cache.bytes(), [16384, 0]);
}

#[test]
fn a_table_in_use_keeps_its_bytes() {
    let cache = TableCache::<Empty>::new(LIMITS);
    let slots: Vec<_> = (2..5).map(|k| cache.slot(k, ()).unwrap()).collect();
    let in_use = slots[0].table(10).unwrap();
    check(&slots[1], 20, Some(Size::Warm));
    // The first key loses its table, but a batch still reads it.
    check(&slots[2], 30, None);
    assert_eq!(cache.bytes(), [16384, 0]);
    drop(in_use);
    check(&slots[2], 10, Some(Size::Warm));
}

#[test]
fn keys_without_number_are_not_remembered() {
    let cache = TableCache::<Empty>::new(LIMITS);
    let mut slots: Vec<_> = (2..6).map(|k| cache.slot(k, ()).unwrap()).collect();
    assert!(cache.slot(6, ()).is_none(), "too many keys");
    slots.pop();
    assert!(cache.slot(6, ()).is_some(), "one has gone");

    // Keys come and go; neither the lists nor the bytes grow with them.
    let limits = TableLimits {
        keys_max: 100,
        ..LIMITS
    };
    let cache = TableCache::<Empty>::new(limits);
    for k in 2..200 {
        let slot = cache.slot(k, ()).unwrap();
        check(&slot, 10, Some(Size::Warm));
    }
    assert_eq!(cache.bytes(), [0, 0]);
    assert!(cache.residents()[0] <= 22, "{:?}", cache.residents());
}

#[test]
fn old_uses_are_forgotten() {
    let limits = TableLimits {
        classes: &[WARM],
        ..LIMITS
    };
    let cache = TableCache::<Empty>::new(limits);
    let slots: Vec<_> = (2..6).map(|k| cache.slot(k, ()).unwrap()).collect();
    check(&slots[0], 200, Some(Size::Warm));
    check(&slots[1], 1 << 20, Some(Size::Warm)); // an epoch passes
    check(&slots[1], 1 << 20, Some(Size::Warm)); // and another
    // 200 uses count as 50 now.
    check(&slots[2], 90, None);
    check(&slots[2], 20, Some(Size::Warm));
    check(&slots[0], 1, None);
}

#[test]
fn threads_compute_a_table_once() {
    let cache = TableCache::<Empty>::new(LIMITS);
    for k in 2..12 {
        let slot = cache.slot(k, ()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..300).for_each(|_| drop(slot.table(1))));
            }
        });
        check(&slot, 0, Some(Size::Hot));
        assert_eq!(cache.bytes(), [0, 65536]);
    }
}

#[test]
fn the_last_class_is_earned_after_the_others() {
    let cache = TableCache::<Empty>::new(TableLimits {
        keys_max: 4,
        classes: &[
            WARM,
            ClassLimits {
                size: Size::Full,
                bytes_max: 1 << 18,
                after: 30,
            },
            ClassLimits {
                size: Size::Hot,
                bytes_max: 1 << 16,
                after: 50,
            },
        ],
    });
    let slots: Vec<_> = (2..4).map(|k| cache.slot(k, ()).unwrap()).collect();
    check(&slots[0], 10, Some(Size::Warm));
    check(&slots[0], 30, Some(Size::Full));
    assert_eq!(cache.bytes(), [0, 1 << 18, 0]);
    check(&slots[0], 49, Some(Size::Full));
    check(&slots[0], 1, Some(Size::Hot));
    check(&slots[0], 1 << 20, Some(Size::Hot));
    assert_eq!(cache.bytes(), [0, 0, 1 << 16]);
    // Where the last class has no room, a key keeps what it has.
    check(&slots[1], 10, Some(Size::Warm));
    check(&slots[1], 30, Some(Size::Full));
    check(&slots[1], 50, Some(Size::Full));
}
