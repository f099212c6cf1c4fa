use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hub::{Error, Hub, Listing, Progress, Revision};
use hub_double::{HubDouble, Request, Server, Trouble};

use crate::world::{World, listing, model, pull, wait, weights};

const SIZE: usize = 300_000;

/// The offsets at which the downloads from storage began.
fn starts(requests: &[Request]) -> Vec<usize> {
    requests
        .iter()
        .filter(|request| request.server == Server::Storage)
        .map(|request| request.range_start().unwrap_or(0))
        .collect()
}

#[track_caller]
fn arrived(world: &World) {
    let hub = world.hub();
    let snapshot = hub
        .cached(&crate::world::repository(), &Revision::main())
        .unwrap()
        .unwrap();
    assert_eq!(
        fs::read(snapshot.path("model.safetensors")).unwrap(),
        weights(SIZE)
    );
    assert!(world.parts().is_empty());
}

#[test]
fn a_cut_connection_goes_on_where_it_was_cut() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/storage/", 1, Trouble::Cut(100_000));
    world
        .double
        .trouble("GET", "/storage/", 1, Trouble::Cut(50_000));
    let (pulled, requests, told) = world.pull_weights();
    pulled.unwrap();
    assert_eq!(starts(&requests), [0, 100_000, 150_000]);
    let waits = told
        .iter()
        .filter(|line| line.contains("NextAttempt"))
        .count();
    assert_eq!(waits, 2);
    arrived(&world);
}

#[test]
fn a_small_file_goes_on_if_it_is_still_the_same() {
    let world = World::new();
    let small = hub_double::Repository::model("owner/name").file("vocab.json", weights(5000));
    world.double.add(small);
    world
        .double
        .trouble("GET", "resolve-cache", 1, Trouble::Cut(2000));
    world.pull().unwrap();
    let requests = world.double.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.range_start(), Some(2000));
    let etag = format!("\"{}\"", "x");
    assert_eq!(last.header("if-range").unwrap().len(), 40 + etag.len() - 1);
}

#[test]
fn an_interrupted_pull_is_taken_up_by_the_next() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/storage/", 4, Trouble::Cut(20_000));
    let (pulled, requests, _) = world.pull_weights();
    let error = pulled.unwrap_err();
    assert!(matches!(error, Error::BrokenOff { .. }), "{error}");
    assert!(error.hint().unwrap().contains("resumes where it stopped"));
    assert_eq!(starts(&requests), [0, 20_000, 40_000, 60_000]);
    assert_eq!(world.parts()[0].metadata().unwrap().len(), 80_000);
    let snapshots = fs::read_dir(world.of_model("snapshots"));
    assert!(
        snapshots.is_err(),
        "nothing is seen of a file before it is whole"
    );
    assert!(!world.of_model("refs/main").exists());

    let (pulled, requests, told) = world.pull_weights();
    pulled.unwrap();
    assert_eq!(starts(&requests), [80_000]);
    assert_eq!(
        told[0],
        "Started { name: \"model.safetensors\", size: 300000, present: 80000 }"
    );
    arrived(&world);
}

#[test]
fn headway_counts_as_no_failure() {
    let size = 12 << 20;
    let world = World::with_model(size);
    world
        .double
        .trouble("GET", "/storage/", 6, Trouble::Cut((3 << 20) / 2));
    let (pulled, requests, _) = world.pull_weights();
    pulled.unwrap();
    assert_eq!(starts(&requests).len(), 7);
}

/// The Hub is unreachable from the first wait on, and back at the fourth.
#[test]
fn a_network_that_is_away_for_a_while_ends_no_download() {
    let world = World::with_model(SIZE);
    let cut = Trouble::Cut(100_000);
    world.double.trouble("GET", "/storage/", 1, cut);
    let endpoint = world.double.endpoint();
    let port = endpoint.rsplit(':').next().unwrap().parse().unwrap();
    let hub = world.hub_with(|settings| settings.retry.attempts = 5);
    let listing = listing(&hub, &Revision::main()).unwrap();

    let cache = world.cache();
    let double = Mutex::new(Some(world.double));
    let waits = AtomicUsize::new(0);
    let outage = |progress: Progress<'_>| {
        if let Progress::Waiting { .. } = progress {
            match waits.fetch_add(1, Ordering::Relaxed) {
                0 => drop(double.lock().unwrap().take()),
                3 => {
                    let back = HubDouble::start_at(port);
                    back.add(model(SIZE));
                    *double.lock().unwrap() = Some(back);
                }
                _ => {}
            }
        }
    };
    let names = ["model.safetensors"];
    let snapshot = wait(hub.pull(&listing, &names, &outage)).unwrap();
    assert_eq!(waits.into_inner(), 4);
    assert!(snapshot.directory.starts_with(&cache));
    assert_eq!(fs::read(snapshot.path(names[0])).unwrap(), weights(SIZE));
    let back = double.into_inner().unwrap().unwrap();
    assert_eq!(starts(&back.requests()), [100_000]);
}

