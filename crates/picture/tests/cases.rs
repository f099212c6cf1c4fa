//! Files that other programs fail on, compared with the expectations of `tools/fixtures/picture/cases.py`.

use std::{fs, path::PathBuf};

use picture::{ContentHash, Format, Limits, Metadata, Picture, Size, holds_more};

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

fn decode(bytes: &[u8]) -> picture::Result<Picture> {
    Picture::decode(bytes, &Limits::default())
}

#[track_caller]
fn reason(bytes: &[u8]) -> &'static str {
    decode(bytes).unwrap_err().reason()
}

fn complaint(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [file, width, height, hash] = fields[..] else {
        panic!("{line}")
    };
    let picture = match decode(&fixture(&format!("cases/{file}"))) {
        Ok(picture) => picture,
        Err(error) => return Some(format!("{file}: {error:?}")),
    };
    let got = format!(
        "{}\t{}\t{}",
        picture.width(),
        picture.height(),
        ContentHash::of(picture.pixels())
    );
    let expected = format!("{width}\t{height}\t{hash}");
    (got != expected).then(|| format!("{file}: {got}, expected {expected}"))
}

#[test]
fn every_case_is_read_as_expected() {
    let lines = include_str!("fixtures/cases.tsv").lines();
    let complaints: Vec<String> = lines.filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn xcodes_png_is_named() {
    let error = decode(&fixture("cases/cgbi.png")).unwrap_err();
    assert_eq!(error.to_string(), "unsupported: Apple CgBI PNG");
}

/// `irot` and `imir` rotate and mirror a HEIC, EXIF does not.
#[test]
fn the_exif_of_a_heic_turns_nothing() {
    let picture = decode(&fixture("cases/h_exif6_noirot.heic")).unwrap();
    let expected = Size {
        width: 192,
        height: 128,
    };
    assert_eq!(picture.size(), expected);
}

/// EXIF with one tag, the orientation, of this type and with these values.
fn exif(kind: u16, count: u32, values: &[u8], is_little: bool) -> Vec<u8> {
    let short = |number: u16| {
        if is_little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        }
    };
    let long = |number: u32| {
        if is_little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        }
    };
    let mut block = if is_little { b"II" } else { b"MM" }.to_vec();
    block.extend(short(42));
    block.extend(long(8));
    block.extend(short(1));
    block.extend([short(0x0112), short(kind)].concat());
    block.extend(long(count));
    let mut values = values.to_vec();
    if values.len() > 4 {
        block.extend(long(26));
    } else {
        values.resize(4, 0);
    }
    if block.len() == 22 {
        block.extend(long(0));
        block.extend(values);
    } else {
        block.extend(values);
        block.extend(long(0));
    }
    block
}

fn with_exif(jpeg: &[u8], block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u16 + 8).to_be_bytes();
    let segment = [&[0xFF, 0xE1], &length[..], b"Exif\0\0", block].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

#[test]
fn orientation_is_of_any_type_of_whole_numbers() {
    let jpeg = fixture("formats/420.jpg");
    let plain = decode(&jpeg).unwrap().size();
    let turned = Size {
        width: plain.height,
        height: plain.width,
    };
    for is_little in [true, false] {
        for (kind, size) in [(1, 1), (6, 1), (3, 2), (8, 2), (4, 4), (9, 4)] {
            for count in [1, 2, 5] {
                let six = if is_little {
                    6_u32.to_le_bytes()[..size].to_vec()
                } else {
                    6_u32.to_be_bytes()[4 - size..].to_vec()
                };
                let block = exif(kind, count, &six.repeat(count as usize), is_little);
                let size = decode(&with_exif(&jpeg, &block)).unwrap().size();
                assert_eq!(size, turned, "type {kind}, {count}, little: {is_little}");
            }
        }
        // A text, a rational, a negative number, a number too large.
        for (kind, values) in [
            (2, &b"6\0"[..]),
            (5, &[0, 0, 0, 6, 0, 0, 0, 1]),
            (6, &[0xFA]),
            (4, &[1, 0, 0, 6]),
        ] {
            let block = exif(kind, 1, values, is_little);
            let size = decode(&with_exif(&jpeg, &block)).unwrap().size();
            assert_eq!(size, plain, "type {kind}, little: {is_little}");
        }
    }
}

