//! Tables as other programs write them.

use std::ops::ControlFlow;

use dataset::{Address, Columns, Source, SourceOptions};
use serde_json::json;

use crate::table::{captioned, metadata, read};
use crate::tree::{PNG, Tree, records};

/// The addresses of a list.
#[track_caller]
fn locations(name: &str, content: &str, expected: &[&str]) {
    let (tree, listing) = read(name, content, &[]);
    assert_eq!(tree.locations(&listing), expected, "{content}");
}

#[track_caller]
fn error(name: &str, content: impl AsRef<[u8]>) -> String {
    Tree::new(&[]).error(name, content.as_ref(), Columns::default())
}

#[test]
fn a_list_has_an_address_a_line() {
    let plain = "http://127.0.0.1:8899/a.jpg\nhttp://127.0.0.1:8899/b.jpg\n";
    let commas =
        "http://127.0.0.1:9/a.jpg?crop=2669,1999,x0,y0&amp;width=80\nhttp://127.0.0.1:9/b.jpg";
    let even = "https://a.example/w_1,h_2/a.jpg\r\nhttps://a.example/w_3,h_4/b.jpg\r\n";
    let cropped = "https://a.example/a?crop=1,2&w=3\nhttps://a.example/b?crop=1,2&w=3\n";
    for content in [plain, commas, even, cropped] {
        let expected: Vec<&str> = content.lines().collect();
        for name in ["urls.txt", "urls", "urls.lst", "urls.csv", "urls.tsv"] {
            locations(name, content, &expected);
            locations(name, &format!("\u{feff}{content}"), &expected);
        }
        for name in ["urls.txt", "urls.csv"] {
            locations(name, &format!("url\n{content}"), &expected);
        }
    }
    let tabs = "a, b\thttps://a.example/a,b.jpg\nc, d\thttps://a.example/c.jpg\n";
    for name in ["t.txt", "t.tsv", "t.csv"] {
        let expected = ["https://a.example/a,b.jpg", "https://a.example/c.jpg"];
        locations(name, tabs, &expected);
    }
}

#[test]
fn a_list_may_have_paths() {
    let tree = Tree::new(&["dog.jpg", "Rome, Italy.jpg", "sub/a b.png"]);
    tree.write("list.txt", "dog.jpg\n\nRome, Italy.jpg\n./sub/a b.png\n");
    let listing = tree.read("list.txt");
    assert_eq!(
        tree.locations(&listing),
        ["dog.jpg", "Rome, Italy.jpg", "sub/a b.png"]
    );
    tree.write(
        "quoted.csv",
        "file\n\"Rome, Italy.jpg\"\nRome, Italy.jpg\ndog.jpg\n",
    );
    let listing = tree.read("quoted.csv");
    assert_eq!(tree.locations(&listing), ["Rome, Italy.jpg", "dog.jpg"]);
    let mixed = "dog.jpg\nhttps://a.example/?a=1,2\n";
    tree.write("mixed.txt", mixed);
    let listing = tree.read("mixed.txt");
    assert_eq!(
        tree.locations(&listing),
        ["dog.jpg", "https://a.example/?a=1,2"]
    );
    let error = error("prose.txt", "Some words.\nAnd more.\n");
    assert!(
        error.contains("is not a folder, a picture or a table"),
        "{error}"
    );
}

#[test]
fn flickr8k_numbers_its_captions() {
    let token = "dog.jpg#0\tA dog , a cat , and a bird ; all asleep .\n\
                 dog.jpg#1\tAnimals .\n\
                 cat.jpg#0\tA cat .\n";
    let expected: [(&str, &[&str]); 2] = [
        (
            "dog.jpg",
            &["A dog , a cat , and a bird ; all asleep .", "Animals ."],
        ),
        ("cat.jpg", &["A cat ."]),
    ];
    for name in [
        "Flickr8k.token.txt",
        "captions",
        "captions.tsv",
        "captions.csv",
    ] {
        captioned(name, token, &expected);
    }
    captioned("t.tsv", format!("image\tcaption\n{token}"), &expected);
    // A row of Flickr8k's own.
    let (_, listing) = read(
        "t.txt",
        "dog.jpg#0\tA dog .\ndog.jpg.1#0\tOther .\n",
        &["t.txt:2: no such file `dog.jpg.1`"],
    );
    assert_eq!(listing.pictures(), 1);
}

