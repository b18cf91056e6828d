//! Room for bytes: what bounds the memory of blocks under way, whatever their sizes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What a room holds. Whatever is larger than all of it is alone there.
#[derive(Debug, Clone, Copy)]
pub struct RoomSize {
    /// As many items as come may be in it while they have so many bytes.
    pub bytes_enough: usize,
    /// So many may be in it if they have more,
    pub items_always: usize,
    /// and so many bytes at most.
    pub bytes_max: usize,
}

/// Room for items of some bytes. Clones share it.
#[derive(Debug, Clone)]
pub struct Room {
    size: RoomSize,
    used: Arc<Used>,
}

#[derive(Debug, Default)]
struct Used {
    now: Mutex<Now>,
    left: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct Now {
    items: usize,
    bytes: usize,
}

impl RoomSize {
    /// Whether one more item fits.
    fn fits(&self, now: Now, bytes: usize) -> bool {
        let bytes = now.bytes.saturating_add(bytes);
        now.items == 0
            || bytes <= self.bytes_enough
            || now.items < self.items_always && bytes <= self.bytes_max
    }
}

/// Bytes in a room, which they leave when the last of their clones and slices goes.
struct Guest {
    bytes: Bytes,
    used: Arc<Used>,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(size: RoomSize) -> Self {
        Self {
            size,
            used: Arc::default(),
        }
    }

    /// Takes an item's bytes in, once there is room for them.
    #[must_use]
    pub fn enter(&self, bytes: Bytes) -> Bytes {
        let mut now = self.used.lock();
        while !self.size.fits(*now, bytes.len()) {
            let woken = self.used.left.wait(now);
            now = woken.unwrap_or_else(PoisonError::into_inner);
        }
        now.items += 1;
        now.bytes = now.bytes.saturating_add(bytes.len());
        drop(now);
        let used = Arc::clone(&self.used);
        Bytes::from_owner(Guest { bytes, used })
    }
}

impl Used {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Guest {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut now = self.used.lock();
        now.items = now.items.saturating_sub(1);
        now.bytes = now.bytes.saturating_sub(self.bytes.len());
        drop(now);
        self.used.left.notify_all();
    }
}
