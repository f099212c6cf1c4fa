//! Words, through the JSON API.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clipseek::picture::{Limits, Picture};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::latencies::say_latencies;
use crate::random::Random;
use crate::served::Served;
use crate::{Options, Result};

/// The size of the pictures that are made.
const SIZE: (usize, usize) = (48, 36);

/// The collection of the pictures.
const COLLECTION: &str = "load";

/// The bundled pictures and their captions.
struct Demo {
    pictures: Vec<Picture>,
    captions: Vec<String>,
}

impl Demo {
    fn read() -> Result<Self> {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo");
        let table = fs::read_to_string(demo.join("captions.csv"))?;
        let (mut pictures, mut captions) = (Vec::new(), Vec::new());
        for row in table.lines().skip(1) {
            let (file, rest) = row.split_once(',').ok_or("a row without a caption")?;
            let bytes = fs::read(demo.join(file))?;
            pictures.push(Picture::decode_reduced(&bytes, &Limits::default(), 256)?.picture);
            let caption = rest.trim_start_matches('"').split([',', '"']).next();
            captions.extend(caption.map(str::to_owned));
        }
        Ok(Self { pictures, captions })
    }

    /// The words of one caption, and then those of another.
    fn words(&self, random: &mut Random) -> String {
        let part = |random: &mut Random| {
            let caption = &self.captions[random.below(self.captions.len())];
            let words: Vec<&str> = caption.split_whitespace().collect();
            let from = random.below(words.len());
            let to = (from + 2 + random.below(4)).min(words.len());
            words[from..to].join(" ")
        };
        format!("{} {}", part(random), part(random))
    }

    /// A piece of a picture as a file that holds its pixels: PPM.
    fn piece(&self, random: &mut Random) -> Vec<u8> {
        let picture = &self.pictures[random.below(self.pictures.len())];
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let scale = 1 + random.below((width / SIZE.0).min(height / SIZE.1));
        let left = random.below(width - scale * SIZE.0 + 1);
        let top = random.below(height - scale * SIZE.1 + 1);
        let mut file = format!("P6 {} {} 255\n", SIZE.0, SIZE.1).into_bytes();
        for row in 0..SIZE.1 {
            for column in 0..SIZE.0 {
                let at = 3 * ((top + row * scale) * width + left + column * scale);
                file.extend(&picture.pixels()[at..at + 3]);
            }
        }
        // Some windows are taken twice, and no two files are the same picture.
        let noise = random.next().to_le_bytes();
        let from = file.len() - noise.len();
        file[from..].copy_from_slice(&noise);
        file
    }
}

/// Makes pictures with captions, and a table of them.
fn make(
    folder: &Path,
    prefix: &str,
    count: usize,
    demo: &Demo,
    random: &mut Random,
) -> Result<PathBuf> {
    let mut table = String::from("image,caption\n");
    for number in 0..count {
        let name = format!("{prefix}/{:03}/{number:06}.ppm", number / 500);
        let path = folder.join(&name);
        if number % 500 == 0 {
            fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        }
        fs::write(path, demo.piece(random))?;
        writeln!(table, "{name},{}", demo.words(random))?;
    }
    let path = folder.join(format!("{prefix}.csv"));
    fs::write(&path, table)?;
    Ok(path)
}

/// `clipseek add` of a table.
fn add(program: &str, store: &Path, table: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--store").arg(store).arg("add").arg(table);
    command.args(["--model", "mini", "--collection", COLLECTION]);
    command.stdout(Stdio::null());
    command
}

/// Ends `add` when it is no longer looked at.
struct Adding(Child);

impl Drop for Adding {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whom is asked.
#[derive(Clone, Copy, PartialEq)]
enum Face {
    Json,
    Pinecone,
}

/// What all clients share.
struct Load {
    client: Client,
    control: String,
    host: String,
    queries: Vec<String>,
    asked: AtomicUsize,
}

impl Load {
    async fn of(served: &Served, queries: Vec<String>) -> Result<Arc<Self>> {
        let client = net::client(&net::ClientSettings::default())?.build()?;
        let index = format!("{}/indexes/{COLLECTION}", served.control);
        let index = client.get(index).send().await?.error_for_status()?;
        let index: Value = serde_json::from_slice(&index.bytes().await?)?;
        let host = index["host"].as_str().ok_or("an index without a host")?;
        Ok(Arc::new(Self {
            host: host.to_owned(),
            control: served.control.clone(),
            client,
            queries,
            asked: AtomicUsize::new(0),
        }))
    }

