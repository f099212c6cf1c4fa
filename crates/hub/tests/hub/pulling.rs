use std::fs;

use hub::{Error, Hub, Kind, Progress, Repository, Revision};

use crate::world::{CONFIG, ID, World, listing, model, pull, repository, wait, weights};

#[test]
fn a_pull_leaves_the_cache_that_python_leaves() {
    let world = World::with_model(100_000);
    let snapshot = world.pull().unwrap();
    let names: Vec<&str> = snapshot.names().collect();
    assert_eq!(
        names,
        ["1_Pooling/config.json", "config.json", "model.safetensors"]
    );
    assert_eq!(snapshot.commit, model(100_000).commit());
    assert_eq!(
        snapshot.directory,
        world.of_model("snapshots").join(&snapshot.commit)
    );
    assert_eq!(fs::read(snapshot.path("config.json")).unwrap(), CONFIG);
    assert_eq!(
        fs::read(snapshot.path("model.safetensors")).unwrap(),
        weights(100_000)
    );
    assert_eq!(
        fs::read_to_string(world.of_model("refs/main")).unwrap(),
        snapshot.commit
    );
    assert!(world.cache().join("CACHEDIR.TAG").exists());
    assert!(world.parts().is_empty());
    #[cfg(unix)]
    {
        let link = fs::read_link(snapshot.path("1_Pooling/config.json")).unwrap();
        // The blob's hash is Git's for `{}`.
        let hash = "9e26dfeeb6e641a33dae4961196235bdb965b21b";
        assert_eq!(link, std::path::Path::new("../../../blobs").join(hash));
        let lock = world
            .cache()
            .join(".locks/models--owner--name")
            .join(format!("{hash}.lock"));
        assert!(lock.exists());
    }
}

#[test]
fn what_is_here_is_asked_for_never_again() {
    let world = World::with_model(1000);
    let first = world.pull().unwrap();
    world.double.take_requests();
    assert_eq!(world.pull().unwrap(), first);
    let requests = world.double.take_requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(
        requests[0]
            .path
            .starts_with("/api/models/owner/name/revision/main")
    );
    assert_eq!(
        world
            .hub()
            .cached(&repository(), &Revision::main())
            .unwrap(),
        Some(first)
    );
    assert!(world.double.requests().is_empty());
}

#[test]
fn a_new_commit_fetches_what_changed() {
    let world = World::with_model(1000);
    let first = world.pull().unwrap();
    world
        .double
        .add(model(1000).file("config.json", "{\"changed\": true}"));
    world.double.take_requests();
    let second = world.pull().unwrap();
    assert_ne!(first.commit, second.commit);
    assert_eq!(
        fs::read_to_string(world.of_model("refs/main")).unwrap(),
        second.commit
    );
    let sent: Vec<String> = world
        .double
        .requests()
        .into_iter()
        .filter(|request| request.method == "GET" && request.path.contains("/resolve/"))
        .map(|request| request.path)
        .collect();
    assert_eq!(
        sent,
        [format!("/owner/name/resolve/{}/config.json", second.commit)]
    );
    // The old commit is still cached under its hash.
    let old = Revision::new(&first.commit).unwrap();
    assert_eq!(
        world.hub().cached(&repository(), &old).unwrap(),
        Some(first)
    );
}

#[test]
fn a_pull_request_and_a_commit_are_revisions_too() {
    let world = World::new();
    world.double.add(model(10).on_branch("refs/pr/15"));
    let revision = Revision::new("refs/pr/15").unwrap();
    let snapshot = pull(&world.hub(), &revision).unwrap();
    assert!(
        world.double.requests()[0]
            .path
            .ends_with("/revision/refs%2Fpr%2F15")
    );
    assert_eq!(
        fs::read_to_string(world.of_model("refs/refs/pr/15")).unwrap(),
        snapshot.commit
    );
    assert_eq!(
        world.hub().cached(&repository(), &revision).unwrap(),
        Some(snapshot.clone())
    );
    let commit = Revision::new(&snapshot.commit).unwrap();
    assert_eq!(pull(&world.hub(), &commit).unwrap(), snapshot);
    assert!(!world.of_model("refs").join(&snapshot.commit).exists());
}

