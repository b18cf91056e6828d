//! The `heddle` binary: hands its arguments to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    heddle::cli::run(std::env::args_os())
}