#[test]
fn paths_and_captions_need_no_header() {
    let expected: [(&str, &[&str]); 2] = [("dog.jpg", &["a dog"]), ("cat.jpg", &["a cat, asleep"])];
    captioned(
        "t.csv",
        "dog.jpg,a dog\ncat.jpg,\"a cat, asleep\"\n",
        &expected,
    );
    captioned(
        "t.txt",
        "7;a dog;dog.jpg\n8;a cat, asleep;cat.jpg\n",
        &expected,
    );
    for name in ["urls.txt", "urls.csv"] {
        let content = "a dog,https://a.example/a.jpg\na cat,https://a.example/b.jpg\n";
        locations(
            name,
            content,
            &["https://a.example/a.jpg", "https://a.example/b.jpg"],
        );
        captioned(
            name,
            "a dog,dog.jpg\n\"a cat, asleep\",cat.jpg\n",
            &expected,
        );
    }
    let pages = "https://a.example/a,https://b.example/b\n";
    locations("pages.csv", pages, &["https://a.example/a"]);
}

#[test]
fn flickr30k_numbers_them_in_a_column() {
    let rows = "dog.jpg| 0| Two dogs , a \"big\" and a small one .\ndog.jpg| 1| Dogs .\n";
    let captions: &[&str] = &["Two dogs , a \"big\" and a small one .", "Dogs ."];
    for header in [
        "image_name| comment_number| comment\n",
        "image|number|caption\n",
        "",
    ] {
        captioned(
            "results.csv",
            format!("{header}{rows}"),
            &[("dog.jpg", captions)],
        );
    }
}

#[test]
fn a_file_name_may_end_as_a_number_does() {
    let tree = Tree::new(&["dog#2", "cat.jpg"]);
    tree.write("t.csv", "file,caption\ncat.jpg,a\ndog#2,b\n");
    assert_eq!(tree.locations(&tree.read("t.csv")), ["cat.jpg", "dog#2"]);
}

#[test]
fn excel_names_the_delimiter() {
    for (line, delimiter) in [
        ("sep=;", ";"),
        ("\"sep=;\"", ";"),
        ("SEP=^", "^"),
        ("sep=\\t", "\t"),
        ("sep=,", ","),
    ] {
        for ending in ["\r\n", "\n"] {
            let rows = ["file,caption", "dog.jpg,Katze", "missing.jpg,x"]
                .map(|row| row.replace(',', delimiter));
            let content = format!("{line}{ending}{}{ending}", rows.join(ending));
            let (tree, listing) = read("t.csv", content, &["t.csv:4: no such file `missing.jpg`"]);
            assert_eq!(tree.locations(&listing), ["dog.jpg"], "{line}");
            assert_eq!(records(&listing)[0].captions, ["Katze"]);
        }
    }
    assert!(error("t.csv", "sep=;").contains("got no columns"));
}

#[test]
fn the_delimiter_is_the_one_that_makes_sense_of_the_header() {
    captioned("a.csv", "image;a,b,c\ndog.jpg;x\n", &[("dog.jpg", &[])]);
    captioned(
        "b.csv",
        "image\tcaption, in, English\tcaption\ndog.jpg\tx\ty\n",
        &[("dog.jpg", &["y"])],
    );
    captioned(
        "c.csv",
        "caption;file\na, b, c;dog.jpg\n",
        &[("dog.jpg", &["a, b, c"])],
    );
}