#[test]
fn a_corrupted_byte_is_noticed_and_fetched_again() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/storage/", 1, Trouble::Corrupt(123_456));
    let (pulled, requests, told) = world.pull_weights();
    pulled.unwrap();
    assert_eq!(starts(&requests), [0, 0]);
    assert!(told.iter().any(|line| line.starts_with("StartedOver")));
    arrived(&world);
}

#[test]
fn a_file_that_stays_corrupted_is_an_error_and_leaves_nothing() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/storage/", usize::MAX, Trouble::Corrupt(123_456));
    let (pulled, requests, _) = world.pull_weights();
    let error = pulled.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`model.safetensors` arrived damaged twice: its hash is not "),
        "{error}"
    );
    assert_eq!(starts(&requests), [0, 0]);
    assert_eq!(fs::read_dir(world.of_model("blobs")).unwrap().count(), 0);
}

#[test]
fn a_corrupted_small_file_is_noticed_by_gits_hash() {
    let world = World::with_model(10);
    world
        .double
        .trouble("GET", "resolve-cache", 1, Trouble::Corrupt(5));
    let snapshot = world.pull().unwrap();
    assert_eq!(
        fs::read(snapshot.path("config.json")).unwrap(),
        crate::world::CONFIG
    );
}

#[test]
fn a_corrupted_part_is_noticed_and_fetched_again() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/storage/", 4, Trouble::Cut(20_000));
    world.pull_weights().0.unwrap_err();
    let part = &world.parts()[0];
    let mut bytes = fs::read(part).unwrap();
    bytes[7] ^= 1;
    fs::write(part, bytes).unwrap();
    let (pulled, requests, _) = world.pull_weights();
    pulled.unwrap();
    assert_eq!(starts(&requests), [80_000, 0]);
    arrived(&world);
}

#[test]
fn a_server_without_ranges_sends_the_whole_again() {
    for trouble in [
        Trouble::IgnoreRange,
        Trouble::OtherRange,
        Trouble::Status(416, vec![]),
    ] {
        let world = World::with_model(SIZE);
        world
            .double
            .trouble("GET", "/storage/", 1, Trouble::Cut(100_000));
        world.double.trouble("GET", "/storage/", 1, trouble);
        let (pulled, requests, told) = world.pull_weights();
        pulled.unwrap();
        let starts = starts(&requests);
        assert_eq!(starts[..2], [0, 100_000]);
        assert!(starts[2..].iter().all(|&start| start == 0), "{starts:?}");
        assert!(told.iter().any(|line| line.starts_with("StartedOver")));
        arrived(&world);
    }
}

#[test]
fn a_small_file_that_changed_behind_its_etag_is_sent_whole() {
    let world = World::new();
    let small = hub_double::Repository::model("owner/name").file("vocab.json", weights(5000));
    world.double.add(small);
    world
        .double
        .trouble("GET", "resolve-cache", 1, Trouble::Cut(2000));
    world
        .double
        .trouble("GET", "resolve-cache", 1, Trouble::IgnoreRange);
    let hub = world.hub();
    let listing = listing(&hub, &Revision::main()).unwrap();
    world.double.take_requests();
    let told = Mutex::new(Vec::new());
    let tell = |progress: Progress<'_>| told.lock().unwrap().push(format!("{progress:?}"));
    let snapshot = wait(hub.pull(&listing, &["vocab.json"], &tell)).unwrap();
    assert_eq!(
        fs::read(snapshot.path("vocab.json")).unwrap(),
        weights(5000)
    );
    // Cut off, then downloaded from the beginning and not appended: there is no third request.
    let requests = world.double.take_requests();
    let starts: Vec<usize> = requests
        .iter()
        .filter(|request| request.method == "GET" && request.path.contains("resolve-cache"))
        .map(|request| request.range_start().unwrap_or(0))
        .collect();
    assert_eq!(starts, [0, 2000]);
    let told = told.into_inner().unwrap();
    assert_eq!(
        told.iter()
            .filter(|line| line.starts_with("StartedOver"))
            .count(),
        1
    );
}

