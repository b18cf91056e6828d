//! Numbers by labels: one series for each set of label values that came up, so many at most.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Histogram, HistogramReading};
use crate::limits::{METRIC_LABEL_BYTES_MAX, METRIC_SERIES_MAX};

/// What a family is called, and what it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyName {
    /// Its name, as Prometheus wants it.
    pub name: &'static str,
    /// What it says, in a line.
    pub help: &'static str,
    /// Its labels' names.
    pub labels: &'static [&'static str],
}

/// The values of a family's labels, in their order.
pub type LabelValues = Vec<String>;

/// What stands for values that are too long, and for all series that are too many.
const OTHER: &str = "other";

/// Numbers of one kind by labels.
#[derive(Debug)]
pub struct Family<V> {
    name: FamilyName,
    series: Mutex<BTreeMap<LabelValues, Arc<V>>>,
}

/// A count.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// Counters by labels.
pub type Counters = Family<Count>;

/// Durations by labels.
pub type Durations = Family<Histogram>;

impl<V: Default> Family<V> {
    /// No series yet; one that has no labels is there from the start.
    #[must_use]
    pub fn new(name: FamilyName) -> Self {
        let family = Self {
            name,
            series: Mutex::default(),
        };
        if name.labels.is_empty() {
            family.of(&[]);
        }
        family
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> FamilyName {
        self.name
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LabelValues, Arc<V>>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, values: &[&str]) -> Arc<V> {
        let short = |value: &&str| match value.len() {
            0..=METRIC_LABEL_BYTES_MAX => (*value).to_owned(),
            _ => OTHER.to_owned(),
        };
        let key: LabelValues = values.iter().map(short).collect();
        let mut series = self.lock();
        if series.len() < METRIC_SERIES_MAX || series.contains_key(&key) {
            return Arc::clone(series.entry(key).or_default());
        }
        let key = key.iter().map(|_| OTHER.to_owned()).collect();
        Arc::clone(series.entry(key).or_default())
    }

    fn read_by<R>(&self, read: impl Fn(&V) -> R) -> Vec<(LabelValues, R)> {
        let series = self.lock();
        let series = series.iter();
        series
            .map(|(values, value)| (values.clone(), read(value)))
            .collect()
    }
}

impl Counters {
    /// Adds `count` to the series of these label values.
    pub fn add(&self, values: &[&str], count: u64) {
        // Ordering: statistics.
        self.of(values).0.fetch_add(count, Ordering::Relaxed);
    }

    /// All series, in the order of their values.
    #[must_use]
    pub fn read(&self) -> Vec<(LabelValues, u64)> {
        // Ordering: statistics.
        self.read_by(|count| count.0.load(Ordering::Relaxed))
    }
}

impl Durations {
    /// Counts a duration in microseconds in the series of these label values.
    pub fn record_us(&self, values: &[&str], duration_us: u64) {
        self.of(values).record_us(duration_us);
    }

    /// All series, in the order of their values.
    #[must_use]
    pub fn read(&self) -> Vec<(LabelValues, HistogramReading)> {
        self.read_by(Histogram::read)
    }
}

#[cfg(test)]
mod tests {
    //! Series are told apart, and are not more than they may be.

    use super::{Counters, Durations, FamilyName};
    use crate::limits::{METRIC_LABEL_BYTES_MAX, METRIC_SERIES_MAX};

    const NAME: FamilyName = FamilyName {
        name: "test_things",
        help: "Things.",
        labels: &["channel", "code"],
    };

    #[test]
    fn each_set_of_values_is_a_series() {
        let counters = Counters::new(NAME);
        counters.add(&["a", "VALID"], 2);
        counters.add(&["a", "VALID"], 3);
        counters.add(&["b", "VALID"], 1);
        let series = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let expected = vec![(series("a", "VALID"), 5), (series("b", "VALID"), 1)];
        assert_eq!(counters.read(), expected);
        let labels = &[];
        let alone = Counters::new(FamilyName { labels, ..NAME });
        assert_eq!(alone.read(), [(vec![], 0)]);
        let durations = Durations::new(NAME);
        durations.record_us(&["a", "VALID"], 7);
        let read = durations.read();
        assert_eq!((read.len(), read[0].1.sum_us, read[0].1.count()), (1, 7, 1));
    }

    #[test]
    fn what_is_too_long_or_too_much_is_other() {
        let counters = Counters::new(NAME);
        let long = "x".repeat(METRIC_LABEL_BYTES_MAX + 1);
        counters.add(&[&long, "VALID"], 1);
        (0..2 * METRIC_SERIES_MAX).for_each(|id| counters.add(&[&id.to_string(), "VALID"], 1));
        let read = counters.read();
        assert_eq!(read.len(), METRIC_SERIES_MAX + 1);
        let of = |values: [&str; 2]| read.iter().find(|(found, _)| *found == values);
        assert_eq!(of(["other", "VALID"]).map(|series| series.1), Some(1));
        let rest = METRIC_SERIES_MAX as u64 + 1;
        assert_eq!(of(["other", "other"]).map(|series| series.1), Some(rest));
    }
}
