use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use picture::Picture;

/// The most bytes of base64 in one sequence.
const CHUNK: usize = 4096;

/// A picture by [kitty's protocol](https://sw.kovidgoyal.net/kitty/graphics-protocol/): a PNG in chunks,
/// shown at the cursor, which does not move (`C=1`). The terminal does not reply (`q=2`).
pub(super) fn escape(picture: &Picture) -> String {
    let data = STANDARD.encode(picture.to_png());
    let chunks = data.as_bytes().chunks(CHUNK);
    let last = chunks.len() - 1;
    let mut escape = String::with_capacity(data.len() + 32 * chunks.len());
    for (n, chunk) in chunks.enumerate() {
        let keys = if n == 0 { "a=T,f=100,C=1,q=2," } else { "" };
        let more = u8::from(n < last);
        // Writing to a string cannot fail; base64 is ASCII.
        let _ = write!(escape, "\u{1b}_G{keys}m={more};");
        escape.extend(chunk.iter().copied().map(char::from));
        escape.push_str("\u{1b}\\");
    }
    escape
}
