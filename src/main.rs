//! The `heddle` binary: hands its arguments to the library.

use std::process::ExitCode;

/// Transactions are decoded on one thread and dropped on another, a few small allocations each: what the
/// system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    heddle::cli::run(std::env::args_os())
}