#[test]
fn chosen_files_come_alone_and_progress_adds_up() {
    let world = World::with_model(300_000);
    let (snapshot, requests, told) = world.pull_weights();
    assert_eq!(
        snapshot.unwrap().names().collect::<Vec<_>>(),
        ["model.safetensors"]
    );
    assert!(
        requests
            .iter()
            .all(|request| !request.path.contains("config"))
    );
    assert_eq!(
        told[0],
        "Started { name: \"model.safetensors\", size: 300000, present: 0 }"
    );
    let received = told.iter().filter_map(|line| line.split_once("bytes: "));
    let received: usize = received
        .map(|(_, count)| count.trim_end_matches(" }").parse::<usize>().unwrap())
        .sum();
    assert_eq!(received, 300_000);
    assert_eq!(
        told.last().unwrap(),
        "Finished { name: \"model.safetensors\" }"
    );
}

#[test]
fn an_empty_file_and_odd_names_arrive() {
    let world = World::new();
    world.double.add(
        hub_double::Repository::model(ID)
            .file("empty.txt", "")
            .file("ünïcode name#1?.txt", "x")
            .large_file("sub/folder/empty.bin", ""),
    );
    let snapshot = world.pull().unwrap();
    assert_eq!(
        snapshot
            .files
            .iter()
            .map(|file| file.size)
            .collect::<Vec<_>>(),
        [0, 0, 1]
    );
}

#[test]
fn datasets_have_addresses_and_folders_of_their_own() {
    let world = World::new();
    world
        .double
        .add(hub_double::Repository::dataset(ID).large_file("data/train.parquet", "PAR1"));
    let dataset = Repository::new(Kind::Dataset, ID).unwrap();
    let hub = world.hub();
    let silent = |_: Progress<'_>| {};
    let listing = wait(hub.listing(&dataset, &Revision::main(), &silent)).unwrap();
    let snapshot = wait(hub.pull(&listing, &["data/train.parquet"], &silent)).unwrap();
    assert!(
        snapshot
            .directory
            .starts_with(world.cache().join("datasets--owner--name"))
    );
    assert_eq!(
        fs::read(snapshot.path("data/train.parquet")).unwrap(),
        b"PAR1"
    );
    assert!(
        world.double.requests()[1]
            .path
            .starts_with("/datasets/owner/name/resolve/")
    );
}

#[test]
fn a_file_that_is_not_in_the_listing_is_named() {
    let world = World::with_model(10);
    let hub = world.hub();
    let listing = listing(&hub, &Revision::main()).unwrap();
    let error =
        wait(hub.pull(&listing, &["pytorch_model.bin"], &|_: Progress<'_>| {})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "model `owner/name` has no file `pytorch_model.bin` at `main`"
    );
}

#[test]
fn names_that_lead_out_of_the_cache_are_refused() {
    for name in [
        "../../../escaped",
        "/tmp/escaped",
        "a\\..\\escaped",
        "sub/../../escaped",
    ] {
        let world = World::new();
        world
            .double
            .add(hub_double::Repository::model(ID).file(name, "evil"));
        let error = world.pull().unwrap_err();
        assert!(matches!(error, Error::FileName { .. }), "{error}");
        assert!(!world.cache().exists(), "{name}");
    }
}

#[test]
fn an_endpoint_may_have_a_path() {
    let world = World::with_model(10);
    let hub = world.hub_with(|settings| settings.endpoint.push_str("/mirror/"));
    let error = pull(&hub, &Revision::main()).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(
        world.double.requests()[0]
            .path
            .starts_with("/mirror/api/models/owner/name")
    );
    for endpoint in ["huggingface.co", "ftp://huggingface.co", ""] {
        let mut settings = world.settings();
        endpoint.clone_into(&mut settings.endpoint);
        assert!(
            matches!(Hub::new(settings), Err(Error::Endpoint)),
            "{endpoint}"
        );
    }
}
