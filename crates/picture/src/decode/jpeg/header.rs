use super::huffman::LONGEST;
use crate::container::jpeg::{START_OF_IMAGE, START_OF_SCAN, Segments};

/// The components of a picture in YCbCr.
pub(super) const COMPONENTS: usize = 3;

/// The coefficients of a block.
pub(super) const COEFFICIENTS: usize = 64;

/// The samples of a block's side.
pub(super) const BLOCK: usize = 8;

/// The longest side that libjpeg reads.
const LONGEST_SIDE: usize = 65_500;

/// What comes before the scan of a JPEG of the usual kind: sequential, Huffman-coded, eight bits a sample, YCbCr.
///
/// The syntax is that of ITU T.81, annex B. What is of another kind, and what libjpeg refuses, is `None` everywhere.
#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) frame: Option<Frame>,
    /// The steps of quantisation, in zigzag order.
    pub(super) quantisation: [Option<&'a [u8; COEFFICIENTS]>; 4],
    /// The Huffman tables of DC coefficients, and those of AC coefficients.
    pub(super) tables: [[Option<TableSegment<'a>>; 4]; 2],
    /// The MCUs of a restart interval; 0 where there are no intervals.
    pub(super) restart_interval: usize,
    is_jfif: bool,
    /// The transform of colours that Adobe's segment names.
    adobe: Option<u8>,
}

pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: [Component; COMPONENTS],
}

/// How a component of the picture is coded.
#[derive(Clone, Copy)]
pub(super) struct Component {
    pub(super) name: u8,
    /// The blocks of an MCU, from left to right.
    pub(super) across: usize,
    /// The blocks of an MCU, from top to bottom.
    pub(super) down: usize,
    /// Which table of quantisation it has.
    pub(super) quantisation: usize,
}

/// A Huffman table as it lies in the file.
#[derive(Clone, Copy)]
pub(super) struct TableSegment<'a> {
    /// How many codes there are of each length.
    pub(super) counts: &'a [u8; LONGEST],
    /// What the codes stand for, the shortest first.
    pub(super) symbols: &'a [u8],
}

impl<'a> Header<'a> {
    /// What comes before the first scan of a file; that scan's header, and all that follows.
    pub(super) fn of(bytes: &'a [u8]) -> Option<(Header<'a>, &'a [u8], &'a [u8])> {
        let mut header = Header::default();
        let mut segments = Segments(bytes.strip_prefix(&[0xFF, START_OF_IMAGE])?);
        while let Some((marker, content)) = segments.next() {
            if marker == START_OF_SCAN {
                return Some((header, content, segments.0));
            }
            header.read(marker, content)?;
        }
        None
    }

    fn read(&mut self, marker: u8, content: &'a [u8]) -> Option<()> {
        match marker {
            0xC0 | 0xC1 if self.frame.is_none() => self.frame = Some(Frame::read(content)?),
            0xC4 => self.read_tables(content)?,
            0xDB => self.read_quantisation(content)?,
            0xDD => {
                self.restart_interval = usize::from(u16::from_be_bytes(content.try_into().ok()?));
            }
            0xE0 => self.is_jfif |= content.len() >= 14 && content.starts_with(b"JFIF\0"),
            0xEE if content.len() >= 12 && content.starts_with(b"Adobe") => {
                self.adobe = Some(content[11]);
            }
            // Applications' segments and comments.
            0xE1..=0xEF | 0xFE => {}
            _ => return None,
        }
        Some(())
    }

    fn read_tables(&mut self, mut content: &'a [u8]) -> Option<()> {
        /// As libjpeg has it.
        const MOST_SYMBOLS: usize = 256;
        while let Some((&place, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk()?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let tables = self.tables.get_mut(usize::from(place >> 4))?;
            let table = tables.get_mut(usize::from(place & 15))?;
            *table = Some(TableSegment { counts, symbols }).filter(|_| count <= MOST_SYMBOLS);
            table.as_ref()?;
            content = rest;
        }
        Some(())
    }

    fn read_quantisation(&mut self, mut content: &'a [u8]) -> Option<()> {
        while let Some((&place, rest)) = content.split_first() {
            let (steps, rest) = rest.split_first_chunk()?;
            // Above 3 there are steps of 16 bits, or no table.
            *self.quantisation.get_mut(usize::from(place))? = Some(steps);
            content = rest;
        }
        Some(())
    }

    /// Whether libjpeg takes the components for YCbCr.
    pub(super) fn is_ycbcr(&self, frame: &Frame) -> bool {
        match self.adobe {
            _ if self.is_jfif => true,
            Some(transform) => transform == 1,
            None => frame.components.map(|component| component.name) == [1, 2, 3],
        }
    }
}

impl Frame {
    fn read(content: &[u8]) -> Option<Frame> {
        let &[8, h1, h0, w1, w0, 3, ref components @ ..] = content else {
            return None;
        };
        let (&[luma, blue, red], []) = components.as_chunks() else {
            return None;
        };
        let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
        let frame = Frame {
            width: side(w1, w0),
            height: side(h1, h0),
            components: [luma, blue, red].map(Component::read),
        };
        let sides = 1..=LONGEST_SIDE;
        let has_pixels = sides.contains(&frame.width) && sides.contains(&frame.height);
        let [luma, chroma @ ..] = frame.components;
        let is_usual = (1..=2).contains(&luma.across)
            && (1..=2).contains(&luma.down)
            && chroma
                .iter()
                .all(|component| (component.across, component.down) == (1, 1));
        (has_pixels && is_usual).then_some(frame)
    }

    /// How many MCUs there are across and down.
    pub(super) fn mcus(&self) -> (usize, usize) {
        let [luma, ..] = self.components;
        let across = self.width.div_ceil(BLOCK * luma.across);
        (across, self.height.div_ceil(BLOCK * luma.down))
    }
}

impl Component {
    fn read([name, sampling, quantisation]: [u8; 3]) -> Component {
        Component {
            name,
            across: usize::from(sampling >> 4),
            down: usize::from(sampling & 15),
            quantisation: usize::from(quantisation),
        }
    }
}
