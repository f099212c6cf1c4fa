use dataset::{Columns, Listing, Slice, Source, SourceOptions};
use serde_json::{Value, json};

use crate::tree::{Tree, problems, records};

const PICTURES: &[&str] = &["dog.jpg", "cat.jpg", "sub/bird.jpg"];

fn columns(path: Option<&str>, caption: Option<&str>, id: Option<&str>) -> Columns {
    let owned = |name: Option<&str>| name.map(str::to_owned);
    Columns {
        path: owned(path),
        caption: owned(caption),
        id: owned(id),
        before: None,
    }
}

#[test]
fn columns_of_the_last_time_come_before_usual_ones() {
    let of = |content: &str| {
        let tree = Tree::new(PICTURES);
        tree.write("t.csv", content);
        let options = SourceOptions {
            columns: Columns {
                before: Some(Box::new(columns(None, Some("heading"), None))),
                ..Columns::default()
            },
            ..SourceOptions::default()
        };
        let source = Source::open(&tree.path("t.csv"), options).unwrap();
        records(&source.read().unwrap())[0].captions.clone()
    };
    assert_eq!(of("path,title,heading\ndog.jpg,one,two\n"), ["two"]);
    assert_eq!(of("path,title\ndog.jpg,one\n"), ["one"]);
    assert!(of("path,other\ndog.jpg,one\n").is_empty());
}

/// The listing of a table in a folder with three pictures. Checks its problems.
#[track_caller]
pub(crate) fn read(name: &str, content: impl AsRef<[u8]>, problems: &[&str]) -> (Tree, Listing) {
    let tree = Tree::new(PICTURES);
    tree.write(name, content.as_ref());
    let listing = tree.read(name);
    assert_eq!(tree.problems(&listing), problems);
    (tree, listing)
}

/// The location and captions of each record.
fn captions((tree, listing): &(Tree, Listing)) -> Vec<(String, Vec<String>)> {
    records(listing)
        .iter()
        .map(|record| (tree.location(record), record.captions.clone()))
        .collect()
}

