//! Finds the metadata blocks in a file of any format.

use std::borrow::Cow;

use super::iptc;
use crate::{
    Format,
    container::{
        directory::Directories,
        heif::Heif,
        jpeg::{APPLICATION_1, APPLICATION_13, Segments},
        jxl, png, riff,
    },
    decode::raw,
};

/// The longest block to read; more than cameras and programs write.
const LONGEST: usize = 4 << 20;

/// The most PNG texts to read; more than there are kinds of metadata.
const MOST_TEXTS: usize = 16;

/// The prefix of a JPEG segment with XMP.
const XMP_NAME: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

// Tags of TIFF.
const XMP: u16 = 700;
const IPTC: u16 = 33_723;
const PHOTOSHOP: u16 = 34_377;

/// The blocks of each kind, best first. A file may have several.
#[derive(Default)]
pub(crate) struct Blocks<'a> {
    /// TIFF directories.
    pub(crate) exif: Vec<Cow<'a, [u8]>>,
    /// Packets in XML.
    pub(crate) xmp: Vec<Cow<'a, [u8]>>,
    /// Records of IPTC-IIM.
    pub(crate) iptc: Vec<Cow<'a, [u8]>>,
}

impl<'a> Blocks<'a> {
    pub(crate) fn of(format: Format, bytes: &'a [u8]) -> Blocks<'a> {
        let mut blocks = match format {
            Format::Jpeg => Blocks::of_jpeg(bytes),
            Format::Png => Blocks::of_png(bytes),
            Format::WebP => Blocks::of_webp(bytes),
            Format::Tiff => Blocks::of_tiff(bytes),
            Format::Raw => Blocks {
                exif: raw::exif_blocks(bytes),
                ..Blocks::of_tiff(bytes)
            },
            Format::Avif | Format::Heif => Blocks::of_heif(format, bytes),
            Format::Jxl => Blocks {
                exif: jxl::exif(bytes).map(Cow::Borrowed).into_iter().collect(),
                xmp: jxl::xmp(bytes).map(Cow::Borrowed).into_iter().collect(),
                iptc: Vec::new(),
            },
            Format::Gif | Format::Bmp | Format::Pnm => Blocks::default(),
        };
        blocks.xmp.retain(|block| block.len() <= LONGEST);
        blocks.iptc.retain(|block| block.len() <= LONGEST);
        blocks
    }

    fn of_jpeg(bytes: &'a [u8]) -> Blocks<'a> {
        let mut blocks = Blocks::default();
        let mut resources = Vec::new();
        for (marker, content) in Segments::before_scans(bytes) {
            if marker == APPLICATION_1 {
                if let Some(exif) = content.strip_prefix(b"Exif\0\0") {
                    blocks.exif.push(exif.into());
                } else if let Some(xmp) = content.strip_prefix(XMP_NAME) {
                    blocks.xmp.push(xmp.into());
                }
            } else if marker == APPLICATION_13
                && let Some(part) = content.strip_prefix(b"Photoshop 3.0\0")
                && resources.len() + part.len() <= LONGEST
            {
                // A resource too long for one segment continues in the next.
                resources.extend_from_slice(part);
            }
        }
        let records = iptc::in_resources(&resources).map(<[u8]>::to_vec);
        blocks.iptc.extend(records.map(Cow::Owned));
        blocks
    }

    fn of_png(bytes: &'a [u8]) -> Blocks<'a> {
        let mut blocks = Blocks::default();
        let mut profiles = Vec::new();
        let mut texts = 0;
        for chunk in png::chunks(bytes) {
            if chunk.kind == b"eXIf" {
                blocks.exif.push(without_name(chunk.content).into());
            }
            let keyword = png::keyword(chunk).unwrap_or_default().to_ascii_lowercase();
            let is_packet = keyword == b"xml:com.adobe.xmp";
            let profile = keyword.strip_prefix(b"raw profile type ");
            if texts == MOST_TEXTS || !is_packet && profile.is_none() {
                continue;
            }
            texts += 1;
            let text = png::text(chunk, LONGEST).unwrap_or_default();
            if is_packet {
                blocks.xmp.push(text.into());
            } else if let (Some(kind), Some(content)) = (profile, png::raw_profile(&text)) {
                profiles.push((kind.to_vec(), content));
            }
        }
        // PNG's own chunks take precedence.
        for (kind, content) in profiles {
            blocks.add_profile(&kind, &content);
        }
        blocks
    }

    /// Adds a block from an ImageMagick text. `APP1` is a JPEG segment: EXIF or XMP.
    fn add_profile(&mut self, kind: &[u8], content: &[u8]) {
        let named_xmp = content.strip_prefix(XMP_NAME);
        match kind {
            b"exif" | b"app1" if named_xmp.is_none() => {
                self.exif.push(without_name(content).to_vec().into());
            }
            b"xmp" | b"app1" => self.xmp.push(named_xmp.unwrap_or(content).to_vec().into()),
            b"iptc" => {
                let records = iptc::in_resources(content).unwrap_or(content);
                self.iptc.push(records.to_vec().into());
            }
            _ => {}
        }
    }

    fn of_webp(bytes: &'a [u8]) -> Blocks<'a> {
        let mut blocks = Blocks::default();
        for (name, content) in riff::chunks(bytes) {
            match name {
                b"EXIF" => blocks.exif.push(without_name(content).into()),
                b"XMP " => blocks.xmp.push(content.into()),
                _ => {}
            }
        }
        blocks
    }

    fn of_tiff(bytes: &'a [u8]) -> Blocks<'a> {
        let mut blocks = Blocks {
            exif: vec![bytes.into()],
            ..Blocks::default()
        };
        let Some(directory) = Directories::new(bytes).and_then(|all| all.first()) else {
            return blocks;
        };
        blocks.xmp.extend(directory.bytes(XMP).map(Cow::Borrowed));
        let photoshop = directory.bytes(PHOTOSHOP).and_then(iptc::in_resources);
        let records = directory.bytes(IPTC).into_iter().chain(photoshop);
        blocks.iptc.extend(records.map(Cow::Borrowed));
        blocks
    }

    fn of_heif(format: Format, bytes: &'a [u8]) -> Blocks<'a> {
        let Ok(heif) = Heif::open(bytes, format) else {
            return Blocks::default();
        };
        Blocks {
            exif: heif.exif().into_iter().collect(),
            xmp: heif.xmp().into_iter().collect(),
            iptc: Vec::new(),
        }
    }
}

/// Removes the prefix that a block has in JPEG, which some writers copy.
fn without_name(block: &[u8]) -> &[u8] {
    block.strip_prefix(b"Exif\0\0").unwrap_or(block)
}
