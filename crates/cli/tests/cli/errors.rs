use crate::world::{Ran, World};

#[test]
fn without_a_collection_the_way_to_one_is_shown() {
    let world = World::new();
    let store = world.path("store");
    assert_eq!(
        world.fails(&["search", "a dog"]),
        format!(
            "error: no collections in `{}`\n\
             hint: to index pictures: clipseek add FOLDER --model mini\n",
            store.display()
        )
    );
}

#[test]
fn an_unknown_collection_is_answered_with_those_there_are() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    assert_eq!(
        world.fails(&["search", "a dog", "--collection", "holidays"]),
        "error: there is no collection `holidays`\nhint: collections: default\n"
    );
}

#[test]
fn a_directory_that_is_no_model_is_named() {
    let world = World::new();
    let picture = crate::world::demo().join("pictures/two-perch.jpg");
    let picture = picture.to_str().unwrap();
    let error = world.fails(&["add", picture, "--model", "./nowhere"]);
    assert!(
        error.starts_with("error: model directory `./nowhere` does not exist"),
        "{error}"
    );
    std::fs::create_dir(world.path("empty")).unwrap();
    let error = world.fails(&["embed", "a dog", "--model", "./empty"]);
    assert!(error.contains("config.json"), "{error}");
}

#[test]
fn a_model_that_cannot_embed_is_not_described() {
    let world = World::new();
    let copy = |name: &str, spoilt: &str, contents: &str| {
        let directory = world.path(name);
        std::fs::create_dir(&directory).unwrap();
        for file in std::fs::read_dir(crate::hub_models::tiny()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), directory.join(file.file_name())).unwrap();
        }
        std::fs::write(directory.join(spoilt), contents).unwrap();
    };
    copy("no-merge", "merges.txt", "one");
    copy("no-vocabulary", "vocab.json", "{}");
    for (name, expected) in [
        (
            "./no-merge",
            "merges.txt` does not describe a usable tokenizer",
        ),
        (
            "./no-vocabulary",
            "merges.txt` does not describe a usable tokenizer",
        ),
    ] {
        let embedded = world.fails(&["embed", "a dog", "--model", name]);
        assert!(embedded.contains(expected), "{embedded}");
        assert_eq!(world.fails(&["model", "info", name]), embedded);
    }
}

#[test]
fn percents_are_told_from_cosines() {
    let world = World::new();
    let error = world.fails(&["search", "a dog", "--threshold", "60"]);
    assert!(
        error.contains("expected a cosine similarity from -1 to 1; write 60 % as 0.6"),
        "{error}"
    );
}

