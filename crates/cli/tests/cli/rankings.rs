use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{World, demo};

/// A world with captions, and with metadata as they are read from photographs.
fn world() -> World {
    let world = World::new();
    let pictures = demo().join("pictures").canonicalize().unwrap();
    let row = |name: &str, caption: &str, taken_at: i64| {
        let folders = [&pictures, pictures.parent().unwrap()];
        let row = json!({
            "image": pictures.join(name), "caption": caption,
            "taken_at": taken_at, "folders": folders,
        });
        format!("{row}\n")
    };
    let table = [
        // The last second of June 2020, and the first of July.
        row("two-perch.jpg", "two perch in a pond", 1_593_561_599),
        row("stone-windmill.jpg", "a mill beside a pond", 1_593_561_600),
        row("orange-hammer.jpg", "a tool", 1_546_300_800),
    ];
    world.write("captions.jsonl", table.concat());
    world.well(&["add", "captions.jsonl", "--model", "mini"]);
    world
}

fn hits(world: &World, arguments: &[&str]) -> Value {
    let arguments = [&["search", "--format", "json"], arguments].concat();
    world.well(&arguments).json()
}

fn names(answer: &Value) -> Vec<&str> {
    let hits = answer["hits"].as_array().unwrap();
    let name = |hit: &'_ Value| {
        hit["path"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .len()
    };
    hits.iter()
        .map(|hit| {
            let location = hit["path"].as_str().unwrap();
            &location[location.len() - name(hit)..]
        })
        .collect()
}

#[test]
fn each_hit_says_what_found_it() {
    let world = world();
    let images = hits(&world, &["a mill"]);
    assert_eq!(images["in"], json!(["images"]));
    assert!(images["hits"][0].get("caption").is_none());
    let captions = hits(&world, &["a mill", "--in", "captions"]);
    let best = &captions["hits"][0];
    assert_eq!(best["caption"]["text"], "a mill beside a pond");
    assert!(best.get("similarity").is_none());
    assert_eq!(captions["best"], best["caption"]["similarity"]);
    let all = hits(&world, &["a mill", "--in", "both,keywords"]);
    assert_eq!(all["in"], json!(["images", "captions", "keywords"]));
    assert_eq!(
        all["query"],
        json!({"text": "a mill", "keywords": "a mill"})
    );
    let best = &all["hits"][0];
    assert_eq!(best["keyword_rank"], 1);
    assert_eq!(best["similarity"], images["hits"][0]["similarity"]);
    let table = world.well(&["search", "a mill", "--in", "both", "--keywords", "pond"]);
    assert!(
        table
            .stdout
            .starts_with("rank  similarity  to caption  keywords  picture"),
        "{}",
        table.stdout
    );
}

#[test]
fn keywords_alone_take_no_model() {
    let world = world();
    let ran = world.well(&["search", "--keywords", "pond", "--model", "./nowhere"]);
    assert_eq!(ran.lines().len(), 1 + 2);
    let answer = hits(&world, &["pond - mill", "--in", "keywords"]);
    assert_eq!(names(&answer), ["two-perch.jpg"]);
    assert_eq!(answer["query"], json!({"keywords": "pond - mill"}));
    assert_eq!(answer["best"], Value::Null);
    assert_eq!(
        names(&hits(&world, &["--keywords", "orange hamm*"])),
        ["orange-hammer.jpg"]
    );
    let ran = world.run(&["search", "--keywords", "unicorn"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            1,
            "searched collection default\nno picture has all of these words in its captions, file name, folders or file texts: unicorn\n"
        )
    );
    for (arguments, error) in [
        (
            &["--keywords", "*"][..],
            "error: `*` contains no word to look up\n",
        ),
        (
            &["--keywords", "a", "--in", "both"],
            "error: the query has only keywords",
        ),
        (
            &["--image", "x.jpg", "--in", "keywords"],
            "error: a picture has no keywords\n",
        ),
    ] {
        let said = world.fails(&[&["search"], arguments].concat());
        assert!(said.starts_with(error), "{said}");
    }
}

