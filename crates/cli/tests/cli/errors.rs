use crate::world::World;

#[test]
fn without_a_collection_the_way_to_one_is_shown() {
    let world = World::new();
    let store = world.path("store");
    assert_eq!(
        world.fails(&["search", "a dog"]),
        format!(
            "error: there are no collections in `{}` yet\n\
             hint: index some pictures: clipseek add FOLDER --model mini; or see: clipseek demo\n",
            store.display()
        )
    );
}

#[test]
fn an_unknown_collection_is_answered_with_those_there_are() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    assert_eq!(
        world.fails(&["search", "a dog", "--collection", "holidays"]),
        "error: there is no collection `holidays`\nhint: there are: default\n"
    );
}

#[test]
fn a_directory_that_is_no_model_is_named() {
    let world = World::new();
    let picture = crate::world::demo().join("pictures/two-perch.jpg");
    let picture = picture.to_str().unwrap();
    let error = world.fails(&["add", picture, "--model", "./nowhere"]);
    assert!(
        error.starts_with("error: there is no model directory `./nowhere`"),
        "{error}"
    );
    std::fs::create_dir(world.path("empty")).unwrap();
    let error = world.fails(&["embed", "a dog", "--model", "./empty"]);
    assert!(error.contains("config.json"), "{error}");
}

#[test]
fn percents_are_told_from_cosines() {
    let world = World::new();
    let error = world.fails(&["search", "a dog", "--threshold", "60"]);
    assert!(
        error.contains("expected a cosine from -1 to 1; 60 % is 0.6"),
        "{error}"
    );
}

#[test]
fn a_wrong_filter_says_what_there_is() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let error = world.fails(&["search", "a dog", "--filter", "{year: 3}"]);
    assert!(error.starts_with("error: --filter is not JSON"), "{error}");
    let error = world.fails(&["search", "a dog", "--filter", r#"{"year": {"$near": 3}}"#]);
    assert!(error.contains("$near") && error.contains("$gte"), "{error}");
}

#[test]
fn a_query_that_is_no_picture_is_named() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    world.write("words.jpg", "no picture");
    let error = world.fails(&["search", "--image", "words.jpg"]);
    assert!(
        error.starts_with("error: `words.jpg` cannot be the query"),
        "{error}"
    );
    let error = world.fails(&["search", "--image", "missing.jpg"]);
    assert!(
        error.starts_with("error: `missing.jpg` cannot be the query"),
        "{error}"
    );
}

#[test]
fn words_of_blanks_are_no_words() {
    let world = World::with_pictures(&["two-perch.jpg"]);
    let error = world.fails(&["search", "  "]);
    assert!(error.starts_with("error: no words to look for"), "{error}");
}

#[test]
fn every_command_has_an_example_or_explains_itself() {
    let world = World::new();
    for command in [
        "", "demo", "add", "search", "classify", "embed", "eval", "index",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = world.well(&arguments).stdout;
        assert!(
            command == "demo" || help.contains("Examples:"),
            "{command}: {help}"
        );
    }
}

#[test]
fn labels_say_something_each() {
    let world = World::new();
    let perch = crate::world::demo().join("pictures/two-perch.jpg");
    for (labels, error) in [
        ("fish,", "error: label `` is empty\n"),
        ("fish,car,fish", "error: label `fish` is there twice\n"),
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
    assert_eq!(
        world.fails(&on("cuda")),
        "error: this build cannot compute on `cuda`\nhint: build with `--features cuda`\n"
    );
    let auto = world.well(&on("auto")).stdout;
    assert_eq!(auto, world.well(&on("cpu")).stdout);
}