#[track_caller]
pub(crate) fn captioned(name: &str, content: impl AsRef<[u8]>, expected: &[(&str, &[&str])]) {
    let found = captions(&read(name, content, &[]));
    let found: Vec<(&str, Vec<&str>)> = found
        .iter()
        .map(|(location, captions)| {
            (
                location.as_str(),
                captions.iter().map(String::as_str).collect(),
            )
        })
        .collect();
    let expected: Vec<(&str, Vec<&str>)> = expected
        .iter()
        .map(|(location, captions)| (*location, captions.to_vec()))
        .collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn captioned_with(name: &str, content: &str, problems: &[&str], expected: &[(&str, &[&str])]) {
    let (tree, listing) = read(name, content, problems);
    let expected: Vec<(String, Vec<String>)> = expected
        .iter()
        .map(|(location, captions)| {
            let captions = captions.iter().map(|&caption| caption.to_owned());
            ((*location).to_owned(), captions.collect())
        })
        .collect();
    assert_eq!(captions(&(tree, listing)), expected);
}

#[track_caller]
pub(crate) fn metadata(name: &str, content: &str) -> Vec<Value> {
    let (_, listing) = read(name, content, &[]);
    records(&listing)
        .into_iter()
        .map(|record| Value::Object(record.metadata))
        .collect()
}

#[test]
fn rows_of_one_picture_are_one_record() {
    captioned(
        "t.csv",
        "image,caption\n\
         dog.jpg,one\n\
         sub/bird.jpg,\n\
         dog.jpg,two\n\
         ./sub/../dog.jpg,one\n\
         cat.jpg, one \n\
         dog.jpg,three\n",
        &[
            ("dog.jpg", &["one", "two", "three"]),
            ("sub/bird.jpg", &[]),
            ("cat.jpg", &["one"]),
        ],
    );
}

#[test]
fn the_first_row_that_has_a_value_gives_it() {
    let (_, listing) = read(
        "t.csv",
        "id,path,year,place\n\
         ,dog.jpg,,Rome\n\
         7,dog.jpg,2019,Oslo\n\
         8,dog.jpg,2020,Bonn\n",
        &["t.csv:4: id `8` is ignored: the picture already has id `7`"],
    );
    let records = records(&listing);
    assert_eq!(records[0].id.as_deref(), Some("7"));
    assert_eq!(
        Value::Object(records[0].metadata.clone()),
        json!({"year": 2019, "place": "Rome"})
    );
}

#[test]
fn a_further_id_of_a_picture_is_reported() {
    captioned_with(
        "t.csv",
        "id,path,text\n7,dog.jpg,one\n8,dog.jpg,two\n7,dog.jpg,three\n",
        &["t.csv:3: id `8` is ignored: the picture already has id `7`"],
        &[("dog.jpg", &["one", "two", "three"])],
    );
}

#[test]
fn a_picture_that_is_no_file_is_reported_once() {
    captioned_with(
        "t.csv",
        "path,text\nmissing.jpg,one\ndog.jpg,one\nmissing.jpg,two\n./missing.jpg,three\n",
        &["t.csv:2: no such file `missing.jpg`"],
        &[("dog.jpg", &["one"])],
    );
}

#[test]
fn rows_that_are_not_utf8_are_told_as_a_number() {
    let (_, listing) = read(
        "t.csv",
        b"path,text\ndog.jpg,caf\xe9\ncat.jpg,one\ndog.jpg,\xe9\ndog.jpg,\xe8\n",
        &[
            "t.csv:2: column `text` is not valid UTF-8: convert the table, for example with `iconv -f WINDOWS-1252 -t UTF-8`",
            "t.csv:4: 2 more rows are not valid UTF-8",
        ],
    );
    assert_eq!(listing.pictures(), 1);
}

#[test]
fn an_id_names_one_picture() {
    let (tree, listing) = read(
        "t.jsonl",
        r#"{"path": "dog.jpg", "id": 1, "text": "first"}
           {"path": "cat.jpg", "id": "1", "text": "second"}
           {"path": "cat.jpg", "id": "2", "text": "third"}
           {"path": "dog.jpg", "id": "2", "text": "fourth"}"#,
        &[
            "t.jsonl:2: id `1` already names another picture",
            "t.jsonl:4: id `2` already names another picture",
        ],
    );
    assert_eq!(
        captions(&(tree, listing)),
        [
            ("dog.jpg".to_owned(), vec!["first".to_owned()]),
            ("cat.jpg".to_owned(), vec!["third".to_owned()])
        ]
    );
}

#[test]
fn columns_are_found_by_usual_names() {
    captioned(
        "a.csv",
        "Caption,IMAGE\nhello,dog.jpg\n",
        &[("dog.jpg", &["hello"])],
    );
    captioned(
        "b.csv",
        "Image Path,Alt-Text\ndog.jpg,hello\n",
        &[("dog.jpg", &["hello"])],
    );
    captioned(
        "c.tsv",
        "title\tdescription\tfile_name\na\tb\tdog.jpg\n",
        &[("dog.jpg", &["b"])],
    );
    captioned(
        "d.csv",
        "image,path\ncat.jpg,dog.jpg\n",
        &[("dog.jpg", &[])],
    );
    assert_eq!(
        metadata("e.csv", "path,label\ndog.jpg,pet\n"),
        [json!({"label": "pet"})]
    );
}

#[test]
fn columns_are_named() {
    let tree = Tree::new(PICTURES);
    tree.write(
        "t.csv",
        b"path,where,what,Path,key\ncat.jpg,dog.jpg,good,bird.jpg,7\n",
    );
    let columns = columns(Some("where"), Some("WHAT"), Some("where"));
    let options = SourceOptions {
        columns,
        ..SourceOptions::default()
    };
    let record = records(&tree.read_with("t.csv", options).unwrap()).remove(0);
    assert_eq!(tree.location(&record), "dog.jpg");
    assert_eq!(record.captions, ["good"]);
    assert_eq!(record.id.as_deref(), Some("dog.jpg"));
    assert_eq!(
        Value::Object(record.metadata),
        json!({"path": "cat.jpg", "Path": "bird.jpg", "key": 7})
    );
}

#[test]
fn a_missing_column_is_an_error_that_lists_the_columns() {
    let tree = Tree::new(PICTURES);
    let unknown = "got `where`, `what`: name it with `--path-column`";
    for (name, content) in [
        ("t.csv", "where,what\ndog.jpg,x\n"),
        ("t.tsv", "where\twhat\ndog.jpg\tx\n"),
        ("t.jsonl", "{\"what\": 1, \"where\": \"dog.jpg\"}\n"),
    ] {
        let error = tree.error(name, content.as_bytes(), Columns::default());
        let unknown = match name {
            "t.jsonl" => "got `what`, `where`: name it with `--path-column`",
            _ => unknown,
        };
        assert_eq!(
            error,
            format!("cannot tell which column of `{name}` has the pictures' paths, {unknown}")
        );
    }
    let named = |path, caption, id| {
        tree.error(
            "u.csv",
            b"path,text\ndog.jpg,x\n",
            columns(path, caption, id),
        )
    };
    assert_eq!(
        named(Some("file"), None, None),
        "no column `file` in `u.csv` for `--path-column`, got `path`, `text`"
    );
    assert_eq!(
        named(None, Some("words"), None),
        "no column `words` in `u.csv` for `--caption-column`, got `path`, `text`"
    );
    assert_eq!(
        named(None, None, Some("id")),
        "no column `id` in `u.csv` for `--id-column`, got `path`, `text`"
    );
    assert_eq!(
        tree.error(
            "v.jsonl",
            b"{\"path\":\"dog.jpg\"}",
            columns(None, Some("words"), None)
        ),
        "no column `words` in `v.jsonl` for `--caption-column`, got `path`"
    );
}

#[test]
fn an_empty_table() {
    let tree = Tree::new(&["t.csv", "t.jsonl"]);
    for name in ["t.csv", "t.jsonl"] {
        let error = tree.error(name, b"", Columns::default());
        assert_eq!(error, format!("`{name}` is empty"));
    }
    captioned("u.csv", "path,caption\n", &[]);
}

#[test]
fn csv_as_people_make_it() {
    captioned(
        "bom.csv",
        "\u{feff}image,caption\ndog.jpg,x\n",
        &[("dog.jpg", &["x"])],
    );
    captioned(
        "bom.jsonl",
        "\u{feff}{\"image\":\"dog.jpg\"}\n",
        &[("dog.jpg", &[])],
    );
    captioned(
        "crlf.csv",
        "image,caption\r\ndog.jpg,\"x\"\r\n",
        &[("dog.jpg", &["x"])],
    );
    captioned(
        "crlf.tsv",
        "image\tcaption\r\ndog.jpg\tx\r\n",
        &[("dog.jpg", &["x"])],
    );
    captioned(
        "crlf.jsonl",
        "{\"image\":\"dog.jpg\"}\r\n\r\n",
        &[("dog.jpg", &[])],
    );
    captioned(
        "semicolon.csv",
        "image;caption\ndog.jpg;a, b\n",
        &[("dog.jpg", &["a, b"])],
    );
    captioned(
        "bar.csv",
        "image| caption\ndog.jpg| x\n",
        &[("dog.jpg", &["x"])],
    );
    captioned(
        "tab.csv",
        "image\tcaption\ndog.jpg\tx\n",
        &[("dog.jpg", &["x"])],
    );
    captioned(
        "captions.txt",
        "image,caption\ndog.jpg,x\n",
        &[("dog.jpg", &["x"])],
    );
    captioned(
        "quoted.csv",
        "\"image\",\"a,b,c;d;e\"\n\"dog.jpg\",x\n",
        &[("dog.jpg", &[])],
    );
    captioned(
        "one.csv",
        "image\ndog.jpg\n\ncat.jpg",
        &[("dog.jpg", &[]), ("cat.jpg", &[])],
    );
    captioned(
        "lines.csv",
        "image,caption\ndog.jpg,\"two\nlines, \"\"quoted\"\"\"\ncat.jpg,x\n",
        &[
            ("dog.jpg", &["two\nlines, \"quoted\""]),
            ("cat.jpg", &["x"]),
        ],
    );
}

#[test]
fn a_quotation_mark_in_tsv_swallows_no_rows() {
    captioned(
        "t.tsv",
        "image\tcaption\n\
         dog.jpg\t\"Sit\" said the man\n\
         cat.jpg\t\"unfinished\n\
         sub/bird.jpg\tends \"so\"\n\
         dog.jpg\t\"as \"\"pandas\"\" has it\"\n",
        &[
            ("dog.jpg", &["\"Sit\" said the man", "as \"pandas\" has it"]),
            ("cat.jpg", &["\"unfinished"]),
            ("sub/bird.jpg", &["ends \"so\""]),
        ],
    );
}

/// As pandas and DuckDB write and read them.
#[test]
fn a_quoted_cell_in_tsv_holds_tabs_and_lines_where_they_have_to_be() {
    let content = "image\tcaption\tyear\n\
        dog.jpg\t\"two\nlines, \"\"quoted\"\"\n\n\"\t2019\n\
        cat.jpg\t\"a\ttab\"\t2020\n\
        \"sub/bird.jpg\"\tx\t\"20\n21\"\n\
        dog.jpg\t\" raw\t2022\n\
        cat.jpg\traw \"\t2023\n";
    let expected: [(&str, &[&str]); 3] = [
        ("dog.jpg", &["two\nlines, \"quoted\"", "\" raw"]),
        ("cat.jpg", &["a\ttab", "raw \""]),
        ("sub/bird.jpg", &["x"]),
    ];
    captioned("t.tsv", content, &expected);
    captioned(
        "t.tsv",
        content.replace("9\n", "9\r\n").replace("\"\n", "\"\r\n"),
        &expected,
    );
    // Lines that are rows by themselves stay rows.
    captioned(
        "t.tsv",
        "image\tcaption\ndog.jpg\t\" one\ncat.jpg\ttwo \"\n",
        &[("dog.jpg", &["\" one"]), ("cat.jpg", &["two \""])],
    );
    captioned(
        "t.tsv",
        "image\tcaption\ndog.jpg\t\"one\ntwo\"\ncat.jpg\t\"\n",
        &[("dog.jpg", &["one\ntwo"]), ("cat.jpg", &["\""])],
    );
    // After an unclosed cell, each line is read as before.
    let (tree, listing) = read(
        "t.tsv",
        "image\tcaption\ndog.jpg\t\"one\ntwo\nthree\"x\ncat.jpg\ty\n",
        &[
            "t.tsv:3: got 1 cells, expected 2",
            "t.tsv:4: got 1 cells, expected 2",
        ],
    );
    assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
    assert_eq!(records(&listing)[0].captions, ["\"one"]);
    let (_, listing) = read(
        "t.tsv",
        "image\tcaption\ndog.jpg\t\"one\ntwo\"\nnone.jpg\tx\n",
        &["t.tsv:4: no such file `none.jpg`"],
    );
    assert_eq!(records(&listing)[0].captions, ["one\ntwo"]);
}

#[test]
fn a_line_of_tsv_that_is_too_long_is_left_out() {
    for start in ["", "\"", "\"\"\""] {
        let long = "x".repeat(65 << 20);
        let content = format!("image\tcaption\ncat.jpg\t{start}{long}\ndog.jpg\ta dog\n");
        let (tree, listing) = read(
            "t.tsv",
            content,
            &["t.tsv:2: line is longer than 67108864 bytes"],
        );
        assert_eq!(tree.locations(&listing), ["dog.jpg"]);
    }
}

#[test]
fn an_open_quote_is_reported() {
    let content = "image,caption\ndog.jpg,x\ncat.jpg,\"open\ndog.jpg,y\ndog.jpg,z\n";
    let (tree, listing) = read(
        "t.csv",
        content,
        &["t.csv:3: quoted cell is not closed before the end of the table"],
    );
    assert_eq!(tree.locations(&listing), ["dog.jpg"]);
}

#[test]
fn bad_rows_are_reported_with_their_line() {
    let content = b"image,caption\r\n\
        dog.jpg,\"two\r\nlines\"\r\n\
        \r\n\
        cat.jpg\r\n\
        cat.jpg,a,b\r\n\
        cat.jpg,caf\xe9\r\n\
        missing.jpg,x\r\n\
        ,x\r\n\
        sub,x\r\n\
        ftp://example.com/a.jpg,x\r\n\
        DATA:image/png;base64:AAAA,x\r\n\
        sub/bird.jpg,fine\r\n";
    let (tree, listing) = read(
        "t.csv",
        content,
        &[
            "t.csv:5: got 1 cells, expected 2",
            "t.csv:6: got 3 cells, expected 2",
            "t.csv:7: column `caption` is not valid UTF-8: convert the table, for example with `iconv -f WINDOWS-1252 -t UTF-8`",
            "t.csv:8: no such file `missing.jpg`",
            "t.csv:9: no path",
            "t.csv:10: `sub` is not a file",
            "t.csv:11: `ftp://example.com/a.jpg` is not a supported URL: expected http:// or https://",
            "t.csv:12: `DATA:image/png;base64:AAAA` is malformed: expected data:image/…;base64,…",
        ],
    );
    assert_eq!(tree.locations(&listing), ["dog.jpg", "sub/bird.jpg"]);
    assert_eq!(records(&listing)[0].captions, ["two\r\nlines"]);
}

#[test]
fn bad_lines_of_json_are_reported() {
    let content = b"{\"path\": \"dog.jpg\"}\n\
        {\"path\": \n\
        [1]\n\
        {\"path\": \"caf\xe9.jpg\"}\n\
        \n\
        {\"path\": null}\n\
        {\"caption\": \"x\"}\n\
        {\"path\": {\"a\": 1}}\n\
        {\"path\": \"a\\u0000b\"}\n\
        {\"path\": \"cat.jpg\"}";
    let tree = Tree::new(PICTURES);
    tree.write("t.jsonl", content);
    let listing = tree.read("t.jsonl");
    assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
    assert_eq!(
        tree.problems(&listing)[0],
        "t.jsonl:2: not valid JSON: EOF while parsing a value at column 8"
    );
    let problems = problems(&listing);
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| (problem.line.unwrap(), problem.summary.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            (2, "not valid JSON"),
            (3, "not a JSON object"),
            (4, "not valid JSON"),
            (6, "no path"),
            (7, "no path"),
            (8, "no path"),
            (9, "no such file")
        ]
    );
}

