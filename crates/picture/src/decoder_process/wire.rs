//! The protocol of the pipes. Numbers are little-endian.
//!
//! ```text
//! request  "PIC1", format u8, most bytes u64, most pixels u64, cost u64, length u64, the file
//! reply    "PIC1", kind u8, then
//!   0  width u32, height u32, has opacity u8, 1,024 levels if so, 3 x width x height bytes of RGB, upright
//!   1  the file ends too early
//!   2  damaged: length u16, why
//!   3  unsupported: length u16, what
//!   4  too much memory: limit u64
//! ```

use std::{
    borrow::Cow,
    io::{self, Read, Write},
};

use ::image::metadata::Orientation;

use crate::{
    Error, Format, Limits, Result, Size,
    decode::Decoded,
    scale::Scale,
    signature::{CELLS, Grid},
};

const MAGIC: [u8; 4] = *b"PIC1";

/// A file to decode.
pub(super) struct Request<'a> {
    pub(super) format: Format,
    pub(super) limits: Limits,
    /// The memory, in bytes, that decoding takes according to its headers.
    pub(super) cost: u64,
    pub(super) bytes: Cow<'a, [u8]>,
}

impl Request<'_> {
    pub(super) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let format = Format::ALL.iter().position(|&format| format == self.format);
        let numbers = [
            self.limits.bytes,
            self.limits.pixels,
            self.cost,
            self.bytes.len() as u64,
        ];
        let mut head = MAGIC.to_vec();
        head.push(format.map_or(u8::MAX, |place| place as u8));
        head.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        output.write_all(&head)?;
        output.write_all(&self.bytes)
    }

    pub(super) fn read(input: &mut impl Read) -> io::Result<Request<'static>> {
        check_magic(input)?;
        let [format] = array(input)?;
        let format = Format::ALL.get(usize::from(format));
        let format = *format.ok_or(io::ErrorKind::InvalidData)?;
        let limits = Limits {
            bytes: long(input)?,
            pixels: long(input)?,
        };
        let cost = long(input)?;
        let length = long(input)?;
        if length > limits.bytes {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Request {
            format,
            limits,
            cost,
            bytes: bytes(input, length)?.into(),
        })
    }
}

/// The outcome of a request.
pub(super) struct Reply(Outcome);

enum Outcome {
    Picture(Decoded),
    Truncated,
    Damaged(String),
    Unsupported(String),
    TooMuchMemory(u64),
}

impl From<Result<Decoded>> for Reply {
    fn from(result: Result<Decoded>) -> Reply {
        Reply(match result {
            Ok(decoded) => Outcome::Picture(decoded),
            Err(Error::Truncated { .. }) => Outcome::Truncated,
            Err(Error::Unsupported { kind, .. }) => Outcome::Unsupported(kind.into_owned()),
            Err(Error::TooMuchMemory { limit, .. }) => Outcome::TooMuchMemory(limit),
            Err(Error::Damaged { cause, .. }) => Outcome::Damaged(cause.to_string()),
            // The parent has checked the headers before.
            Err(other) => Outcome::Damaged(other.to_string()),
        })
    }
}

impl Reply {
    pub(super) fn into_result(self, format: Format) -> Result<Decoded> {
        Err(match self.0 {
            Outcome::Picture(decoded) => return Ok(decoded),
            Outcome::Truncated => Error::Truncated { format },
            Outcome::Damaged(cause) => Error::Damaged {
                format,
                cause: cause.into(),
            },
            Outcome::Unsupported(kind) => Error::Unsupported {
                format,
                kind: kind.into(),
            },
            Outcome::TooMuchMemory(limit) => Error::TooMuchMemory { format, limit },
        })
    }

    pub(super) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        output.write_all(&MAGIC)?;
        match &self.0 {
            Outcome::Picture(decoded) => {
                output.write_all(&[0])?;
                output.write_all(&decoded.size.width.to_le_bytes())?;
                output.write_all(&decoded.size.height.to_le_bytes())?;
                output.write_all(&[decoded.opacity.is_some().into()])?;
                if let Some(grid) = &decoded.opacity {
                    output.write_all(grid.levels())?;
                }
                output.write_all(&decoded.pixels)
            }
            Outcome::Truncated => output.write_all(&[1]),
            Outcome::Damaged(cause) => write_text(output, 2, cause),
            Outcome::Unsupported(kind) => write_text(output, 3, kind),
            Outcome::TooMuchMemory(limit) => {
                output.write_all(&[4])?;
                output.write_all(&limit.to_le_bytes())
            }
        }
    }

    /// Reads a reply and checks it against `limits`, because the child may be compromised.
    pub(super) fn read(input: &mut impl Read, limits: &Limits) -> io::Result<Reply> {
        check_magic(input)?;
        let [kind] = array(input)?;
        Ok(Reply(match kind {
            0 => Outcome::Picture(read_picture(input, limits)?),
            1 => Outcome::Truncated,
            2 => Outcome::Damaged(read_text(input)?),
            3 => Outcome::Unsupported(read_text(input)?),
            4 => Outcome::TooMuchMemory(long(input)?),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }))
    }
}

