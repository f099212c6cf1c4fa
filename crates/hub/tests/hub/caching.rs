use std::fs;

use hub::{Error, Hub, Revision};

use crate::world::{ID, World, listing, model, pull, repository, settings, wait};

#[test]
fn an_empty_cache_has_nothing() {
    let world = World::new();
    assert_eq!(
        world
            .hub()
            .cached(&repository(), &Revision::main())
            .unwrap(),
        None
    );
    assert!(world.hub().models().unwrap().is_empty());
    assert!(!world.cache().exists(), "looking makes nothing");
}

#[test]
fn offline_what_is_here_is_found_and_what_is_not_is_named() {
    let world = World::with_model(1000);
    world.pull().unwrap();
    world.double.take_requests();
    let hub = world.hub_with(|settings| settings.offline = Some("HF_HUB_OFFLINE"));
    assert!(
        hub.cached(&repository(), &Revision::main())
            .unwrap()
            .is_some()
    );

    let error = listing(&hub, &Revision::new("v2").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "model `owner/name` at `v2` is not in the cache `{}` at all, and HF_HUB_OFFLINE forbids network \
             access",
            world.cache().display()
        )
    );
    assert_eq!(
        error.hint().unwrap(),
        "unset HF_HUB_OFFLINE to download it, or copy the files into the cache"
    );
    fs::remove_file(world.of_model("refs/main")).unwrap();
    fs::write(world.of_model("refs/main"), model(1000).commit()).unwrap();
    let snapshot = hub
        .cached(&repository(), &Revision::main())
        .unwrap()
        .unwrap();
    fs::remove_file(snapshot.path("model.safetensors")).unwrap();
    let error = listing(&hub, &Revision::main()).unwrap_err().to_string();
    assert!(
        error.contains("as a whole (it has 1_Pooling/config.json, config.json)"),
        "{error}"
    );
    assert!(world.double.requests().is_empty(), "nobody was asked");
}

#[test]
fn offline_a_listing_from_before_serves_what_is_here() {
    let world = World::with_model(1000);
    let listing = listing(&world.hub(), &Revision::main()).unwrap();
    world.pull().unwrap();
    world.double.take_requests();
    let hub = world.hub_with(|settings| settings.offline = Some("HF_HUB_OFFLINE"));
    let silent = |_: hub::Progress<'_>| {};
    let snapshot = wait(hub.pull(&listing, &["config.json"], &silent)).unwrap();
    assert_eq!(snapshot.files.len(), 3);
    fs::remove_file(snapshot.path("config.json")).unwrap();
    let error = wait(hub.pull(&listing, &["config.json"], &silent)).unwrap_err();
    assert!(matches!(error, Error::Offline { .. }), "{error}");
    assert!(world.double.requests().is_empty());
}

#[test]
fn a_link_to_a_lost_blob_is_no_file_and_is_mended() {
    let world = World::with_model(1000);
    let snapshot = world.pull().unwrap();
    for blob in fs::read_dir(world.of_model("blobs")).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
    let hub = world.hub();
    let left = hub
        .cached(&repository(), &Revision::main())
        .unwrap()
        .unwrap();
    assert!(left.files.is_empty());
    assert_eq!(world.pull().unwrap(), snapshot);
}

#[test]
fn a_file_that_was_cut_short_is_fetched_again() {
    let world = World::with_model(1000);
    let snapshot = world.pull().unwrap();
    let weights = fs::canonicalize(snapshot.path("model.safetensors")).unwrap();
    fs::write(&weights, "short").unwrap();
    assert_eq!(world.pull().unwrap(), snapshot);
}

#[test]
fn a_blob_that_was_damaged_is_not_given_to_a_new_commit() {
    let world = World::with_model(1000);
    let first = world.pull().unwrap();
    let name = "model.safetensors";
    let blob = fs::canonicalize(first.path(name)).unwrap();
    let whole = fs::read(&blob).unwrap();
    let mut damaged = whole.clone();
    damaged[500] ^= 1;
    fs::write(&blob, damaged).unwrap();
    world.double.add(model(1000).file("config.json", "changed"));
    let second = world.pull().unwrap();
    assert_ne!(first.directory, second.directory);
    assert_eq!(fs::read(second.path(name)).unwrap(), whole);
    assert_eq!(fs::read(first.path(name)).unwrap(), whole);
}

#[test]
fn models_in_the_cache_are_listed_with_their_size() {
    let world = World::with_model(1000);
    let first = world.pull().unwrap();
    world
        .double
        .add(model(1000).file("config.json", "{\"longer\": \"config\"}"));
    world
        .double
        .add(model(1000).file("config.json", "tagged").on_branch("v1/x"));
    let second = world.pull().unwrap();
    pull(&world.hub(), &Revision::new("v1/x").unwrap()).unwrap();
    fs::create_dir_all(world.cache().join("datasets--owner--name/snapshots")).unwrap();
    fs::create_dir_all(world.cache().join("models--broken")).unwrap();
    fs::write(world.cache().join("models--file"), "").unwrap();

    let models = world.hub().models().unwrap();
    assert_eq!(models.len(), 1);
    assert_eq!(models[0].repository.id(), ID);
    // The weights and the file in the folder are shared.
    assert_eq!(models[0].size, 1000 + 2 + 23 + 20 + 6);
    let references = |commit: &str| {
        let is_it = |revision: &&hub::CachedRevision| revision.snapshot.commit == commit;
        models[0]
            .revisions
            .iter()
            .find(is_it)
            .unwrap()
            .references
            .clone()
    };
    assert_eq!(models[0].revisions.len(), 3);
    assert!(references(&first.commit).is_empty());
    assert_eq!(references(&second.commit), ["main"]);
}

#[test]
fn without_symbolic_links_files_are_copies() {
    let world = World::with_model(1000);
    let hub = world.hub_with(|settings| settings.symlinks = false);
    let snapshot = pull(&hub, &Revision::main()).unwrap();
    assert_eq!(snapshot.files.len(), 3);
    assert!(!snapshot.path("model.safetensors").is_symlink());
}

#[test]
fn a_cache_that_cannot_be_made_is_said_to_be_unwritable() {
    let world = World::with_model(10);
    let file = world.cache();
    fs::write(&file, "a file, not a folder").unwrap();
    let hub = Hub::new(settings(file.join("cache"), world.double.endpoint())).unwrap();
    let error = pull(&hub, &Revision::main()).unwrap_err();
    assert!(matches!(error, Error::Cache { .. }), "{error}");
}

#[test]
fn what_a_commit_does_not_have_is_remembered() {
    let world = World::with_model(10);
    let hub = world.hub();
    let first = world.pull().unwrap();
    assert!(first.absent.is_empty());
    let listing = listing(&hub, &Revision::main()).unwrap();
    let names = ["config.json", "vocab.json", "1_Pooling/none.json"];
    hub.remember_absent(&listing, &names).unwrap();
    let snapshot = hub
        .cached(&repository(), &Revision::main())
        .unwrap()
        .unwrap();
    assert_eq!(snapshot.absent, ["1_Pooling/none.json", "vocab.json"]);
    assert_eq!(snapshot.files, first.files);
    assert!(
        world
            .of_model(".no_exist")
            .join(&first.commit)
            .join("vocab.json")
            .exists()
    );
    assert!(hub.remember_absent(&listing, &["../../escaped"]).is_err());
}