#[test]
fn paths_of_many_kinds() {
    let tree = Tree::new(&["pictures/a.jpg", "pictures/b c%.jpg", "tables/local.jpg"]);
    let absolute = tree.path("pictures/a.jpg").display().to_string();
    let url = format!("file://{}", tree.path("pictures/b%20c%25.jpg").display());
    let local = url.replace("file://", "file://localhost");
    let table = format!(
        "path\n../pictures/a.jpg\n{absolute}\n..\\pictures\\a.jpg\n./local.jpg\n{url}\n{local}\n\
         file://elsewhere/x.jpg\nfile:///missing.jpg\nC:\\x.jpg\n"
    );
    tree.write("tables/t.csv", table.as_bytes());
    let listing = tree.read("tables/t.csv");
    assert_eq!(
        tree.locations(&listing),
        ["pictures/a.jpg", "tables/local.jpg", "pictures/b c%.jpg"]
    );
    assert_eq!(
        tree.problems(&listing),
        [
            "tables/t.csv:8: no such file `file://elsewhere/x.jpg`",
            "tables/t.csv:9: no such file `file:///missing.jpg`",
            "tables/t.csv:10: no such file `C:\\x.jpg`"
        ]
    );
}

#[test]
fn exclusions_apply_to_tables() {
    let tree = Tree::new(PICTURES);
    tree.write(
        "t.csv",
        b"path\ndog.jpg\ncat.jpg\nsub/bird.jpg\nmissing.png\n",
    );
    let listing = tree.read_excluding("t.csv", &["sub/", "d*.jpg", "*.png"]);
    assert_eq!(tree.locations(&listing), ["cat.jpg"]);
    assert_eq!(tree.problems(&listing), [""; 0]);

    tree.write("sub/t.csv", b"path\n../dog.jpg\n../cat.jpg\nbird.jpg\n");
    let above = tree.root().file_name().unwrap().to_str().unwrap();
    let listing = tree.read_excluding("sub/t.csv", &["sub", above, "dog.*"]);
    assert_eq!(tree.locations(&listing), ["cat.jpg", "sub/bird.jpg"]);
}