#[test]
fn a_wrong_filter_says_what_there_is() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let error = world.fails(&["search", "a dog", "--filter", "{year: 3}"]);
    assert!(
        error.starts_with("error: --filter is not valid JSON"),
        "{error}"
    );
    let error = world.fails(&["search", "a dog", "--filter", r#"{"year": {"$near": 3}}"#]);
    assert!(error.contains("$near") && error.contains("$gte"), "{error}");
    let error = world.fails(&["search", "a dog", "--filter", r#"{"a": 1, "a": 2}"#]);
    assert!(error.contains("duplicate key `a`"), "{error}");
}

#[test]
fn what_is_read_is_not_written_over() {
    let world = World::new();
    world.copy_pictures(&["two-perch.jpg"]);
    let table = "image,caption\npictures/two-perch.jpg,two fish\n";
    world.write("table.csv", table);
    let error = world.fails(&[
        "add",
        "table.csv",
        "--model",
        "mini",
        "--report",
        "table.csv",
    ]);
    assert!(error.contains("refusing to overwrite the input"), "{error}");
    assert_eq!(world.read("table.csv"), table);
    world.well(&["download", "table.csv", "--to", "to"]);
    for list in ["to", "to/manifest.parquet"] {
        let error = world.fails(&["download", list, "--to", "to"]);
        assert!(error.contains("refusing to overwrite the input"), "{error}");
    }
}

#[test]
fn what_would_do_nothing_is_refused() {
    let world = World::new();
    world.copy_pictures(&["two-perch.jpg"]);
    let add = ["add", "pictures", "--model", "mini"];
    for (arguments, expected) in [
        (&["--limit", "5"][..], "--limit selects rows of tables"),
        (&["--sample", "5"], "--sample selects rows of tables"),
        (&["--region", "eu-west-1"], "need --engine pinecone"),
        (&["--collection", ""], "the collection is empty"),
    ] {
        let error = world.fails(&[&add[..], arguments].concat());
        assert!(error.contains(expected), "{error}");
    }
    let mut add = world.command(&add);
    let added = Ran::of(add.env("CLIPSEEK_COLLECTION", "").output().unwrap());
    assert_eq!(added.code, 0, "{}", added.stderr);
    let error = world.fails(&["collection", "check", ""]);
    assert!(error.contains("the name is empty"), "{error}");
}

#[test]
fn alternatives_are_all_named() {
    let world = World::new();
    for (arguments, expected) in [
        (&["search"][..], "--keywords"),
        (&["embed"], "--image"),
        (&["classify", "a.jpg"], "--labels-file"),
        (&["index", "create", "a"], "--sparse"),
        (&["index", "query", "a"], "--sparse-vector"),
        (&["index", "fetch", "a"], "--filter"),
        (&["index", "delete", "a"], "--all"),
        (&["index", "update", "a", "b"], "--metadata"),
    ] {
        let error = world.fails(arguments);
        assert!(
            error.contains("required") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn columns_whose_names_are_taken_are_told() {
    let world = World::new();
    world.copy_pictures(&["two-perch.jpg"]);
    world.write(
        "table.csv",
        "path,caption,folders,colour\npictures/two-perch.jpg,two fish,mine,red\n",
    );
    let added = world.well(&["add", "table.csv", "--model", "mini"]);
    assert!(
        added.stderr.contains("left out the column folders"),
        "{}",
        added.stderr
    );
    assert!(!added.stderr.contains("colour"), "{}", added.stderr);
    let priced = [
        ("two-perch.jpg", "5"),
        ("astronaut.jpg", "6"),
        ("angel-shark.jpg", "7"),
        ("stone-windmill.jpg", "8"),
        ("orange-hammer.jpg", "ask"),
    ];
    world.copy_pictures(&priced.map(|(name, _)| name));
    let rows = priced.map(|(name, price)| format!("pictures/{name},{price}\n"));
    world.write("prices.csv", format!("path,price\n{}", rows.concat()));
    let added = world.well(&["add", "prices.csv"]);
    let expected = "the column price is text because not all cells are numbers, for example `ask`";
    assert!(added.stderr.contains(expected), "{}", added.stderr);
}

#[test]
fn a_query_that_is_no_picture_is_named() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    world.write("words.jpg", "no picture");
    let error = world.fails(&["search", "--image", "words.jpg"]);
    assert!(
        error.starts_with("error: could not search with `words.jpg`"),
        "{error}"
    );
    let error = world.fails(&["search", "--image", "missing.jpg"]);
    assert!(
        error.starts_with("error: could not search with `missing.jpg`"),
        "{error}"
    );
}

#[test]
fn words_of_blanks_are_no_words() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let error = world.fails(&["search", "  "]);
    assert!(error.starts_with("error: nothing to search for"), "{error}");
}

#[test]
fn labels_say_something_each() {
    let world = World::new();
    let perch = crate::world::demo().join("pictures/two-perch.jpg");
    for (labels, error) in [
        ("fish,", "error: label `` is empty\n"),
        ("fish,car,fish", "error: label `fish` is given twice\n"),
    ] {
        let arguments = [
            "classify",
            perch.to_str().unwrap(),
            "--labels",
            labels,
            "--model",
            "mini",
        ];
        assert_eq!(world.fails(&arguments), error);
    }
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_device_that_is_not_built_in_is_refused() {
    let world = World::new();
    let arguments = ["embed", "a fish", "--model", "mini", "--device"];
    let on = |device| [&arguments[..], &[device]].concat();
    for arguments in [
        on("cuda"),
        vec!["serve", "--bind", "127.0.0.1:0", "--device", "cuda"],
    ] {
        assert_eq!(
            world.fails(&arguments),
            "error: this build cannot compute on `cuda`\nhint: build with `--features cuda`\n"
        );
    }
    let auto = world.well(&on("auto")).stdout;
    assert_eq!(auto, world.well(&on("cpu")).stdout);
}
