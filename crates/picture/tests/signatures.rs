//! Recognition of versions of a picture, with photographs of the demo and generated documents.

use std::{fs, path::PathBuf};

use picture::{Filter, Limits, Picture, Reduced, Signature, Size, Window};

#[path = "signatures/documents.rs"]
mod documents;

use documents::documents;

fn decode(bytes: &[u8]) -> Reduced {
    Picture::decode_reduced(bytes, &Limits::default(), u32::MAX).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

/// Every third photograph of the demo.
fn photographs() -> Vec<(String, Picture)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../demo/pictures");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let photographs = files.iter().step_by(3).map(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        (
            name.into_owned(),
            Picture::open(file, &Limits::default()).unwrap(),
        )
    });
    photographs.collect()
}

fn scaled(picture: &Picture, scale: f64) -> Picture {
    let side = |side: u32| (f64::from(side) * scale).round() as u32;
    let full = Size {
        width: side(picture.width()),
        height: side(picture.height()),
    };
    let window = Window {
        left: 0,
        top: 0,
        width: full.width,
        height: full.height,
    };
    picture.resample(full, window, Filter::Lanczos3)
}

/// Crops these fractions from the left, top, right and bottom.
fn cropped(picture: &Picture, [left, top, right, bottom]: [f64; 4]) -> Picture {
    let part = |side: u32, part: f64| (f64::from(side) * part) as u32;
    let (width, height) = (picture.width(), picture.height());
    let (left, top) = (part(width, left), part(height, top));
    let window = Window {
        left,
        top,
        width: width - left - part(width, right),
        height: height - top - part(height, bottom),
    };
    picture.resample(picture.size(), window, Filter::Box)
}

fn brighter(picture: &Picture, factor: f64) -> Picture {
    let pixels = picture.pixels().iter();
    let pixels = pixels
        .map(|&sample| (f64::from(sample) * factor) as u8)
        .collect();
    Picture::from_rgb(picture.width(), picture.height(), pixels).unwrap()
}

fn jpeg(picture: &Picture, quality: u8) -> Picture {
    decode(&picture.to_jpeg(quality)).picture
}

type Version = (&'static str, fn(&Picture) -> Picture);

const VERSIONS: [Version; 12] = [
    ("itself", Picture::clone),
    ("JPEG, quality 50", |picture| jpeg(picture, 50)),
    ("JPEG, quality 20", |picture| jpeg(picture, 20)),
    ("half as large", |picture| scaled(picture, 0.5)),
    ("a quarter as large", |picture| scaled(picture, 0.25)),
    ("twice as large", |picture| scaled(picture, 2.0)),
    ("darker", |picture| brighter(picture, 0.7)),
    ("brighter", |picture| brighter(picture, 1.15)),
    ("much brighter", |picture| brighter(picture, 1.3)),
    ("cropped at the right", |picture| {
        cropped(picture, [0.0, 0.0, 0.1, 0.0])
    }),
    ("cropped all round", |picture| cropped(picture, [0.05; 4])),
    ("cropped, brighter, smaller, JPEG", |picture| {
        let part = cropped(picture, [0.04, 0.02, 0.03, 0.05]);
        jpeg(&scaled(&brighter(&part, 1.1), 0.7), 60)
    }),
];

/// Except crops of photographs with a plain background, which count as drawings and are not searched for crops.
#[test]
fn versions_of_a_photograph_are_known() {
    const BEFORE_PLAIN_GROUND: usize = 6;
    let photographs = photographs();
    for (version, change) in VERSIONS {
        let missed: Vec<_> = photographs
            .iter()
            .filter(|(_, photograph)| {
                let (own, other) = (
                    Signature::of(photograph),
                    Signature::of(&change(photograph)),
                );
                own.distance(&other) > Signature::SAME
            })
            .map(|(name, _)| name)
            .collect();
        let most_missed = match version {
            // The plain background became white.
            "much brighter" => 2,
            _ if version.starts_with("cropped") => BEFORE_PLAIN_GROUND,
            _ => 0,
        };
        assert!(
            missed.len() <= most_missed,
            "{version}: {missed:?} of {}",
            photographs.len()
        );
    }
}

#[test]
fn versions_of_a_whole_photograph_are_known_without_looking_for_crops() {
    let photographs = photographs();
    for (version, change) in VERSIONS {
        let known = photographs.iter().filter(|(_, photograph)| {
            let (own, other) = (
                Signature::of(photograph),
                Signature::of(&change(photograph)),
            );
            own.shows_the_same(&other)
        });
        let (known, all) = (known.count(), photographs.len());
        match version {
            _ if version.starts_with("cropped") => assert!(known < all, "{version}: {known}"),
            // The plain background became white; one more picture needs the search for crops.
            "much brighter" => assert!(known + 3 >= all, "{version}: {known} of {all}"),
            _ => assert_eq!(known, all, "{version}"),
        }
    }
}

#[track_caller]
fn assert_different<'a>(pictures: impl Iterator<Item = (&'a str, Signature)>) {
    let pictures: Vec<_> = pictures.collect();
    for (index, (name, signature)) in pictures.iter().enumerate() {
        for (other, other_signature) in &pictures[..index] {
            let distance = signature.distance(other_signature);
            assert!(distance > Signature::SAME, "{name} and {other}: {distance}");
            assert_eq!(
                distance,
                other_signature.distance(signature),
                "{name} and {other}"
            );
        }
    }
}

