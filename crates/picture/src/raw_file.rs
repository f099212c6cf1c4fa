//! Recognises camera raw files.

use crate::container::directory::{Directories, Directory};

/// More directories than any camera writes. A file's directories could form a cycle.
const MOST_DIRECTORIES: usize = 64;

// Tags of TIFF, TIFF/EP and DNG.
const PHOTOMETRIC_INTERPRETATION: u16 = 262;
const SUB_DIRECTORIES: u16 = 330;
const DNG_VERSION: u16 = 50_706;

/// Photometric interpretations of sensor data: a colour filter array, and linear raw.
const OF_SENSORS: [u32; 2] = [32_803, 34_892];

/// Whether a file is raw, by its first bytes.
pub(crate) fn has_signature(bytes: &[u8]) -> bool {
    const SIGNATURES: [&[u8]; 8] = [
        // Panasonic and Leica; Olympus; Fujifilm; Sigma; Minolta.
        b"IIU\0",
        b"IIRO",
        b"IIRS",
        b"MMOR",
        b"FUJIFILMCCD-RAW",
        b"FOVb",
        b"\0MRM",
        // Canon's formats before and after those that begin like TIFF.
        b"II\x1A\0\0\0HEAPCCDR",
    ];
    let is_canon = matches!(
        bytes,
        [
            _,
            _,
            _,
            _,
            b'f',
            b't',
            b'y',
            b'p',
            b'c',
            b'r',
            b'x',
            b' ',
            ..
        ]
    );
    is_canon
        || SIGNATURES
            .iter()
            .any(|signature| bytes.starts_with(signature))
}

/// Whether a file that begins like TIFF is raw, by its directories: DNG and the formats of Nikon, Sony, Pentax,
/// Samsung, Hasselblad and Phase One. Canon's has a mark in its header.
pub(crate) fn is_raw_tiff(bytes: &[u8]) -> bool {
    bytes.get(8..11) == Some(b"CR\x02")
        || directories(bytes).iter().any(|directory| {
            is_of_sensor(directory) || directory.numbers(DNG_VERSION).next().is_some()
        })
}

/// Whether a directory describes sensor data.
pub(crate) fn is_of_sensor(directory: &Directory<'_>) -> bool {
    let photometric = directory.number(PHOTOMETRIC_INTERPRETATION);
    photometric.is_some_and(|photometric| OF_SENSORS.contains(&photometric))
}

/// The directories of a file that begins like TIFF, and their subdirectories.
pub(crate) fn directories(bytes: &[u8]) -> Vec<Directory<'_>> {
    let first = Directories::new(bytes).and_then(|directories| directories.first());
    let mut found: Vec<_> = first.into_iter().collect();
    let mut looked_at = 0;
    while looked_at < found.len() {
        let directory = found[looked_at];
        looked_at += 1;
        found.extend(
            directory
                .directories(SUB_DIRECTORIES)
                .take(MOST_DIRECTORIES),
        );
        found.extend(directory.next());
        found.truncate(MOST_DIRECTORIES);
    }
    found
}
