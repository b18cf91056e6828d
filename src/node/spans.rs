//! Spans for OpenTelemetry: one for each block, and in it one for each stage that had it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::error::NodeError;
use crate::limits::COLLECTOR_WAIT;
use crate::peer::{BlockTracer, TracedBlock};
use crate::sys::clock::{Clock, Instant};

/// Sends spans to a collector, from a thread of its own: what it cannot send in time is dropped.
#[derive(Debug)]
pub(super) struct BlockSpans {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    clock: Arc<dyn Clock>,
}

impl BlockSpans {
    /// Spans of this peer, to a collector that takes OTLP over gRPC at `endpoint`. Must be called on a
    /// tokio runtime; whether somebody listens there is not known yet.
    ///
    /// # Errors
    /// It is no address of one.
    pub(super) fn to(
        endpoint: &str,
        peer_id: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NodeError> {
        let failed = |why: String| NodeError::Collector {
            endpoint: endpoint.to_owned(),
            why,
        };
        if !endpoint.starts_with("http://") {
            return Err(failed(
                "TLS towards a collector is not supported".to_owned(),
            ));
        }
        let exporter = SpanExporter::builder().with_tonic();
        let exporter = exporter.with_endpoint(endpoint);
        let exporter = exporter.with_timeout(COLLECTOR_WAIT).build();
        let exporter = exporter.map_err(|error| failed(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name("heddle")
            .with_attribute(KeyValue::new("service.instance.id", peer_id.to_owned()))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Ok(Self {
            tracer: provider.tracer("heddle"),
            provider,
            clock,
        })
    }

    /// Sends what is there, and ends.
    pub(super) fn end(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "not all spans could be sent");
        }
    }

    /// A point in time as others see it.
    fn time(&self, at: Instant, now: (Instant, u64)) -> SystemTime {
        let (now, unix_micros) = now;
        UNIX_EPOCH + Duration::from_micros(unix_micros).saturating_sub(now.since(at))
    }
}

impl BlockTracer for BlockSpans {
    fn block(&self, block: TracedBlock<'_>) {
        let now = (self.clock.now(), self.clock.unix_micros());
        let start = block.visits.iter().map(|visit| visit.start).min();
        let end = block.visits.iter().map(|visit| visit.end).max();
        let (Some(start), Some(end)) = (start, end) else {
            return;
        };
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let span = self.tracer.span_builder("block");
        let span = span.with_start_time(self.time(start, now));
        let span = span.with_attributes([
            KeyValue::new("fabric.channel", block.channel.to_string()),
            KeyValue::new(
                "fabric.block",
                i64::try_from(block.number.0).unwrap_or(i64::MAX),
            ),
            KeyValue::new("fabric.transactions", count(block.transactions)),
            KeyValue::new("fabric.transactions.valid", count(block.valid)),
        ]);
        let whole = Context::new().with_span(span.start(&self.tracer));
        for visit in block.visits {
            let span = self.tracer.span_builder(visit.stage);
            let span = span.with_start_time(self.time(visit.start, now));
            let mut span = span.start_with_context(&self.tracer, &whole);
            span.end_with_timestamp(self.time(visit.end, now));
        }
        whole.span().end_with_timestamp(self.time(end, now));
    }
}

#[cfg(test)]
mod tests;
