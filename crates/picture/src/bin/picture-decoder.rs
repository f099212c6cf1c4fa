//! Decodes pictures for programs that cannot start themselves: see `picture::decoder_process::set_program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    picture::decoder_process::serve_if_asked();
    eprintln!(
        "picture-decoder only decodes pictures for other programs, which start it themselves"
    );
    ExitCode::from(2)
}
