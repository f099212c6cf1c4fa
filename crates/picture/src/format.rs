use crate::{container::jxl, raw_file};

/// A picture file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG: baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK.
    Jpeg,
    /// PNG, and the first frame of an animated PNG.
    Png,
    /// WebP, lossy and lossless, and the first frame of an animated WebP.
    WebP,
    /// The first frame of a GIF.
    Gif,
    /// Windows bitmaps.
    Bmp,
    /// Portable anymaps: PBM, PGM and PPM, plain and binary.
    Pnm,
    /// The first picture of a TIFF.
    Tiff,
    /// Camera raw files, decoded by their embedded JPEG preview.
    Raw,
    /// AVIF, including grids and the still picture of an animation. Decoded in a [child
    /// process](crate::decoder_process).
    Avif,
    /// HEIC: HEVC in HEIF, and grids of it. Other codecs in HEIF are recognised, but unsupported.
    Heif,
    /// JPEG XL, bare or in boxes, and the first picture of an animation. Decoded in a [child
    /// process](crate::decoder_process).
    Jxl,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 11] = [
        Format::Jpeg,
        Format::Png,
        Format::WebP,
        Format::Gif,
        Format::Bmp,
        Format::Pnm,
        Format::Tiff,
        Format::Raw,
        Format::Avif,
        Format::Heif,
        Format::Jxl,
    ];

    /// Recognises the format of a file that begins with `bytes`.
    ///
    /// Twenty bytes suffice to recognise a picture. Most raw files begin like TIFF, and are reported as TIFF unless
    /// `bytes` is the whole file.
    pub fn of(bytes: &[u8]) -> Option<Format> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Format::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Format::Png),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Format::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
            [b'B', b'M', ..] => Some(Format::Bmp),
            [b'P', b'1'..=b'6', blank, b'0'..=b'9' | b'#' | b'\n', ..]
                if blank.is_ascii_whitespace() =>
            {
                Some(Format::Pnm)
            }
            // 42 for TIFF, 43 for BigTIFF.
            [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] if raw_file::is_raw_tiff(bytes) => {
                Some(Format::Raw)
            }
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
            [_, _, _, _, b'f', b't', b'y', b'p', brands @ ..]
                if !raw_file::has_signature(bytes) =>
            {
                of_brands(brands)
            }
            _ if raw_file::has_signature(bytes) => Some(Format::Raw),
            _ if bytes.starts_with(&jxl::SIGNATURE) || bytes.starts_with(&jxl::START) => {
                Some(Format::Jxl)
            }
            _ => None,
        }
    }

    /// The format's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::WebP => "WebP",
            Format::Gif => "GIF",
            Format::Bmp => "BMP",
            Format::Pnm => "PNM",
            Format::Tiff => "TIFF",
            Format::Raw => "camera raw",
            Format::Avif => "AVIF",
            Format::Heif => "HEIF",
            Format::Jxl => "JPEG XL",
        }
    }

    /// The usual file extensions, in lower case, most common first. Use them to find files worth opening; only the
    /// content determines the format.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Format::Png => &["png", "apng"],
            Format::WebP => &["webp"],
            Format::Gif => &["gif"],
            Format::Bmp => &["bmp", "dib"],
            Format::Pnm => &["ppm", "pgm", "pbm", "pnm"],
            Format::Tiff => &["tif", "tiff"],
            Format::Raw => &[
                "cr2", "nef", "arw", "dng", "raf", "orf", "rw2", "cr3", "pef", "srw", "3fr", "crw",
                "dcr", "erf", "fff", "iiq", "k25", "kdc", "mef", "mos", "mrw", "nrw", "raw", "rwl",
                "sr2", "srf", "x3f",
            ],
            Format::Avif => &["avif", "avifs"],
            Format::Heif => &["heic", "heif", "hif", "heics"],
            Format::Jxl => &["jxl"],
        }
    }
}

/// The format of an ISO base media file: by its major brand or, if that is a generic one, by the first compatible
/// brand, which names the codec.
fn of_brands(brands: &[u8]) -> Option<Format> {
    let (brands, _) = brands.as_chunks::<4>();
    match brands.first()? {
        b"avif" | b"avis" => Some(Format::Avif),
        b"mif1" | b"msf1" if brands[1..].iter().take(4).any(|brand| brand == b"avif") => {
            Some(Format::Avif)
        }
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
            Some(Format::Heif)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(bytes: &[u8], expected: Option<Format>) {
        assert_eq!(Format::of(bytes), expected);
    }

    #[test]
    fn knows_formats_by_their_first_bytes() {
        case(b"\xFF\xD8\xFF\xE0", Some(Format::Jpeg));
        case(b"\x89PNG\r\n\x1A\n", Some(Format::Png));
        case(b"RIFF\x04\0\0\0WEBPVP8 ", Some(Format::WebP));
        case(b"GIF87a", Some(Format::Gif));
        case(b"GIF89a", Some(Format::Gif));
        case(b"BM", Some(Format::Bmp));
        case(b"P6\n23 17\n255\n", Some(Format::Pnm));
        case(b"P1\n# a comment", Some(Format::Pnm));
        case(b"II*\0", Some(Format::Tiff));
        case(b"MM\0*", Some(Format::Tiff));
        case(b"MM\0+", Some(Format::Tiff));
        case(b"IIRO\x08\0\0\0", Some(Format::Raw));
        case(b"\0\0\0\x18ftypcrx ", Some(Format::Raw));
        case(b"\xFF\x0A\xFF", Some(Format::Jxl));
        case(b"\0\0\0\x0CJXL \r\n\x87\n", Some(Format::Jxl));
        case(b"\0\0\0\x18ftypavif", Some(Format::Avif));
        case(b"\0\0\0\x18ftypmif1\0\0\0\0avif", Some(Format::Avif));
        case(b"\0\0\0\x18ftypheic", Some(Format::Heif));
        case(b"\0\0\0\x18ftypmif1\0\0\0\0heic", Some(Format::Heif));
    }

    #[test]
    fn knows_nothing_else() {
        for bytes in [
            &b""[..],
            b"\xFF\xD8",
            b"RIFF\x04\0\0\0WAVE",
            b"GIF88a",
            b"%PDF-1.7",
            b"P6, page 12",
            b"P7\nWIDTH",
            b"\0\0\0\x18ftypisom",
            b"<svg",
        ] {
            case(bytes, None);
        }
    }
}
