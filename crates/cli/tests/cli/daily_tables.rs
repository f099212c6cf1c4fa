//! Tables that change from day to day: products with ids, captions and other columns.

use std::fs;

use serde_json::{Value, json};

use crate::world::World;

const NAMES: [&str; 3] = ["two-perch.jpg", "stone-windmill.jpg", "angel-shark.jpg"];

/// A world with three pictures, in the folder `pictures`.
fn world() -> World {
    let world = World::new();
    world.copy_pictures(&NAMES);
    world
}

/// Adds a table, and gives what was said and how it ended.
fn add(world: &World, arguments: &[&str]) -> (i32, String) {
    let ran = world.run(&[&["add", "--model", "mini"], arguments].concat());
    (ran.code, ran.stderr)
}

#[track_caller]
fn said(world: &World, arguments: &[&str], expected: &str) {
    let (_, said) = add(world, arguments);
    assert!(said.contains(expected), "{expected:?} in: {said}");
}

/// The pictures of the collection as JSON, in the order of their ids.
fn records(world: &World) -> Vec<Value> {
    let ran = world.well(&["search", "a thing", "-k", "99", "--format", "json"]);
    let mut hits = ran.json()["hits"].as_array().unwrap().clone();
    hits.sort_by_key(|hit| hit["id"].to_string());
    hits
}