    async fn ask(&self, face: Face, words: &str) -> Result<Duration> {
        let (url, body) = match face {
            Face::Json => (
                format!("{}/api/v1/collections/{COLLECTION}/search", self.control),
                json!({"text": words, "top_k": 20}),
            ),
            Face::Pinecone => (
                format!("{}/records/namespaces/images/search", self.host),
                json!({"query": {"top_k": 20, "inputs": {"text": words}}}),
            ),
        };
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json");
        let began = Instant::now();
        let answer = request
            .body(body.to_string())
            .send()
            .await?
            .error_for_status()?;
        let bytes = answer.bytes().await?;
        let took = began.elapsed();
        match bytes.starts_with(b"{") {
            true => Ok(took),
            false => Err("the answer is no JSON".into()),
        }
    }

    async fn client(self: Arc<Self>, face: Face, until: Instant) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        while Instant::now() < until {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            times.push(
                self.ask(face, &self.queries[number % self.queries.len()])
                    .await?,
            );
        }
        Ok(times)
    }
}

fn distinct_words(demo: &Demo, count: usize, random: &mut Random) -> Vec<String> {
    let mut words = BTreeSet::new();
    while words.len() < count {
        words.insert(demo.words(random));
    }
    words.into_iter().collect()
}

/// How a server is asked.
struct Trial<'a> {
    served: &'a Served,
    clients: usize,
    time: Duration,
}

impl Trial<'_> {
    /// Lets clients ask, and prints how they fared. Gives the answers of a second.
    async fn run(&self, what: &str, load: &Arc<Load>, face: Face) -> Result<f64> {
        let (began, busy) = (Instant::now(), self.served.busy());
        let mut clients = JoinSet::new();
        for _ in 0..self.clients {
            clients.spawn(Arc::clone(load).client(face, began + self.time));
        }
        let mut times = Vec::new();
        while let Some(client) = clients.join_next().await {
            times.extend(client??);
        }
        let took = began.elapsed();
        let busy = (self.served.busy() - busy) / u32::try_from(times.len())?.max(1);
        let what = format!("{} clients, {what}", self.clients);
        say_latencies(&what, &mut times, took);
        println!(
            "  processor time of an answer: {:.1} ms",
            busy.as_secs_f64() * 1e3
        );
        Ok(times.len() as f64 / took.as_secs_f64())
    }
}

/// Fills the collection, unless it is there.
fn fill(options: &Options, folder: &Path, store: &Path, demo: &Demo) -> Result<()> {
    if store.exists() {
        return Ok(());
    }
    let count = options.number("--pictures", 100_000);
    let began = Instant::now();
    let table = make(folder, "pictures", count, demo, &mut Random(1))?;
    println!(
        "{count} pictures made: {:.0} s",
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    if !add(&options.program, store, &table).status()?.success() {
        return Err("the pictures could not be added".into());
    }
    println!(
        "{count} pictures added: {:.0} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Starts to add pictures that aren't there yet.
fn add_more(options: &Options, folder: &Path, store: &Path, demo: &Demo) -> Result<Adding> {
    let is_new = |number: &usize| !folder.join(format!("more-{number}.csv")).exists();
    let number = (0..).find(is_new).unwrap_or_default();
    let mut random = Random(100 + number as u64);
    let table = make(folder, &format!("more-{number}"), 20_000, demo, &mut random)?;
    let mut add = add(&options.program, store, &table);
    Ok(Adding(add.stderr(Stdio::null()).spawn()?))
}

/// Fills a collection, unless the folder has one, and lets clients search it.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = options.store.as_deref().unwrap_or(scratch.path());
    let (store, demo) = (folder.join("store"), Demo::read()?);
    fill(options, folder, &store, &demo)?;

    let served = Served::start(&options.program, &store, &[])?;
    let of = |clients| Trial {
        served: &served,
        clients,
        time: Duration::from_secs(options.number("--seconds", 10) as u64),
    };
    let (one, many) = (of(1), of(options.number("--clients", 64)));
    let mut random = Random(77);
    // So many that nobody asks for the same words again.
    let new = Load::of(&served, distinct_words(&demo, 100_000, &mut random)).await?;
    new.ask(Face::Json, "warm").await?;
    new.ask(Face::Pinecone, "warm").await?;
    one.run("new words", &new, Face::Json).await?;
    let records = many
        .run("new words, records/search", &new, Face::Pinecone)
        .await?;
    let api = many.run("new words", &new, Face::Json).await?;
    println!("  of records/search: {:.1}", api / records);
    let queries = options.number("--queries", 1000);
    let known = Load::of(&served, distinct_words(&demo, queries, &mut random)).await?;
    let what = format!("{queries} different words again and again");
    many.run(&what, &known, Face::Json).await?;
    let adding = add_more(options, folder, &store, &demo)?;
    many.run("new words, beside `clipseek add`", &new, Face::Json)
        .await?;
    drop(adding);
    println!("peak of memory: {}", served.peak());
    Ok(())
}
