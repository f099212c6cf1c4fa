use super::{
    bit_reader::BitReader,
    header::{COEFFICIENTS, TableSegment},
};

/// The longest code, in bits.
pub(super) const LONGEST: usize = 16;

/// The bits by which most codes are looked up.
const SHORT: u32 = 9;

/// The bits by which a symbol is looked up together with its number.
const RUN_WINDOW: u32 = 10;

/// The bits by which as many symbols as they hold are skipped.
const STEP_WINDOW: u32 = 13;

/// A Huffman table as it is used to decode (ITU T.81, F.2.2.3).
pub(super) struct Huffman {
    /// By the next [`SHORT`] bits, the length of the code that they begin with, and its symbol; 0 where the code is longer.
    short: Box<[(u8, u8); 1 << SHORT]>,
    /// For each length, the first number of 16 bits that no code of this or a lesser length begins.
    ends: [usize; LONGEST],
    /// For each length, what to add to a code to have its symbol's place in `symbols`.
    offsets: [usize; LONGEST],
    symbols: Vec<u8>,
}

impl Huffman {
    /// Makes the codes (Annex C). `None` where there are more than fit, of which libjpeg leaves out the one of ones alone, or
    /// a symbol is greater than `greatest`.
    pub(super) fn new(segment: TableSegment<'_>, greatest: u8) -> Option<Huffman> {
        let TableSegment { counts, symbols } = segment;
        if symbols.iter().any(|&symbol| symbol > greatest) {
            return None;
        }
        let mut table = Huffman {
            short: Box::new([(0, 0); 1 << SHORT]),
            ends: [0; LONGEST],
            offsets: [0; LONGEST],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut rest) = (0_usize, symbols);
        for (index, &count) in counts.iter().enumerate() {
            let length = index + 1;
            table.offsets[index] = (symbols.len() - rest.len()).wrapping_sub(code);
            let (of_length, longer) = rest.split_at_checked(usize::from(count))?;
            for &symbol in of_length {
                table.add_short(code, length, symbol);
                code += 1;
            }
            if code >= 1 << length {
                return None;
            }
            table.ends[index] = code << (LONGEST - length);
            code <<= 1;
            rest = longer;
        }
        Some(table)
    }

    /// Has a code found by all windows that begin with it, if it is not too long. It may be one too many of its length.
    fn add_short(&mut self, code: usize, length: usize, symbol: u8) {
        let Some(left) = (SHORT as usize).checked_sub(length) else {
            return;
        };
        let windows = self.short.get_mut(code << left..(code + 1) << left);
        windows.unwrap_or_default().fill((length as u8, symbol));
    }

    /// The length of the code that 16 `bits` begin with, and its symbol.
    #[inline(always)]
    fn find(&self, bits: usize) -> Option<(u32, u8)> {
        match self.short[bits >> (LONGEST as u32 - SHORT)] {
            (0, _) => self.find_long(bits),
            (length, symbol) => Some((u32::from(length), symbol)),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_long(&self, bits: usize) -> Option<(u32, u8)> {
        let index = self.ends.iter().position(|&end| bits < end)?;
        let code = bits >> (LONGEST - 1 - index);
        let symbol = self.symbols.get(code.wrapping_add(self.offsets[index]))?;
        Some((index as u32 + 1, *symbol))
    }

    /// Takes the next symbol; `None` where no code begins with these bits.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        let (length, symbol) = self.find(bits.peek(LONGEST as u32))?;
        bits.skip(length);
        Some(symbol)
    }
}

/// What an AC symbol announces (F.1.2.2.1): how many coefficients up to and with the next that is not 0, and of how many bits
/// that is; `None` for EOB, behind which all are 0. ZRL is sixteen zeros.
fn run(symbol: u8) -> Option<(usize, u32)> {
    const ZRL: u8 = 0xF0;
    let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    // libjpeg takes all other symbols of size 0 for EOB.
    (size > 0 || symbol == ZRL).then_some((zeros + 1, size))
}

/// A Huffman table of AC coefficients, by which symbols are looked up together with the numbers that they announce.
///
/// Most coefficients are of no use to a reduced picture. Only their lengths count, so one look-up skips several.
pub(super) struct AcHuffman {
    table: Huffman,
    /// By the next [`RUN_WINDOW`] bits.
    runs: Box<[Run; 1 << RUN_WINDOW]>,
    /// By the next [`STEP_WINDOW`] bits.
    steps: Box<[Step; 1 << STEP_WINDOW]>,
}

/// A symbol with its number, where a window holds both.
#[derive(Clone, Copy, Default)]
struct Run {
    /// 0 where the window is too short.
    bits: u8,
    /// How many coefficients; 0 for EOB.
    coefficients: u8,
    /// The last of them. The others are 0.
    number: i16,
}

/// All symbols with their numbers that a window holds.
#[derive(Clone, Copy)]
struct Step {
    bits: u8,
    /// How many coefficients; [`Step::EOB`] more where the last symbol is EOB. More than a block has where the window does
    /// not hold a single symbol.
    coefficients: u8,
}

impl AcHuffman {
    pub(super) fn new(segment: TableSegment<'_>) -> Option<AcHuffman> {
        let table = Huffman::new(segment, u8::MAX)?;
        let mut runs = Box::new([Run::default(); 1 << RUN_WINDOW]);
        for (window, run) in runs.iter_mut().enumerate() {
            *run = Run::of(window, &table);
        }
        let mut steps = Box::new([Step::NONE; 1 << STEP_WINDOW]);
        for (window, step) in steps.iter_mut().enumerate() {
            *step = Step::of(window, &table);
        }
        Some(AcHuffman { table, runs, steps })
    }

