//! Decodes for programs that cannot do so by themselves: see `picture::decoder_process::set_program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    picture::decoder_process::serve_if_asked();
    eprintln!("picture-decoder is started by programs that decode pictures, and does nothing else");
    ExitCode::from(2)
}
