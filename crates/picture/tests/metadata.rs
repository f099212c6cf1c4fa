//! Compares files' metadata with what `tools/fixtures/picture/make.py` and `metadata.py` wrote into them.

use std::{fs, path::PathBuf};

use picture::{Metadata, Picture};
use proptest::prelude::*;

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

/// In the recipe's form: degrees with six decimals, without trailing zeros.
fn degrees(value: Option<f64>) -> String {
    let rounded = value.map(|value| (value * 1e6).round() / 1e6);
    rounded.map(|value| value.to_string()).unwrap_or_default()
}

#[test]
fn photographs_say_when_with_what_and_where() {
    let mut complaints = Vec::new();
    for line in include_str!("fixtures/exif.tsv").lines() {
        let (file, expected) = line.split_once('\t').unwrap();
        let exif = Metadata::of(&fixture(file));
        let got = [
            exif.taken.unwrap_or_default(),
            exif.camera.unwrap_or_default(),
            degrees(exif.latitude),
            degrees(exif.longitude),
        ]
        .join("\t");
        if got != expected {
            complaints.push(format!("{file}: {got:?}, expected {expected:?}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_is_no_picture_says_nothing() {
    assert_eq!(Metadata::of(b""), Metadata::default());
    assert_eq!(Metadata::of(b"not a picture"), Metadata::default());
    assert_eq!(Metadata::of(b"II*\0\xFF\xFF\xFF\xFF"), Metadata::default());
}

#[test]
fn people_say_what_a_picture_is() {
    let mut complaints = Vec::new();
    for line in include_str!("fixtures/metadata.tsv").lines() {
        let (file, expected) = line.split_once('\t').unwrap();
        let metadata = Metadata::of(&fixture(&format!("metadata/{file}")));
        let got = [
            metadata.title.unwrap_or_default(),
            metadata.description.unwrap_or_default(),
            metadata.keywords.join("|"),
            metadata
                .rating
                .map(|stars| stars.to_string())
                .unwrap_or_default(),
            metadata.taken.unwrap_or_default(),
        ]
        .join("\t");
        if got != expected {
            complaints.push(format!("{file}: {got:?}, expected {expected:?}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A JPEG with an XMP packet.
fn with_xmp(packet: &str) -> Vec<u8> {
    let jpeg = Picture::from_rgb(1, 1, vec![0; 3]).unwrap().to_jpeg(50);
    let content = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &content, &jpeg[2..]].concat()
}

/// A packet with these properties in its description.
fn packet(properties: &str) -> String {
    format!(
        "<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
         <r:Description xmlns:d='http://purl.org/dc/elements/1.1/'>{properties}</r:Description></r:RDF>"
    )
}

#[track_caller]
fn title(packet: &str) -> Option<String> {
    Metadata::of(&with_xmp(packet)).title
}

#[test]
fn a_property_is_known_by_its_namespace() {
    let said = Some("x & y".to_owned());
    let text = "<d:title>x &amp; y</d:title>";
    assert_eq!(title(&packet(text)), said);
    let items = "<d:title><r:Alt><r:li>x &#38; y</r:li></r:Alt></d:title>";
    assert_eq!(title(&packet(items)), said);
    let cdata = "<d:title><![CDATA[x & y]]></d:title>";
    assert_eq!(title(&packet(cdata)), said);
    let other = text.replace("d:title", "dc:title");
    assert_eq!(
        title(&packet(&other)),
        None,
        "a prefix that nobody declared"
    );
    // A picture's ingredient has its own title.
    let ingredient = format!("<d:source><r:Description>{text}</r:Description></d:source>");
    assert_eq!(title(&packet(&ingredient)), None);
    assert_eq!(title(&packet(&format!("{ingredient}{text}"))), said);
    // Everything before an error counts.
    assert_eq!(title(&packet(&format!("{text}<broken"))), said);
}

#[test]
fn entities_are_not_followed() {
    let packet = packet("<d:title>a&b;c</d:title>");
    let bomb = format!("<!DOCTYPE x [<!ENTITY b 'bbbbbbbbbb'>]>{packet}");
    assert_eq!(title(&bomb).as_deref(), Some("ac"));
}

#[test]
fn texts_and_keywords_are_bounded() {
    let long = "a ".repeat(20_000);
    let properties = format!("<d:title>{long}</d:title>");
    let got = title(&packet(&properties)).unwrap();
    assert_eq!(got.chars().count(), 999, "a cut between words");
    let items: String = (0..2_000)
        .map(|number| format!("<r:li>{number}</r:li>"))
        .collect();
    let properties = format!("<d:subject><r:Bag>{items}</r:Bag></d:subject>");
    let metadata = Metadata::of(&with_xmp(&packet(&properties)));
    assert_eq!(metadata.keywords.len(), 200);
}

/// Deep nesting, and countless attributes and namespaces.
#[test]
fn hostile_packets_say_nothing() {
    let deep = "<a>".repeat(20_000);
    let attributes: String = (0..6_000).map(|number| format!("a{number}='' ")).collect();
    let namespaces: String = (0..2_500)
        .map(|number| format!("<a xmlns:a{number}='b'>"))
        .collect();
    for hostile in [deep, format!("<d:title {attributes}/>"), namespaces] {
        assert_eq!(title(&packet(&hostile)), None);
    }
}

proptest! {
    #[test]
    fn no_packet_is_too_odd(
        pieces in proptest::collection::vec(0_usize..14, 0..60),
        noise in "\\PC{0,40}",
    ) {
        let parts = [
            "<r:RDF>", "</r:RDF>", "<r:Description>", "</r:Description>", "<d:title>", "</d:title>", "<r:Alt>", "</r:Alt>",
            "<r:li xml:lang='x-default'>", "</r:li>", "<d:subject>", "</d:subject>", "&amp;", noise.as_str(),
        ];
        let inner: String = pieces.into_iter().map(|piece| parts[piece]).collect();
        let _ = title(&packet(&inner));
        let _ = title(&inner);
    }
}
