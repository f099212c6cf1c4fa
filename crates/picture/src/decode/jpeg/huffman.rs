use super::{
    bit_reader::BitReader,
    header::{COEFFICIENTS, TableSegment},
};

/// The longest code, in bits.
pub(super) const LONGEST: usize = 16;

/// The bits by which most codes are looked up.
const SHORT: u32 = 9;

/// The bits by which a symbol is looked up together with its number.
const RUN_WINDOW: u32 = 11;

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

/// A Huffman table of DC coefficients, by which symbols are looked up together with the differences that they announce.
pub(super) struct DcHuffman {
    table: Huffman,
    /// By the next [`RUN_WINDOW`] bits.
    differences: Box<[Run; 1 << RUN_WINDOW]>,
}

impl DcHuffman {
    /// The greatest symbol: the bits of a difference.
    const GREATEST: u8 = 15;

    pub(super) fn new(segment: TableSegment<'_>) -> Option<DcHuffman> {
        let table = Huffman::new(segment, DcHuffman::GREATEST)?;
        let mut differences = Box::new([Run::NONE; 1 << RUN_WINDOW]);
        for (window, difference) in differences.iter_mut().enumerate() {
            *difference = Run::of(window, &table, |size| Some((1, u32::from(size))));
        }
        Some(DcHuffman { table, differences })
    }

    /// Takes the difference of a block's first coefficient from that of the block before, and leaves enough bits for
    /// [`AcHuffman::read`].
    #[inline(always)]
    pub(super) fn read(&self, bits: &mut BitReader<'_>) -> Option<i32> {
        const { assert!((1 + AT_ONCE) * RUN_WINDOW <= BitReader::FILLED) };
        bits.refill();
        let found = self.differences[bits.peek(RUN_WINDOW)];
        if found.coefficients() == 1 {
            bits.skip(found.bits());
            return Some(found.number());
        }
        let size = self.table.symbol(bits)?;
        let difference = bits.number(u32::from(size));
        bits.refill();
        Some(difference)
    }
}

/// How many symbols are read without a refill between them.
const AT_ONCE: u32 = 4;

/// A Huffman table of AC coefficients, by which symbols are looked up together with the numbers that they announce.
///
/// Most coefficients are of no use to a reduced picture. Only their lengths count, so one look-up skips several.
pub(super) struct AcHuffman {
    table: Huffman,
    /// By the next [`RUN_WINDOW`] bits.
    runs: Box<[Runs; 1 << RUN_WINDOW]>,
    /// By the next [`STEP_WINDOW`] bits, where coefficients are skipped.
    steps: Option<Box<[Step; 1 << STEP_WINDOW]>>,
}

/// Takes a block's coefficients behind the first.
pub(super) trait Coefficients {
    /// The coefficient at a place in zigzag order.
    fn put(&mut self, place: usize, number: i32);
}

impl AcHuffman {
    /// With `skips`, for [`skip_from`](AcHuffman::skip_from), too.
    pub(super) fn new(segment: TableSegment<'_>, skips: bool) -> Option<AcHuffman> {
        let table = Huffman::new(segment, u8::MAX)?;
        let mut singles = [Run::NONE; 1 << RUN_WINDOW];
        for (window, found) in singles.iter_mut().enumerate() {
            *found = Run::of(window, &table, run);
        }
        let mut runs = Box::new([Runs(0); 1 << RUN_WINDOW]);
        for (window, runs) in runs.iter_mut().enumerate() {
            *runs = Runs::of(window, &singles);
        }
        let steps = skips.then(|| {
            let mut steps = Box::new([Step::NONE; 1 << STEP_WINDOW]);
            for (window, step) in steps.iter_mut().enumerate() {
                *step = Step::of(window, &table);
            }
            steps
        });
        Some(AcHuffman { table, runs, steps })
    }