#[test]
fn csv_columns_have_the_type_of_all_their_cells() {
    let table = "path,zip,year,share,wild,code,long,mixed,exp,tiny,empty\n\
                 dog.jpg,10115,2019,0.5,true,007,123456789012345,1,1e3,1e-05,\n\
                 cat.jpg,01234,-3,12,False,7,1234567890123456,x,2,0.30000000000000004,\n\
                 sub/bird.jpg,,,,,,,,,,\n";
    assert_eq!(
        metadata("t.csv", table),
        [
            json!({"zip": "10115", "year": 2019, "share": 0.5, "wild": true, "code": "007",
                   "long": "123456789012345", "mixed": "1", "exp": "1e3", "tiny": 1e-5}),
            json!({"zip": "01234", "year": -3, "share": 12, "wild": false, "code": "7",
                   "long": "1234567890123456", "mixed": "x", "exp": "2", "tiny": 0.30000000000000004}),
            json!({}),
        ]
    );
}

#[test]
fn json_keeps_what_an_index_takes() {
    let table = r#"{"path": "dog.jpg", "captions": ["one", "two", "", "one"], "year": 2019, "share": 0.5,
        "wild": true, "tags": ["a", "b"], "none": null, "exif": {"iso": 100}, "ratings": [1, 2],
        "empty": [], "blank": "", "zip": "01234"}"#;
    let table = table.replace('\n', " ");
    assert_eq!(
        metadata("t.ndjson", &table),
        [json!({"year": 2019, "share": 0.5, "wild": true, "tags": ["a", "b"], "zip": "01234"})]
    );
    captioned("u.jsonl", &table, &[("dog.jpg", &["one", "two"])]);
    captioned(
        "v.jsonl",
        "{\"file\": \"dog.jpg\", \"text\": \"a\"}\n{\"text\": \"b\", \"file\": \"dog.jpg\"}\n\
         {\"path\": \"cat.jpg\", \"caption\": \"c\"}\n",
        &[("dog.jpg", &["a", "b"]), ("cat.jpg", &["c"])],
    );
}