#[test]
fn the_query_shows_its_keywords() {
    let world = world();
    world.well(&[
        "search",
        "a fish",
        "--keywords",
        "pond",
        "--to",
        "found.html",
    ]);
    let page = world.read("found.html");
    assert!(page.contains("Keywords</p><h1>pond"), "{page}");
    assert!(page.contains("no. 1"));
    world.well(&["search", "--keywords", "pond", "--to", "found.png"]);
    world.well(&["search", "a fish", "--in", "captions", "--to", "found.png"]);
}

#[test]
fn dates_and_folders_narrow_the_search() {
    let world = world();
    let found = |more: &[&str]| {
        let answer = hits(&world, &[&["a fish"], more].concat());
        let mut names: Vec<String> = names(&answer).iter().map(|&it| it.to_owned()).collect();
        names.sort();
        names
    };
    let (fish, mill, tool) = ("two-perch.jpg", "stone-windmill.jpg", "orange-hammer.jpg");
    assert_eq!(found(&["--taken-before", "2020-06"]), [tool, fish]);
    assert_eq!(found(&["--taken-after", "2020-07"]), [mill]);
    assert_eq!(
        found(&["--taken-after", "2020-06", "--taken-before", "2020-06"]),
        [fish]
    );
    let ran = world.well(&["search", "a fish", "--taken-after", "2019"]);
    assert!(!ran.stderr.contains("no date"), "{}", ran.stderr);
    assert_eq!(found(&["--taken-after", "2019"]).len(), 3);
    let folder = demo().join("pictures/../pictures").canonicalize().unwrap();
    let up = format!("{}/pictures/../", demo().canonicalize().unwrap().display());
    for folder in [folder.to_str().unwrap(), &up] {
        assert_eq!(found(&["--folder", folder]).len(), 3, "{folder}");
    }
    let both = [
        "--filter",
        r#"{"taken_at": {"$lt": 1593561600}}"#,
        "--taken-after",
        "2020",
    ];
    assert_eq!(found(&both), [fish]);
    // Keywords are narrowed too.
    let keywords = hits(
        &world,
        &["--keywords", "pond", "--taken-after", "2020-07-01T00:00:00"],
    );
    assert_eq!(names(&keywords), [mill]);

    let error = world.fails(&["search", "a fish", "--folder", "nowhere"]);
    assert!(error.contains("folder `"), "{error}");
    let ran = world.run(&["search", "a fish", "--folder", "."]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            1,
            "searched collection default\nno picture matches --folder\n"
        )
    );
    let said = world.fails(&["search", "a fish", "--taken-after", "yesterday"]);
    assert!(said.contains("expected a date such as 2019"), "{said}");
    let said = world.fails(&[
        "search",
        "x",
        "--taken-after",
        "2020",
        "--taken-before",
        "2019",
    ]);
    let expected = "--taken-after 2020 is later than --taken-before 2019";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn pictures_without_a_date_are_counted_where_dates_are_asked_for() {
    let world = World::with_pictures(&["two-perch.jpg", "stone-windmill.jpg"]);
    let ran = world.run(&["search", "a fish", "--taken-after", "2019"]);
    assert_eq!(ran.code, 1);
    let note = "left out 2 pictures without a date";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
}

#[test]
fn what_a_file_says_is_searched_by_keywords_and_filters() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../picture/tests/fixtures/metadata");
    fs::copy(fixtures.join("all.jpg"), world.path("pictures/all.jpg")).unwrap();
    world.well(&["add", "pictures"]);
    let found = |arguments: &[&str]| {
        let search = [&["search", "--format", "json"], arguments].concat();
        world.well(&search).json()
    };
    let one = found(&["--keywords", "fruhling cats koln"]);
    assert_eq!(names(&one), ["all.jpg"]);
    let facts = &one["hits"][0]["metadata"];
    for key in ["title", "description", "keywords", "rating", "taken"] {
        assert!(!facts[key].is_null(), "{key}: {facts}");
    }
    let filter = json!({"keywords": facts["keywords"][0]}).to_string();
    assert_eq!(
        names(&found(&["a thing", "--filter", &filter])),
        ["all.jpg"]
    );
}
