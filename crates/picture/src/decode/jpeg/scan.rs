use std::rc::Rc;

use super::{
    bit_reader::BitReader,
    header::{COEFFICIENTS, COMPONENTS, Component, Frame, Header},
    huffman::{AcHuffman, Coefficients, DcHuffman},
};
use crate::container::jpeg::END_OF_IMAGE;

/// How many blocks side by side are transformed at once, and how many MCUs are read before that.
pub(super) const LANES: usize = 8;

/// The one scan of a file, which holds all of its components.
pub(super) struct Scan<'a> {
    pub(super) frame: &'a Frame,
    codings: [Coding; COMPONENTS],
    restart_interval: usize,
}

/// How the blocks of a component are coded.
struct Coding {
    dc: DcHuffman,
    ac: Rc<AcHuffman>,
    /// The steps of quantisation, in zigzag order.
    steps: [i32; COEFFICIENTS],
    /// The last coefficient, in zigzag order, that is of use.
    last: usize,
}

/// The coefficients of [`LANES`] blocks side by side, dequantised.
pub(super) struct Group {
    /// By place in zigzag order, then by block.
    pub(super) coefficients: [[i16; LANES]; COEFFICIENTS],
    /// The blocks that have one coefficient, the first.
    pub(super) is_flat: [bool; LANES],
    /// Whether any coefficient is left to libjpeg for its size: see [`wild`].
    wild: u32,
}

/// Decodes a scan's entropy-coded data, batch by batch: [`LANES`] MCUs side by side, or fewer at the end of a row.
pub(super) struct Reader<'a> {
    scan: &'a Scan<'a>,
    state: State<'a>,
    /// For each component, the groups of a batch's blocks, row by row.
    pub(super) groups: [Vec<Group>; COMPONENTS],
}

/// What goes on from block to block.
#[derive(Clone, Copy)]
struct State<'a> {
    bits: BitReader<'a>,
    /// The DC coefficients of the blocks before.
    predictors: [i32; COMPONENTS],
}

impl<'a> Scan<'a> {
    /// The scan with this header. Of each component, the coefficients behind the place in `last` are skipped.
    pub(super) fn new(
        header: &'a Header<'_>,
        content: &[u8],
        last: [usize; COMPONENTS],
    ) -> Option<Scan<'a>> {
        let &[3, n0, t0, n1, t1, n2, t2, 0, 63, 0] = content else {
            return None;
        };
        let frame = header.frame.as_ref()?;
        let names = frame.components.map(|component| component.name);
        if names != [n0, n1, n2] || !header.is_ycbcr(frame) {
            return None;
        }
        let ac = |tables: u8, last: usize| {
            let segment = *header.tables[1].get(usize::from(tables & 15))?;
            let skips = last < COEFFICIENTS - 1;
            Some(Rc::new(AcHuffman::new(segment?, skips)?))
        };
        let of_blue = ac(t1, last[1])?;
        let of_red = match t1 & 15 == t2 & 15 {
            true => of_blue.clone(),
            false => ac(t2, last[2])?,
        };
        let [luma, blue, red] = frame.components;
        Some(Scan {
            frame,
            codings: [
                Coding::new(header, luma, t0, ac(t0, last[0])?, last[0])?,
                Coding::new(header, blue, t1, of_blue, last[1])?,
                Coding::new(header, red, t2, of_red, last[2])?,
            ],
            restart_interval: header.restart_interval,
        })
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(scan: &'a Scan<'a>, data: &'a [u8]) -> Reader<'a> {
        let groups = |component: Component| {
            let count = component.across * component.down;
            (0..count).map(|_| Group::EMPTY).collect()
        };
        Reader {
            scan,
            state: State::new(data),
            groups: scan.frame.components.map(groups),
        }
    }

    /// Reads the batch in the `row` of MCUs that begins with the MCU at `column`.
    #[inline(always)]
    pub(super) fn read(&mut self, row: usize, column: usize) -> Option<()> {
        for group in self.groups.iter_mut().flatten() {
            group.clear();
        }
        let (across, _) = self.scan.frame.mcus();
        let mut state = self.state;
        for mcu in 0..LANES.min(across - column) {
            state.restart_if_due(row * across + column + mcu, self.scan.restart_interval)?;
            for index in 0..COMPONENTS {
                let component = self.scan.frame.components[index];
                let coding = &self.scan.codings[index];
                let groups = &mut self.groups[index];
                let left = mcu * component.across;
                for groups in groups.chunks_exact_mut(component.across) {
                    for column in left..left + component.across {
                        let group = &mut groups[column / LANES];
                        let predictor = &mut state.predictors[index];
                        coding.read(&mut state.bits, predictor, group, column % LANES)?;
                    }
                }
            }
            if state.bits.is_overdrawn() {
                return None;
            }
        }
        self.state = state;
        let mut groups = self.groups.iter().flatten();
        groups.all(|group| group.wild >> 15 == 0).then_some(())
    }

    /// `None` where other data than the end of the image follow.
    pub(super) fn end(self) -> Option<()> {
        matches!(self.state.bits.end()?, [0xFF, END_OF_IMAGE, ..]).then_some(())
    }
}

impl<'a> State<'a> {
    #[inline(always)]
    fn restart_if_due(&mut self, mcu: usize, interval: usize) -> Option<()> {
        if interval > 0 && mcu > 0 && mcu.is_multiple_of(interval) {
            let data = behind_restart(self.bits.end()?, mcu / interval - 1)?;
            *self = State::new(data);
        }
        Some(())
    }

