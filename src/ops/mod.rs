//! The operations service: health, metrics, log levels and version, over HTTP.
//!
//! Paths, answers and metrics' names are Fabric's where the meaning is. What Fabric does not tell is
//! told beside it: how every channel is, every stage's CPU time, and how long certificates last.
//!
//! Fabric: `core/operations/system.go`.

mod health;
mod metrics;
mod server;

pub use health::{ChannelHealth, Health, Lag};
pub use metrics::{
    ChannelMetrics, MetricsPage, ProcessMetrics, Readings, SeriesKind, ServiceMetrics,
};
pub use server::{LogControl, OpsServer, OpsView};
