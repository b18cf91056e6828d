//! The door to the outside: time, disk, memory maps, the process itself.
//!
//! Knows nothing of blocks or channels. `unsafe` stands only in the files that say so at their top;
//! each wraps one system facility into a safe type and restates how its duties are met.

pub mod clock;
mod direct;
pub mod failpoint;
#[cfg(any(test, feature = "testing"))]
pub mod fault;
pub mod lmdb;
pub mod machine;
pub mod mmap;
pub mod prefetch;
pub mod process;
pub mod random;
pub mod storage;

pub mod file;
#[cfg(test)]
mod tests;
