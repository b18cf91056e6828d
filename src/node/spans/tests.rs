//! What a collector gets of a block.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::BlockSpans;
use crate::peer::{BlockTracer as _, TracedBlock};
use crate::stage::TraceEntry;
use crate::sys::clock::{Clock as _, ManualClock};
use crate::types::{BlockNumber, ChannelId};

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[test]
fn a_block_is_a_span_of_its_stages() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inside = runtime.enter();
    let collector = Collector::default();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    runtime.spawn(server);

    let clock = Arc::new(ManualClock::default());
    let (began, micros) = (clock.now(), Duration::from_micros);
    let at = |after| began.plus(micros(after));
    clock.advance(micros(5000));
    let now = clock.unix_micros();
    let spans = BlockSpans::to(&endpoint, "peer0", clock).unwrap();
    let number = BlockNumber(7);
    let visit = |stage, start, end| TraceEntry {
        stage,
        number,
        start: at(start),
        end: at(end),
    };
    spans.block(TracedBlock {
        channel: &ChannelId::new("mychannel").unwrap(),
        number,
        transactions: 3,
        valid: 2,
        visits: &[visit("decode", 1000, 2000), visit("commit", 2500, 4000)],
    });
    spans.end();
    drop(inside);

    let requests = collector.0.lock().unwrap();
    let resources: Vec<_> = requests.iter().flat_map(|it| &it.resource_spans).collect();
    let found: Vec<&Span> = resources
        .iter()
        .flat_map(|resource| &resource.scope_spans)
        .flat_map(|scope| &scope.spans)
        .collect();
    let of = |name: &str| *found.iter().find(|span| span.name == name).unwrap();
    let (block, decode, commit) = (of("block"), of("decode"), of("commit"));
    assert_eq!(found.len(), 3);
    let nanos = |after: u64| (now - 5000 + after) * 1000;
    let times = |span: &Span| (span.start_time_unix_nano, span.end_time_unix_nano);
    assert_eq!(times(block), (nanos(1000), nanos(4000)));
    assert_eq!(times(decode), (nanos(1000), nanos(2000)));
    assert_eq!(times(commit), (nanos(2500), nanos(4000)));
    for stage in [decode, commit] {
        assert_eq!(stage.parent_span_id, block.span_id);
        assert_eq!(stage.trace_id, block.trace_id);
    }
    let attributes = format!("{:?}", block.attributes);
    assert!(attributes.contains("mychannel") && attributes.contains("IntValue(7)"));
    assert!(format!("{:?}", resources[0].resource).contains("peer0"));
}

#[test]
fn what_is_no_collector_is_refused() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let clock = Arc::new(ManualClock::default());
    for endpoint in ["https://collector:4317", "collector:4317", ""] {
        let clock = Arc::clone(&clock);
        let error = BlockSpans::to(endpoint, "peer0", clock).unwrap_err();
        assert!(error.to_string().contains("expected http://HOST:PORT"));
    }
}