#[test]
fn deep_json_is_not_valid() {
    let deep = "[".repeat(1 << 20);
    let content = format!("{{\"path\": \"dog.jpg\", \"x\": {deep}\n{{\"path\": \"cat.jpg\"}}\n");
    let tree = Tree::new(PICTURES);
    tree.write("t.jsonl", content.as_bytes());
    let listing = tree.read("t.jsonl");
    assert_eq!(tree.locations(&listing), ["cat.jpg"]);
    assert_eq!(problems(&listing)[0].summary, "not valid JSON");
}

#[test]
fn a_column_without_a_name_is_left_out() {
    assert_eq!(
        metadata("t.csv", ",path,n\n0,dog.jpg,7\n"),
        [json!({"n": 7})]
    );
}

#[test]
fn a_quoted_cell_may_end_the_table() {
    for end in [
        "\"",
        "\"\n",
        "\"\r\n",
        "\"\n\n   \n",
        "\"                             \n",
    ] {
        let content = format!("path,caption\ndog.jpg,\"two\nlines{end}");
        captioned("t.csv", content, &[("dog.jpg", &["two\nlines"])]);
    }
}

#[test]
fn cells_of_a_megabyte() {
    let long = "wörter ".repeat(1 << 17);
    let csv = format!("path,caption,note\ndog.jpg,\"{long}\",{long}\n");
    let json = format!("{{\"path\": \"dog.jpg\", \"caption\": \"{long}\"}}\n");
    for (name, content) in [("t.csv", csv), ("t.jsonl", json)] {
        let (_, listing) = read(name, content, &[]);
        assert_eq!(records(&listing)[0].captions, [long.trim()]);
    }
}

