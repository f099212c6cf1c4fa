//! A synthetic TIFF with one plane of grey samples, over the bytes of a real file.
//!
//! The `tiff` crate unpacks it and joins strips and tiles; other modules interpret the samples. The synthetic file is
//! a BigTIFF: its header precedes the bytes of the real file, and its directory and any newly unpacked chunks follow
//! them.

use std::io::{self, Read, Seek, SeekFrom};

use ::tiff::tags::Tag;

/// A gap after the real file, so that a truncated last chunk does not continue in the bytes after it.
const GAP: usize = 1;

/// The length of BigTIFF's header: byte order, version, size of offsets, and offset of the directory.
const HEADER: usize = 16;

pub(super) struct Plane<'a> {
    header: [u8; HEADER],
    file: &'a [u8],
    behind: Vec<u8>,
    is_little: bool,
    entries: Vec<Entry>,
    place: u64,
}

struct Entry {
    tag: Tag,
    values: Values,
}

enum Values {
    Numbers(Vec<u64>),
    Bytes(Vec<u8>),
}

impl<'a> Plane<'a> {
    pub(super) fn new(file: &'a [u8]) -> Plane<'a> {
        Plane {
            header: [0; HEADER],
            file,
            behind: Vec::new(),
            is_little: file.starts_with(b"II"),
            entries: Vec::new(),
            place: 0,
        }
    }

    /// Maps an offset in the real file to this one.
    pub(super) fn moved(place: u64) -> u64 {
        place.saturating_add(HEADER as u64)
    }

    /// Appends bytes and returns their offset.
    pub(super) fn append(&mut self, bytes: &[u8]) -> u64 {
        let place = self.length();
        self.behind.extend_from_slice(bytes);
        place as u64
    }

    fn length(&self) -> usize {
        HEADER + self.file.len() + GAP + self.behind.len()
    }

    pub(super) fn set(&mut self, tag: Tag, values: Vec<u64>) {
        self.entries.push(Entry {
            tag,
            values: Values::Numbers(values),
        });
    }

    pub(super) fn set_bytes(&mut self, tag: Tag, bytes: Vec<u8>) {
        self.entries.push(Entry {
            tag,
            values: Values::Bytes(bytes),
        });
    }

    /// Writes the directory.
    pub(super) fn finish(mut self) -> Plane<'a> {
        const LONG8: u16 = 16;
        const UNDEFINED: u16 = 7;
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by_key(|entry| entry.tag.to_u16());
        let mut directory = self.number(entries.len() as u64, 8);
        for Entry { tag, values } in entries {
            let (kind, count, mut content) = match values {
                Values::Bytes(bytes) => (UNDEFINED, bytes.len(), bytes),
                Values::Numbers(numbers) => {
                    let content = numbers.iter().flat_map(|&number| self.number(number, 8));
                    (LONG8, numbers.len(), content.collect())
                }
            };
            if content.len() > 8 {
                let place = self.append(&content);
                content = self.number(place, 8);
            }
            content.resize(8, 0);
            directory.extend(self.number(tag.to_u16().into(), 2));
            directory.extend(self.number(kind.into(), 2));
            directory.extend(self.number(count as u64, 8));
            directory.extend(content);
        }
        directory.extend([0; 8]);
        let place = self.append(&directory);
        let order = if self.is_little { b"II" } else { b"MM" };
        let parts = [
            order.to_vec(),
            self.number(43, 2),
            self.number(8, 2),
            vec![0; 2],
            self.number(place, 8),
        ];
        self.header.copy_from_slice(&parts.concat());
        self
    }

    fn number(&self, number: u64, size: usize) -> Vec<u8> {
        if self.is_little {
            number.to_le_bytes()[..size].to_vec()
        } else {
            number.to_be_bytes()[8 - size..].to_vec()
        }
    }
}

impl Read for Plane<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let place = usize::try_from(self.place).unwrap_or(usize::MAX);
        let file = HEADER + self.file.len();
        let rest = match place {
            0..HEADER => &self.header[place..],
            _ if place <= file => &self.file[place - HEADER..],
            _ => self.behind.get(place - file - GAP..).unwrap_or_default(),
        };
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.place += length as u64;
        Ok(length)
    }
}

impl Seek for Plane<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.length() as u64;
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.place.checked_add_signed(by),
            SeekFrom::End(by) => length.checked_add_signed(by),
        };
        self.place = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.place)
    }
}
