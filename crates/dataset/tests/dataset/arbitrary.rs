//! Reading arbitrary bytes ends in a listing or an error, never in a panic.

use std::path::Path;

use dataset::{Columns, SourceOptions};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::parquet::fixture;
use crate::tree::{Tree, problems, records};

fn read(name: &str, content: &[u8]) {
    let tree = Tree::new(&["a.jpg"]);
    tree.write(name, content);
    let columns = Columns {
        caption: None,
        ..Columns::default()
    };
    if let Ok(listing) = tree.read_with(
        name,
        SourceOptions {
            columns,
            ..SourceOptions::default()
        },
    ) {
        assert!(
            records(&listing)
                .iter()
                .all(|record| record.address.file().is_none_or(Path::is_absolute))
        );
        assert!(
            problems(&listing)
                .iter()
                .all(|problem| problem.line.is_some_and(|line| line > 0))
        );
    }
}

/// Random bytes that contain many characters with a meaning in tables.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 25] = [
        b"a.jpg",
        b"path",
        b"caption",
        b"\"",
        b"\"",
        b",",
        b",",
        b"\t",
        b"\n",
        b"\n",
        b"\r\n",
        b"{",
        b"}",
        b":",
        b"[",
        b"]",
        b"\\",
        b"file://%",
        b"data:,x",
        b"#0",
        b"sep=;",
        b"\\\"",
        b"NaN",
        b"\xff",
        b"\0",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces.to_vec()).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_tables(content in text()) {
        for (name, header) in [
            ("t.csv", "path,caption,x\n"),
            ("t.csv", ""),
            ("t.tsv", "path\tcaption\n"),
            ("t.jsonl", ""),
            ("t.jsonl", "{\"path\":\"a.jpg\",\"x\":"),
            ("t.txt", "a.jpg\n"),
            ("t.json", "[{\"path\":\"a.jpg\"},"),
            ("t.csv", "path,caption\na.jpg,\"\\\"x\\\"\"\n"),
            ("unknown", ""),
        ] {
            read(name, &[header.as_bytes(), &content].concat());
        }
    }

    #[test]
    fn bytes(content in vec(any::<u8>(), 0..200)) {
        for name in ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "unknown"] {
            read(name, &content);
        }
        read("t.parquet", &[b"PAR1", content.as_slice(), b"PAR1"].concat());
    }

    #[test]
    fn damaged_parquet(
        form in proptest::sample::select(vec!["none", "snappy", "zstd", "v2"]),
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut content = fixture(&format!("typed-{form}.parquet"));
        for (index, byte) in damage {
            let index = index.index(content.len());
            content[index] = byte;
        }
        read("t.parquet", &content);
    }
}