    /// Reads a block's coefficients behind the first, up to the one at `last` in zigzag order, and hands those to `take` that
    /// may not be 0. Gives the place of the next that the data have; none is left where that is none of a block's.
    #[inline(always)]
    pub(super) fn read(
        &self,
        last: usize,
        bits: &mut BitReader<'_>,
        mut take: impl FnMut(usize, i32) -> Option<()>,
    ) -> Option<usize> {
        let mut next = 1;
        while next <= last {
            bits.refill_below(RUN_WINDOW);
            let found = self.runs[bits.peek(RUN_WINDOW)];
            let (coefficients, number) = match found.bits {
                0 => self.long_run(bits)?,
                _ => found.take(bits),
            };
            if coefficients == 0 {
                return Some(COEFFICIENTS);
            }
            next += coefficients;
            take(next - 1, number)?;
        }
        Some(next)
    }

    /// Takes the next symbol and its number: how many coefficients they are, 0 for EOB, and the last of them. The others are 0.
    #[cold]
    fn long_run(&self, bits: &mut BitReader<'_>) -> Option<(usize, i32)> {
        bits.refill();
        let symbol = self.table.symbol(bits)?;
        Some(match run(symbol) {
            Some((coefficients, size)) => (coefficients, bits.number(size)),
            None => (0, 0),
        })
    }

    /// Skips the coefficients of a block from `next` on.
    #[inline(always)]
    pub(super) fn skip_from(&self, mut next: usize, bits: &mut BitReader<'_>) -> Option<()> {
        while next < COEFFICIENTS {
            bits.refill();
            for _ in 0..BitReader::FILLED / STEP_WINDOW {
                let step = self.steps[bits.peek(STEP_WINDOW)];
                let coefficients = usize::from(step.coefficients);
                let left = COEFFICIENTS - next;
                if coefficients < left {
                    bits.skip(u32::from(step.bits));
                    next += coefficients;
                    continue;
                }
                if (Step::EOB..Step::EOB + left).contains(&coefficients) {
                    bits.skip(u32::from(step.bits));
                    return Some(());
                }
                // The next symbol is too long for the window, or this one ends the block and the window goes on to the next.
                match self.long_run(bits)? {
                    (0, _) => return Some(()),
                    (coefficients, _) => next += coefficients,
                }
                break;
            }
        }
        Some(())
    }
}

impl Run {
    fn of(window: usize, table: &Huffman) -> Run {
        let Some((length, symbol)) = table.find(window << (LONGEST as u32 - RUN_WINDOW)) else {
            return Run::default();
        };
        let (coefficients, size) = run(symbol).unwrap_or_default();
        if length + size > RUN_WINDOW {
            return Run::default();
        }
        let mut bits = BitReader::of_window(window, RUN_WINDOW);
        bits.skip(length);
        Run {
            bits: (length + size) as u8,
            coefficients: coefficients as u8,
            number: bits.number(size) as i16,
        }
    }

