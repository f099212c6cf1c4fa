use std::io::{self, Read};

/// Fails at its end instead of saying that nothing comes any more: the library passes over as many
/// elements as a damaged file claims, and would look for two thousand million of them behind the
/// end.
pub(crate) struct Strict<R>(pub(crate) R);

impl<R: Read> Read for Strict<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}
