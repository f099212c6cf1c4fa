//! The boxes of HEIF (ISO/IEC 23008-12), the container of AVIF and HEIC.
//!
//! A file is a sequence of boxes. The box `meta` lists items: coded pictures, grids of them, EXIF. `iinf` has their
//! types, `iloc` the location of their bytes, `iref` the references between them, and `ipco` and `ipma` their
//! properties: size, colours, rotation. Data is borrowed if possible, and everything else is bounded by the file's
//! length.

use std::{borrow::Cow, collections::HashMap};

use crate::{Error, Format, Result};

/// The items of a file.
pub(crate) struct Heif<'a> {
    bytes: &'a [u8],
    format: Format,
    primary: u32,
    items: HashMap<u32, Item>,
    references: Vec<Reference>,
    properties: Vec<Property<'a>>,
    /// The data of items stored inside `meta`.
    data: &'a [u8],
}

/// A picture, a grid of pictures, or a block of metadata.
#[derive(Default)]
struct Item {
    kind: [u8; 4],
    extents: Vec<Extent>,
    properties: Vec<usize>,
}

/// A part of an item's bytes.
struct Extent {
    place: Place,
    offset: u64,
    length: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    File,
    Meta,
    Elsewhere,
}

struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// A box with a property of items.
#[derive(Clone, Copy)]
pub(crate) struct Property<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) content: &'a [u8],
}

impl<'a> Heif<'a> {
    /// Reads the items of a file, which must have the format `format`.
    pub(crate) fn open(bytes: &'a [u8], format: Format) -> Result<Heif<'a>> {
        let meta = top_level(bytes, format, *b"meta")?;
        let heif = Self::parse(bytes, format, meta);
        heif.ok_or_else(|| damaged(format, "its box `meta` is broken"))
    }

    fn parse(bytes: &'a [u8], format: Format, meta: &'a [u8]) -> Option<Heif<'a>> {
        let mut heif = Heif {
            bytes,
            format,
            primary: 0,
            items: HashMap::new(),
            references: Vec::new(),
            properties: Vec::new(),
            data: &[],
        };
        for found in boxes(meta.get(4..)?) {
            let Property { kind, content } = found?;
            let mut reader = Reader(content);
            match &kind {
                b"pitm" => heif.primary = reader.primary()?,
                b"iinf" => heif.read_kinds(reader)?,
                b"iloc" => heif.read_places(reader)?,
                b"iref" => heif.read_references(reader)?,
                b"iprp" => heif.read_properties(content)?,
                b"idat" => heif.data = content,
                _ => (),
            }
        }
        Some(heif)
    }

    fn read_kinds(&mut self, mut reader: Reader<'_>) -> Option<()> {
        let version = reader.version()?.0;
        reader.sized(if version == 0 { 2 } else { 4 })?;
        for found in boxes(reader.0) {
            let mut entry = Reader(found?.content);
            let version = entry.version()?.0;
            let id = entry.sized(if version < 3 { 2 } else { 4 })? as u32;
            entry.sized(2)?;
            self.items.entry(id).or_default().kind = *entry.take(4)?.first_chunk()?;
        }
        Some(())
    }

    fn read_places(&mut self, mut reader: Reader<'_>) -> Option<()> {
        let version = reader.version()?.0;
        let sizes = reader.sized(2)?;
        let [offset_size, length_size, base_size] =
            [12, 8, 4].map(|shift| (sizes >> shift & 15) as usize);
        let index_size = if version > 0 { sizes as usize & 15 } else { 0 };
        let id_size = if version < 2 { 2 } else { 4 };
        for _ in 0..reader.sized(id_size)? {
            let id = reader.sized(id_size)? as u32;
            let place = match if version > 0 {
                reader.sized(2)? & 15
            } else {
                0
            } {
                0 => Place::File,
                1 => Place::Meta,
                _ => Place::Elsewhere,
            };
            let place = if reader.sized(2)? == 0 {
                place
            } else {
                Place::Elsewhere
            };
            let base = reader.sized(base_size)?;
            let mut extents = Vec::new();
            for _ in 0..reader.sized(2)? {
                reader.sized(index_size)?;
                let offset = base.checked_add(reader.sized(offset_size)?)?;
                let length = reader.sized(length_size)?;
                extents.push(Extent {
                    place,
                    offset,
                    length,
                });
                // Extents without any bytes of their own could be repeated endlessly.
                (offset_size + length_size > 0 || extents.len() == 1).then_some(())?;
            }
            self.items.entry(id).or_default().extents = extents;
        }
        Some(())
    }

