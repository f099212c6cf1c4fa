//! Whether a file holds more than the picture that is read of it.

use std::io::Cursor;

use ::image::codecs::{png::PngDecoder, webp::WebPDecoder};
use ::tiff::decoder::Decoder;

use super::fault::guarded;
use crate::Format;

/// Whether a file holds more than the picture that [`Picture::decode`](crate::Picture::decode) makes of it:
/// a camera's own data, further frames or pages, or depth and brightness, as phones put into HEIC. So with
/// what cannot be read: nobody knows.
pub fn holds_more(bytes: &[u8]) -> bool {
    let Some(format) = Format::of(bytes) else {
        return true;
    };
    guarded(format, || {
        let bytes = Cursor::new(bytes);
        Ok(match format {
            Format::Jpeg | Format::Bmp => false,
            Format::Png => PngDecoder::new(bytes)
                .and_then(|it| it.is_apng())
                .unwrap_or(true),
            Format::WebP => WebPDecoder::new(bytes).map_or(true, |it| it.has_animation()),
            Format::Gif => has_frames(bytes).unwrap_or(true),
            Format::Tiff => Decoder::new(bytes).map_or(true, |it| it.more_images()),
            Format::Raw | Format::Avif | Format::Heif => true,
        })
    })
    .unwrap_or(true)
}

/// Whether there is a frame after the first.
fn has_frames(bytes: Cursor<&[u8]>) -> Result<bool, gif::DecodingError> {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(bytes)?;
    Ok(decoder.next_frame_info()?.is_some() && decoder.next_frame_info()?.is_some())
}
