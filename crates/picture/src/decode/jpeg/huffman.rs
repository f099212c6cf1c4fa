use super::{bits::Bits, header::CodeTable};

/// The longest code, in bits.
pub(super) const LONGEST: usize = 16;

/// The bits by which most symbols are found at once.
const SHORT: u32 = 9;

/// The bits by which a symbol and the number that it announces are found at once.
const RUN_WINDOW: u32 = 10;

/// The bits by which several are.
const STEP_WINDOW: u32 = 13;

/// Those of a block.
pub(super) const COEFFICIENTS: usize = 64;

/// A Huffman code: which bits stand for which symbol.
pub(super) struct Code {
    /// For the next [`SHORT`] bits, the length of the code that they begin with, and its symbol; 0 where it is longer.
    short: Box<[(u8, u8); 1 << SHORT]>,
    /// For each length, the first number of 16 bits that no code of this or a lesser length begins.
    ends: [usize; LONGEST],
    /// What to add to a code of each length to have the place of its symbol.
    places: [usize; LONGEST],
    symbols: Vec<u8>,
}

impl Code {
    /// `None` where there are more codes than bits allow.
    pub(super) fn new(table: CodeTable<'_>) -> Option<Code> {
        let CodeTable { counts, symbols } = table;
        let mut code = Code {
            short: Box::new([(0, 0); 1 << SHORT]),
            ends: [0; LONGEST],
            places: [0; LONGEST],
            symbols: symbols.to_vec(),
        };
        let (mut next, mut place) = (0_usize, 0_usize);
        for (index, &count) in counts.iter().enumerate() {
            let length = index + 1;
            let count = usize::from(count);
            code.places[index] = place.wrapping_sub(next);
            if next + count > 1 << length || place + count > symbols.len() {
                return None;
            }
            if length <= SHORT as usize {
                let repeated = 1 << (SHORT as usize - length);
                for offset in 0..count {
                    let first = (next + offset) * repeated;
                    code.short[first..first + repeated]
                        .fill((length as u8, symbols[place + offset]));
                }
            }
            place += count;
            next += count;
            code.ends[index] = next << (LONGEST - length);
            next <<= 1;
        }
        Some(code)
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
        let symbol = self.symbols.get(code.wrapping_add(self.places[index]))?;
        Some((index as u32 + 1, *symbol))
    }

    /// Takes the next symbol; `None` where there is none with these bits.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (length, symbol) = self.find(bits.peek(LONGEST as u32))?;
        bits.skip(length);
        Some(symbol)
    }
}

/// What a symbol says of the coefficients behind the first: how many come until after the next that is not 0, and of how
/// many bits that is; `None` where all that are left are 0.
fn run(symbol: u8) -> Option<(usize, u32)> {
    const SIXTEEN_ZEROS: u8 = 0xF0;
    let (zeros, bits) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    (bits > 0 || symbol == SIXTEEN_ZEROS).then_some((zeros + 1, bits))
}

/// The code of the coefficients behind a block's first, of which symbols are found with what they announce.
pub(super) struct RunCode {
    code: Code,
    /// By the next [`RUN_WINDOW`] bits.
    runs: Box<[Run; 1 << RUN_WINDOW]>,
    /// By the next [`STEP_WINDOW`] bits.
    steps: Box<[Step; 1 << STEP_WINDOW]>,
}

/// A symbol that is in a window as a whole, with its number.
#[derive(Clone, Copy, Default)]
struct Run {
    /// 0 where none is.
    bits: u8,
    /// How many coefficients it is for; 0 where the block ends.
    coefficients: u8,
    /// The last of them. The others are 0.
    number: i16,
}

/// All symbols that are in a window as a whole, with the bits of their numbers.
#[derive(Clone, Copy)]
struct Step {
    bits: u8,
    /// How many coefficients they are for, and [`Step::END`] more where the last of them says that the block ends. As many as
    /// no block has where there is not even one symbol.
    coefficients: u8,
}

impl RunCode {
    pub(super) fn new(code: Code) -> RunCode {
        let mut runs = Box::new([Run::default(); 1 << RUN_WINDOW]);
        for (window, run) in runs.iter_mut().enumerate() {
            *run = Run::of(window, &code);
        }
        let mut steps = Box::new([Step::NONE; 1 << STEP_WINDOW]);
        for (window, step) in steps.iter_mut().enumerate() {
            *step = Step::of(window, &code);
        }
        RunCode { code, runs, steps }
    }

    /// Takes the next run of coefficients: how many they are, and the last of them, the only one that may not be 0. None are
    /// left where they are 0.
    #[inline(always)]
    pub(super) fn run(&self, bits: &mut Bits<'_>) -> Option<(usize, i32)> {
        bits.refill_below(RUN_WINDOW);
        let found = self.runs[bits.peek(RUN_WINDOW)];
        if found.bits > 0 {
            bits.skip(u32::from(found.bits));
            return Some((usize::from(found.coefficients), i32::from(found.number)));
        }
        self.long_run(bits)
    }

    #[cold]
    fn long_run(&self, bits: &mut Bits<'_>) -> Option<(usize, i32)> {
        bits.refill();
        let symbol = self.code.symbol(bits)?;
        Some(match run(symbol) {
            Some((coefficients, length)) => (coefficients, bits.number(length)),
            None => (0, 0),
        })
    }

    /// Passes over the coefficients of a block from `next` on.
    #[inline(always)]
    pub(super) fn skip_from(&self, mut next: usize, bits: &mut Bits<'_>) -> Option<()> {
        while next < COEFFICIENTS {
            bits.refill();
            for _ in 0..Bits::FILLED / STEP_WINDOW {
                let step = self.steps[bits.peek(STEP_WINDOW)];
                let after = next + usize::from(step.coefficients);
                if after < COEFFICIENTS {
                    bits.skip(u32::from(step.bits));
                    next = after;
                    continue;
                }
                if (Step::END..Step::END + COEFFICIENTS - next)
                    .contains(&usize::from(step.coefficients))
                {
                    bits.skip(u32::from(step.bits));
                    return Some(());
                }
                // Too long for the window, or the block ends with its last coefficient: codes behind it are those of the next.
                match self.run(bits)? {
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
    fn of(window: usize, code: &Code) -> Run {
        let Some((length, symbol)) = code.find(window << (LONGEST as u32 - RUN_WINDOW)) else {
            return Run::default();
        };
        let (coefficients, number) = run(symbol).unwrap_or_default();
        if length + number > RUN_WINDOW {
            return Run::default();
        }
        let mut bits = Bits::of_window(window, RUN_WINDOW);
        bits.skip(length);
        Run {
            bits: (length + number) as u8,
            coefficients: coefficients as u8,
            number: bits.number(number) as i16,
        }
    }
}

impl Step {
    const END: usize = COEFFICIENTS;

    const NONE: Step = Step {
        bits: 0,
        coefficients: u8::MAX,
    };

    fn of(window: usize, code: &Code) -> Step {
        let (mut bits, mut coefficients) = (0, 0);
        loop {
            let left = STEP_WINDOW - bits;
            let next = window << (LONGEST as u32 - left) & 0xFFFF;
            let found = code
                .find(next)
                .map(|(length, symbol)| (length, run(symbol)));
            match found {
                Some((length, None)) if length <= left => {
                    return Step {
                        bits: (bits + length) as u8,
                        coefficients: (coefficients + Step::END) as u8,
                    };
                }
                Some((length, Some((count, number))))
                    if length + number <= left && coefficients + count < COEFFICIENTS =>
                {
                    bits += length + number;
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