const JPEGS: [&str; 8] = [
    "444.jpg",
    "422.jpg",
    "420.jpg",
    "grey.jpg",
    "cmyk.jpg",
    "restart.jpg",
    "progressive.jpg",
    "progressive-grey.jpg",
];

/// Phones omit the end marker, or write their own data after the scans.
#[test]
fn a_jpeg_ends_where_its_scans_do() {
    let trailers = [
        &b""[..],
        b"\0\0\x0A\0\0\0SEFHe\0\0\0SEFT",
        b"\0\xFF\xE9trailer\xFF\xFF",
    ];
    for name in JPEGS {
        let jpeg = fixture(&format!("formats/{name}"));
        let expected = decode(&jpeg).unwrap();
        let scans = jpeg.strip_suffix(&[0xFF, 0xD9]).unwrap();
        for trailer in trailers {
            let got = decode(&[scans, trailer].concat());
            assert_eq!(got.unwrap(), expected, "{name}, {trailer:?}");
        }
    }
}

#[test]
fn a_jpeg_whose_scans_are_cut_off_is_truncated() {
    for name in JPEGS {
        let jpeg = fixture(&format!("formats/{name}"));
        let scans = jpeg.strip_suffix(&[0xFF, 0xD9]).unwrap();
        for missing in [4, 8, 20] {
            let cut = &scans[..scans.len() - missing];
            assert_eq!(reason(cut), "truncated", "{name} without {missing} bytes");
            let trailer = [cut, b"\xFF\xE9trailer"].concat();
            assert_eq!(
                reason(&trailer),
                "truncated",
                "{name} without {missing} bytes"
            );
        }
    }
    // A missing scan, or a missing part between restart markers.
    for (name, marker) in [
        ("progressive.jpg", 0xDA),
        ("progressive.jpg", 0xC4),
        ("restart.jpg", 0xD1),
    ] {
        let jpeg = fixture(&format!("formats/{name}"));
        let place = jpeg.windows(2).rposition(|pair| pair == [0xFF, marker]);
        assert_eq!(
            reason(&jpeg[..place.unwrap()]),
            "truncated",
            "{name}, {marker:X}"
        );
    }
}

#[test]
fn a_png_may_lack_its_end() {
    const END: usize = 12;
    const CHECKSUM: usize = 4;
    for name in ["rgb.png", "palette-alpha.png", "grey-16.png"] {
        let png = fixture(&format!("formats/{name}"));
        let expected = decode(&png).unwrap();
        for missing in 1..=END + CHECKSUM {
            let got = decode(&png[..png.len() - missing]);
            assert_eq!(got.unwrap(), expected, "{name} without {missing} bytes");
        }
        assert_eq!(
            reason(&png[..png.len() - END - CHECKSUM - 1]),
            "truncated",
            "{name}"
        );
    }
}

/// Malformed chunks that do not affect pixels.
#[test]
fn no_chunk_that_can_be_ignored_spoils_a_png() {
    let png = fixture("formats/palette.png");
    let expected = decode(&png).unwrap();
    for kind in [
        b"cICP", b"mDCV", b"cLLI", b"iCCP", b"bKGD", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs",
        b"tIME", b"hIST", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"npOl",
    ] {
        for content in [
            &b""[..],
            b"\x01\x0D\x01\x01",
            b"\xFF\xFF\xFF\xFF\xFF",
            b"name\0\0not packed",
        ] {
            let place = 33;
            let chunk = chunk(kind, content);
            let spoilt = [&png[..place], &chunk, &png[place..]].concat();
            let got = decode(&spoilt);
            let kind = String::from_utf8_lossy(kind);
            assert_eq!(got.unwrap(), expected, "{kind} {content:?}");
        }
    }
}

fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let named = [kind, content].concat();
    let checksum = !named.iter().fold(!0_u32, |checksum, &byte| {
        (0..8).fold(checksum ^ u32::from(byte), |checksum, _| {
            checksum >> 1 ^ (0xEDB8_8320 * (checksum & 1))
        })
    });
    let length = (content.len() as u32).to_be_bytes();
    [&length[..], &named, &checksum.to_be_bytes()].concat()
}

