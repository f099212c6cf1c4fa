//! Words and captions of another model than the pictures'.

use std::path::{Path, PathBuf};

use crate::world::{World, demo};

/// A checkpoint of random weights.
fn fixture(name: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/fixtures");
    let path: PathBuf = fixtures.join(name);
    std::path::absolute(path)
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

fn pictures() -> String {
    fixture("quick-gelu")
}

fn many() -> String {
    fixture("multilingual/distilbert")
}

/// A table of one picture and its caption.
fn table(world: &World) {
    let perch = demo().join("pictures/two-perch.jpg");
    std::fs::copy(perch, world.path("perch.jpg")).unwrap();
    world.write("table.csv", "image,caption\nperch.jpg,zwei Fische\n");
}

#[test]
fn a_collection_is_searched_with_words_of_another_model() {
    let world = World::new();
    table(&world);
    world.well(&["add", "perch.jpg", "--model", &pictures()]);
    let found = |arguments: &[&str]| {
        let arguments = [&["search", "две рыбы", "--format", "json"], arguments].concat();
        world.well(&arguments).json()["hits"][0]["similarity"]
            .as_f64()
            .unwrap()
    };
    let (own, other) = (found(&[]), found(&["--text-model", &many()]));
    assert!((own - other).abs() > 1e-6, "{own} and {other}");
    let embedded = |arguments: &[&str]| -> Vec<f64> {
        let json = world.well(&[&["embed"], arguments].concat()).json();
        serde_json::from_value(json).unwrap()
    };
    let text = embedded(&["две рыбы", "--model", &many()]);
    let picture = embedded(&["--image", "perch.jpg", "--model", &pictures()]);
    let cosine: f64 = text.iter().zip(&picture).map(|(a, b)| a * b).sum();
    assert!((cosine - other).abs() < 1e-5, "{cosine} is not {other}");
    let both = ["--model", &pictures(), "--text-model", &many()];
    assert_eq!(text, embedded(&[&["две рыбы"], &both[..]].concat()));
}

#[test]
fn captions_keep_their_text_model() {
    let world = World::new();
    table(&world);
    let (pictures, many) = (pictures(), many());
    let ran = world.well(&[
        "add",
        "table.csv",
        "--model",
        &pictures,
        "--text-model",
        &many,
    ]);
    let said = format!("(model {pictures}, words by {many})");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    let info = world.well(&["collection", "info"]).stdout;
    assert!(info.contains(&format!("text model   {many}\n")), "{info}");
    // What is not named is what the collection remembers.
    world.write(
        "more.csv",
        "image,caption\nperch.jpg,zwei Fische\nperch.jpg,two fish\n",
    );
    world.well(&["add", "more.csv"]);
    world.well(&["search", "zwei Fische"]);
    let error = world.fails(&["add", "more.csv", "--text-model", &pictures]);
    assert_eq!(
        error.lines().skip(1).collect::<Vec<_>>(),
        [
            format!(
                "error: the captions of collection `default` were embedded with text model `{many}`, not with the given one"
            ),
            format!("hint: use --text-model {many}, or another collection: --collection NAME"),
        ]
    );
}

#[test]
fn a_model_of_texts_alone_says_so() {
    let world = World::new();
    table(&world);
    let many = many();
    let error = world.fails(&["add", "perch.jpg", "--model", &many]);
    assert_eq!(
        error,
        format!(
            "error: the model `{many}` embeds only texts, not pictures\n\
             hint: use it together with the CLIP model whose vector space it shares: \
             --model MODEL --text-model {many}\n"
        )
    );
    let none = world.fails(&["search", "fish"]);
    assert!(none.starts_with("error: no collections in"), "{none}");
    for arguments in [
        &["embed", "--image", "perch.jpg", "--model", &many][..],
        &["embed", "table.csv", "--to", "v.npy", "--model", &many],
        &[
            "classify",
            "perch.jpg",
            "--labels",
            "fish",
            "--model",
            &many,
        ],
        &["eval", "table.csv", "--model", &many],
    ] {
        let error = world.fails(arguments);
        assert!(error.contains("embeds only texts"), "{error}");
    }
    let info = world.well(&["model", "info", &many]).stdout;
    assert!(
        info.contains("family       sentence-transformers (texts only)"),
        "{info}"
    );
    assert!(
        info.contains("pictures     none; use it as --text-model"),
        "{info}"
    );
    assert!(
        !info.contains("image size") && !info.contains("logit scale"),
        "{info}"
    );
    let info = world.well(&["model", "info", &many, "--json"]).json();
    assert!(info["image_size"].is_null() && info["logit_scale"].is_null());
    assert_eq!(info["dimension"], 20);
}

#[test]
fn labels_and_evaluations_are_of_the_text_model() {
    let world = World::new();
    table(&world);
    let both = ["--model", &pictures(), "--text-model", &many()];
    let labels = [
        "classify",
        "perch.jpg",
        "--labels",
        "рыба,собака",
        "--format",
        "json",
    ];
    let found = world.well(&[&labels[..], &both].concat()).json();
    assert_eq!(found[0]["labels"].as_array().unwrap().len(), 2);
    let measured = world.well(&[&["eval", "table.csv", "--format", "json"], &both[..]].concat());
    let measured = measured.json();
    assert_eq!(measured["text_model"], many());
    assert_eq!(measured["captions"], 1);
}

#[test]
fn a_text_model_of_another_space_is_refused() {
    let world = World::new();
    table(&world);
    let arguments = [
        "add",
        "perch.jpg",
        "--model",
        "mini",
        "--text-model",
        &many(),
    ];
    let error = world.fails(&arguments);
    assert_eq!(
        error.lines().next().unwrap(),
        format!(
            "error: the text model `{}` has 20 dimensions, expected 256 as in the pictures' model",
            many()
        )
    );
    assert!(error.contains("hint: "), "{error}");
}
