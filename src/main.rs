//! The `hotline` command. Everything that it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A second provider would be refused, and there is only this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    hotline::cli::main()
}
