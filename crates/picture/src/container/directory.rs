//! TIFF's image file directories (TIFF 6.0, section 2), which EXIF and most camera raw files also use.
//!
//! A header gives the byte order and the offset of the first directory. A directory is a count, entries of twelve
//! bytes, and the offset of the next directory. An entry is a tag, a type, a count and the values, or their offset if
//! they need more than four bytes. Nothing is copied, and whatever lies outside the file counts as missing.

/// The bytes that hold directories.
#[derive(Clone, Copy)]
pub(crate) struct Directories<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

/// One directory.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    within: Directories<'a>,
    /// All complete entries.
    entries: &'a [u8],
    next: u32,
}

/// The values of a tag.
#[derive(Clone, Copy)]
struct Entry<'a> {
    within: Directories<'a>,
    kind: u16,
    values: &'a [u8],
}

const ENTRY: usize = 12;

// Types of values.
const BYTE: u16 = 1;
const TEXT: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const SIGNED_BYTE: u16 = 6;
const SIGNED_SHORT: u16 = 8;
const SIGNED_LONG: u16 = 9;
const SIGNED_RATIONAL: u16 = 10;
const FLOAT: u16 = 11;
const DOUBLE: u16 = 12;
const DIRECTORY: u16 = 13;
/// UTF-8, since Exif 3.0.
const UTF_8: u16 = 129;

impl<'a> Directories<'a> {
    /// The directories of a file or an EXIF block. The caller checks the number after the byte order: it is 42 in
    /// TIFF, but camera makers use their own.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Directories<'a>> {
        let is_little = match bytes.first_chunk()? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        Some(Directories { bytes, is_little })
    }

    pub(crate) fn first(&self) -> Option<Directory<'a>> {
        self.at(self.long(self.bytes.get(4..)?)?)
    }

    pub(crate) fn at(&self, place: u32) -> Option<Directory<'a>> {
        let directory = self.bytes.get(place as usize..)?;
        let count = usize::from(self.short(directory)?);
        let all = &directory[2..];
        let entries = &all[..(count * ENTRY).min(all.len())];
        let next = all.get(count * ENTRY..).and_then(|rest| self.long(rest));
        Some(Directory {
            within: *self,
            entries,
            next: next.unwrap_or(0),
        })
    }

    fn short(&self, bytes: &[u8]) -> Option<u16> {
        let bytes = *bytes.first_chunk()?;
        Some(if self.is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    pub(crate) fn long(&self, bytes: &[u8]) -> Option<u32> {
        let bytes = *bytes.first_chunk()?;
        Some(if self.is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }
}

impl<'a> Directory<'a> {
    /// The directory after this one.
    pub(crate) fn next(&self) -> Option<Directory<'a>> {
        self.within.at(Some(self.next).filter(|&place| place > 0)?)
    }

    /// The directories to whose offsets a tag points.
    pub(crate) fn directories(&self, tag: u16) -> impl Iterator<Item = Directory<'a>> {
        let within = self.within;
        self.numbers(tag).filter_map(move |place| within.at(place))
    }

    /// Whether numbers are little-endian.
    pub(crate) fn is_little(&self) -> bool {
        self.within.is_little
    }

    /// The first integer of a tag.
    pub(crate) fn number(&self, tag: u16) -> Option<u32> {
        self.numbers(tag).next()
    }

    /// The integers of a tag.
    pub(crate) fn numbers(&self, tag: u16) -> impl Iterator<Item = u32> {
        self.entry(tag).into_iter().flat_map(Entry::numbers)
    }

    /// The text of a tag up to its terminating zero. Invalid UTF-8 is replaced.
    pub(crate) fn text(&self, tag: u16) -> Option<String> {
        let is_text = |entry: &Entry<'_>| matches!(entry.kind, TEXT | UTF_8);
        let entry = self.entry(tag).filter(is_text)?;
        let text = entry.values.split(|&byte| byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The raw values of a tag, of any type.
    pub(crate) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        self.entry(tag).map(|entry| entry.values)
    }

    /// The rationals of a tag: numerators and denominators.
    pub(crate) fn fractions(&self, tag: u16) -> impl Iterator<Item = (u32, u32)> {
        let entry = self.entry(tag).filter(|entry| entry.kind == RATIONAL);
        entry.into_iter().flat_map(|entry| {
            let (fractions, _) = entry.values.as_chunks::<8>();
            fractions.iter().filter_map(move |fraction| {
                let number = |bytes: &[u8]| entry.within.long(bytes);
                Some((number(fraction)?, number(&fraction[4..])?))
            })
        })
    }

    fn entry(&self, tag: u16) -> Option<Entry<'a>> {
        let within = self.within;
        let (entries, _) = self.entries.as_chunks::<ENTRY>();
        let entry = entries
            .iter()
            .find(|entry| within.short(&entry[..]) == Some(tag))?;
        let kind = within.short(&entry[2..])?;
        let size = match kind {
            SHORT | SIGNED_SHORT => 2,
            LONG | SIGNED_LONG | FLOAT | DIRECTORY => 4,
            RATIONAL | SIGNED_RATIONAL | DOUBLE => 8,
            _ => 1,
        };
        let length = within.long(&entry[4..])? as usize * size;
        let values = match length {
            0..=4 => &entry[8..8 + length],
            _ => {
                let place = within.long(&entry[8..])? as usize;
                within.bytes.get(place..place.checked_add(length)?)?
            }
        };
        Some(Entry {
            within,
            kind,
            values,
        })
    }
}

impl<'a> Entry<'a> {
    /// Integers; negative ones are skipped.
    fn numbers(self) -> impl Iterator<Item = u32> + use<'a> {
        let size = match self.kind {
            BYTE | SIGNED_BYTE => 1,
            SHORT | SIGNED_SHORT => 2,
            LONG | SIGNED_LONG | DIRECTORY => 4,
            _ => usize::MAX,
        };
        let is_signed = matches!(self.kind, SIGNED_BYTE | SIGNED_SHORT | SIGNED_LONG);
        self.values
            .chunks_exact(size)
            .filter_map(move |bytes| match size {
                1 => Some(u32::from(bytes[0])),
                2 => self.within.short(bytes).map(u32::from),
                _ => self.within.long(bytes),
            })
            .filter(move |number| !is_signed || number >> (8 * size - 1) == 0)
    }
}
