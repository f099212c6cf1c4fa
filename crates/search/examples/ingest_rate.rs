//! Measures how fast pictures are added and how much memory this takes, from the first to the last.
//!
//! `cargo run --release -p search --example ingest_rate -- FOLDER [COUNT]` adds COUNT (default: 300,000) tiny
//! pictures with a caption each to a new collection in FOLDER. The pictures are created the first time and
//! kept; the collection is deleted. The model is random with a few thousand weights, so this measures the
//! catalogue, the keywords and the engine. After each tenth, it prints the rate, the bytes written per
//! picture and the memory of the process.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clip::{Checkpoint, Model};
use picture::Picture;
use search::{AddEvent, AddOptions, ModelIdentity, NewRecord, Store};

/// Pictures in a folder.
const A_FOLDER: usize = 1000;

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(
        arguments
            .next()
            .ok_or("expected a folder for the pictures")?,
    );
    let count = arguments
        .next()
        .map_or(Ok(300_000), |count| count.parse())?;
    make_pictures(&folder, count)?;

    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip/tests/fixtures/quick-gelu");
    let model = Model::load(Checkpoint::open(&fixture)?)?;
    let directory = tempfile::tempdir_in(&folder)?;
    let store = Store::open(directory.path())?;
    let collection = store.collection_or_new("tiny", &ModelIdentity::of(&model, "random"))?;

    let records = (0..count).map(|n| Ok::<_, search::Error>(record(&folder, n)));
    let mut tenths = Tenths::of(count);
    let report = collection.add(&model, records, &AddOptions::default(), |event| {
        if let AddEvent::Progress(report) = event {
            tenths.reach(report.done());
        }
    })?;
    println!("{report:#?}");
    Ok(())
}

fn make_pictures(folder: &Path, count: usize) -> Result {
    for n in 0..count {
        let path = path(folder, n);
        if n % A_FOLDER == 0 {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
        }
        if !path.exists() {
            // Three bytes make the picture unique; the rest makes it visible.
            let [.., a, b, c] = n.to_be_bytes();
            let pixels =
                (0..64u8).flat_map(|at| [a ^ at, b.wrapping_add(at), c.wrapping_mul(at | 1)]);
            fs::write(&path, Picture::from_rgb(8, 8, pixels.collect())?.to_png())?;
        }
    }
    Ok(())
}

fn path(folder: &Path, n: usize) -> PathBuf {
    let name = format!("pictures/{:04}/{n:07}.png", n / A_FOLDER);
    folder.join(name)
}

fn record(folder: &Path, n: usize) -> NewRecord {
    const WORDS: [&str; 16] = [
        "red", "dog", "beach", "tower", "night", "child", "green", "boat", "snow", "bird",
        "street", "old", "two", "flower", "window", "river",
    ];
    let word = |at: usize| WORDS[((n * 2_654_435_761) >> at) % WORDS.len()];
    NewRecord {
        location: path(folder, n).to_string_lossy().into_owned(),
        captions: vec![format!(
            "a {} {} by the {}, number {n}",
            word(8),
            word(12),
            word(16)
        )],
        ..NewRecord::default()
    }
}

/// Measures each tenth.
struct Tenths {
    count: usize,
    reached: usize,
    done: usize,
    since: Instant,
    processor: f64,
    written: f64,
}

impl Tenths {
    fn of(count: usize) -> Tenths {
        println!("pictures  pictures/s  pictures/s of CPU  written/KiB  memory/MiB  without files");
        Tenths {
            count,
            reached: 0,
            done: 0,
            since: Instant::now(),
            processor: processor_seconds(),
            written: written(),
        }
    }

    fn reach(&mut self, done: usize) {
        if done < self.count * (self.reached + 1) / 10 {
            return;
        }
        let added = (done - self.done) as f64;
        let (processor, written) = (processor_seconds(), written());
        println!(
            "{done:>8}  {:>10.0}  {:>17.0}  {:>11.1}  {:>10.1}  {:>13.1}",
            added / self.since.elapsed().as_secs_f64(),
            added / (processor - self.processor),
            (written - self.written) / added,
            memory("VmRSS:"),
            memory("RssAnon:"),
        );
        self.reached += 1;
        self.done = done;
        self.since = Instant::now();
        self.processor = processor;
        self.written = written;
    }
}

/// The processor time of all threads; 0 if the system doesn't report it.
fn processor_seconds() -> f64 {
    /// Linux counts in hundredths, whatever the kernel's tick.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    // The 14th and 15th fields are the times in user and kernel mode; the first two are cut off.
    let times = fields.split_whitespace().skip(11).take(2);
    times.filter_map(|it| it.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The amount written to files, in KiB; NaN if the system doesn't report it.
fn written() -> f64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    bytes
        .and_then(|bytes| bytes.parse().ok())
        .unwrap_or(f64::NAN)
        / 1024.0
}

/// The resident memory of the process, in MiB; NaN if the system doesn't report it. `VmRSS` includes the
/// pages of mapped files, which can be dropped when memory is short; `RssAnon` doesn't.
fn memory(kind: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(kind));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) / 1024.0
}