#[test]
fn quotation_marks_may_have_a_backslash() {
    for (content, caption) in [
        ("\"she said \\\"hi\\\" to me\"", "she said \"hi\" to me"),
        (
            "\"a sign saying \\\"stop, now\\\"\"",
            "a sign saying \"stop, now\"",
        ),
        ("\"\\\"quoted\\\"\"", "\"quoted\""),
        ("\"ends so\\\\\"", "ends so\\"),
        ("\"two \\\"\nlines\\\"\"", "two \"\nlines\""),
        ("\"\\\"a \"\"b\"\"\\\"\"", "\"a \"b\"\""),
        ("\"C:\\new \\\"x\\\"\"", "C:\\new \"x\""),
    ] {
        let content =
            format!("file,caption\ndog.jpg,{content}\ncat.jpg,\"plain\"\nsub/bird.jpg,last\n");
        let expected: [(&str, &[&str]); 3] = [
            ("dog.jpg", &[caption]),
            ("cat.jpg", &["plain"]),
            ("sub/bird.jpg", &["last"]),
        ];
        captioned("spark.csv", &content, &expected);
    }
    // Elsewhere a backslash is an ordinary character.
    for caption in ["C:\\dir\\", "\\", "12\\\" wide"] {
        captioned(
            "t.csv",
            format!("file,caption,x\ndog.jpg,{caption},\"C:\\a\\\"\n"),
            &[("dog.jpg", &[caption])],
        );
    }
    captioned(
        "t.tsv",
        "file\tcaption\ndog.jpg\t\"a \\\"b\\\"\"\n",
        &[("dog.jpg", &["a \"b\""])],
    );
}

#[test]
fn a_caption_is_not_mangled() {
    let content = "file,caption\n\
        dog.jpg,\"Sit\" said the man\n\
        cat.jpg,\"a \"nice\" cat\"\n\
        dog.jpg,\"fine\" \n\
        cat.jpg,12\" high\n";
    let fault = "text after the closing quotation mark of a cell: write a quotation mark inside a cell as `\"\"`";
    let problems = [format!("t.csv:2: {fault}"), format!("t.csv:3: {fault}")];
    let (_, listing) = read("t.csv", content, &problems.each_ref().map(String::as_str));
    let captions: Vec<_> = records(&listing)
        .into_iter()
        .map(|it| it.captions)
        .collect();
    assert_eq!(captions, [["fine"], ["12\" high"]]);
}

#[test]
fn null_is_nothing() {
    let content = "file,caption,year\ndog.jpg,\\N,\\N\ncat.jpg,\"\\N\",2019\n";
    assert_eq!(
        metadata("t.csv", content),
        [json!({}), json!({"year": 2019})]
    );
    captioned("t.csv", content, &[("dog.jpg", &[]), ("cat.jpg", &[])]);
}

#[test]
fn two_columns_of_one_name_are_refused() {
    for (content, column) in [
        (
            "file,caption,caption,tag,tag\ndog.jpg,one,two,x,y\n",
            "caption",
        ),
        ("file,tag, tag\ndog.jpg,x,y\n", "tag"),
    ] {
        assert_eq!(
            error("t.csv", content),
            format!("`t.csv` has two columns named `{column}`: rename one of them")
        );
    }
    captioned(
        "t.csv",
        "file,caption,,\ndog.jpg,one,,\n",
        &[("dog.jpg", &["one"])],
    );
    let (_, listing) = read(
        "t.jsonl",
        "{\"file\": \"dog.jpg\", \"caption\": \"one\", \"caption\": \"two\"}\n\
         {\"file\": \"dog.jpg\", \"caption\": \"x\", \"a\": {\"b\": 1, \"b\": 2}}\n",
        &["t.jsonl:1: duplicate key `caption`"],
    );
    assert_eq!(records(&listing)[0].captions, ["x"]);
}

#[test]
fn python_writes_more_than_json() {
    let content = r#"{"file":"dog.jpg","caption":"one"}
        {"file":"cat.jpg","caption":NaN,"share":Infinity,"least":-Infinity,"year":2019}
        {"file":"sub/bird.jpg","caption":"x \ud83d\ude00 \ud800 NaN","s":"\udc00"}"#;
    captioned(
        "bad.jsonl",
        content,
        &[
            ("dog.jpg", &["one"]),
            ("cat.jpg", &[]),
            ("sub/bird.jpg", &["x 😀 \u{fffd} NaN"]),
        ],
    );
    let expected = [json!({}), json!({"year": 2019}), json!({"s": "\u{fffd}"})];
    assert_eq!(metadata("bad.jsonl", content), expected);
    let (_, listing) = read(
        "t.jsonl",
        "{\"file\": NaN}\n{\"file\": Nan}\n",
        &[
            "t.jsonl:1: no path",
            "t.jsonl:2: not valid JSON: expected value at column 10",
        ],
    );
    assert_eq!(listing.pictures(), 0);
}

