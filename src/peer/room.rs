//! No blocks are taken while the disk is nearly full.
//!
//! A ledger that fails to write stops until the peer is started again, as nothing is known of a disk
//! after it refused. So a channel waits before that, tells why, and goes on by itself once there is room.
//!
//! Fabric's peer ends with a panic when its disk is full.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;

use super::runner::FeedSource;
use crate::ingress::{BlockSource, DataCheck, EndSource, SourceError, SourceProgress};
use crate::limits::{FREE_DISK_BYTES_MIN, FREE_DISK_BYTES_RESUME, FREE_DISK_WAIT};

/// A disk, and who hears whether it has room.
pub(super) trait Room: Sync {
    /// How many bytes the disk has left.
    fn free_bytes(&self) -> io::Result<u64>;

    /// The channel waits because of `why`, or no longer.
    fn waits(&self, why: Option<String>);

    /// Whether the peer ends.
    fn is_ending(&self) -> bool;
}

/// A source that gives blocks while there is room for them.
pub(super) struct WithRoom<'s, 'f> {
    source: &'s mut (dyn FeedSource + 'f),
    room: &'s dyn Room,
    over: Arc<Over>,
}

/// Whether the source has been ended.
#[derive(Debug, Default)]
struct Over {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl<'s, 'f> WithRoom<'s, 'f> {
    pub(super) fn new(source: &'s mut (dyn FeedSource + 'f), room: &'s dyn Room) -> Self {
        let over = Arc::default();
        Self { source, room, over }
    }

    /// Waits while the disk is nearly full; false where the source was ended meanwhile.
    fn wait_for_room(&self) -> bool {
        // What cannot be asked will say so when it is written to.
        let free = || self.room.free_bytes().unwrap_or(u64::MAX);
        let mut left = free();
        if left >= FREE_DISK_BYTES_MIN {
            return true;
        }
        while left < FREE_DISK_BYTES_RESUME {
            self.room.waits(Some(format!(
                "the disk is nearly full: {} MiB are left, and no block is taken until there are {}; \
                 free some space",
                left >> 20,
                FREE_DISK_BYTES_RESUME >> 20
            )));
            if self.over.wait() || self.room.is_ending() {
                return false;
            }
            left = free();
        }
        self.room.waits(None);
        true
    }
}

impl BlockSource for WithRoom<'_, '_> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        let block = self.source.next_block()?;
        // Whoever ends this source asks for the block again, or for none.
        Ok(block.filter(|_| self.wait_for_room()))
    }

    fn take_data_check(&mut self) -> DataCheck {
        self.source.take_data_check()
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        let source = self.source.ender()?;
        let over = Arc::clone(&self.over);
        Some(Arc::new(Ender { source, over }))
    }

    fn progress(&self) -> SourceProgress {
        self.source.progress()
    }
}

impl Over {
    /// Waits a while; whether the source has been ended.
    fn wait(&self) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self
            .changed
            .wait_timeout_while(is_over, FREE_DISK_WAIT, |is_over| !*is_over);
        *wait.unwrap_or_else(PoisonError::into_inner).0
    }
}

struct Ender {
    source: Arc<dyn EndSource>,
    over: Arc<Over>,
}

impl EndSource for Ender {
    fn end(&self) {
        *self
            .over
            .is_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.over.changed.notify_all();
        self.source.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::thread;

    use super::*;
    use crate::verify::ChainTip;

    #[derive(Debug, Default)]
    struct Disk {
        free: AtomicU64,
        ending: AtomicBool,
        told: Mutex<Vec<Option<String>>>,
        heard: Condvar,
    }

    impl Room for Disk {
        fn free_bytes(&self) -> io::Result<u64> {
            Ok(self.free.load(Ordering::SeqCst))
        }

        fn waits(&self, why: Option<String>) {
            self.told.lock().unwrap().push(why);
            self.heard.notify_all();
        }

        fn is_ending(&self) -> bool {
            self.ending.load(Ordering::SeqCst)
        }
    }

    impl Disk {
        /// Waits until it has been told that the channel waits.
        fn wait(&self) {
            let told = self.told.lock().unwrap();
            let wait = self.heard.wait_while(told, |told| told.is_empty());
            drop(wait.unwrap());
        }
    }

    struct Two(u8);

    impl BlockSource for Two {
        fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
            self.0 += 1;
            Ok((self.0 <= 2).then(|| Bytes::from(vec![self.0])))
        }

        fn ender(&self) -> Option<Arc<dyn EndSource>> {
            Some(self.stopper())
        }
    }

    impl FeedSource for Two {
        fn stopper(&self) -> Arc<dyn EndSource> {
            struct Nothing;
            impl EndSource for Nothing {
                fn end(&self) {}
            }
            Arc::new(Nothing)
        }

        fn rejected(&mut self, _: ChainTip, _: String) {}
    }

    #[test]
    fn blocks_come_while_there_is_room() {
        let disk = Disk::default();
        disk.free.store(FREE_DISK_BYTES_MIN, Ordering::SeqCst);
        let mut two = Two(0);
        let mut source = WithRoom::new(&mut two, &disk);
        assert_eq!(source.next_block().unwrap().unwrap()[..], [1]);
        disk.free.store(FREE_DISK_BYTES_MIN - 1, Ordering::SeqCst);
        thread::scope(|scope| {
            let next = scope.spawn(|| source.next_block().unwrap().unwrap());
            disk.wait();
            disk.free.store(FREE_DISK_BYTES_RESUME, Ordering::SeqCst);
            assert_eq!(next.join().unwrap()[..], [2]);
        });
        let told = disk.told.lock().unwrap();
        assert!(told[0].as_ref().unwrap().contains("255 MiB are left"));
        assert_eq!(told.last(), Some(&None));
    }

    #[test]
    fn whoever_waits_for_room_is_ended() {
        let disk = Disk::default();
        let mut two = Two(0);
        let mut source = WithRoom::new(&mut two, &disk);
        let ender = source.ender().unwrap();
        thread::scope(|scope| {
            let next = scope.spawn(|| source.next_block().unwrap());
            disk.wait();
            ender.end();
            assert_eq!(next.join().unwrap(), None);
        });
        disk.ending.store(true, Ordering::SeqCst);
        let mut source = WithRoom::new(&mut two, &disk);
        assert_eq!(source.next_block().unwrap(), None);
    }
}
