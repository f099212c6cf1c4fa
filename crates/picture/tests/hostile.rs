//! Damaged and malicious files: an error or a picture within the limits, never a panic.

use std::{fs, path::PathBuf, sync::Once};

use picture::{
    Error, Format, Limits, Metadata, Picture, decoder_process::set_program, decoding_cost,
    holds_more,
};
use proptest::prelude::*;

/// Small, so that false headers are rejected quickly.
const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    pixels: 1 << 16,
};

/// Every fixture of the formats' tests.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let files = files_in("formats");
    assert!(files.len() > 70, "{} fixtures", files.len());
    files
}

/// All fixtures of the formats' tests, and files that once caused trouble.
fn all_fixtures() -> Vec<(String, Vec<u8>)> {
    [fixtures(), files_in("cases"), files_in("metadata")].concat()
}

fn files_in(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "ppm"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

static DECODER: Once = Once::new();

/// A decoder's panic fails the test even if it is caught: catching is for unknown panics only.
#[track_caller]
fn decode(name: &str, bytes: &[u8]) -> picture::Result<Picture> {
    DECODER.call_once(|| set_program(env!("CARGO_BIN_EXE_picture-decoder").into()));
    let _ = Metadata::of(bytes);
    let _ = holds_more(bytes);
    let _ = decoding_cost(bytes, &LIMITS, 8);
    let reduced = Picture::decode_reduced(bytes, &LIMITS, 8);
    let _ = reduced.map(|reduced| reduced.signature());
    let result = Picture::decode(bytes, &LIMITS);
    match &result {
        Ok(picture) => {
            let pixels = u64::from(picture.width()) * u64::from(picture.height());
            assert!(pixels <= LIMITS.pixels, "{name}: {picture:?}");
        }
        // These decoders are known to fail, in child processes.
        Err(Error::DecoderFailed { format, message }) => assert!(
            matches!(format, Format::Avif | Format::Jxl),
            "{name}: {message}"
        ),
        Err(_) => (),
    }
    result
}

/// Tries only every n-th change for formats that are decoded in a child process, because each costs a request.
fn step(bytes: &[u8]) -> usize {
    match Format::of(bytes) {
        Some(Format::Avif) => 29,
        Some(Format::Jxl) => 7,
        _ => 1,
    }
}

#[test]
fn files_cut_off_anywhere() {
    for (name, bytes) in all_fixtures() {
        // Every length of a small file; the head, the tail and some lengths in between of a large one.
        let is_near_end = |length: &usize| {
            *length < 2000 || length.is_multiple_of(101) || length + 300 > bytes.len()
        };
        let lengths = (0..bytes.len()).filter(is_near_end);
        for length in lengths.step_by(step(&bytes)) {
            let _ = decode(&format!("{name} cut to {length}"), &bytes[..length]);
        }
    }
}

#[test]
fn half_a_file_is_truncated() {
    for (name, bytes) in fixtures() {
        let is_raw = Format::of(&bytes) == Some(Format::Raw);
        if name.starts_with("animated") || is_raw {
            // Half of it may contain the first frame, or the preview.
            continue;
        }
        let error = decode(&name, &bytes[..bytes.len() / 2]).expect_err(&name);
        assert_eq!(error.reason(), "truncated", "{name}: {error:?}");
    }
}

#[test]
fn files_with_flipped_bits() {
    let mut random = Random(7);
    for (name, bytes) in all_fixtures() {
        for round in (0..150).step_by(step(&bytes)) {
            let mut bytes = bytes.clone();
            for _ in 0..=round % 4 {
                let bit = random.below(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            let _ = decode(&format!("{name}, round {round}"), &bytes);
        }
    }
}

/// False numbers in headers are dangerous: sizes, lengths, offsets, counts.
#[test]
fn headers_with_extreme_numbers() {
    for (name, bytes) in all_fixtures() {
        for place in (0..bytes.len().min(160)).step_by(step(&bytes)) {
            for lie in [[0; 4], [0xFF; 4], [0x7F, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0x80]] {
                let mut bytes = bytes.clone();
                let end = bytes.len().min(place + lie.len());
                bytes[place..end].copy_from_slice(&lie[..end - place]);
                let _ = decode(&format!("{name}, {lie:?} at {place}"), &bytes);
            }
        }
    }
}

#[test]
fn bombs_are_refused_by_their_headers() {
    let bombs: [(&str, Vec<u8>); 10] = [
        ("png", png_bomb([0, 1, 0x86, 0xA0])),
        ("wide png", png_bomb([0x7F, 0xFF, 0xFF, 0xFF])),
        ("gif", gif_bomb()),
        ("tiff", tiff_bomb()),
        ("bmp", bmp_bomb()),
        ("jpeg", jpeg_bomb()),
        ("webp", webp_bomb()),
        ("avif", heif_bomb("444.avif")),
        ("heic", heif_bomb("444.heic")),
        ("jxl", jxl_bomb()),
    ];
    for (name, bytes) in bombs {
        let error = Picture::decode(&bytes, &Limits::default()).expect_err(name);
        assert_eq!(error.reason(), "too many pixels", "{name}: {error:?}");
    }
}

/// A tile for each channel, larger than the picture.
#[test]
fn planes_of_tiles_are_read() {
    const AFTER_DIRECTORY: u32 = 8 + 2 + 11 * 12 + 4;
    let entries: [(u16, u32, u32); 11] = [
        (256, 1, 16),
        (257, 1, 16),
        (258, 3, AFTER_DIRECTORY),
        (259, 1, 1),
        (262, 1, 2),
        (277, 1, 3),
        (284, 1, 2),
        (322, 1, 32),
        (323, 1, 32),
        (324, 3, AFTER_DIRECTORY + 12),
        (325, 3, AFTER_DIRECTORY + 24),
    ];
    let mut bytes = b"II*\0\x08\0\0\0\x0B\0".to_vec();
    for (tag, count, value) in entries {
        bytes.extend([tag.to_le_bytes(), 4_u16.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0; 4]);
    for number in [8, 8, 8, 200, 200, 200, 1024, 1024, 1024_u32] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.resize(200 + 1024, 77);
    let picture = decode("tiles", &bytes).unwrap();
    assert_eq!(picture.pixels(), [77; 16 * 16 * 3]);
}

/// The data that the first directory points to is missing.
#[test]
fn a_raw_file_without_its_preview_is_truncated() {
    for name in [
        "plain.cr2",
        "plain.dng",
        "plain.nef",
        "plain.arw",
        "plain.pef",
    ] {
        let (_, bytes) = fixture(name);
        let preview = bytes
            .windows(3)
            .position(|start| start == [0xFF, 0xD8, 0xFF]);
        let error = decode(name, &bytes[..preview.unwrap() + 100]).expect_err(name);
        assert_eq!(error.reason(), "truncated", "{name}: {error:?}");
    }
}

#[test]
fn a_raw_file_that_never_had_a_preview_is_unsupported() {
    let error = decode("none", b"IIRO\x08\0\0\0\0\0\0\0\0\0").unwrap_err();
    assert_eq!(error.reason(), "unsupported");
}

/// Data that the decoder gets after the end of the file must not become pixels.
#[test]
fn a_tiff_without_its_last_pixels_is_truncated() {
    let (_, bytes) = fixture("planes.tif");
    for missing in [1, 2, 50] {
        let error = decode("planes.tif", &bytes[..bytes.len() - missing]).unwrap_err();
        assert_eq!(error.reason(), "truncated", "{error:?}");
    }
}

/// Directories that are their own successors or children.
#[test]
fn directories_in_circles_end() {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0".to_vec();
    bytes.extend(b"\x4A\x01\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0");
    assert_eq!(Format::of(&bytes), Some(Format::Tiff));
    decode("circle", &bytes).unwrap_err();
}

fn png_bomb(side: [u8; 4]) -> Vec<u8> {
    let (_, mut bytes) = fixture("rgb.png");
    bytes[16..20].copy_from_slice(&side);
    bytes[20..24].copy_from_slice(&side);
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// A HEIF file whose boxes declare a size larger than the coded picture.
fn heif_bomb(name: &str) -> Vec<u8> {
    let (_, mut bytes) = fixture(name);
    let size = bytes.windows(4).position(|kind| kind == b"ispe").unwrap() + 8;
    bytes[size..size + 8].copy_from_slice(&[0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0]);
    bytes
}

/// The decoder must keep to the size in the boxes.
#[test]
fn a_coded_picture_larger_than_its_boxes_say_is_damaged() {
    {
        let name = "444.heic";
        let (_, mut bytes) = fixture(name);
        let size = bytes.windows(4).position(|kind| kind == b"ispe").unwrap() + 8;
        bytes[size..size + 8].copy_from_slice(&[0, 0, 0, 4, 0, 0, 0, 4]);
        let error = decode(name, &bytes).expect_err(name);
        assert_eq!(error.reason(), "damaged", "{name}: {error:?}");
    }
}

/// A height of 2^18 and twice the width, in bits from the lowest.
fn jxl_bomb() -> Vec<u8> {
    let (_, bytes) = fixture("lossless.jxl");
    let size: u64 = 2 << 1 | ((1 << 18) - 1) << 3 | 7 << 21;
    [&bytes[..2], &size.to_le_bytes(), &bytes[2..]].concat()
}

fn gif_bomb() -> Vec<u8> {
    let (_, mut bytes) = fixture("plain.gif");
    bytes[6..10].fill(0xFF);
    bytes
}

/// A header, and a directory with only width and height.
fn tiff_bomb() -> Vec<u8> {
    let entry = |tag: u16, value: u32| {
        let mut entry = [tag.to_le_bytes(), 4_u16.to_le_bytes()].concat();
        entry.extend(1_u32.to_le_bytes());
        entry.extend(value.to_le_bytes());
        entry
    };
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    let entries = [
        entry(256, 100_000),
        entry(257, 100_000),
        entry(258, 8),
        entry(259, 1),
        entry(262, 1),
        entry(273, 8),
        entry(277, 1),
        entry(278, 100_000),
        entry(279, 8),
    ];
    bytes.extend((entries.len() as u16).to_le_bytes());
    entries.iter().for_each(|entry| bytes.extend(entry));
    bytes.extend([0; 4]);
    bytes
}

fn bmp_bomb() -> Vec<u8> {
    let (_, mut bytes) = fixture("rgb.bmp");
    bytes[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    bytes
}

fn jpeg_bomb() -> Vec<u8> {
    let (_, mut bytes) = fixture("420.jpg");
    let frame = bytes
        .windows(2)
        .position(|marker| marker == [0xFF, 0xC0])
        .unwrap();
    bytes[frame + 5..frame + 9].fill(0xFF);
    bytes
}

fn webp_bomb() -> Vec<u8> {
    let (_, mut bytes) = fixture("animated.webp");
    let header = bytes.windows(4).position(|name| name == b"VP8X").unwrap();
    bytes[header + 12..header + 18].copy_from_slice(&[0xFF, 0x3F, 0, 0xFF, 0x3F, 0]);
    bytes
}

fn fixture(name: &str) -> (String, Vec<u8>) {
    fixtures()
        .into_iter()
        .find(|(file, _)| file == name)
        .unwrap()
}

/// PNG's checksum, computed bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |checksum, &byte| {
        (0..8).fold(checksum ^ u32::from(byte), |checksum, _| {
            checksum >> 1 ^ (0xEDB8_8320 * (checksum & 1))
        })
    })
}

#[test]
fn a_jpeg_of_too_many_scans_is_refused() {
    let (_, bytes) = fixture("progressive.jpg");
    let scan = bytes
        .windows(2)
        .position(|marker| marker == [0xFF, 0xDA])
        .unwrap();
    let (head, scans) = bytes.split_at(scan);
    let end = scans.len() - 2;
    let mut bomb = head.to_vec();
    (0..30).for_each(|_| bomb.extend(&scans[..end]));
    bomb.extend(&scans[end..]);
    assert_eq!(decode("scans", &bomb).unwrap_err().reason(), "unsupported");
}

/// A small TIFF whose JPEG strip claims 65,535 rows.
#[test]
fn a_tiff_cannot_hide_a_large_jpeg() {
    let (_, mut bytes) = fixture("jpeg.tif");
    let frame = bytes
        .windows(2)
        .position(|marker| marker == [0xFF, 0xC0])
        .unwrap();
    bytes[frame + 5..frame + 7].fill(0xFF);
    let error = decode("jpeg.tif", &bytes).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Damaged {
                format: Format::Tiff,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn the_limit_on_pixels_is_exact() {
    for (name, bytes) in fixtures() {
        let picture = decode(&name, &bytes).unwrap();
        let pixels = u64::from(picture.width()) * u64::from(picture.height());
        // Cropped parts count, and these formats take more memory a pixel than others.
        let is_costly = matches!(Format::of(&bytes), Some(Format::Heif | Format::Jxl));
        let is_exact = !is_costly && !name.starts_with("cropped");
        if is_exact {
            let limits = Limits { pixels, ..LIMITS };
            assert!(Picture::decode(&bytes, &limits).is_ok(), "{name}");
        }
        let less = Limits {
            pixels: pixels - 1,
            ..LIMITS
        };
        let error = Picture::decode(&bytes, &less);
        if let (Ok(smaller), Some(Format::Raw)) = (&error, Format::of(&bytes)) {
            // If the largest preview is too large, a smaller one is used.
            let size = u64::from(smaller.width()) * u64::from(smaller.height());
            assert!(size < pixels, "{name}: {smaller:?}");
            continue;
        }
        assert_eq!(
            error.expect_err(&name).reason(),
            "too many pixels",
            "{name}"
        );
    }
}

#[test]
fn what_is_no_picture_says_so() {
    let case = |bytes: &[u8], reason| {
        assert_eq!(
            Picture::decode(bytes, &LIMITS).unwrap_err().reason(),
            reason
        );
    };
    case(b"", "empty");
    case(
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "not a picture",
    );
    case(b"\0\0\0\x20ftypheic", "truncated");
    case(b"\0\0\0\x20ftypavif", "truncated");
    case(b"\0\0\0\x20ftypisom", "not a picture");
    case(&vec![0; LIMITS.bytes as usize + 1], "too many bytes");
    case(b"BM", "truncated");
    case(b"\x89PNG\r\n\x1a\n", "truncated");
    case(b"\xFF\xD8\xFF", "truncated");
}

proptest! {
    #[test]
    fn any_bytes_after_a_signature(
        format in 0..Format::ALL.len(),
        rest in proptest::collection::vec(any::<u8>(), 0..512),
    ) {
        let signatures: [&[u8]; Format::ALL.len()] = [
            b"\xFF\xD8\xFF",
            b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR",
            b"RIFF\0\x10\0\0WEBPVP8",
            b"GIF89a",
            b"BM",
            b"P6 16 16 255 ",
            b"II*\0\x08\0\0\0",
            b"IIRO\x08\0\0\0",
            b"\0\0\0\x20ftypavif",
            b"\0\0\0\x20ftypheic",
            b"\xFF\x0A",
        ];
        let bytes = [signatures[format], &rest].concat();
        let _ = decode("noise", &bytes);
    }
}

/// A deterministic pseudo-random number generator (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((number ^ (number >> 31)) % limit as u64) as usize
    }
}