#[test]
fn an_array_of_objects_is_a_table() {
    let compact = r#"[{"file": "dog.jpg", "caption": "one, [two] {\"three\""}, {"file": "cat.jpg", "caption": "2"}]"#;
    let spread = compact
        .replace(", {", ",\n\n  {\n")
        .replace("[{", "\n [\r\n {");
    let joined = format!(
        "{compact}\n[]{}",
        r#"[{"file": "cat.jpg", "caption": "three"}]"#
    );
    let expected: [(&str, &[&str]); 2] =
        [("dog.jpg", &["one, [two] {\"three\""]), ("cat.jpg", &["2"])];
    for name in ["arr.json", "arr.jsonl", "arr"] {
        captioned(name, compact, &expected);
        captioned(name, &spread, &expected);
        captioned(name, format!("\u{feff}{compact}"), &expected);
    }
    captioned(
        "arr.json",
        joined,
        &[expected[0], ("cat.jpg", &["2", "three"])],
    );
    captioned("arr.json", "[]", &[]);
    captioned("arr.json", format!("[]\n{compact}"), &expected);
    let (tree, listing) = read(
        "lines.jsonl",
        "[]\n{\"file\": \"dog.jpg\"}\n",
        &["lines.jsonl:1: not a JSON object"],
    );
    assert_eq!(tree.locations(&listing), ["dog.jpg"]);
    captioned(
        "arr.json.gz",
        crate::table::gzipped(compact.as_bytes()),
        &expected,
    );
    locations(
        "urls.json",
        r#"["https://a.example/a,b.jpg", "dog.jpg"]"#,
        &["https://a.example/a,b.jpg", "dog.jpg"],
    );
    captioned(
        "lines.json",
        "{\"file\": \"dog.jpg\"}\n",
        &[("dog.jpg", &[])],
    );
}

#[test]
fn an_array_has_problems_by_its_rows() {
    let (tree, listing) = read(
        "arr.json",
        r#"[{"file": "dog.jpg"}, [1], {"file" "cat.jpg"}, {"file": NaN}, {"file": "cat.jpg"}, "#,
        &[
            "arr.json:2: not a JSON object",
            "arr.json:3: not valid JSON: expected `:` at column 9",
            "arr.json:4: no path",
            "arr.json:6: not valid JSON: the array is not closed",
        ],
    );
    assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
    let long = format!(
        "[{{\"file\": \"{}\"}}, {{\"file\": \"dog.jpg\"}}] x",
        "a".repeat(65 << 20)
    );
    let (tree, listing) = read(
        "arr.json",
        long,
        &[
            "arr.json:1: line is longer than 67108864 bytes",
            "arr.json:3: not valid JSON: text after the array",
        ],
    );
    assert_eq!(tree.locations(&listing), ["dog.jpg"]);
}

const COCO: &str = r#"{"info": {"year": 2014},
    "images": [{"id": 7, "file_name": "dog.jpg", "height": 3}, {"id": 8, "file_name": "cat.jpg"}, {"id": 9, "file_name": "no.jpg"}],
    "licenses": [{"id": 1}],
    "annotations": [{"image_id": 8, "id": 1, "caption": "a cat"}, {"image_id": 7, "id": 2, "caption": "a dog"},
        {"image_id": 6, "caption": "a fish"}, {"image_id": 8, "bbox": [1, 2]}, {"image_id": 8, "id": 3, "caption": "two"}]}"#;

#[test]
fn annotations_of_coco_are_joined_to_their_images() {
    let (images, annotations) = (
        COCO.find("\"images").unwrap(),
        COCO.find("\"licenses").unwrap(),
    );
    // Annotations first, and more of them than are examined to detect the format.
    let long = format!("\"description\": \"{}\",", "x".repeat(2 << 20));
    let turned = format!(
        "{{{}, {long} {}\"info\": []}}",
        COCO[COCO.find("\"annotations").unwrap()..].trim_end_matches('}'),
        &COCO[images..annotations],
    );
    let compact = COCO.replace('\n', "");
    for content in [COCO, &compact, &turned] {
        let (tree, listing) = read("t.json", content, &["t.json:3: no such file `no.jpg`"]);
        assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
        let found = records(&listing);
        assert_eq!(found[0].captions, ["a dog"]);
        assert_eq!(found[1].captions, ["a cat", "two"]);
        assert_eq!(found[0].id.as_deref(), Some("7"));
        assert_eq!(
            serde_json::Value::Object(found[0].metadata.clone()),
            json!({"height": 3})
        );
    }
    let without = r#"{"images": [{"id": "a", "coco_url": "https://a.example/1.jpg", "file_name": "dog.jpg"}], "annotations": []}"#;
    captioned("t.json", without, &[("dog.jpg", &[])]);
}