#[test]
fn a_bitmap_has_one_plane_whatever_it_says() {
    let expected = decode(&fixture("formats/rgb.bmp")).unwrap();
    for planes in [0, 2, 0xFF] {
        let mut bmp = fixture("formats/rgb.bmp");
        bmp[26] = planes;
        assert_eq!(decode(&bmp).unwrap(), expected, "{planes}");
    }
}

#[test]
fn files_of_more_than_a_still_are_known() {
    let plain = fixture("formats/420.jpg");
    let film = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42";
    let scans = plain.strip_suffix(&[0xFF, 0xD9]).unwrap();
    assert!(!holds_more(&plain));
    assert!(!holds_more(
        &[&plain, &b"\0\0\x0A\0\0\0SEFHe\0\0\0SEFT"[..]].concat()
    ));
    assert!(
        holds_more(&[&plain, &film[..]].concat()),
        "a film behind it"
    );
    assert!(
        holds_more(&[scans, film].concat()),
        "a film and no mark of the end"
    );
    assert!(
        holds_more(&[&plain[..], &plain].concat()),
        "a second picture"
    );
    // A thumbnail in EXIF does not count.
    assert!(!holds_more(&with_exif(
        &plain,
        &scans[..1000.min(scans.len())]
    )));
}

/// The index of a Multi-Picture file, with two equal pictures, or with one and its preview.
#[test]
fn previews_in_a_list_are_not_more() {
    let plain = fixture("formats/420.jpg");
    let listed = |kind: u32| {
        let mut list =
            b"MPF\0MM\0*\0\0\0\x08\0\x01\xB0\x02\0\x07\0\0\0\x20\0\0\0\x1A\0\0\0\0".to_vec();
        list.extend([&[0x20, 3, 0, 0], &[0; 12][..]].concat());
        list.extend([&kind.to_be_bytes(), &[0; 12][..]].concat());
        let length = (list.len() as u16 + 2).to_be_bytes();
        let segment = [&[0xFF, 0xE2], &length[..], &list].concat();
        [&plain[..2], &segment, &plain[2..], &plain].concat()
    };
    assert!(holds_more(&listed(0x02_0002)), "a second view");
    assert!(holds_more(&listed(0)), "brightness");
    assert!(!holds_more(&listed(0x01_0001)), "a preview");
}

#[test]
fn garbage_is_no_frame() {
    assert!(!holds_more(&fixture("cases/gif_garbage.gif")));
    assert!(!holds_more(&fixture("cases/cicp_matrix1.png")));
}

/// Decoders' messages are for developers.
#[test]
fn errors_say_nothing_in_decoders_words() {
    let mut damaged = fixture("formats/rgb.png");
    damaged[40..60].fill(7);
    let error = decode(&damaged).unwrap_err();
    assert_eq!(error.to_string(), "damaged PNG file");
    assert!(std::error::Error::source(&error).is_none());
    for name in [
        "jpeg.tif",
        "plain.gif",
        "rgb.bmp",
        "lossless.webp",
        "420.heic",
        "444.jpg",
    ] {
        let bytes = fixture(&format!("formats/{name}"));
        for place in 0..bytes.len().min(300) {
            let mut bytes = bytes.clone();
            bytes[place] ^= 0xFF;
            let Err(error) = decode(&bytes) else { continue };
            let text = error.to_string();
            let format = Format::of(&bytes);
            let is_ours = !text.contains(['{', '(', '[', '"', '_'])
                && std::error::Error::source(&error).is_none();
            assert!(is_ours, "{name}, {format:?}: {text}");
        }
    }
}

/// Metadata with a false size takes neither time nor memory.
#[test]
fn metadata_is_bounded() {
    let bomb = {
        let mut packed = Vec::new();
        let packer = flate2::write::ZlibEncoder::new(&mut packed, flate2::Compression::best());
        std::io::copy(
            &mut std::io::Read::take(std::io::repeat(b' '), 64 << 20),
            &mut { packer },
        )
        .unwrap();
        packed
    };
    let text = [&b"XML:com.adobe.xmp\0\x01\0\0\0"[..], &bomb].concat();
    let png = fixture("formats/rgb.png");
    let texts = chunk(b"iTXt", &text).repeat(1000);
    let png = [&png[..33], &texts, &png[33..]].concat();
    assert_eq!(Metadata::of(&png), Metadata::default());
    assert!(decode(&png).is_ok());
}