#[test]
fn different_photographs_are_different() {
    let photographs = photographs();
    assert_different(
        photographs
            .iter()
            .map(|(name, photograph)| (name.as_str(), Signature::of(photograph))),
    );
}

#[test]
fn different_documents_are_different() {
    let documents = documents();
    assert_eq!(documents.len(), 300);
    assert_different(
        documents
            .iter()
            .map(|(name, document)| (name.as_str(), Signature::of(document))),
    );
}

#[test]
fn versions_of_a_document_are_known() {
    for (name, document) in documents().iter().step_by(7) {
        let signature = Signature::of(document);
        for (version, change) in &VERSIONS[..4] {
            let distance = signature.distance(&Signature::of(&change(document)));
            assert!(distance <= Signature::SAME, "{name}, {version}: {distance}");
        }
    }
}

/// White shapes on a transparent ground, which are equal over white.
#[test]
fn pictures_that_differ_in_opacity_alone_are_different() {
    let shapes = ["bars", "ring", "tri"];
    let of = |kind: &str, shape: &str| decode(&fixture(&format!("alpha/{kind}_{shape}.{kind}")));
    for kind in ["png", "gif"] {
        let pictures: Vec<_> = shapes
            .iter()
            .map(|shape| (*shape, of(kind, shape)))
            .collect();
        assert_eq!(pictures[0].1.picture, pictures[1].1.picture);
        let signatures = pictures
            .iter()
            .map(|(shape, reduced)| (*shape, reduced.signature()));
        assert_different(signatures);
    }
    for shape in shapes {
        let distance = of("png", shape)
            .signature()
            .distance(&of("gif", shape).signature());
        assert!(distance <= Signature::SAME, "{shape}: {distance}");
        let on_white = Signature::of(&of("png", shape).picture);
        let distance = of("png", shape).signature().distance(&on_white);
        assert!(distance > Signature::SAME, "{shape} and white: {distance}");
    }
}

/// The opacity of every format, in the picture's orientation.
#[test]
fn opacity_is_that_of_the_upright_picture() {
    let png = decode(&fixture("formats/rgb-alpha.png")).signature();
    for name in ["rgb-alpha-16.png", "lossless-alpha.webp", "rgb-alpha.tif"] {
        let other = decode(&fixture(&format!("formats/{name}"))).signature();
        let distance = png.distance(&other);
        assert!(distance <= Signature::SAME, "{name}: {distance}");
    }
    let solid = decode(&fixture("formats/rgb.png")).signature();
    assert!(png.distance(&solid) > Signature::SAME);
    let heic = decode(&fixture("formats/alpha.heic"));
    assert!(heic.signature().distance(&Signature::of(&heic.picture)) > Signature::SAME);
}

/// Blank pages with another shade or colour are different pictures.
#[test]
fn blank_pictures_are_known_by_their_colour() {
    let blank = |colour: [u8; 3]| {
        let pixels = colour.repeat(64 * 48);
        Signature::of(&Picture::from_rgb(64, 48, pixels).unwrap())
    };
    let colours = [
        ("white", [255; 3]),
        ("black", [0; 3]),
        ("red", [255, 0, 0]),
        ("a green as bright as red", [0, 130, 0]),
    ];
    assert_different(
        colours
            .into_iter()
            .map(|(name, colour)| (name, blank(colour))),
    );
    let nearly_white = blank([253; 3]);
    assert!(blank([255; 3]).distance(&nearly_white) <= Signature::SAME);
}

#[test]
fn signatures_are_kept_as_bytes() {
    let png = decode(&fixture("alpha/png_ring.png")).signature();
    for (signature, length) in [
        (png, Signature::MOST_BYTES),
        (
            Signature::of(&decode(&fixture("formats/420.jpg")).picture),
            1037,
        ),
    ] {
        let bytes = signature.to_bytes();
        assert_eq!(bytes.len(), length);
        assert_eq!(Signature::from_bytes(&bytes).as_ref(), Some(&signature));
        for length in [0, 1, 12, 13, bytes.len() - 1] {
            assert_eq!(
                Signature::from_bytes(&bytes[..length]),
                None,
                "{length} bytes"
            );
        }
        let mut other_version = bytes.clone();
        other_version[0] += 1;
        assert_eq!(Signature::from_bytes(&other_version), None);
        let mut no_width = bytes;
        no_width[1..5].fill(0);
        assert_eq!(Signature::from_bytes(&no_width), None);
    }
}