    fn read_references(&mut self, mut reader: Reader<'_>) -> Option<()> {
        let id_size = if reader.version()?.0 == 0 { 2 } else { 4 };
        for found in boxes(reader.0) {
            let Property { kind, content } = found?;
            let mut entry = Reader(content);
            let from = entry.sized(id_size)? as u32;
            let count = entry.sized(2)?;
            let to = (0..count).map(|_| entry.sized(id_size).map(|id| id as u32));
            let to = to.collect::<Option<_>>()?;
            self.references.push(Reference { kind, from, to });
        }
        Some(())
    }

    fn read_properties(&mut self, content: &'a [u8]) -> Option<()> {
        for found in boxes(content) {
            let Property { kind, content } = found?;
            match &kind {
                b"ipco" => self.properties = boxes(content).collect::<Option<_>>()?,
                b"ipma" => self.read_associations(Reader(content))?,
                _ => (),
            }
        }
        Some(())
    }

    fn read_associations(&mut self, mut reader: Reader<'_>) -> Option<()> {
        let (version, flags) = reader.version()?;
        let id_size = if version == 0 { 2 } else { 4 };
        let (size, mask) = if flags & 1 == 0 {
            (1, 0x7F)
        } else {
            (2, 0x7FFF)
        };
        for _ in 0..reader.sized(4)? {
            let id = reader.sized(id_size)? as u32;
            let count = reader.sized(1)?;
            let indices = (0..count).map(|_| Some((reader.sized(size)? & mask) as usize));
            let indices: Vec<_> = indices.collect::<Option<_>>()?;
            self.items.entry(id).or_default().properties = indices;
        }
        Some(())
    }

    /// The main picture.
    pub(crate) fn primary(&self) -> u32 {
        self.primary
    }

    /// The item's type: `av01`, `hvc1`, `grid`, `Exif`.
    pub(crate) fn kind(&self, item: u32) -> Option<[u8; 4]> {
        self.items.get(&item).map(|item| item.kind)
    }