    /// Reads a block's coefficients behind the first, at least up to the one at `last` in zigzag order, and puts those that
    /// may not be 0 into `coefficients`. Gives the place of the next that the data have; none is left where that is none of a block's.
    #[inline(always)]
    pub(super) fn read(
        &self,
        last: usize,
        bits: &mut BitReader<'_>,
        coefficients: &mut impl Coefficients,
    ) -> Option<usize> {
        let mut next = 1;
        while next <= last {
            // A few more than are of use do no harm, and cost less than to look after each.
            for count in 0..AT_ONCE {
                if count > 0 && next > last {
                    return Some(next);
                }
                let found = self.runs[bits.peek(RUN_WINDOW)];
                let behind = next + found.coefficients();
                if behind < COEFFICIENTS {
                    bits.skip(found.bits());
                    let first = found.first();
                    coefficients.put(behind - 1, found.number());
                    coefficients.put(next + first.coefficients() - 1, first.number());
                    next = behind;
                    continue;
                }
                let first = found.first();
                let (count, number) = match first.coefficients() {
                    Run::EOB => {
                        bits.skip(first.bits());
                        return Some(COEFFICIENTS);
                    }
                    count @ 0..Run::EOB => {
                        bits.skip(first.bits());
                        (count, first.number())
                    }
                    _ => self.long_run(bits)?,
                };
                next += count;
                if count == 0 || next > COEFFICIENTS {
                    return (count == 0).then_some(COEFFICIENTS);
                }
                coefficients.put(next - 1, number);
                break;
            }
            bits.refill();
        }
        Some(next)
    }

    /// Takes the next symbol and its number: how many coefficients they are, 0 for EOB, and the last of them. The others are 0.
    #[inline(always)]
    fn long_run(&self, bits: &mut BitReader<'_>) -> Option<(usize, i32)> {
        let (coefficients, number, behind) = self.long_run_behind(*bits)?;
        *bits = behind;
        Some((coefficients, number))
    }

    #[cold]
    #[inline(never)]
    fn long_run_behind<'a>(&self, mut bits: BitReader<'a>) -> Option<(usize, i32, BitReader<'a>)> {
        bits.refill();
        let symbol = self.table.symbol(&mut bits)?;
        let (coefficients, number) = match run(symbol) {
            Some((coefficients, size)) => (coefficients, bits.number(size)),
            None => (0, 0),
        };
        Some((coefficients, number, bits))
    }

    /// Skips the coefficients of a block from `next` on.
    #[inline(always)]
    pub(super) fn skip_from(&self, mut next: usize, bits: &mut BitReader<'_>) -> Option<()> {
        let Some(steps) = &self.steps else {
            return (next >= COEFFICIENTS).then_some(());
        };
        while next < COEFFICIENTS {
            bits.refill();
            for _ in 0..BitReader::FILLED / STEP_WINDOW {
                let step = steps[bits.peek(STEP_WINDOW)];
                let behind = next + step.coefficients();
                // All that is not ordinary has a large number of coefficients.
                if behind >= COEFFICIENTS {
                    if (Step::EOB..Step::EOB + COEFFICIENTS - next).contains(&step.coefficients()) {
                        bits.skip(step.bits());
                        return Some(());
                    }
                    // The next symbol is too long for the window, or this one ends the block and the window goes on to the next.
                    match self.long_run(bits)? {
                        (0, _) => return Some(()),
                        (coefficients, _) => next += coefficients,
                    }
                    break;
                }
                bits.skip(step.bits());
                next = behind;
            }
        }
        Some(())
    }
}

/// A symbol with its number: from the lowest bit up, in eight bits how many bits both have, in eight how many coefficients they
/// are, and in sixteen the last of them. The others are 0.
#[derive(Clone, Copy)]
struct Run(u32);

impl Run {
    /// So many coefficients stand for EOB.
    const EOB: usize = COEFFICIENTS;

    /// A window that is too short.
    const NONE: Run = Run(0xFF00);

    /// What the window begins with, where `meaning` tells what a symbol announces.
    fn of(window: usize, table: &Huffman, meaning: impl Fn(u8) -> Option<(usize, u32)>) -> Run {
        let Some((length, symbol)) = table.find(window << (LONGEST as u32 - RUN_WINDOW)) else {
            return Run::NONE;
        };
        let (coefficients, size) = meaning(symbol).unwrap_or((Run::EOB, 0));
        if length + size > RUN_WINDOW {
            return Run::NONE;
        }
        let mut bits = BitReader::of_window(window, RUN_WINDOW);
        bits.skip(length);
        Run::new(length + size, coefficients as u32, bits.number(size))
    }

    fn new(bits: u32, coefficients: u32, number: i32) -> Run {
        Run(bits | coefficients << 8 | (number as u32) << 16)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        self.0 & 0xFF
    }

