//! The door to the outside: files, clocks, memory maps, LMDB. Unsafe code lives here.

pub mod file;
pub mod clock;
pub mod process;
