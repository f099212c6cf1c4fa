use super::huffman::{COEFFICIENTS, LONGEST};
use crate::container::jpeg::START_OF_IMAGE;

/// The channels of a picture in colours.
pub(super) const CHANNELS: usize = 3;

/// What comes before the scan of a JPEG of the usual kind: not progressive, of eight bits, in YCbCr.
#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) frame: Option<Frame>,
    /// The tables of quantisation, in zigzag order.
    pub(super) quantisation: [Option<&'a [u8; COEFFICIENTS]>; 4],
    /// The codes of first coefficients, and those of others.
    pub(super) codes: [[Option<CodeTable<'a>>; 4]; 2],
    /// After how many units the code begins anew; 0 for never.
    pub(super) restart: usize,
    is_jfif: bool,
    /// What Adobe's mark says of the colours.
    adobe: Option<u8>,
}

pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: [Channel; CHANNELS],
}

/// How a channel is coded.
#[derive(Clone, Copy)]
pub(super) struct Channel {
    pub(super) name: u8,
    /// Blocks of a unit, from left to right.
    pub(super) across: usize,
    /// Blocks of a unit, from top to bottom.
    pub(super) down: usize,
    pub(super) quantisation: usize,
}

/// How many codes there are of each length, and what they stand for.
#[derive(Clone, Copy)]
pub(super) struct CodeTable<'a> {
    pub(super) counts: &'a [u8; LONGEST],
    pub(super) symbols: &'a [u8],
}

impl<'a> Header<'a> {
    /// Takes a segment; `None` where it is not of the usual kind.
    pub(super) fn read(&mut self, marker: u8, content: &'a [u8]) -> Option<()> {
        match marker {
            0xC0 | 0xC1 if self.frame.is_none() => self.frame = Some(Frame::read(content)?),
            0xC4 => self.read_codes(content)?,
            0xDB => self.read_quantisation(content)?,
            0xDD => self.restart = usize::from(u16::from_be_bytes(content.try_into().ok()?)),
            0xE0 => self.is_jfif |= content.len() >= 14 && content.starts_with(b"JFIF\0"),
            0xEE if content.len() >= 12 && content.starts_with(b"Adobe") => {
                self.adobe = Some(content[11]);
            }
            START_OF_IMAGE | 0xE1..=0xEF | 0xFE => {}
            _ => return None,
        }
        Some(())
    }

    fn read_codes(&mut self, mut content: &'a [u8]) -> Option<()> {
        while let Some((&place, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk()?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols)?;
            let codes = self.codes.get_mut(usize::from(place >> 4))?;
            *codes.get_mut(usize::from(place & 15))? = Some(CodeTable { counts, symbols });
            content = rest;
        }
        Some(())
    }

    fn read_quantisation(&mut self, mut content: &'a [u8]) -> Option<()> {
        while let Some((&place, rest)) = content.split_first() {
            let (steps, rest) = rest.split_first_chunk()?;
            // What is above 3 here has steps of 16 bits, or is no place.
            *self.quantisation.get_mut(usize::from(place))? = Some(steps);
            content = rest;
        }
        Some(())
    }

    /// Whether libjpeg takes the channels for YCbCr.
    pub(super) fn is_ycbcr(&self, frame: &Frame) -> bool {
        match self.adobe {
            _ if self.is_jfif => true,
            Some(transform) => transform == 1,
            None => frame.channels.map(|channel| channel.name) == [1, 2, 3],
        }
    }
}

impl Frame {
    fn read(content: &[u8]) -> Option<Frame> {
        let &[8, h1, h0, w1, w0, 3, ref channels @ ..] = content else {
            return None;
        };
        let (&[luma, blue, red], []) = channels.as_chunks() else {
            return None;
        };
        let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
        let frame = Frame {
            width: side(w1, w0),
            height: side(h1, h0),
            channels: [luma, blue, red].map(Channel::read),
        };
        let [luma, chroma @ ..] = frame.channels;
        let is_usual = (1..=2).contains(&luma.across)
            && (1..=2).contains(&luma.down)
            && chroma
                .iter()
                .all(|channel| (channel.across, channel.down) == (1, 1));
        (is_usual && frame.width > 0 && frame.height > 0).then_some(frame)
    }
}

impl Channel {
    fn read([name, sampling, quantisation]: [u8; 3]) -> Channel {
        Channel {
            name,
            across: usize::from(sampling >> 4),
            down: usize::from(sampling & 15),
            quantisation: usize::from(quantisation),
        }
    }
}
