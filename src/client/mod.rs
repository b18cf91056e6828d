//! What is asked of peers and orderers: signed proposals and requests for blocks, and the connection
//! they go over.
//!
//! For the command line, which works with Fabric's programs as with heddle's, and for tests.

mod connect;
mod envelope;
mod session;

pub use connect::{ConnectError, Endpoint, TlsFiles};
pub use envelope::{SeekTo, proposal, seek};
pub use session::{CallError, Caller};
