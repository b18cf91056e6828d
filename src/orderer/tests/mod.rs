//! The client against orderers of this process, over real connections.

mod bed;
mod bft;
mod faults;
mod pipeline;
mod plain;
