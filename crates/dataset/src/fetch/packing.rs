use std::io::{self, BufReader, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use picture::Format;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// The maximum number of compression layers. Some servers compress twice.
const MOST_LAYERS: usize = 3;
/// The largest window of Zstandard over HTTP, 8 MiB (<https://www.rfc-editor.org/rfc/rfc9659>).
const WINDOW_LOG: u32 = 23;
/// Values of `Content-Encoding` without compression. Most are mistakes, such as character sets.
const NOT_PACKED: [&str; 8] = [
    "",
    "identity",
    "none",
    "binary",
    "utf-8",
    "utf8",
    "aws-chunked",
    "null",
];

/// The encoding that a response declares, in lower case. It may be wrong.
#[derive(Clone, Debug)]
pub(super) struct Declared(String);

/// The compression of a body.
#[derive(Clone, Copy, Debug)]
enum Packing {
    Gzip,
    Zlib,
    Deflate,
    Zstandard,
}

/// Why a body couldn't be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has more bytes than allowed.
    TooLarge,
    /// Its compression is damaged or unknown.
    Unreadable,
}

impl Declared {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        Self(values.join(", ").trim().to_ascii_lowercase())
    }

    /// The declared compression, if any.
    pub(super) fn packing(&self) -> Option<&str> {
        let mut names = self.0.split(',').map(str::trim);
        let is_packed = names.any(|name| !NOT_PACKED.contains(&name));
        is_packed.then_some(self.0.as_str())
    }

    /// Whether this body may be a compressed picture.
    pub(super) fn is_packed(&self, body: &[u8]) -> bool {
        let is_one = self.packing().is_some() || self.packing_of(body).is_some();
        is_one && !body.is_empty() && Format::of(body).is_none()
    }

    /// The compression by a body's first bytes. Deflate has no signature, so a declaration of it is trusted.
    fn packing_of(&self, body: &[u8]) -> Option<Packing> {
        match body {
            [0x1F, 0x8B, 8, ..] => Some(Packing::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Packing::Zstandard),
            &[first, second, ..] if self.packing().is_some() && is_zlib(first, second) => {
                Some(Packing::Zlib)
            }
            _ if self.0.contains("deflate") => Some(Packing::Deflate),
            _ => None,
        }
    }

    /// Decompresses a picture. The output of each layer has at most `limit` bytes.
    pub(super) fn unpack(&self, packed: Vec<u8>, limit: u64) -> Result<Vec<u8>, Fault> {
        let packing = self.packing_of(&packed).ok_or(Fault::Unreadable)?;
        let mut bytes = packing.unpack(&packed, limit)?;
        // So that only two layers take memory at a time, not three.
        drop(packed);
        for _ in 1..MOST_LAYERS {
            // Deflate is trusted only for the first layer: without a signature, any output would look like
            // another layer.
            match self.packing_of(&bytes) {
                None | Some(Packing::Deflate) => break,
                Some(_) if Format::of(&bytes).is_some() => break,
                Some(packing) => bytes = packing.unpack(&bytes, limit)?,
            }
        }
        Ok(bytes)
    }
}

impl Packing {
    fn unpack(self, packed: &[u8], limit: u64) -> Result<Vec<u8>, Fault> {
        let unpacked = match self {
            Self::Gzip => read(MultiGzDecoder::new(packed), limit),
            Self::Zlib => read(ZlibDecoder::new(packed), limit),
            Self::Deflate => read(DeflateDecoder::new(packed), limit),
            Self::Zstandard => zstandard(packed).and_then(|decoder| read(decoder, limit)),
        };
        let unpacked = unpacked.map_err(|_| Fault::Unreadable)?;
        if unpacked.len() as u64 > limit {
            Err(Fault::TooLarge)
        } else {
            Ok(unpacked)
        }
    }
}

fn zstandard(packed: &[u8]) -> io::Result<zstd::Decoder<'static, BufReader<&[u8]>>> {
    let mut decoder = zstd::Decoder::new(packed)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}

/// Reads at most one byte more than `limit`.
fn read(unpacked: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    unpacked.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a body begins with these two bytes of zlib (<https://www.rfc-editor.org/rfc/rfc1950#section-2.2>).
fn is_zlib(first: u8, second: u8) -> bool {
    let (method, window) = (first & 0x0F, first >> 4);
    method == 8 && window <= 7 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}
