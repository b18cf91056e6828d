//! Named points where a crash test kills the process.
//!
//! `HEDDLE_FAILPOINT=name` aborts the process when it first passes the point of that name,
//! `HEDDLE_FAILPOINT=name:3` when it passes it for the third time. Compiled in always, so that what is
//! tested is what runs; without the variable a point costs one relaxed load.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The variable that arms a point.
pub const VARIABLE: &str = "HEDDLE_FAILPOINT";

const UNKNOWN: u8 = 0;
const DISARMED: u8 = 1;
const ARMED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);
static ARMED_POINT: OnceLock<Option<FailPoint>> = OnceLock::new();

/// A point and the pass at which it kills.
#[derive(Debug)]
pub(crate) struct FailPoint {
    name: String,
    passes_left: AtomicU64,
}

impl FailPoint {
    /// Reads `name` or `name:nth`. Anything but a positive number after the colon counts as 1.
    pub(crate) fn parse(text: &str) -> Self {
        let (name, nth) = text.rsplit_once(':').unwrap_or((text, "1"));
        let nth = nth.parse().unwrap_or(1).max(1);
        Self {
            name: name.to_owned(),
            passes_left: AtomicU64::new(nth),
        }
    }

    /// Whether passing the point `name` now is the pass that kills.
    pub(crate) fn passes(&self, name: &str) -> bool {
        // Ordering: a counter of its own.
        self.name == name && self.passes_left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// Passes the point `name`: aborts the process if it is armed.
#[inline]
pub fn pass(name: &str) {
    // Ordering: a hint only; the point itself is published by the `OnceLock`.
    if STATE.load(Ordering::Relaxed) != DISARMED {
        pass_armed(name);
    }
}

#[cold]
fn pass_armed(name: &str) {
    let armed = ARMED_POINT.get_or_init(|| {
        let point = std::env::var(VARIABLE)
            .ok()
            .map(|text| FailPoint::parse(&text));
        // Ordering: as in `pass`.
        STATE.store(
            if point.is_some() { ARMED } else { DISARMED },
            Ordering::Relaxed,
        );
        point
    });
    if armed.as_ref().is_some_and(|point| point.passes(name)) {
        std::process::abort();
    }
}