fn read_picture(input: &mut impl Read, limits: &Limits) -> io::Result<Decoded> {
    let [width, height] = [array(input)?, array(input)?].map(u32::from_le_bytes);
    let size = Size { width, height };
    limits.check_size(size).map_err(io::Error::other)?;
    let [has_opacity] = array(input)?;
    let opacity = match has_opacity {
        0 => None,
        _ => Some(array::<CELLS>(input)?.into_iter().collect::<Grid>()),
    };
    Ok(Decoded {
        size,
        scale: Scale::WHOLE,
        orientation: Orientation::NoTransforms,
        pixels: bytes(input, size.pixels() * 3)?,
        opacity,
    })
}

fn write_text(output: &mut impl Write, kind: u8, text: &str) -> io::Result<()> {
    let text = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
    output.write_all(&[kind])?;
    output.write_all(&(text.len() as u16).to_le_bytes())?;
    output.write_all(text)
}

fn read_text(input: &mut impl Read) -> io::Result<String> {
    let length = u16::from_le_bytes(array(input)?);
    let text = bytes(input, length.into())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn check_magic(input: &mut impl Read) -> io::Result<()> {
    if array(input)? == MAGIC {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    input.read_exact(&mut array)?;
    Ok(array)
}

fn long(input: &mut impl Read) -> io::Result<u64> {
    Ok(u64::from_le_bytes(array(input)?))
}

/// Reads `length` bytes, without allocating them before they arrive.
fn bytes(input: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(64 << 20) as usize);
    input.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        bytes: 1000,
        pixels: 100,
    };

    fn request() -> Vec<u8> {
        let request = Request {
            format: Format::Avif,
            limits: LIMITS,
            cost: 7,
            bytes: Cow::Borrowed(&[1, 2, 3]),
        };
        let mut bytes = Vec::new();
        request.write(&mut bytes).unwrap();
        bytes
    }

    fn replies() -> Vec<Reply> {
        let picture = |opacity| Decoded {
            size: Size {
                width: 2,
                height: 1,
            },
            scale: Scale::WHOLE,
            orientation: Orientation::NoTransforms,
            pixels: vec![1, 2, 3, 4, 5, 6],
            opacity,
        };
        let grid = (0..CELLS).map(|cell| cell as u8).collect();
        let outcomes = [
            Outcome::Picture(picture(None)),
            Outcome::Picture(picture(Some(grid))),
            Outcome::Truncated,
            Outcome::Damaged("why".to_owned()),
            Outcome::Unsupported("what".to_owned()),
            Outcome::TooMuchMemory(5),
        ];
        outcomes.into_iter().map(Reply).collect()
    }

    fn written(reply: &Reply) -> Vec<u8> {
        let mut bytes = Vec::new();
        reply.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let read = Request::read(&mut &request()[..]).unwrap();
        assert_eq!((read.format, read.limits), (Format::Avif, LIMITS));
        assert_eq!((read.cost, &*read.bytes), (7, &[1, 2, 3][..]));
        for reply in replies() {
            let bytes = written(&reply);
            let mut input = &bytes[..];
            let read = Reply::read(&mut input, &LIMITS).unwrap();
            assert!(input.is_empty());
            assert_eq!(written(&read), bytes);
        }
    }

    #[test]
    fn what_ends_too_early_is_an_error() {
        let bytes = request();
        for length in 0..bytes.len() {
            assert!(Request::read(&mut &bytes[..length]).is_err(), "{length}");
        }
        for reply in replies() {
            let bytes = written(&reply);
            for length in 0..bytes.len() {
                assert!(Reply::read(&mut &bytes[..length], &LIMITS).is_err());
            }
        }
    }

    #[test]
    fn a_reply_beyond_the_limits_is_an_error() {
        let mut bytes = written(&replies()[0]);
        bytes[5..13].copy_from_slice(&[11, 0, 0, 0, 10, 0, 0, 0]);
        bytes.extend([0; 330]);
        assert!(Reply::read(&mut &bytes[..], &LIMITS).is_err());
        let within = Limits {
            pixels: 110,
            ..LIMITS
        };
        assert!(Reply::read(&mut &bytes[..], &within).is_ok());
    }
}
