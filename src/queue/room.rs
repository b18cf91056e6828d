//! Room for bytes: what bounds the memory of blocks under way, whatever their sizes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Room for so many bytes. Clones share it.
#[derive(Debug, Clone)]
pub struct Room {
    bytes_max: usize,
    used: Arc<Used>,
}

#[derive(Debug, Default)]
struct Used {
    bytes: Mutex<usize>,
    left: Condvar,
}

/// Bytes in a room, which they leave when the last of their clones and slices goes.
struct Guest {
    bytes: Bytes,
    used: Arc<Used>,
}

impl Room {
    /// An empty room for `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            used: Arc::default(),
        }
    }

    /// Takes bytes in, once there is room for them; what is larger than the room, once that is empty.
    #[must_use]
    pub fn enter(&self, bytes: Bytes) -> Bytes {
        let fits = |used: usize| used == 0 || used.saturating_add(bytes.len()) <= self.bytes_max;
        let mut used = self.used.lock();
        while !fits(*used) {
            let woken = self.used.left.wait(used);
            used = woken.unwrap_or_else(PoisonError::into_inner);
        }
        *used = used.saturating_add(bytes.len());
        drop(used);
        let used = Arc::clone(&self.used);
        Bytes::from_owner(Guest { bytes, used })
    }
}

impl Used {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Guest {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut used = self.used.lock();
        *used = used.saturating_sub(self.bytes.len());
        drop(used);
        self.used.left.notify_all();
    }
}
