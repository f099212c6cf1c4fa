use std::io::{self, Read};

/// A reader that fails at its end instead of returning nothing. The Parquet library skips as many elements as
/// a damaged file claims, and would search two thousand million of them past the end.
pub(crate) struct Strict<R>(pub(crate) R);

impl<R: Read> Read for Strict<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_an_error_each_time() {
        let mut strict = Strict(&b"ab"[..]);
        let mut buffer = [0; 4];
        assert_eq!(strict.read(&mut buffer).unwrap(), 2);
        for _ in 0..2 {
            let error = strict.read(&mut buffer).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        assert_eq!(strict.read(&mut []).unwrap(), 0);
    }
}