    #[inline(always)]
    fn take(self, bits: &mut BitReader<'_>) -> (usize, i32) {
        bits.skip(u32::from(self.bits));
        (usize::from(self.coefficients), i32::from(self.number))
    }
}

impl Step {
    const EOB: usize = COEFFICIENTS;

    const NONE: Step = Step {
        bits: 0,
        coefficients: u8::MAX,
    };

    fn of(window: usize, table: &Huffman) -> Step {
        let (mut bits, mut coefficients) = (0, 0);
        loop {
            let left = STEP_WINDOW - bits;
            let next = window << (LONGEST as u32 - left) & 0xFFFF;
            let found = table
                .find(next)
                .map(|(length, symbol)| (length, run(symbol)));
            match found {
                Some((length, None)) if length <= left => {
                    return Step {
                        bits: (bits + length) as u8,
                        coefficients: (coefficients + Step::EOB) as u8,
                    };
                }
                Some((length, Some((count, size))))
                    if length + size <= left && coefficients + count < COEFFICIENTS =>
                {
                    bits += length + size;
                    coefficients += count;
                }
                _ if bits == 0 => return Step::NONE,
                _ => {
                    return Step {
                        bits: bits as u8,
                        coefficients: coefficients as u8,
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[track_caller]
    fn case(counts: [u8; LONGEST], symbols: &[u8], is_table: bool) {
        let segment = TableSegment {
            counts: &counts,
            symbols,
        };
        assert_eq!(Huffman::new(segment, 15).is_some(), is_table, "{counts:?}");
    }

    #[test]
    fn only_what_libjpeg_takes_for_a_table() {
        let mut counts = [0; LONGEST];
        case(counts, &[], true);
        counts[1] = 3;
        case(counts, &[1, 2, 3], true);
        case(counts, &[1, 2, 16], false);
        counts[1] = 4;
        case(counts, &[1, 2, 3, 4], false);
        counts[..2].copy_from_slice(&[1, 2]);
        case(counts, &[1, 2, 3], false);
        counts[..2].copy_from_slice(&[255, 0]);
        case(counts, &[0; 255], false);
    }

    /// The symbols in the order of their codes: 0, 10, 110 and so on.
    fn table(symbols: &[u8; LONGEST]) -> AcHuffman {
        let segment = TableSegment {
            counts: &[1; LONGEST],
            symbols,
        };
        AcHuffman::new(segment).unwrap()
    }

    /// A block's coefficients behind the first, with their places, symbol by symbol.
    fn read_block(table: &AcHuffman, bits: &mut BitReader<'_>) -> Option<Vec<(usize, i32)>> {
        let (mut next, mut taken) = (1, Vec::new());
        while next < COEFFICIENTS {
            let (coefficients, number) = table.long_run(bits)?;
            if coefficients == 0 {
                break;
            }
            next += coefficients;
            taken.push((next - 1, number));
        }
        Some(taken)
    }

    proptest! {
        #[test]
        fn looking_up_and_skipping_take_what_reading_takes(
            symbols: [u8; LONGEST],
            data in vec(0..=254_u8, 0..200),
            last in 0..COEFFICIENTS,
        ) {
            let table = table(&symbols);
            let [mut slow, mut quick] = [(); 2].map(|()| BitReader::new(&data));
            while !slow.is_overdrawn() {
                let expected = read_block(&table, &mut slow);
                let mut taken = Vec::new();
                let next = table.read(last, &mut quick, |place, number| {
                    taken.push((place, number));
                    Some(())
                });
                let end = next.and_then(|next| table.skip_from(next, &mut quick));
                prop_assert_eq!(end.is_some(), expected.is_some());
                let Some(expected) = expected else {
                    break;
                };
                // Up to the first at `last` or behind it.
                let before = expected.iter().take_while(|(place, _)| *place < last).count();
                let count = if last == 0 { 0 } else { expected.len().min(before + 1) };
                prop_assert_eq!(&taken, &expected[..count]);
                prop_assert_eq!(quick.left(), slow.left());
            }
        }
    }
}
