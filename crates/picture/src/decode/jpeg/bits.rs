/// The coded data of a scan as bits, first bit first, up to the next marker; zeros from there on.
pub(super) struct Bits<'a> {
    /// What has not been taken into `buffer`.
    rest: &'a [u8],
    /// The next bits, from the highest down. Below the `count` that are taken there may be more of the next byte.
    buffer: u64,
    count: u32,
    /// How many of them are zeros that stand for data beyond the marker.
    missing: u32,
}

impl<'a> Bits<'a> {
    /// How many bits there are at least after [`refill`](Bits::refill).
    pub(super) const FILLED: u32 = 56;

    pub(super) fn new(data: &'a [u8]) -> Bits<'a> {
        Bits {
            rest: data,
            buffer: 0,
            count: 0,
            missing: 0,
        }
    }

    /// So many bits alone.
    pub(super) fn of_window(window: usize, count: u32) -> Bits<'a> {
        Bits {
            buffer: (window as u64) << (64 - count),
            count,
            ..Bits::new(&[])
        }
    }

    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let next = self
            .rest
            .first_chunk()
            .map(|&bytes| u64::from_be_bytes(bytes));
        match next {
            Some(next) if !has_stuffing(next) => {
                self.buffer |= next >> self.count;
                let taken = (63 - self.count) / 8;
                self.rest = &self.rest[taken as usize..];
                self.count += 8 * taken;
            }
            _ => self.refill_by_bytes(),
        }
    }

    /// Fills up where there are fewer bits.
    #[inline(always)]
    pub(super) fn refill_below(&mut self, count: u32) {
        if self.count < count {
            self.refill();
        }
    }

    /// As [`refill`](Bits::refill), where there are stuffed bytes, or a marker.
    #[cold]
    #[inline(never)]
    fn refill_by_bytes(&mut self) {
        while self.count < Bits::FILLED {
            let (byte, length) = match *self.rest {
                [0xFF, 0x00, ..] => (0xFF, 2),
                [] | [0xFF, ..] => {
                    self.missing += 8;
                    (0, 0)
                }
                [byte, ..] => (byte, 1),
            };
            self.rest = &self.rest[length..];
            self.buffer |= u64::from(byte) << (Bits::FILLED - self.count);
            self.count += 8;
        }
    }

    /// The next bits, not taken.
    #[inline(always)]
    pub(super) fn peek(&self, count: u32) -> usize {
        (self.buffer >> (64 - count)) as usize
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
    }

    /// The number of so many bits, 15 at most, that a symbol announced: with its first bit 0, a negative one.
    #[inline(always)]
    pub(super) fn number(&mut self, count: u32) -> i32 {
        // In two steps, as there may be none.
        let bits = (self.buffer >> 1 >> (63 - count)) as i32;
        let is_negative = (self.buffer >> 63) as i32 ^ 1;
        self.skip(count);
        bits - is_negative * ((1 << count) - 1)
    }

    /// Whether bits were taken that are not there.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.missing > self.count
    }

    /// What follows the data, from the marker on, where all data have been taken but for the bits that fill the last byte.
    pub(super) fn end(mut self) -> Option<&'a [u8]> {
        self.refill();
        let is_all = self.missing <= self.count && self.count - self.missing < 8;
        is_all.then_some(self.rest)
    }
}

/// Whether one of eight bytes is 0xFF.
#[inline(always)]
fn has_stuffing(bytes: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    // A byte of zeros, as it borrows from the one above it, gets its highest bit.
    let inverted = !bytes;
    inverted.wrapping_sub(ONES) & bytes & (ONES << 7) != 0
}