    fn new(data: &'a [u8]) -> State<'a> {
        State {
            bits: BitReader::new(data),
            predictors: [0; COMPONENTS],
        }
    }
}

/// What comes behind the restart marker that is due, of those that count to eight.
fn behind_restart(data: &[u8], index: usize) -> Option<&[u8]> {
    const RESTART: usize = 0xD0;
    match *data {
        [0xFF, marker, ref rest @ ..] if usize::from(marker) == RESTART + index % 8 => Some(rest),
        _ => None,
    }
}

impl Coding {
    fn new(
        header: &Header<'_>,
        component: Component,
        tables: u8,
        ac: Rc<AcHuffman>,
        last: usize,
    ) -> Option<Coding> {
        let dc = *header.tables[0].get(usize::from(tables >> 4))?;
        let steps = (*header.quantisation.get(component.quantisation)?)?;
        Some(Coding {
            dc: DcHuffman::new(dc?)?,
            ac,
            steps: steps.map(i32::from),
            last,
        })
    }

    /// Reads and dequantises the coefficients of a block that are of use (F.2.2).
    #[inline(always)]
    fn read(
        &self,
        bits: &mut BitReader<'_>,
        predictor: &mut i32,
        group: &mut Group,
        lane: usize,
    ) -> Option<()> {
        let mut reader = *bits;
        *predictor = predictor.wrapping_add(self.dc.read(&mut reader)?);
        let first = predictor.wrapping_mul(self.steps[0]);
        let mut block = Block {
            coefficients: &mut group.coefficients,
            lane,
            steps: &self.steps,
            wild: wild(*predictor) | wild(first),
            is_flat: true,
        };
        block.coefficients[0][lane] = first as i16;
        let next = self.ac.read(self.last, &mut reader, &mut block)?;
        group.is_flat[lane] = block.is_flat;
        group.wild |= block.wild;
        self.ac.skip_from(next, &mut reader)?;
        *bits = reader;
        Some(())
    }
}

/// A block of a group while it is read.
struct Block<'a> {
    coefficients: &'a mut [[i16; LANES]; COEFFICIENTS],
    lane: usize,
    steps: &'a [i32; COEFFICIENTS],
    wild: u32,
    is_flat: bool,
}

impl Coefficients for Block<'_> {
    #[inline(always)]
    fn put(&mut self, place: usize, number: i32) {
        let coefficient = number * self.steps[place & 63];
        self.is_flat = false;
        self.wild |= wild(coefficient);
        self.coefficients[place & 63][self.lane] = coefficient as i16;
    }
}

impl Group {
    const EMPTY: Group = Group {
        coefficients: [[0; LANES]; COEFFICIENTS],
        is_flat: [true; LANES],
        wild: 0,
    };

    fn clear(&mut self) {
        // The first of each block is always there.
        if self.is_flat.contains(&false) {
            self.coefficients = [[0; LANES]; COEFFICIENTS];
        }
        self.is_flat = [true; LANES];
        self.wild = 0;
    }
}

/// The most that a coefficient may be. It is ten times what any picture has, and little enough for the sums of the inverse DCT.
const MOST: i32 = (1 << 14) - 1;

/// A number that has none but the lowest 15 bits where a coefficient is of a usual size.
#[inline(always)]
fn wild(coefficient: i32) -> u32 {
    coefficient.wrapping_add(MOST + 1) as u32
}