#[test]
fn a_line_without_end_is_skipped() {
    let mut content = b"{\"path\": \"dog.jpg\"}\n".to_vec();
    content.resize(content.len() + (65 << 20), b' ');
    content.extend_from_slice(b"\n{\"path\": \"cat.jpg\"}\n");
    let (tree, listing) = read(
        "t.jsonl",
        content,
        &["t.jsonl:2: line is longer than 67108864 bytes"],
    );
    assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
}

#[test]
fn other_encodings_are_errors() {
    let tree = Tree::new(PICTURES);
    for name in ["t.csv", "t.jsonl"] {
        let error = tree.error(name, b"\xff\xfep\0a\0t\0h\0\n\0", Columns::default());
        assert_eq!(
            error,
            format!(
                "`{name}` is UTF-16, expected UTF-8: convert it, for example with `iconv -f UTF-16 -t UTF-8`"
            )
        );
    }
    let error = tree.error("u.csv", b"path,caf\xe9\n", Columns::default());
    assert_eq!(
        error,
        "header of `u.csv` is not valid UTF-8: convert the table, for example with `iconv -f WINDOWS-1252 -t UTF-8`"
    );
}

#[test]
fn tables_written_by_pandas() {
    let expected = [
        (
            "says \"woof\", twice",
            json!({"year": 2019.0, "zip": "01234"}),
        ),
        ("\"quoted\" at\tthe start", json!({"zip": "99999"})),
    ];
    let files: [(&str, &[u8]); 4] = [
        ("pandas.csv", include_bytes!("../data/pandas.csv")),
        ("pandas-crlf.csv", include_bytes!("../data/pandas-crlf.csv")),
        ("pandas.jsonl", include_bytes!("../data/pandas.jsonl")),
        ("pandas.tsv", include_bytes!("../data/pandas.tsv")),
    ];
    for (name, content) in files {
        let (tree, listing) = read(name, content, &[]);
        assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"]);
        for (record, (caption, metadata)) in records(&listing).iter().zip(&expected) {
            let caption = if name == "pandas.tsv" {
                caption.replace('\t', " ")
            } else {
                (*caption).to_owned()
            };
            assert_eq!(record.captions, [caption], "{name}");
            assert_eq!(&Value::Object(record.metadata.clone()), metadata, "{name}");
        }
    }
}

