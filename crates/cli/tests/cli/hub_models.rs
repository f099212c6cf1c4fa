//! Models of the hub, from a double of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use hub_double::{HubDouble, Repository, TOKEN, Trouble};

use crate::world::{Ran, World, demo};

const ID: &str = "owner/tiny-clip";

/// A checkpoint of CLIP's kind, with random weights.
pub(crate) fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/fixtures/quick-gelu")
}

fn checkpoint() -> Repository {
    Repository::model(ID)
        .file("README.md", "not needed")
        .large_file("flax_model.msgpack", "not needed")
        .files_of(&tiny())
        .unwrap()
}

/// A later commit of it, which gives other vectors as far as anybody knows.
fn changed() -> Repository {
    let description = std::fs::read_to_string(tiny().join("preprocessor_config.json")).unwrap();
    checkpoint().file("preprocessor_config.json", description + "\n")
}

/// The model with this commit, as collections remember it.
fn pinned(repository: &Repository) -> String {
    format!("{ID}@{}", repository.commit())
}

/// `clipseek`, asking this double.
fn command(world: &World, double: &HubDouble, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command
        .env("HF_ENDPOINT", double.endpoint())
        .env_remove("HF_HUB_OFFLINE");
    command
}

fn run(world: &World, double: &HubDouble, arguments: &[&str]) -> Ran {
    Ran::of(command(world, double, arguments).output().unwrap())
}

