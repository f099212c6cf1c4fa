//! Bytes as a table's file; the first says of which kind.

#![no_main]

use std::{fs, panic};

use dataset::{Source, SourceOptions};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 6] = ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.txt", "t.json"];

fuzz_target!(
    // The reader of Parquet panics on damaged files; that is caught and made an error.
    init: { panic::set_hook(Box::new(|_| ())) },
    |bytes: &[u8]| {
        let Some((&kind, bytes)) = bytes.split_first() else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAMES[usize::from(kind) % NAMES.len()]);
        fs::write(&path, bytes).unwrap();
        fs::write(folder.path().join("a.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        let listing =
            Source::open(&path, SourceOptions::default()).and_then(|source| source.read());
        for record in listing.iter().flat_map(|listing| listing.records()) {
            let record = record.unwrap();
            assert!(record.address.file().is_none_or(std::path::Path::is_absolute));
            assert!(record.captions.iter().all(|caption| !caption.trim().is_empty()));
        }
    }
);