#[test]
fn paths_and_urls_may_be_mixed() {
    let content = "image,caption\n\
        https://example.com/a b.jpg,one\n\
        dog.jpg,two\n\
        HTTPS://EXAMPLE.com/a%20b.jpg,three\n\
        http://\u{fc}.example/\u{fc}.jpg?x=\u{fc},four\n\
        https://,five\n";
    let (tree, listing) = read(
        "t.csv",
        content,
        &["t.csv:6: `https://` is not a supported URL: expected http:// or https://"],
    );
    let expected = [
        "https://example.com/a%20b.jpg",
        "dog.jpg",
        "http://xn--tda.example/%C3%BC.jpg?x=%C3%BC",
    ];
    assert_eq!(tree.locations(&listing), expected);
    assert_eq!(records(&listing)[0].captions, ["one", "three"]);
}

/// The original form of Conceptual Captions.
#[test]
fn a_table_of_urls_needs_no_header() {
    let content = "a very typical bus station\thttp://lh6.ggpht.com/-IvRtNLNcG8o\n\
        \"quoted\" and not\thttp://78.media.tumblr.com/3b1.jpg\n";
    let (tree, listing) = read("Train_GCC-training.tsv", content, &[]);
    let expected = [
        "http://lh6.ggpht.com/-IvRtNLNcG8o",
        "http://78.media.tumblr.com/3b1.jpg",
    ];
    assert_eq!(tree.locations(&listing), expected);
    assert_eq!(
        records(&listing)[0].captions,
        ["a very typical bus station"]
    );
    let (tree, listing) = read("urls.csv", "https://example.com/a.jpg,x,7\n", &[]);
    assert_eq!(tree.locations(&listing), ["https://example.com/a.jpg"]);
    assert_eq!(records(&listing)[0].captions, ["x"]);
    assert_eq!(records(&listing)[0].metadata["column3"], 7);
}