#[track_caller]
fn well(world: &World, double: &HubDouble, arguments: &[&str]) -> Ran {
    let ran = run(world, double, arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

#[track_caller]
fn fails(world: &World, double: &HubDouble, arguments: &[&str]) -> String {
    let ran = run(world, double, arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    ran.stderr
}

fn paths(double: &HubDouble) -> Vec<String> {
    let requests = double.take_requests().into_iter();
    requests.map(|request| request.path).collect()
}

#[test]
fn a_model_is_downloaded_once_and_then_used_offline() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    let pictures = demo().join("pictures");
    let pictures = pictures.to_str().unwrap();
    let added = well(&world, &double, &["add", pictures, "--model", ID]);
    assert!(
        added.stderr.contains("downloading model.safetensors ("),
        "{}",
        added.stderr
    );
    let asked = paths(&double).join("\n");
    assert!(asked.contains("/merges.txt"), "{asked}");
    assert!(
        !asked.contains("README") && !asked.contains("flax"),
        "{asked}"
    );

    let found = well(&world, &double, &["search", "a dog", "--format", "paths"]);
    assert_eq!(found.stderr, "searched collection default\n");
    assert!(
        paths(&double).is_empty(),
        "what is here is asked for never again"
    );
    drop(double);
    let offline = world.well(&["search", "a dog", "--format", "paths"]);
    assert_eq!(offline.stdout, found.stdout);
}

#[test]
fn a_pull_prints_the_directory_and_refreshes() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    let pulled = well(&world, &double, &["model", "pull", ID]);
    let directory = PathBuf::from(pulled.stdout.trim_end());
    assert!(
        directory.starts_with(world.path("hub")),
        "{}",
        directory.display()
    );
    assert!(directory.join("model.safetensors").exists());
    let from_directory = world.well(&["model", "info", directory.to_str().unwrap(), "--json"]);
    let from_hub = world.well(&["model", "info", ID, "--json"]);
    assert_eq!(
        from_hub.json()["fingerprint"],
        from_directory.json()["fingerprint"]
    );
    assert_eq!(from_hub.json()["model"], ID);

    double.add(checkpoint().file("special_tokens_map.json", "{}"));
    double.take_requests();
    let refreshed = well(&world, &double, &["model", "pull", ID, "--json"]).json();
    assert_ne!(refreshed["directory"].as_str(), directory.to_str());
    assert_eq!(refreshed["model"], ID);
    let fetched: Vec<String> = double
        .take_requests()
        .into_iter()
        .filter(|request| request.method == "GET" && !request.path.starts_with("/api/"))
        .map(|request| request.path)
        .collect();
    let commit = refreshed["commit"].as_str().unwrap();
    assert_eq!(
        fetched,
        [format!("/{ID}/resolve/{commit}/special_tokens_map.json")]
    );
}

#[test]
fn models_on_this_machine_are_listed() {
    let (world, double) = (World::new(), HubDouble::start());
    let before = world.well(&["model", "list"]).stdout;
    assert!(
        before.contains("not downloaded yet; to download: clipseek model pull"),
        "{before}"
    );
    double.add(checkpoint());
    double.add(checkpoint().on_branch("v1"));
    double.add(Repository::model("owner/bert").file("config.json", "{\"model_type\": \"bert\"}"));
    well(&world, &double, &["model", "pull", ID]);
    fails(&world, &double, &["model", "pull", "owner/bert"]);

    let rows = world.well(&["model", "list", "--json"]).json();
    let rows = rows.as_array().unwrap();
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["model"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["mini", ID]);
    assert_eq!(rows[1]["complete"], true);
    assert_eq!(rows[1]["references"], serde_json::json!(["main"]));
    let size: u64 = std::fs::read_dir(rows[1]["directory"].as_str().unwrap())
        .unwrap()
        .map(|entry| std::fs::metadata(entry.unwrap().path()).unwrap().len())
        .sum();
    assert_eq!(rows[1]["size"], size);

    let weights = Path::new(rows[1]["directory"].as_str().unwrap()).join("model.safetensors");
    std::fs::remove_file(weights).unwrap();
    let listed = world.well(&["model", "list"]).stdout;
    assert!(
        listed.contains(&format!("clipseek model pull {ID}\n")),
        "{listed}"
    );
    let rows = world.well(&["model", "list", "--json"]).json();
    assert_eq!(rows[1]["complete"], false);
    assert_eq!(
        world.fails(&["model", "info", ID]),
        format!(
            "error: model `{ID}` is not on this machine\n\
             hint: to download it: clipseek model pull {ID}\n"
        )
    );
}

#[test]
fn a_gated_model_shows_where_its_terms_are() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint().gated());
    let page = format!("{}/{ID}", double.endpoint());
    assert_eq!(
        fails(&world, &double, &["embed", "a dog", "--model", ID]),
        format!(
            "error: could not download model `{ID}`\n  \
             caused by: model `{ID}` is gated: its terms must be accepted first\n\
             hint: accept them at {page}, then set HF_TOKEN to a token of your account; \
             or try the bundled model: --model mini\n"
        )
    );
    let mut embed = command(&world, &double, &["embed", "a dog", "--model", ID]);
    let with_token = Ran::of(embed.env("HF_TOKEN", TOKEN).output().unwrap());
    assert_eq!(with_token.code, 0, "{}", with_token.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_variable_that_leads_to_no_certificates_is_named() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let mut pull = command(&world, &double, &["model", "pull", ID]);
        let ran = Ran::of(pull.env(variable, world.path("nowhere")).output().unwrap());
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        let nowhere = world.path("nowhere");
        let error = format!("error: no certificate found in `{}`\n", nowhere.display());
        assert!(ran.stderr.starts_with(&error), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("caused by: No such file"),
            "{}",
            ran.stderr
        );
        let hint = "hint: SSL_CERT_FILE and SSL_CERT_DIR must name certificates in PEM form";
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    }
    assert!(double.requests().is_empty());
}

#[test]
fn a_missing_model_is_told_from_a_missing_revision() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    let missing = fails(&world, &double, &["model", "pull", "owner/no-such-model"]);
    assert_eq!(
        missing,
        "error: there is no model `owner/no-such-model` on the hub, or it is private\n\
         hint: check the spelling; a private one needs a token in HF_TOKEN\n"
    );
    let missing = fails(&world, &double, &["model", "pull", &format!("{ID}@v9")]);
    assert!(
        missing.contains("has no branch, tag or commit `v9`"),
        "{missing}"
    );
    let no_id = fails(&world, &double, &["model", "pull", "clip"]);
    assert!(no_id.contains("expected OWNER/NAME"), "{no_id}");
}

#[test]
fn offline_without_the_files_the_variable_is_named() {
    let world = World::new();
    world.write("a.jpg", "");
    let error = world.fails(&["add", "a.jpg"]);
    assert!(
        error.starts_with("error: could not download model `openai/clip-vit-base-patch32`\n"),
        "{error}"
    );
    assert!(
        error.contains("and HF_HUB_OFFLINE forbids network access\n"),
        "{error}"
    );
    assert!(
        error.contains("unset HF_HUB_OFFLINE") && error.contains("--model mini"),
        "{error}"
    );
}

