//! Build script: compiles the .proto files.
fn main() {}