pub(crate) fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_tables_are_read() {
    let content = "image,caption\ndog.jpg,a dog\ncat.jpg,\"a\nb\"\n";
    // With several members, as parallel compressors write it.
    let twice = [
        gzipped(&content.as_bytes()[..20]),
        gzipped(&content.as_bytes()[20..]),
    ]
    .concat();
    let zstandard = zstd::encode_all(content.as_bytes(), 1).unwrap();
    for (name, bytes) in [("t.csv.gz", twice), ("t.csv.zst", zstandard)] {
        let (tree, listing) = read(name, bytes, &[]);
        assert_eq!(tree.locations(&listing), ["dog.jpg", "cat.jpg"], "{name}");
        assert_eq!(records(&listing)[1].captions, ["a\nb"]);
    }
    let (tree, listing) = read("t.jsonl.gz", gzipped(b"{\"image\": \"dog.jpg\"}\n"), &[]);
    assert_eq!(tree.locations(&listing), ["dog.jpg"]);
    let parquet = std::fs::read("tests/data/listed.parquet").unwrap();
    let options = SourceOptions::default;
    let rows = |name: &str, bytes: &[u8]| {
        let tree = Tree::new(&[]);
        tree.write(name, bytes);
        let mut rows = Vec::new();
        let source = Source::open(&tree.path(name), options()).unwrap();
        source
            .rows(|_, line, row| {
                rows.push((line, row.unwrap()));
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        rows
    };
    let plain = rows("t.parquet", &parquet);
    assert!(!plain.is_empty());
    assert_eq!(rows("t.parquet.gz", &gzipped(&parquet)), plain);
}

#[test]
fn a_cut_compressed_table_is_an_error() {
    let tree = Tree::new(&["dog.jpg"]);
    let whole = gzipped(&b"image\ndog.jpg\n".repeat(1000));
    tree.write("t.csv.gz", &whole[..whole.len() - 9]);
    let error = tree
        .read_with("t.csv.gz", SourceOptions::default())
        .unwrap_err();
    assert!(matches!(error, dataset::Error::Read { .. }), "{error}");
}

#[test]
fn a_folder_of_tables_is_read_in_the_order_of_names() {
    let tree = Tree::new(&["dog.jpg"]);
    for name in ["part-2.tsv.gz", "part-1.tsv.gz", "part-10.tsv.gz"] {
        tree.write(
            name,
            gzipped(format!("{name}\thttps://example.com/{name}\n").as_bytes()),
        );
    }
    tree.write(".hidden.csv", "image\n");
    let options = |limit| SourceOptions {
        slice: Slice {
            limit,
            ..Slice::default()
        },
        ..SourceOptions::default()
    };
    let read = |limit| {
        let source = Source::table(&tree.path(""), options(limit)).unwrap();
        tree.locations(&source.read().unwrap())
    };
    let expected = ["part-1.tsv.gz", "part-10.tsv.gz", "part-2.tsv.gz"];
    let expected = expected.map(|name| format!("https://example.com/{name}"));
    assert_eq!(read(None), expected);
    assert_eq!(read(Some(2)), expected[..2]);
    let error = Source::table(&tree.path("dog.jpg"), SourceOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is neither a table nor a folder of tables")
    );
}

#[test]
fn reading_rows_can_stop() {
    let tree = Tree::new(&[]);
    tree.write("t.csv", "image\na.jpg\nb.jpg\nc.jpg\n");
    let source = Source::open(&tree.path("t.csv"), SourceOptions::default()).unwrap();
    let mut lines = Vec::new();
    let take = |_: &std::path::Path, line, _| {
        lines.push(line);
        match line {
            3 => std::ops::ControlFlow::Break(()),
            _ => std::ops::ControlFlow::Continue(()),
        }
    };
    source.rows(take).unwrap();
    assert_eq!(lines, [2, 3]);
}
