//! Tests of the readers: Go's rules one by one, the fields of each reader, and verdicts of Go's runtime.

pub(crate) mod shape;

mod bytes;
mod go;
pub(crate) mod readers;
mod rules;
pub(crate) mod schema;