#[test]
fn no_model_is_downloaded_for_what_is_not_there() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    world.write("table.csv", "image\na.jpg\n");
    for (arguments, named) in [
        (&["embed", "--image", "no.jpg"][..], "no.jpg"),
        (&["embed", "no.csv", "--to", "v.npy"], "no.csv"),
        (&["embed", "table.csv", "--to", "v.txt"], "v.txt"),
        (&["eval", "no.csv"], "no.csv"),
    ] {
        let arguments = [arguments, &["--model", ID]].concat();
        let error = fails(&world, &double, &arguments);
        assert!(error.contains(named), "{error}");
        assert!(double.take_requests().is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_model_of_another_kind_is_refused_before_its_weights_come() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(
        Repository::model("owner/bert")
            .file("config.json", "{\"model_type\": \"bert\"}")
            .large_file("model.safetensors", vec![0; 1000]),
    );
    let error = fails(
        &world,
        &double,
        &["embed", "a dog", "--model", "owner/bert"],
    );
    assert!(error.contains("bert"), "{error}");
    assert!(
        paths(&double)
            .iter()
            .all(|path| !path.contains("safetensors"))
    );
}

#[test]
fn what_python_left_is_used_when_the_hub_cannot_be_asked() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    well(&world, &double, &["model", "pull", ID]);
    // Python marks as absent what it looked for itself, no more.
    std::fs::remove_dir_all(world.path("hub/models--owner--tiny-clip/.no_exist")).unwrap();
    double.take_requests();
    well(&world, &double, &["embed", "a dog", "--model", ID]);
    assert_eq!(paths(&double).len(), 1, "the list of files, once");
    well(&world, &double, &["embed", "a dog", "--model", ID]);
    assert!(paths(&double).is_empty());

    std::fs::remove_dir_all(world.path("hub/models--owner--tiny-clip/.no_exist")).unwrap();
    let expired = Trouble::Status(401, vec![("x-error-code", "RepoNotFound".to_owned())]);
    double.trouble("GET", "/api/", 1, expired);
    let ran = well(&world, &double, &["embed", "a dog", "--model", ID]);
    assert!(ran.stderr.starts_with("note: ") && ran.stderr.contains("using the cached files"));
    let offline = world.well(&["embed", "a dog", "--model", ID]);
    assert_eq!(
        (offline.stdout, offline.stderr),
        (ran.stdout, String::new())
    );
}

#[test]
fn what_python_left_is_completed_at_its_commit_and_not_replaced_by_the_newest() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    let pulled = well(&world, &double, &["model", "pull", ID]).stdout;
    let repository = world.path("hub/models--owner--tiny-clip");
    std::fs::remove_dir_all(repository.join(".no_exist")).unwrap();
    std::fs::remove_file(Path::new(pulled.trim_end()).join("special_tokens_map.json")).unwrap();
    double.add(changed());
    double.take_requests();
    well(&world, &double, &["embed", "a dog", "--model", ID]);
    let main = std::fs::read_to_string(repository.join("refs/main")).unwrap();
    assert_eq!(main, checkpoint().commit());
    assert!(
        paths(&double)
            .iter()
            .all(|path| path.contains(&checkpoint().commit())),
        "nothing else is asked about"
    );
    let directory = Path::new(pulled.trim_end());
    assert!(directory.join("special_tokens_map.json").exists());

    well(&world, &double, &["model", "pull", ID]);
    let main = std::fs::read_to_string(repository.join("refs/main")).unwrap();
    assert_eq!(main, changed().commit());
}

#[test]
fn the_commit_of_a_revision_is_remembered_by_the_collection() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint().on_branch("v1"));
    let name = format!("{ID}@v1");
    let picture = demo().join("pictures/two-perch.jpg");
    let added = well(
        &world,
        &double,
        &["add", picture.to_str().unwrap(), "--model", &name],
    );
    assert!(
        added.stderr.contains(&format!("(model {name})")),
        "{}",
        added.stderr
    );
    drop(double);
    world.well(&["search", "a fish"]);
    assert_eq!(model_of_collection(&world), pinned(&checkpoint()));
}

/// What the collection remembers its model by.
fn model_of_collection(world: &World) -> String {
    let info = world.well(&["collection", "info", "--format", "json"]);
    let model = info.json()["model"]["reference"].clone();
    model.as_str().unwrap().to_owned()
}

