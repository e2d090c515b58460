//! The `refloat` binary.

fn main() -> std::process::ExitCode {
    refloat::cli::main()
}