    /// The item's properties, in the order of application.
    pub(crate) fn properties(&self, item: u32) -> impl Iterator<Item = Property<'a>> {
        let indices = self.items.get(&item).map(|item| &item.properties[..]);
        let indices = indices.unwrap_or_default().iter();
        // Indices start at 1.
        indices.filter_map(|&index| self.properties.get(index.checked_sub(1)?).copied())
    }

    /// The content of a property, after its version and flags if it has them.
    pub(crate) fn property(&self, item: u32, kind: [u8; 4]) -> Option<&'a [u8]> {
        let mut properties = self.properties(item);
        properties
            .find(|property| property.kind == kind)
            .map(|property| property.content)
    }

    /// The item's declared width and height.
    pub(crate) fn size(&self, item: u32) -> Option<(u32, u32)> {
        let mut reader = Reader(self.property(item, *b"ispe")?);
        reader.version()?;
        Some((reader.sized(4)? as u32, reader.sized(4)? as u32))
    }

    /// The items that `from` refers to, such as the tiles (`dimg`) of a grid.
    pub(crate) fn referred(&self, from: u32, kind: [u8; 4]) -> &[u32] {
        let mut references = self.references.iter();
        let found = references.find(|reference| reference.from == from && reference.kind == kind);
        found.map_or(&[], |reference| &reference.to)
    }

    /// The items that refer to `to`, such as the auxiliary pictures (`auxl`) of a picture.
    pub(crate) fn referring(&self, to: u32, kind: [u8; 4]) -> impl Iterator<Item = u32> {
        let about =
            move |reference: &&Reference| reference.kind == kind && reference.to.contains(&to);
        self.references
            .iter()
            .filter(about)
            .map(|reference| reference.from)
    }

    /// An upper bound of the item's length in bytes.
    pub(crate) fn length(&self, item: u32) -> u64 {
        let extents = self.items.get(&item).map_or(&[][..], |item| &item.extents);
        let lengths = extents.iter().map(|extent| match extent.length {
            0 => self.bytes.len() as u64,
            length => length,
        });
        lengths.fold(0, u64::saturating_add)
    }

    /// The item's bytes.
    pub(crate) fn content(&self, item: u32) -> Result<Cow<'a, [u8]>> {
        let extents = self.items.get(&item).map_or(&[][..], |item| &item.extents);
        if let [extent] = extents {
            return self.piece(extent).map(Cow::Borrowed);
        }
        if self.length(item) > self.bytes.len() as u64 {
            return Err(damaged(self.format, "an item is longer than the file"));
        }
        let mut content = Vec::new();
        for extent in extents {
            content.extend_from_slice(self.piece(extent)?);
        }
        Ok(Cow::Owned(content))
    }

    fn piece(&self, extent: &Extent) -> Result<&'a [u8]> {
        let within = match extent.place {
            Place::File => self.bytes,
            Place::Meta => self.data,
            Place::Elsewhere => {
                return Err(Error::Unsupported {
                    format: self.format,
                    kind: format!("{} with parts in other items or files", self.format.name())
                        .into(),
                });
            }
        };
        let start = usize::try_from(extent.offset).ok();
        let rest = start.and_then(|start| within.get(start..));
        let length = match extent.length {
            // A length of 0 means the rest of the data.
            0 => rest.map(<[u8]>::len),
            length => usize::try_from(length).ok(),
        };
        rest.zip(length)
            .and_then(|(rest, length)| rest.get(..length))
            .ok_or(Error::Truncated {
                format: self.format,
            })
    }

    /// The XMP packet of the main picture. Items of another kind are skipped.
    pub(crate) fn xmp(&self) -> Option<Cow<'a, [u8]>> {
        const NAME: &[u8] = b"http://ns.adobe.com/xap/1.0/";
        let mut about = self.referring(self.primary, *b"cdsc");
        about.find_map(|item| {
            let content = (self.kind(item)? == *b"mime").then(|| self.content(item).ok())??;
            let is_xmp = content.windows(NAME.len()).any(|part| part == NAME)
                || content.windows(7).any(|part| part == b"rdf:RDF");
            is_xmp.then_some(content)
        })
    }

    /// The EXIF of the main picture, as a TIFF file.
    pub(crate) fn exif(&self) -> Option<Cow<'a, [u8]>> {
        let mut about = self.referring(self.primary, *b"cdsc");
        let item = about.find(|&item| self.kind(item) == Some(*b"Exif"))?;
        let content = self.content(item).ok()?;
        // The item starts with the offset of the block.
        let skipped = Reader(&content).sized(4)? as usize + 4;
        match content {
            Cow::Borrowed(content) => content.get(skipped..).map(Cow::Borrowed),
            Cow::Owned(content) => content
                .get(skipped..)
                .map(|block| Cow::Owned(block.to_vec())),
        }
    }
}

/// A top-level box.
fn top_level(bytes: &[u8], format: Format, kind: [u8; 4]) -> Result<&[u8]> {
    let mut rest = bytes;
    while let Some((found, after)) = next_box(rest) {
        let is_whole = after.is_some();
        if found.kind == kind && is_whole {
            return Ok(found.content);
        }
        rest = after.ok_or(Error::Truncated { format })?;
    }
    if rest.is_empty() {
        return Err(damaged(format, "it lists no pictures"));
    }
    Err(Error::Truncated { format })
}

/// The boxes in `bytes`, up to the first broken one.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = Option<Property<'_>>> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest.take().filter(|rest| !rest.is_empty())?;
        let (found, after) = match next_box(bytes) {
            Some((found, Some(after))) => (found, after),
            _ => return Some(None),
        };
        rest = Some(after);
        Some(Some(found))
    })
}

