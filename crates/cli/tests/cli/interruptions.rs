//! An addition of URLs that is stopped while more pictures have come than the model has embedded.

use std::collections::HashMap;
use std::fs;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use hub_double::{RawAnswer, RawServer};

use crate::lasting::{ATTEMPTS, many, pictures, signal};
use crate::url_lists::PATIENT;
use crate::world::{Ran, World, until};

/// So many pictures are known before the one that the test waits for. They are more than the queue and the steps behind
/// it hold, which is 1,024 and a few batches.
const BEFORE: u32 = 1300;
/// All pictures, of which those after it are known as well.
const ALL: u32 = 1800;
/// So many differ, and are embedded. The others are copies of the first, which cost little.
const DISTINCT: u32 = 320;

/// A host of pictures that are [`many`] or copies.
struct Host {
    server: RawServer,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Host {
    fn start(world: &World) -> Host {
        let (asked, folder) = (Arc::<Mutex<HashMap<_, _>>>::default(), world.path("many"));
        let counted = Arc::clone(&asked);
        let server = RawServer::start(move |head| {
            let path = head[0].split(' ').nth(1).unwrap();
            *counted.lock().unwrap().entry(path.to_owned()).or_default() += 1;
            let picture = fs::read(folder.join(&path[1..]));
            let picture = picture.or_else(|_| fs::read(folder.join("0.png")));
            RawAnswer::http("200 OK", &[], &picture.unwrap())
        });
        Host { server, asked }
    }

    /// How often a picture was asked for.
    fn asked(&self, number: u32) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.get(&path(number)).copied().unwrap_or_default()
    }

    /// A list of some pictures.
    fn list(&self, numbers: impl Iterator<Item = u32>) -> String {
        let row = |number| format!("{number}\t{}\n", self.server.url(&path(number)));
        numbers.map(row).collect()
    }
}

fn path(number: u32) -> String {
    format!("/{number}.png")
}

/// Adds pictures of which all but one were fetched before, and sends the signal when that one is asked for. Those before
/// it are in the queue by then, which is full: known pictures come faster than the model embeds. `false` if all were
/// added before the signal came.
fn is_stopped_by(name: &str) -> bool {
    let world = World::new();
    many(&world, DISTINCT);
    let host = Host::start(&world);
    world.write("all.tsv", host.list(0..ALL));
    world.write("known.tsv", host.list((0..ALL).filter(|&it| it != BEFORE)));
    let download = ["download", "known.tsv", "--to", "store/downloads/default"];
    world.well(&[&download[..], PATIENT].concat());

    let add = [&["add", "all.tsv", "--model", "mini"], PATIENT].concat();
    let adding = world.command(&add).stderr(Stdio::piped()).spawn().unwrap();
    until("the unknown picture", || host.asked(BEFORE) > 0);
    signal(&adding, name);
    let stopped = Ran::of(adding.wait_with_output().unwrap());
    let so_far = pictures(&world);
    if so_far == u64::from(ALL) {
        return false;
    }
    assert_eq!(stopped.code, 130, "{}", stopped.stderr);
    let said = "\nstopped; run the same command to resume\n";
    assert!(stopped.stderr.ends_with(said), "{}", stopped.stderr);
    assert!(!stopped.stderr.contains("error"), "{}", stopped.stderr);
    world.well(&["collection", "check"]);

    let ran = world.well(&add);
    let (added, expected) = (u64::from(ALL) - so_far, format!("unchanged {so_far} in"));
    assert!(
        ran.stderr.contains(&format!("added {added}")),
        "{}",
        ran.stderr
    );
    assert!(
        so_far == 0 || ran.stderr.contains(&expected),
        "{}",
        ran.stderr
    );
    assert_eq!(pictures(&world), u64::from(ALL));
    world.well(&["collection", "check"]);
    for number in (0..ALL).filter(|&it| it != BEFORE) {
        assert_eq!(host.asked(number), 1, "{number} was fetched again");
    }
    true
}

#[test]
fn ctrl_c_with_a_full_queue_is_no_failure() {
    let is_stopped = (0..ATTEMPTS).any(|_| is_stopped_by("-INT"));
    assert!(is_stopped, "Ctrl-C always came too late");
}

#[test]
fn a_request_to_end_with_a_full_queue_is_no_failure() {
    let is_stopped = (0..ATTEMPTS).any(|_| is_stopped_by("-TERM"));
    assert!(is_stopped, "the signal always came too late");
}