    #[inline(always)]
    fn coefficients(self) -> usize {
        (self.0 >> 8 & 0xFF) as usize
    }

    #[inline(always)]
    fn number(self) -> i32 {
        self.0 as i32 >> 16
    }
}

/// A symbol with its number, and the next with its own, where a window holds both: in the lower half the first, and in the
/// upper, in the same way, the second, with the bits and the coefficients of both. Where there is no second, that is the first.
#[derive(Clone, Copy)]
struct Runs(u64);

impl Runs {
    fn of(window: usize, singles: &[Run; 1 << RUN_WINDOW]) -> Runs {
        let first = singles[window];
        let is_ordinary = |run: Run| (1..Run::EOB).contains(&run.coefficients());
        if is_ordinary(first) {
            // The bits behind the window are unknown.
            let second = singles[window << first.bits() & ((1 << RUN_WINDOW) - 1)];
            let bits = first.bits() + second.bits();
            if is_ordinary(second) && bits <= RUN_WINDOW {
                let coefficients = (first.coefficients() + second.coefficients()) as u32;
                let both = Run::new(bits, coefficients, second.number());
                return Runs(u64::from(first.0) | u64::from(both.0) << 32);
            }
        }
        Runs(u64::from(first.0) | u64::from(first.0) << 32)
    }

    #[inline(always)]
    fn first(self) -> Run {
        Run(self.0 as u32)
    }

    /// The bits of both.
    #[inline(always)]
    fn bits(self) -> u32 {
        Run((self.0 >> 32) as u32).bits()
    }

    /// How many coefficients they are.
    #[inline(always)]
    fn coefficients(self) -> usize {
        Run((self.0 >> 32) as u32).coefficients()
    }

    /// The last of them.
    #[inline(always)]
    fn number(self) -> i32 {
        (self.0 as i64 >> 48) as i32
    }
}

/// All symbols with their numbers that a window holds: in the lower eight bits how many bits they have, and in the upper how many
/// coefficients they are.
#[derive(Clone, Copy)]
struct Step(u16);

impl Step {
    /// So many coefficients more where the last symbol is EOB.
    const EOB: usize = COEFFICIENTS;

    /// A window that does not hold a single symbol.
    const NONE: Step = Step(0xFF00);

    fn new(bits: u32, coefficients: usize) -> Step {
        Step(bits as u16 | (coefficients as u16) << 8)
    }

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
                    return Step::new(bits + length, coefficients + Step::EOB);
                }
                Some((length, Some((count, size))))
                    if length + size <= left && coefficients + count < COEFFICIENTS =>
                {
                    bits += length + size;
                    coefficients += count;
                }
                _ if bits == 0 => return Step::NONE,
                _ => return Step::new(bits, coefficients),
            }
        }
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0 & 0xFF)
    }

    #[inline(always)]
    fn coefficients(self) -> usize {
        usize::from(self.0 >> 8)
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
        AcHuffman::new(segment, true).unwrap()
    }

    struct Taken([Option<i32>; COEFFICIENTS]);

    impl Coefficients for Taken {
        fn put(&mut self, place: usize, number: i32) {
            self.0[place] = Some(number);
        }
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
                let mut taken = Taken([None; COEFFICIENTS]);
                quick.refill();
                let next = table.read(last, &mut quick, &mut taken);
                let end = next.and_then(|next| table.skip_from(next, &mut quick));
                let last_place = expected.iter().flatten().last().map(|(place, _)| *place);
                if last_place >= Some(COEFFICIENTS) {
                    // Beyond the block: refused where it is read, and passed over where it is skipped.
                    break;
                }
                prop_assert_eq!(end.is_some(), expected.is_some());
                let Some(expected) = expected else {
                    break;
                };
                // At least up to the first at `last` or behind it.
                let before = expected.iter().take_while(|(place, _)| *place < last).count();
                let count = if last == 0 { 0 } else { expected.len().min(before + 1) };
                let taken = taken.0.into_iter().enumerate();
                let taken: Vec<_> = taken.filter_map(|(place, number)| Some((place, number?))).collect();
                prop_assert!(expected.starts_with(&taken), "{:?}", taken);
                prop_assert!(taken.len() >= count);
                prop_assert_eq!(quick.left(), slow.left());
            }
        }
    }
}