/// A collection made at the first of two commits, the second of which is pulled then; and what is found in it.
fn moved(double: &HubDouble) -> (World, String) {
    let world = World::new();
    double.add(checkpoint());
    let pictures = demo().join("pictures");
    let pictures = pictures.to_str().unwrap();
    well(&world, double, &["add", pictures, "--model", ID]);
    let found = world.well(&SEARCH).stdout;
    double.add(changed());
    well(&world, double, &["model", "pull", ID]);
    (world, found)
}

const SEARCH: [&str; 4] = ["search", "a dog", "--format", "paths"];

#[test]
fn a_collection_keeps_the_commit_that_made_it_when_main_moves() {
    let double = HubDouble::start();
    let (world, found) = moved(&double);
    assert_eq!(world.well(&SEARCH).stdout, found);

    // The model by its id is another now. The hint is true.
    let picture = demo().join("pictures/two-perch.jpg");
    let again = ["add", picture.to_str().unwrap(), "--model"];
    let own = pinned(&checkpoint());
    let error = world.fails(&[&again[..], &[ID]].concat());
    let hint = format!("hint: use --model {own}, or another collection: --collection NAME\n");
    assert!(error.ends_with(&hint), "{error}");
    let added = world.well(&[&again[..], &[&own]].concat());
    let shown = format!("(model {ID}@{})", &checkpoint().commit()[..7]);
    assert!(added.stderr.contains(&shown), "{}", added.stderr);

    // A commit that was deleted is downloaded again.
    std::fs::remove_dir_all(world.path("hub")).unwrap();
    assert_eq!(well(&world, &double, &SEARCH).stdout, found);
    let snapshots = world.path("hub/models--owner--tiny-clip/snapshots");
    let snapshots: Vec<_> = std::fs::read_dir(snapshots).unwrap().collect();
    assert_eq!(snapshots.len(), 1);
    assert_eq!(
        snapshots[0].as_ref().unwrap().file_name(),
        checkpoint().commit().as_str()
    );
}

#[test]
fn a_collection_that_remembers_no_commit_finds_its_own_by_the_fingerprint() {
    let double = HubDouble::start();
    let (world, found) = moved(&double);
    let store = search::Store::open(&world.path("store")).unwrap();
    let mut identity = store.collection("default").unwrap().model().clone();
    identity.reference = ID.to_owned();
    store.collection_or_new("default", &identity).unwrap();
    drop(store);
    assert_eq!(model_of_collection(&world), ID);
    assert_eq!(world.well(&SEARCH).stdout, found);

    let error = world.fails(&[&SEARCH[..], &["--model", ID]].concat());
    assert!(
        error.ends_with(&format!(
            "hint: use --model {ID}, or {ID}@COMMIT if it has changed on the hub since then, \
             or another collection: --collection NAME\n"
        )),
        "{error}"
    );
    let picture = demo().join("pictures/two-perch.jpg");
    world.well(&["add", picture.to_str().unwrap()]);
    assert_eq!(model_of_collection(&world), pinned(&checkpoint()));
}

#[test]
fn an_update_that_is_cut_off_leaves_the_model_as_it_was() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    let pulled = well(&world, &double, &["model", "pull", ID]).stdout;
    let info = world.well(&["model", "info", ID]).stdout;

    double.add(checkpoint().large_file("model.safetensors", vec![1; 5000]));
    let refuse = Trouble::Status(403, Vec::new());
    double.trouble("GET", "model.safetensors", 100, refuse);
    fails(&world, &double, &["model", "pull", ID]);
    assert_eq!(world.well(&["model", "info", ID]).stdout, info);
    let offline = world.well(&["model", "pull", ID]);
    assert_eq!(offline.stdout, pulled);
    assert!(
        offline.stderr.starts_with("note: offline"),
        "{}",
        offline.stderr
    );
}

