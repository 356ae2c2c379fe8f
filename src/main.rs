//! The program: hardens itself, hands over to the command line, leaves with its exit code.

fn main() -> std::process::ExitCode {
    reissue::env::harden::no_core_dumps();
    reissue::cli::main(std::env::args_os()).into()
}