#[test]
fn damaged_annotations_of_coco_are_refused() {
    let read_error = |content: &str| {
        let tree = Tree::new(&["dog.jpg", "cat.jpg"]);
        tree.write("t.json", content);
        let error = tree
            .read_with("t.json", SourceOptions::default())
            .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(matches!(error, dataset::Error::Read { .. }), "{error}");
        cause
    };
    let cut = read_error(&COCO[..COCO.len() - 9]);
    assert!(cut.starts_with("EOF while parsing"), "{cut}");
    let more = read_error(&format!("{COCO}{COCO}"));
    assert!(more.starts_with("trailing characters"), "{more}");
    let number = read_error(&COCO.replace("{\"id\": 9,", "9, {\"id\": 9,"));
    assert!(number.starts_with("invalid type: integer `9`"), "{number}");
    let long = format!("{{\"id\": 9, \"x\": \"{}\",", "x".repeat(65 << 20));
    let long = read_error(&COCO.replace("{\"id\": 9,", &long));
    assert_eq!(long, "an object is longer than 67108864 bytes");
}

#[test]
fn one_object_is_refused_by_its_form() {
    let coco = r#"{"info": {}, "images": [{"id": 1, "height": 3}], "annotations": [{"id": 1, "caption": "x"}]}"#;
    let spread = coco
        .replace("{\"info\"", "{\n  \"info\"")
        .replace(", \"", ",\n  \"");
    let empty = &COCO.replace("\"images\"", "\"images\": [], \"pictures\"");
    let expected = "expected an object for each picture, in an array or one per line";
    for content in [coco, &spread] {
        assert_eq!(
            error("captions.json", content),
            format!(
                "`captions.json` is annotations as COCO has them, with `info`, `images`, `annotations`: {expected}"
            )
        );
    }
    assert!(error("captions.json", empty).ends_with(expected));
    let pandas = r#"{"file": {"0": "dog.jpg"}, "caption": {"0": "x"}}"#;
    for content in [pandas, r#"{"file": ["dog.jpg"], "caption": ["x"]}"#] {
        assert_eq!(
            error("t.json", content),
            format!("`t.json` is one JSON object, with `file`, `caption`: {expected}")
        );
    }
}

#[test]
fn pages_leave_out_the_scheme() {
    locations(
        "t.txt",
        "//host.example/a.jpg\n//host.example/b,c.jpg\n",
        &["https://host.example/a.jpg", "https://host.example/b,c.jpg"],
    );
    let (_, listing) = read(
        "t.csv",
        "file\n//home/me/missing.jpg\n",
        &["t.csv:2: no such file `//home/me/missing.jpg`"],
    );
    assert_eq!(listing.pictures(), 0);
}

