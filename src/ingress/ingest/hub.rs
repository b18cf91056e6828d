//! The desk behind a lock: between the reactor's thread and the pipeline's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mio::Waker;

use super::desk::{Desk, IngestTally, Pick};
use super::door::{Verdict, examine};
use crate::ingress::{BlockSource, EndSource, SignatureCheck, SourceError};
use crate::ledger;
use crate::sys::clock::{Clock, Instant};

/// A desk that several threads share.
#[derive(Debug)]
pub struct Hub {
    desk: Mutex<Desk>,
    /// Notified when there may be another block for the pipeline.
    moved: Condvar,
    waker: Arc<Waker>,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    /// Set once the pipeline has ended for good.
    closed: AtomicBool,
    /// Why the reactor ended too early.
    failed: Mutex<Option<std::io::Error>>,
}

impl Hub {
    /// Puts `desk` between a reactor, which `waker` wakes, and a pipeline. Once `stop` is set and the
    /// reactor woken, the source ends.
    pub fn new(
        desk: Desk,
        waker: Arc<Waker>,
        clock: Arc<dyn Clock>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            desk: Mutex::new(desk),
            moved: Condvar::new(),
            waker,
            clock,
            stop,
            closed: AtomicBool::new(false),
            failed: Mutex::default(),
        }
    }

    /// Every block below `height` is durable.
    pub fn committed(&self, height: u64) {
        self.change(|desk, now| desk.committed(height, now));
    }

    /// The pipeline has refused a block and ended; the ledger has `height` blocks. Whether a feeder was
    /// to blame, so that the pipeline can begin anew with other feeders' blocks.
    ///
    /// # Errors
    /// The ledger cannot be asked for its last block.
    pub fn rejected(&self, height: u64, problem: String) -> Result<bool, ledger::Error> {
        self.change(|desk, now| {
            desk.committed(height, now);
            desk.rejected(problem, now)
        })
    }

    /// The pipeline has ended for good: feeders are told, and the reactor ends.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.change(Desk::close);
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> IngestTally {
        self.lock().tally().clone()
    }

    /// Whether the source is to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The time of the hub's clock.
    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// For the reactor, which needs no waking.
    pub(super) fn lock(&self) -> MutexGuard<'_, Desk> {
        // A thread that panicked while it held the lock ends the server anyway.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There may be another block for the pipeline.
    pub(super) fn notify(&self) {
        self.moved.notify_all();
    }

    /// The reactor cannot go on.
    pub(super) fn fail(&self, error: std::io::Error) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        drop(self.lock());
        self.moved.notify_all();
    }

    fn take_failure(&self) -> Option<std::io::Error> {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Changes the desk from another thread than the reactor's.
    fn change<R>(&self, change: impl FnOnce(&mut Desk, Instant) -> R) -> R {
        let now = self.now();
        let result = change(&mut self.lock(), now);
        self.moved.notify_all();
        // A reactor that has gone has nothing to be woken for.
        let _ = self.waker.wake();
        result
    }
}

/// The pipeline's end: blocks in order, each looked at before.
pub struct IngestSource<S> {
    hub: Arc<Hub>,
    signatures: S,
    ended: Arc<AtomicBool>,
}

/// Ends one run's source.
struct Ender {
    hub: Arc<Hub>,
    ended: Arc<AtomicBool>,
}

impl EndSource for Ender {
    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        // Whoever looked before the store is waiting once the lock is free.
        drop(self.hub.lock());
        self.hub.notify();
    }
}

impl<S> std::fmt::Debug for IngestSource<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestSource").finish_non_exhaustive()
    }
}

impl<S: SignatureCheck> IngestSource<S> {
    /// For one run of the pipeline, which starts at the ledger's height.
    pub fn new(hub: Arc<Hub>, signatures: S) -> Self {
        Self {
            hub,
            signatures,
            ended: Arc::default(),
        }
    }

    /// Waits for the next block; `None` once the source is to end.
    fn wait(&self) -> Result<Option<Pick>, SourceError> {
        let mut desk = self.hub.lock();
        loop {
            if let Some(fault) = desk.take_fault() {
                return Err(SourceError::Ledger(fault));
            }
            if let Some(error) = self.hub.take_failure() {
                return Err(SourceError::Reactor(error));
            }
            if self.hub.is_stopping() || self.ended.load(Ordering::SeqCst) {
                return Ok(None);
            }
            if let Some(pick) = desk.next() {
                return Ok(Some(pick));
            }
            desk = self
                .hub
                .moved
                .wait(desk)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<S: SignatureCheck> BlockSource for IngestSource<S> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        while let Some(pick) = self.wait()? {
            match examine(&pick, &mut self.signatures) {
                Verdict::Admit => {
                    if self.hub.change(|desk, now| desk.admit(&pick, now)) {
                        return Ok(Some(pick.bytes));
                    }
                }
                Verdict::Doubt => self.hub.change(|desk, _| desk.doubt(&pick)),
                Verdict::Refuse(refusal) => {
                    self.hub
                        .change(|desk, now| desk.refuse(&pick, &refusal, now));
                }
            }
        }
        Ok(None)
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        Some(Arc::new(Ender {
            hub: Arc::clone(&self.hub),
            ended: Arc::clone(&self.ended),
        }))
    }
}
