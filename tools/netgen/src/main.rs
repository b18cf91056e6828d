//! `netgen`: makes Fabric networks. Everything is in the library, so that tests of other tools can use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    netgen::run(std::env::args_os())
}