#[test]
fn a_server_that_recovers_is_asked_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let world = World::with_model(SIZE);
        world
            .double
            .trouble("GET", "/api/", 2, Trouble::Status(status, vec![]));
        world
            .double
            .trouble("HEAD", "/resolve/", 2, Trouble::Status(status, vec![]));
        world
            .double
            .trouble("GET", "/storage/", 2, Trouble::Status(status, vec![]));
        world.pull().unwrap();
        arrived(&world);
    }
}

#[test]
fn a_server_that_does_not_recover_is_given_up() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/api/", usize::MAX, Trouble::Status(503, vec![]));
    let error = world.pull().unwrap_err();
    assert!(
        error.to_string().ends_with("responded with status 503"),
        "{error}"
    );
    assert_eq!(world.double.requests().len(), 4);
}

#[test]
fn what_will_not_pass_is_asked_once() {
    for status in [400, 401, 403, 404, 410, 501] {
        let world = World::with_model(SIZE);
        world
            .double
            .trouble("GET", "/api/", usize::MAX, Trouble::Status(status, vec![]));
        world.pull().unwrap_err();
        assert_eq!(world.double.requests().len(), 1, "{status}");
    }
}

#[test]
fn the_wait_that_the_hub_asks_for_is_kept() {
    let world = World::with_model(SIZE);
    let wait = vec![("retry-after", "1".to_owned())];
    world
        .double
        .trouble("GET", "/api/", 1, Trouble::Status(429, wait));
    let start = Instant::now();
    let (listed, told) = listing_with_progress(&world.hub());
    listed.unwrap();
    assert_eq!(told, ["Waiting { name: None, for_what: NextAttempt(1s) }"]);
    // A lower bound holds on any machine.
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn too_long_a_wait_is_an_error_that_says_so() {
    let world = World::with_model(SIZE);
    let wait = vec![("retry-after", "3600".to_owned())];
    world
        .double
        .trouble("GET", "/api/", 1, Trouble::Status(429, wait));
    let error = world.pull().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the hub's rate limit was exceeded, retry after 3600 s"
    );
    assert_eq!(
        error.hint().unwrap(),
        "try again later; with a token in HF_TOKEN, the rate limit is higher"
    );
}

/// On a busy machine, the timeout expires at other places too. Every attempt resumes where the last one
/// ended. Only an attempt that begins at the stall gets past it.
#[test]
fn a_stalled_body_goes_on_after_the_limit() {
    let world = World::with_model(SIZE);
    let stall = Trouble::StallAt(100_000);
    world.double.trouble("GET", "/storage/", usize::MAX, stall);
    let hub = world.hub_with(|settings| {
        settings.limits.stall = Duration::from_millis(200);
        settings.retry.attempts = 1000;
    });
    world.double.take_requests();
    pull(&hub, &Revision::main()).unwrap();
    let starts = starts(&world.double.requests());
    assert!(starts.is_sorted(), "{starts:?}");
    assert_eq!(starts[0], 0);
    assert!(starts.contains(&100_000), "{starts:?}");
    arrived(&world);
}

#[test]
fn a_silent_server_is_left_after_the_limit() {
    let world = World::with_model(SIZE);
    world
        .double
        .trouble("GET", "/api/", usize::MAX, Trouble::Silence);
    let hub = world.hub_with(|settings| settings.limits.answer = Duration::from_millis(100));
    let (listed, told) = listing_with_progress(&hub);
    let error = listed.unwrap_err();
    assert!(
        error.to_string().ends_with("sent nothing for 0.1 s"),
        "{error}"
    );
    // One attempt more than there are waits.
    let waits = told.iter().filter(|line| line.contains("NextAttempt"));
    assert_eq!(waits.count(), 3, "{told:?}");
}

/// A listing of the model, and the progress that it reports.
fn listing_with_progress(hub: &Hub) -> (hub::Result<Listing>, Vec<String>) {
    let told = Mutex::new(Vec::new());
    let tell = |progress: Progress<'_>| told.lock().unwrap().push(format!("{progress:?}"));
    let listed = wait(hub.listing(&crate::world::repository(), &Revision::main(), &tell));
    (listed, told.into_inner().unwrap())
}
