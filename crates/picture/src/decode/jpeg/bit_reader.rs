/// The entropy-coded data of a scan, bit by bit, the most significant first.
///
/// A 0xFF in the data is followed by a stuffed 0 (ITU T.81, B.1.1.5). Anything else behind it makes a marker, where the data
/// end. From there on the reader gives zeros, and counts them.
#[derive(Clone, Copy)]
pub(super) struct BitReader<'a> {
    /// What `buffer` does not hold yet.
    rest: &'a [u8],
    /// The next bits, from the highest down. Below the `count` that it holds there may be some of the next byte.
    buffer: u64,
    count: u32,
    /// How many zeros were put into `buffer` for data beyond the end.
    padding: u32,
}

impl<'a> BitReader<'a> {
    /// How many bits there are at least after [`refill`](BitReader::refill).
    pub(super) const FILLED: u32 = 56;

    pub(super) fn new(data: &'a [u8]) -> BitReader<'a> {
        BitReader {
            rest: data,
            buffer: 0,
            count: 0,
            padding: 0,
        }
    }

    /// Of the lowest `count` bits of `window`.
    pub(super) fn of_window(window: usize, count: u32) -> BitReader<'a> {
        BitReader {
            buffer: (window as u64) << (64 - count),
            count,
            ..BitReader::new(&[])
        }
    }

    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let next = self
            .rest
            .first_chunk()
            .map(|&bytes| u64::from_be_bytes(bytes));
        match next {
            Some(next) if !has_0xff(next) => {
                self.buffer |= next >> self.count;
                let taken = (63 - self.count) / 8;
                self.rest = &self.rest[taken as usize..];
                self.count += 8 * taken;
            }
            _ => *self = self.refilled_by_bytes(),
        }
    }

    /// As [`refill`](BitReader::refill), where there are stuffed bytes, or the end.
    ///
    /// By value, as are other calls that aren't inlined: a reader whose address is never taken stays in registers.
    #[cold]
    #[inline(never)]
    fn refilled_by_bytes(mut self) -> BitReader<'a> {
        while self.count < BitReader::FILLED {
            let (byte, length) = match *self.rest {
                [0xFF, 0x00, ..] => (0xFF, 2),
                [] | [0xFF, ..] => {
                    self.padding += 8;
                    (0, 0)
                }
                [byte, ..] => (byte, 1),
            };
            self.rest = &self.rest[length..];
            self.buffer |= u64::from(byte) << (BitReader::FILLED - self.count);
            self.count += 8;
        }
        self
    }

    /// The next `count` bits, which stay.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> usize {
        (self.buffer >> (64 - count)) as usize
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        // Of the shift, only the lowest six bits count, as processors have it.
        self.buffer = self.buffer.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// A coefficient, or a difference of two, from its `size` bits, 15 at most: RECEIVE and EXTEND (F.2.2.1). Where the first
    /// bit is 0, it is negative.
    #[inline(always)]
    pub(super) fn number(&mut self, size: u32) -> i32 {
        // In two shifts, as a size of 0 would be a shift by 64.
        let bits = (self.buffer >> 1 >> (63 - size)) as i32;
        let is_negative = (self.buffer >> 63) as i32 ^ 1;
        self.skip(size);
        bits - is_negative * ((1 << size) - 1)
    }

    /// Whether bits were taken from beyond the end.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.padding > self.count
    }

    /// What follows the data, from the marker on; `None` where more of them are left than the bits that fill the last byte.
    pub(super) fn end(mut self) -> Option<&'a [u8]> {
        self.refill();
        let is_all = self.padding <= self.count && self.count - self.padding < 8;
        is_all.then_some(self.rest)
    }
}

/// Whether one of eight bytes is 0xFF.
#[inline(always)]
fn has_0xff(bytes: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    // Subtracting 1 sets the highest bit of a byte that is 0 in `inverted`, where `bytes` has it, too.
    let inverted = !bytes;
    inverted.wrapping_sub(ONES) & bytes & (ONES << 7) != 0
}

#[cfg(test)]
impl BitReader<'_> {
    /// The bits that are left, less those that were taken beyond the end.
    pub(super) fn left(&self) -> i64 {
        8 * self.rest.len() as i64 + i64::from(self.count) - i64::from(self.padding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All bits of `data` up to its end, by fours, and what follows.
    fn read(data: &[u8]) -> (Vec<usize>, Option<&[u8]>) {
        let mut reader = BitReader::new(data);
        let mut read = Vec::new();
        loop {
            reader.refill();
            let next = reader.peek(4);
            if reader.count - reader.padding < 4 {
                return (read, reader.end());
            }
            reader.skip(4);
            read.push(next);
        }
    }

    #[test]
    fn stuffed_bytes_are_left_out_up_to_the_marker() {
        let data = [0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD9, 0x56];
        let expected = vec![1, 2, 0xF, 0xF, 3, 4];
        assert_eq!(read(&data), (expected, Some(&data[4..])));
        let long: Vec<u8> = (0..=254).collect();
        let halves = long.iter().flat_map(|&byte| [byte >> 4, byte & 15]);
        let expected = halves.map(usize::from).collect();
        assert_eq!(read(&long), (expected, Some(&[][..])));
    }

    #[test]
    fn a_byte_of_ones_is_seen_among_eight() {
        for place in 0..8 {
            for other in [0x00, 0x01, 0x7F, 0x80, 0xFE] {
                let mut bytes = [other; 8];
                assert!(!has_0xff(u64::from_be_bytes(bytes)), "{bytes:x?}");
                bytes[place] = 0xFF;
                assert!(has_0xff(u64::from_be_bytes(bytes)), "{bytes:x?}");
            }
        }
    }

    #[test]
    fn numbers_by_their_sizes() {
        // Table F.1.
        for (size, bits, expected) in [
            (0, 0, 0),
            (1, 0, -1),
            (1, 1, 1),
            (2, 0b00, -3),
            (2, 0b01, -2),
            (2, 0b10, 2),
            (11, 0, -2047),
            (15, 0x7FFF, 32767),
        ] {
            let mut reader = BitReader::of_window(bits << 8, size + 8);
            assert_eq!(reader.number(size), expected, "{bits:b} of {size}");
            assert_eq!(reader.count, 8);
        }
    }

    #[test]
    fn beyond_the_end_it_is_overdrawn() {
        let mut reader = BitReader::new(&[0xAB, 0xFF, 0xD9]);
        reader.refill();
        reader.skip(8);
        assert!(!reader.is_overdrawn());
        reader.skip(1);
        assert!(reader.is_overdrawn());
        assert_eq!(reader.end(), None);
    }
}
