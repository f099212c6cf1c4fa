use std::fs::File;
use std::io::{self, Write};

use super::{Bytes, Header, Segment, Subject};
use crate::Metadata;
use crate::embedded::bitset::Bitset;
use crate::embedded::columns::ColumnsBuilder;
use crate::embedded::quantise::{Factor, quantise, row_length};

/// Builds a segment.
#[derive(Debug)]
pub(in crate::embedded) struct SegmentBuilder {
    subject: Subject,
    slots: Vec<i64>,
    lengths: Vec<f64>,
    coarse: Vec<Factor>,
    fine: Vec<Factor>,
    high: Vec<u8>,
    low: Vec<u8>,
    columns: ColumnsBuilder,
}

impl SegmentBuilder {
    pub(in crate::embedded) fn new(subject: Subject) -> Self {
        Self {
            subject,
            slots: Vec::new(),
            lengths: Vec::new(),
            coarse: Vec::new(),
            fine: Vec::new(),
            high: Vec::new(),
            low: Vec::new(),
            columns: ColumnsBuilder::default(),
        }
    }

    /// The number of vectors.
    pub(in crate::embedded) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a vector, whose slot is higher than any before.
    pub(in crate::embedded) fn push(&mut self, slot: i64, values: &[f32], metadata: &Metadata) {
        let start = self.high.len();
        let end = start + row_length(values.len());
        self.columns.push(self.len() as u32, metadata);
        self.slots.push(slot);
        self.high.resize(end, 0);
        self.low.resize(end, 0);
        let metric = self.subject.metric;
        let factors = quantise(
            metric,
            values,
            &mut self.high[start..],
            &mut self.low[start..],
        );
        self.lengths.push(factors.length);
        self.coarse.push(factors.coarse);
        self.fine.push(factors.fine);
    }

    /// Adds the vectors of `segment` without the `dead` ones. Their slots are higher than any before.
    pub(in crate::embedded) fn append(&mut self, segment: &Segment, dead: &Bitset) {
        let mut ordinals = vec![None; segment.len()];
        self.high.reserve(segment.layout.high.len());
        self.low.reserve(segment.layout.low.len());
        for ordinal in (0..segment.len()).filter(|&ordinal| !dead.contains(ordinal)) {
            ordinals[ordinal] = Some(self.len() as u32);
            self.slots.push(segment.slots()[ordinal]);
            self.lengths.push(segment.lengths()[ordinal]);
            self.coarse.push(segment.coarse()[ordinal]);
            self.fine.push(segment.fine()[ordinal]);
            let ordinals = ordinal..ordinal + 1;
            self.high.extend_from_slice(segment.high(ordinals.clone()));
            self.low.extend_from_slice(segment.low(ordinals));
        }
        self.columns.append(
            segment.part(&segment.layout.columns),
            &segment.columns,
            &ordinals,
        );
    }

    /// The segment, in memory.
    pub(in crate::embedded) fn build(&self) -> Segment {
        let columns = self.columns.encode();
        let header = Header::new(&self.subject, self.len(), columns.len());
        let parts = self.parts(&columns);
        let length = size_of::<Header>() + parts.iter().map(|part| part.len()).sum::<usize>();
        let mut words = vec![0_u64; length.div_ceil(size_of::<u64>())];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        let mut position = 0;
        for part in std::iter::once(bytemuck::bytes_of(&header)).chain(parts) {
            bytes[position..position + part.len()].copy_from_slice(part);
            position += part.len();
        }
        Segment::new(Bytes::Owned(words), &header).expect("what was just written can be read")
    }

    /// Writes the segment to a file.
    pub(in crate::embedded) fn write(&self, file: &mut File) -> io::Result<()> {
        let columns = self.columns.encode();
        let parts = self.parts(&columns);
        let header = Header::new(&self.subject, self.len(), columns.len()).sealed(&parts);
        file.write_all(bytemuck::bytes_of(&header))?;
        for part in parts {
            file.write_all(part)?;
        }
        Ok(())
    }

    /// Everything after the header.
    fn parts<'a>(&'a self, columns: &'a [u8]) -> [&'a [u8]; 8] {
        const PADDING: [u8; 64] = [0; 64];
        let (slots, lengths): (&[u8], &[u8]) = (
            bytemuck::cast_slice(&self.slots),
            bytemuck::cast_slice(&self.lengths),
        );
        let (coarse, fine): (&[u8], &[u8]) = (
            bytemuck::cast_slice(&self.coarse),
            bytemuck::cast_slice(&self.fine),
        );
        let before = [slots, lengths, coarse, fine].map(<[u8]>::len);
        let before = size_of::<Header>() + before.iter().sum::<usize>();
        let padding = &PADDING[..before.next_multiple_of(64) - before];
        [
            slots, lengths, coarse, fine, padding, &self.high, &self.low, columns,
        ]
    }
}
