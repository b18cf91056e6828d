//! What is asked of peers and orderers: signed proposals and requests for blocks, and the connection
//! they go over.
//!
//! For the command line, which works with Fabric's programs as with heddle's, for tests, and in part for
//! the peer itself where it asks orderers.

mod connect;
mod envelope;
mod session;

pub use connect::{ConnectError, Endpoint, Stream, TlsFiles};
pub use envelope::{Seek, SeekContent, SeekTo, proposal};
pub use session::{CallError, Caller};