#[test]
fn a_picture_may_be_written_out() {
    let url = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==";
    let tree = Tree::new(&["dog.jpg"]);
    for (name, content) in [
        ("t.txt", format!("{url}\ndog.jpg\n")),
        ("t.csv", format!("file,caption\n\"{url}\",x\ndog.jpg,y\n")),
        (
            "t.jsonl",
            format!("{{\"url\": \"{url}\"}}\n{{\"url\": \"dog.jpg\"}}\n"),
        ),
        (
            "t.json",
            format!("[{{\"url\": \"{url}\"}}, {{\"url\": \"dog.jpg\"}}]"),
        ),
    ] {
        tree.write(name, content);
        let listing = tree.read(name);
        assert_eq!(tree.problems(&listing), [""; 0]);
        let found = records(&listing);
        let first = format!(
            "{}#{}",
            tree.path(name).display(),
            if name == "t.csv" { 2 } else { 1 }
        );
        assert_eq!(found[0].address, Address::Inside(first));
        assert_eq!(found[1].address, Address::File(tree.path("dog.jpg")));
        let source = Source::table(&tree.path(name), SourceOptions::default()).unwrap();
        let mut bytes = Vec::new();
        let take = |_: &std::path::Path, _, row: Result<dataset::Row, _>| {
            bytes.push(row.unwrap().inside.map(|inside| inside.bytes.unwrap()));
            ControlFlow::Continue(())
        };
        source.rows_with_pictures(take).unwrap();
        assert_eq!(bytes, [Some(PNG.to_vec()), None], "{name}");
    }
    let long = format!("data:image/png;base64,{}!", "A".repeat(1000));
    let shown = format!("{}…", &long[..200]);
    read(
        "bad.txt",
        format!("{url}\ndata:image/png\ndata:,\n{long}\n"),
        &[
            "bad.txt:2: `data:image/png` is malformed: expected data:image/…;base64,…",
            "bad.txt:3: `data:,` is malformed: expected data:image/…;base64,…",
            &format!("bad.txt:4: `{shown}` is malformed: expected data:image/…;base64,…"),
        ],
    );
}

#[test]
fn joined_tables_repeat_their_beginning() {
    captioned(
        "t.csv",
        "\u{feff}file,caption\r\ndog.jpg,one\r\n\u{feff}file,caption\r\n\u{feff}\"cat.jpg\",two\r\nfile,caption\r\ndog.jpg,three\r\n",
        &[("dog.jpg", &["one", "three"]), ("cat.jpg", &["two"])],
    );
    captioned(
        "t.jsonl",
        "\u{feff}{\"file\":\"dog.jpg\"}\n\u{feff}{\"file\":\"cat.jpg\"}\n",
        &[("dog.jpg", &[]), ("cat.jpg", &[])],
    );
}

#[test]
fn empty_cells_at_the_end_say_nothing() {
    captioned(
        "t.csv",
        "file,caption\ndog.jpg,x,,\r\ncat.jpg,y, \n",
        &[("dog.jpg", &["x"]), ("cat.jpg", &["y"])],
    );
    captioned(
        "old.csv",
        "file;caption\rdog.jpg;\"a\rb\"\rcat.jpg;x\r",
        &[("dog.jpg", &["a\rb"]), ("cat.jpg", &["x"])],
    );
}

#[test]
fn a_row_is_not_longer_than_memory() {
    let long = "x".repeat(65 << 20);
    for row in [
        format!("dog.jpg,{long}\n"),
        format!("dog.jpg,\"{long}\ny\"\n"),
    ] {
        let is_quoted = row.contains('"');
        let content = format!("file,caption\n{row}cat.jpg,fine\n");
        let tree = Tree::new(&["cat.jpg"]);
        tree.write("t.csv", content);
        let listing = tree.read("t.csv");
        let problems = tree.problems(&listing);
        assert_eq!(problems[0], "t.csv:2: line is longer than 67108864 bytes");
        assert_eq!(problems.len(), if is_quoted { 2 } else { 1 });
        assert_eq!(tree.locations(&listing), ["cat.jpg"]);
    }
}

#[test]
fn other_encodings_without_a_mark_are_refused() {
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let big: Vec<u8> = "file,x\n"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let utf32: Vec<u8> = "file,x\n"
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    let marked = utf16("\u{feff}http://a.example/a.jpg\n");
    for (name, content) in [
        ("t.csv", utf16("file,x\n")),
        ("t.jsonl", utf16("{\"file\": \"a.jpg\"}\n")),
        ("t.txt", marked),
        ("t.txt", big),
        ("t.json", utf32),
    ] {
        let error = error(name, content);
        assert!(
            error.contains("is UTF-16, expected UTF-8: convert it"),
            "{error}"
        );
    }
}

#[test]
fn a_nul_is_part_of_no_name() {
    read(
        "t.csv",
        "file,caption\ndog.jpg\0,x\n\0\0\0\0",
        &[
            "t.csv:2: no such file `dog.jpg\0`",
            "t.csv:3: got 1 cells, expected 2",
        ],
    );
}