#[test]
fn a_pull_mends_a_damaged_file() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    let pulled = well(&world, &double, &["model", "pull", ID]).stdout;
    let weights = Path::new(pulled.trim_end()).join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    let mut damaged = whole.clone();
    damaged[9] = 0;
    std::fs::write(std::fs::canonicalize(&weights).unwrap(), &damaged).unwrap();
    let error = world.fails(&["embed", "a dog", "--model", ID]);
    assert!(
        error.ends_with("hint: to replace damaged files: clipseek model pull owner/tiny-clip\n"),
        "{error}"
    );
    // As long as the hub has not been asked, it is all there is.
    double.trouble("GET", "/api/", 1, Trouble::Status(403, Vec::new()));
    fails(&world, &double, &["model", "pull", ID]);
    assert_eq!(std::fs::read(&weights).unwrap(), damaged);
    let mended = well(&world, &double, &["model", "pull", ID]);
    assert!(
        mended
            .stderr
            .contains("`model.safetensors` is damaged; downloading it again"),
        "{}",
        mended.stderr
    );
    assert_eq!(std::fs::read(&weights).unwrap(), whole);
    world.well(&["embed", "a dog", "--model", ID]);
}

/// Brings a file of the model into the cache that clipseek does not need, as Python's libraries do, and damages it.
fn leave_damaged(world: &World, double: &HubDouble, name: &str) -> PathBuf {
    let mut settings = hub::Settings::new(world.path("hub"));
    settings.endpoint = double.endpoint();
    let hub = hub::Hub::new(settings).unwrap();
    let repository = hub::Repository::model(ID).unwrap();
    let silent = |_: hub::Progress<'_>| {};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let snapshot = runtime.block_on(async {
        let main = hub::Revision::main();
        let listing = hub.listing(&repository, &main, &silent).await.unwrap();
        hub.pull(&listing, &[name], &silent).await.unwrap()
    });
    let path = snapshot.path(name);
    std::fs::write(std::fs::canonicalize(&path).unwrap(), "other words").unwrap();
    path
}

#[test]
fn a_pull_leaves_alone_what_it_does_not_fetch() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    well(&world, &double, &["model", "pull", ID]);
    let flax = leave_damaged(&world, &double, "flax_model.msgpack");
    let pulled = well(&world, &double, &["model", "pull", ID]);
    assert_eq!(pulled.stderr, "");
    assert_eq!(std::fs::read(&flax).unwrap(), b"other words");
}

#[test]
fn a_repository_without_a_model_says_so() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(Repository::model("owner/empty").file("README.md", "nothing"));
    let error = fails(&world, &double, &["model", "pull", "owner/empty"]);
    assert!(
        error.starts_with(
            "error: repository `owner/empty` has no model: `config.json` is missing\n"
        ),
        "{error}"
    );
}

#[test]
fn a_collection_means_its_own_model() {
    let (world, double) = (World::new(), HubDouble::start());
    double.add(checkpoint());
    let pictures = demo().join("pictures");
    let pictures = pictures.to_str().unwrap();
    well(&world, &double, &["add", pictures, "--model", ID]);
    let search = ["search", "a dog", "--format", "paths"];
    let found = world.well(&search).stdout;

    // A directory of the same name stands for nothing, and the variable is for those who name no collection.
    std::fs::create_dir_all(world.path(ID)).unwrap();
    let mut command = world.command(&search);
    command
        .current_dir(world.path(""))
        .env("CLIPSEEK_MODEL", "mini");
    let there = Ran::of(command.output().unwrap());
    assert_eq!((there.code, there.stdout), (0, found));
}

#[test]
fn a_model_that_was_moved_is_asked_for() {
    let world = World::new();
    let (old, new) = (world.path("old"), world.path("new"));
    std::fs::create_dir(&old).unwrap();
    for file in std::fs::read_dir(tiny()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), old.join(file.file_name())).unwrap();
    }
    let pictures = demo().join("pictures");
    world.well(&[
        "add",
        pictures.to_str().unwrap(),
        "--model",
        old.to_str().unwrap(),
    ]);
    std::fs::rename(&old, &new).unwrap();
    let error = world.fails(&["search", "a dog"]);
    assert!(
        error.starts_with("error: the model of the collection is no longer in `")
            && error.contains("hint: if it was moved, give its new directory with --model DIR"),
        "{error}"
    );
    let model = ["--model", new.to_str().unwrap()];
    world.well(&[&["search", "a dog"], &model[..]].concat());
    // Adding to it remembers the new place.
    world.well(&[&["add", pictures.to_str().unwrap()], &model[..]].concat());
    world.well(&["search", "a dog"]);
}