/// The file names of the pictures, by their ids.
fn files(world: &World) -> Vec<(String, String)> {
    let of = |hit: &Value| {
        let path = hit["path"].as_str().unwrap().to_owned();
        let name = path.rsplit('/').next().unwrap().to_owned();
        (hit["id"].as_str().unwrap().to_owned(), name)
    };
    records(world).iter().map(of).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(id, name): &(&str, &str)| (id.to_owned(), name.to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn a_product_takes_its_id_to_another_picture() {
    for more in [&[][..], &["--prune"]] {
        let world = world();
        world.write(
            "shop.csv",
            "id,photo,title\n5,pictures/two-perch.jpg,fish\n6,pictures/stone-windmill.jpg,mill\n",
        );
        said(&world, &["shop.csv"], "added 2 in");
        world.write(
            "shop.csv",
            "id,photo,title\n5,pictures/angel-shark.jpg,fish\n6,pictures/stone-windmill.jpg,mill\n",
        );
        let (code, said) = add(&world, &[&["shop.csv"], more].concat());
        assert!(
            said.contains("added 0, updated 1, unchanged 1 in"),
            "{said}"
        );
        assert_eq!(code, 0, "{said}");
        let expected = pairs(&[("5", "angel-shark.jpg"), ("6", "stone-windmill.jpg")]);
        assert_eq!(files(&world), expected);
        world.well(&["collection", "check"]);
    }
}

#[test]
fn a_product_takes_its_id_to_a_copy_of_its_picture() {
    let world = world();
    world.write("shop.csv", "id,photo\n5,pictures/two-perch.jpg\n");
    said(&world, &["shop.csv"], "added 1 in");
    fs::copy(
        world.path("pictures/two-perch.jpg"),
        world.path("pictures/copy.jpg"),
    )
    .unwrap();
    world.write("shop.csv", "id,photo\n5,pictures/copy.jpg\n");
    said(&world, &["shop.csv", "--prune"], "added 0, updated 1 in");
    assert_eq!(files(&world), pairs(&[("5", "copy.jpg")]));
}

#[test]
fn an_id_moves_away_from_a_picture_that_a_folder_holds() {
    let world = world();
    said(&world, &["pictures"], "added 3 in");
    world.write(
        "shop.csv",
        "id,photo,title\n5,pictures/two-perch.jpg,fish\n",
    );
    said(&world, &["shop.csv"], "updated 1 in");
    world.write(
        "shop.csv",
        "id,photo,title\n5,pictures/angel-shark.jpg,shark\n",
    );
    said(&world, &["shop.csv"], "updated 2 in");
    let files = files(&world);
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.contains(&("5".to_owned(), "angel-shark.jpg".to_owned())));
    let captions = |name: &str| {
        let records = records(&world);
        let is_it = |hit: &&Value| hit["path"].as_str().unwrap().ends_with(name);
        records.iter().find(is_it).unwrap()["captions"].clone()
    };
    assert_eq!(captions("two-perch.jpg"), json!([]));
    assert_eq!(captions("angel-shark.jpg"), json!(["shark"]));
    world.well(&["collection", "check"]);
    said(&world, &["pictures"], "unchanged 3 in");
}

#[test]
fn an_id_of_another_table_is_not_taken() {
    let world = world();
    world.write("one.csv", "id,photo\n5,pictures/two-perch.jpg\n");
    said(&world, &["one.csv"], "added 1 in");
    world.write("two.csv", "id,photo\n5,pictures/angel-shark.jpg\n");
    said(&world, &["two.csv"], "id `5` belongs to");
    assert_eq!(files(&world), pairs(&[("5", "two-perch.jpg")]));
}

#[test]
fn what_a_table_no_longer_says_is_gone() {
    let world = world();
    let write = |text: &str| world.write("shop.csv", text);
    write(
        "id,photo,title,price,colour\n\
         5,pictures/two-perch.jpg,fish,3,red\n\
         6,pictures/stone-windmill.jpg,mill,4,blue\n",
    );
    said(&world, &["shop.csv"], "added 2 in");
    world.write("more.csv", "id,photo,year\n5,pictures/two-perch.jpg,1999\n");
    said(&world, &["more.csv"], "updated 1 in");
    write(
        "id,photo,title,cost\n\
         5,pictures/two-perch.jpg,,3\n\
         6,pictures/stone-windmill.jpg,mill,\n",
    );
    said(&world, &["shop.csv"], "added 0, updated 2 in");
    let said_of: Vec<(Value, Value)> = records(&world)
        .iter()
        .map(|hit| (hit["captions"].clone(), hit["metadata"].clone()))
        .collect();
    assert_eq!(
        said_of,
        [
            (json!([]), json!({"year": 1999, "cost": 3})),
            (json!(["mill"]), json!({}))
        ]
    );
    let filtered = [
        "search",
        "a thing",
        "--filter",
        r#"{"price": {"$gt": 0}}"#,
        "--format",
        "paths",
    ];
    assert_eq!(world.run(&filtered).stdout, "");
    world.well(&["collection", "check"]);
    said(&world, &["shop.csv"], "unchanged 2 in");
    // Two tables at once are still two.
    said(&world, &["shop.csv", "more.csv"], "unchanged 2 in");
    world.write("more.csv", "id,photo\n5,pictures/two-perch.jpg\n");
    said(&world, &["more.csv"], "updated 1 in");
    assert_eq!(records(&world)[0]["metadata"], json!({"cost": 3}));
}

#[test]
fn a_caption_column_is_remembered() {
    let world = world();
    let write = |heading: &str, caption: &str| {
        let row = format!("5,pictures/two-perch.jpg,{caption}");
        world.write("shop.csv", format!("id,photo,{heading}\n{row}\n"));
    };
    write("heading", "fish");
    said(
        &world,
        &["shop.csv", "--caption-column", "heading"],
        "added 1 in",
    );
    write("heading", "perch");
    said(&world, &["shop.csv"], "updated 1 in");
    assert_eq!(records(&world)[0]["captions"], json!(["perch"]));
    write("rubric", "perch");
    let note = "no caption column in";
    said(&world, &["shop.csv"], note);
    assert_eq!(records(&world)[0]["captions"], json!([]));
    let (_, again) = add(&world, &["shop.csv"]);
    assert!(!again.contains(note), "{again}");
    assert!(again.contains("unchanged 1 in"), "{again}");
}

#[test]
fn failures_are_counted_by_picture() {
    let world = world();
    let rows = |name: &str| format!("pictures/{name},one\npictures/{name},two\n");
    let table = format!("photo,title\n{}{}", rows(NAMES[0]), rows("moved.jpg"));
    world.write("shop.csv", table);
    let (code, said) = add(&world, &["shop.csv"]);
    assert_eq!(code, 1);
    assert_eq!(said.matches("moved.jpg").count(), 1, "{said}");
    assert!(said.contains("added 1, failed 1 in"), "{said}");
}

#[test]
fn a_second_product_of_one_photograph_is_reported() {
    let world = world();
    world.write(
        "shop.csv",
        "id,photo,price\n5,pictures/two-perch.jpg,3\n6,pictures/two-perch.jpg,4\n",
    );
    let (code, said) = add(&world, &["shop.csv"]);
    assert_eq!(code, 1);
    let line = "shop.csv:3: id `6` is ignored: the picture already has id `5`";
    assert!(said.contains(line), "{said}");
    assert!(said.contains("added 1, failed 1 in"), "{said}");
}

#[test]
fn exports_of_other_days_are_told_of() {
    let world = world();
    let write = |name: &str, pictures: &[&str]| {
        let rows: String = pictures
            .iter()
            .map(|it| format!("pictures/{it}\n"))
            .collect();
        world.write(name, format!("photo\n{rows}"));
    };
    write("export-1.csv", &NAMES);
    write("export-2.csv", &NAMES[..1]);
    said(&world, &["export-1.csv"], "added 3 in");
    let (_, quiet) = add(&world, &["export-2.csv"]);
    assert!(!quiet.contains("listed only"), "{quiet}");
    let note = format!(
        "2 pictures are listed only by {}; to remove them: clipseek collection forget",
        world.path("export-1.csv").display()
    );
    said(&world, &["export-2.csv", "--prune"], &note);
    fs::remove_file(world.path("export-1.csv")).unwrap();
    said(&world, &["export-2.csv"], "export-1.csv, which is missing;");
    world.well(&["collection", "forget", "export-1.csv"]);
    let (_, quiet) = add(&world, &["export-2.csv", "--prune"]);
    assert!(!quiet.contains("listed only"), "{quiet}");
    assert_eq!(files(&world).len(), 1);
}

#[test]
fn a_table_whose_pictures_are_elsewhere_says_where_they_were_looked_for() {
    let world = world();
    fs::create_dir(world.path("exports")).unwrap();
    world.write("exports/shop.csv", "photo\npictures/two-perch.jpg\n");
    let folder = world.path("exports");
    let note = format!("its paths are relative to its folder, {}", folder.display());
    said(&world, &["exports/shop.csv"], &note);
}

#[test]
fn tables_without_rows_say_so() {
    let world = world();
    world.write("empty.csv", "");
    assert!(
        world
            .fails(&["add", "empty.csv", "--model", "mini"])
            .contains("empty.csv` is empty")
    );
    world.write("shop.csv", "photo\npictures/two-perch.jpg\n");
    said(&world, &["shop.csv"], "added 1 in");
    world.write("shop.csv", "photo\n");
    let said = world.fails(&["add", "shop.csv", "--prune"]);
    assert!(said.contains("no rows in `shop.csv`"), "{said}");
    assert!(
        said.contains("collection default keeps the pictures"),
        "{said}"
    );
    fs::create_dir(world.path("daily")).unwrap();
    world.write("daily/1.csv", "photo\npictures/two-perch.jpg\n");
    let said = world.fails(&["add", "daily"]);
    assert!(
        said.contains("`daily` has tables but no pictures"),
        "{said}"
    );
    assert!(said.contains("clipseek add daily/1.csv"), "{said}");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_done() {
    let world = world();
    let said = world.fails(&[
        "add",
        "pictures",
        "--model",
        "mini",
        "--report",
        "none/report.json",
    ]);
    assert!(
        said.contains("could not write `none/report.json`"),
        "{said}"
    );
    assert!(!world.path("store").exists());
    said_nothing_of_temporary_files(&world);
}

fn said_nothing_of_temporary_files(world: &World) {
    said(world, &["pictures"], "added 3 in");
    let said = world.fails(&["search", "fish", "--to", "none/x.html"]);
    assert!(
        said.contains("none/x.html") && !said.contains(".part"),
        "{said}"
    );
}

#[test]
fn numbers_with_commas_are_noted_once_a_column() {
    let world = world();
    world.write(
        "shop.csv",
        "photo;price\npictures/two-perch.jpg;3,50\npictures/angel-shark.jpg;4,00\n",
    );
    let (_, said) = add(&world, &["shop.csv"]);
    assert_eq!(said.matches("its numbers have commas").count(), 1, "{said}");
}