/// The first box and the bytes after it, or `None` for these if the box is truncated.
pub(crate) fn next_box(bytes: &[u8]) -> Option<(Property<'_>, Option<&[u8]>)> {
    let mut reader = Reader(bytes);
    let size = reader.sized(4)?;
    let kind = *reader.take(4)?.first_chunk()?;
    let size = match size {
        0 => bytes.len() as u64,
        1 => reader.sized(8)?,
        size => size,
    };
    let head = (bytes.len() - reader.0.len()) as u64;
    let length = usize::try_from(size.checked_sub(head)?).unwrap_or(usize::MAX);
    let content = &reader.0[..length.min(reader.0.len())];
    Some((Property { kind, content }, reader.0.get(length..)))
}

/// Reads big-endian numbers from the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of `size` bytes, at most eight.
    fn sized(&mut self, size: usize) -> Option<u64> {
        let bytes = (size <= 8).then(|| self.take(size))??;
        Some(
            bytes
                .iter()
                .fold(0, |number, &byte| number << 8 | u64::from(byte)),
        )
    }

    /// The version and flags at the start of many boxes.
    fn version(&mut self) -> Option<(u8, u32)> {
        let word = self.sized(4)?;
        Some(((word >> 24) as u8, word as u32 & 0xFF_FFFF))
    }

    fn primary(&mut self) -> Option<u32> {
        let size = if self.version()?.0 == 0 { 2 } else { 4 };
        Some(self.sized(size)? as u32)
    }
}

/// How a grid is assembled: `ImageGrid`.
pub(crate) struct Grid {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Grid {
    pub(crate) fn parse(content: &[u8]) -> Option<Grid> {
        let mut reader = Reader(content);
        reader.sized(1)?;
        let size = if reader.sized(1)? & 1 == 0 { 2 } else { 4 };
        Some(Grid {
            rows: reader.sized(1)? as usize + 1,
            columns: reader.sized(1)? as usize + 1,
            width: reader.sized(size)? as u32,
            height: reader.sized(size)? as u32,
        })
    }
}

/// The visible part of a picture (clean aperture, `clap`), in whole pixels.
pub(crate) struct Aperture {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Aperture {
    /// The aperture of a picture of this size, or `None` if it lies partly outside.
    pub(crate) fn parse(content: &[u8], (width, height): (u32, u32)) -> Option<Aperture> {
        let mut reader = Reader(content);
        let mut fraction = || {
            let numerator = reader.sized(4)? as u32 as i32;
            let denominator = reader.sized(4)? as u32 as i32;
            (denominator != 0).then(|| f64::from(numerator) / f64::from(denominator))
        };
        let [inner_width, inner_height] = [fraction()?, fraction()?];
        let [right, down] = [fraction()?, fraction()?];
        // The offset between the aperture's centre and the picture's.
        let side = |whole: u32, inner: f64, off: f64| {
            let inner = inner.round();
            let start = (off + (f64::from(whole) - inner) / 2.0).floor();
            let fits = inner >= 1.0 && start >= 0.0 && start + inner <= f64::from(whole);
            fits.then_some((start as u32, inner as u32))
        };
        let (left, width) = side(width, inner_width, right)?;
        let (top, height) = side(height, inner_height, down)?;
        Some(Aperture {
            left,
            top,
            width,
            height,
        })
    }
}

/// Conversion from samples to colours (`colr`), with the codes of ITU-T H.273.
#[derive(Clone, Copy)]
pub(crate) struct Colours {
    pub(crate) matrix: u8,
    pub(crate) is_full_range: bool,
}

impl Colours {
    pub(crate) fn parse(content: &[u8]) -> Option<Colours> {
        let mut reader = Reader(content);
        if reader.take(4)? != b"nclx" {
            return None;
        }
        reader.take(4)?;
        Some(Colours {
            matrix: reader.sized(2)? as u8,
            is_full_range: reader.sized(1)? & 0x80 != 0,
        })
    }
}

fn damaged(format: Format, cause: &'static str) -> Error {
    Error::Damaged {
        format,
        cause: cause.into(),
    }
}
