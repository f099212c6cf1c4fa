//! Vectors, through Pinecone's API.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::latencies::say_latencies;
use crate::random::Random;
use crate::served::Served;
use crate::{Options, Result};

/// How many vectors an upsert of the ordinary load has.
const BATCH: usize = 10;

/// How many vectors are thought of; more are the same with other ids.
const DISTINCT: usize = 2000;

/// How long who was refused rests.
const REST: Duration = Duration::from_millis(50);

/// What all clients share.
struct Load {
    client: Client,
    host: String,
    /// Vectors as JSON.
    values: Vec<String>,
}

/// What came of a client's requests.
#[derive(Default)]
struct Came {
    queries: Vec<Duration>,
    upserts: Vec<Duration>,
    refused: BTreeMap<u16, usize>,
    without_retry_after: usize,
    errors: Vec<String>,
    /// The last version of each vector that was acknowledged, and those that may have been written since.
    acknowledged: HashMap<String, usize>,
    uncertain: HashMap<String, usize>,
}

enum Answer {
    Done,
    Refused,
}

impl Came {
    fn add(&mut self, other: Came) {
        self.queries.extend(other.queries);
        self.upserts.extend(other.upserts);
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
        self.without_retry_after += other.without_retry_after;
        self.errors.extend(other.errors);
        self.acknowledged.extend(other.acknowledged);
        self.uncertain.extend(other.uncertain);
    }

    fn say(&mut self, what: &str, time: Duration) {
        println!("{what}: {:.1} s", time.as_secs_f64());
        say_latencies("  queries", &mut self.queries, time);
        say_latencies("  upserts", &mut self.upserts, time);
        for (status, count) in &self.refused {
            println!("  answered with {status}: {count}");
        }
        if !self.refused.is_empty() {
            println!(
                "  of these without Retry-After: {}",
                self.without_retry_after
            );
        }
        println!("  errors: {}", self.errors.len());
        for error in self.errors.iter().take(3) {
            println!("    {error}");
        }
    }
}

impl Load {
    /// With connections of its own: a server that was started again knows nothing of others.
    async fn of(served: &Served, dimension: usize) -> Result<Arc<Self>> {
        let client = net::client(&net::ClientSettings::default())?.build()?;
        Ok(Arc::new(Self {
            host: host(&client, &served.control, dimension).await?,
            client,
            values: values(dimension),
        }))
    }

    fn upsert_body(&self, ids: &[(String, usize)], random: &mut Random) -> String {
        let vectors = ids.iter().map(|(id, version)| {
            let values = &self.values[random.below(self.values.len())];
            let group = random.below(100);
            format!(
                r#"{{"id":"{id}","values":{values},"metadata":{{"group":{group},"version":{version}}}}}"#
            )
        });
        let vectors: Vec<String> = vectors.collect();
        format!(r#"{{"vectors":[{}]}}"#, vectors.join(","))
    }

    async fn post(&self, path: &str, body: String, came: &mut Came) -> Answer {
        let request = self.client.post(format!("{}{path}", self.host)).body(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                came.errors.push(format!("{error:?}"));
                return Answer::Refused;
            }
        };
        let status = answer.status().as_u16();
        let has_retry_after = answer.headers().contains_key("retry-after");
        match (status, answer.bytes().await) {
            (200, Ok(_)) => return Answer::Done,
            (429 | 503 | 504, Ok(_)) => {
                *came.refused.entry(status).or_default() += 1;
                came.without_retry_after += usize::from(!has_retry_after);
            }
            (status, body) => came.errors.push(format!("{status}: {body:?}")),
        }
        Answer::Refused
    }

    async fn query(&self, random: &mut Random, came: &mut Came) -> Answer {
        let values = &self.values[random.below(self.values.len())];
        let filter = match random.below(3) {
            0 => format!(
                r#","filter":{{"group":{{"$lt":{}}}}}"#,
                1 + random.below(50)
            ),
            _ => String::new(),
        };
        let body = format!(r#"{{"vector":{values},"topK":10,"includeMetadata":true{filter}}}"#);
        let began = Instant::now();
        let answer = self.post("/query", body, came).await;
        if let Answer::Done = answer {
            came.queries.push(began.elapsed());
        }
        answer
    }

    async fn upsert(
        &self,
        ids: Vec<(String, usize)>,
        random: &mut Random,
        came: &mut Came,
    ) -> Answer {
        let body = self.upsert_body(&ids, random);
        let began = Instant::now();
        let answer = self.post("/vectors/upsert", body, came).await;
        match answer {
            Answer::Done => {
                came.upserts.push(began.elapsed());
                came.acknowledged.extend(ids);
            }
            Answer::Refused => came.uncertain.extend(ids),
        }
        answer
    }

    /// One client: four queries for an upsert, half of which write over what it wrote before.
    async fn client(self: Arc<Self>, name: String, batch: usize, until: Instant) -> Came {
        let seed = name.bytes().fold(0x9e37_79b9_7f4a_7c15, |seed: u64, byte| {
            seed.rotate_left(7) ^ u64::from(byte).wrapping_mul(0x100_0000_01b3)
        });
        let mut random = Random(seed | 1);
        let (mut came, mut written) = (Came::default(), 0);
        while Instant::now() < until {
            let answer = match random.below(5) {
                0 => {
                    let over = written > 0 && random.below(2) == 0;
                    let number = if over { random.below(written) } else { written };
                    written = written.max(number + 1);
                    let version = came.queries.len() + came.upserts.len() + 1;
                    let ids = (0..batch).map(|at| (format!("{name}-{number}-{at}"), version));
                    self.upsert(ids.collect(), &mut random, &mut came).await
                }
                _ => self.query(&mut random, &mut came).await,
            };
            if let Answer::Refused = answer {
                tokio::time::sleep(REST).await;
            }
        }
        came
    }

    async fn clients(
        self: &Arc<Self>,
        name: &str,
        count: usize,
        batch: usize,
        time: Duration,
    ) -> Result<Came> {
        let until = Instant::now() + time;
        let mut clients = JoinSet::new();
        for number in 0..count {
            clients.spawn(Arc::clone(self).client(format!("{name}{number}"), batch, until));
        }
        let mut all = Came::default();
        while let Some(came) = clients.join_next().await {
            all.add(came?);
        }
        Ok(all)
    }

    /// Fills the index.
    async fn fill(self: &Arc<Self>, count: usize) -> Result<Came> {
        let mut clients = JoinSet::new();
        for client in 0..4 {
            let load = Arc::clone(self);
            clients.spawn(async move {
                let (mut came, mut random) = (Came::default(), Random(77 + client as u64));
                let ids: Vec<usize> = (0..count).filter(|id| id / 200 % 4 == client).collect();
                for ids in ids.chunks(200) {
                    let ids = ids.iter().map(|id| (format!("base-{id}"), 0)).collect();
                    load.upsert(ids, &mut random, &mut came).await;
                }
                came
            });
        }
        let mut all = Came::default();
        while let Some(came) = clients.join_next().await {
            all.add(came?);
        }
        Ok(all)
    }

    /// How many of the acknowledged vectors are not there as they were written.
    async fn lost(&self, came: &Came) -> Result<usize> {
        let mut lost = 0;
        let all: Vec<(&String, &usize)> = came.acknowledged.iter().collect();
        for some in all.chunks(100) {
            let ids: Vec<String> = some.iter().map(|(id, _)| format!("ids={id}")).collect();
            let url = format!("{}/vectors/fetch?{}", self.host, ids.join("&"));
            let answer = self.client.get(url).send().await?.error_for_status()?;
            let found: Value = serde_json::from_slice(&answer.bytes().await?)?;
            for (id, version) in some {
                let found = found["vectors"][id]["metadata"]["version"].as_f64();
                // What was refused or cut off may have been written all the same.
                let later = came.uncertain.get(*id).map(|later| *later as f64);
                let well = found == Some(**version as f64) || found.is_some() && found == later;
                lost += usize::from(!well);
            }
        }
        Ok(lost)
    }
}

fn values(dimension: usize) -> Vec<String> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let number = |random: &mut Random| (random.next() >> 40) as f32 / (1 << 23) as f32 - 1.0;
    (0..DISTINCT)
        .map(|_| {
            let numbers = (0..dimension).map(|_| format!("{:.5}", number(&mut random)));
            format!("[{}]", numbers.collect::<Vec<_>>().join(","))
        })
        .collect()
}

async fn host(client: &Client, control: &str, dimension: usize) -> Result<String> {
    let body = json!({"name": "load", "dimension": dimension, "metric": "cosine"});
    let created = client
        .post(format!("{control}/indexes"))
        .body(body.to_string());
    created.send().await?;
    let index = client.get(format!("{control}/indexes/load")).send().await?;
    let index: Value = serde_json::from_slice(&index.error_for_status()?.bytes().await?)?;
    Ok(index["host"]
        .as_str()
        .ok_or("an index without a host")?
        .to_owned())
}

/// Fills an index, lets clients ask and write for a while, and sees afterwards that every write that was acknowledged is
/// there. With `--beyond` more is then asked than can be answered.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dimension = options.number("--dimension", 512);
    let served = Served::start(&options.program, folder.path(), &[])?;
    let loaded = Load::of(&served, dimension).await?;
    let count = options.number("--vectors", 100_000);
    let began = Instant::now();
    let mut filled = loaded.fill(count).await?;
    filled.say(
        &format!("{count} vectors of {dimension} numbers"),
        began.elapsed(),
    );

    let (clients, seconds) = (
        options.number("--clients", 64),
        options.number("--seconds", 60),
    );
    let time = Duration::from_secs(seconds as u64);
    let began = Instant::now();
    let mut came = loaded.clients("c", clients, BATCH, time).await?;
    came.say(&format!("{clients} clients"), began.elapsed());
    println!(
        "  acknowledged vectors: {}, lost: {}",
        came.acknowledged.len(),
        loaded.lost(&came).await?
    );
    println!("  peak of memory: {}", served.peak());
    let mut failed = !came.errors.is_empty() || !came.refused.is_empty();
    if !options.beyond {
        return if failed {
            Err("not every request was answered".into())
        } else {
            Ok(())
        };
    }

    let (many, batch) = (
        options.number("--many", 1000),
        options.number("--batch", 300),
    );
    let began = Instant::now();
    let mut beyond = loaded.clients("m", many, batch, time / 2).await?;
    beyond.say(
        &format!("{many} clients with batches of {batch}"),
        began.elapsed(),
    );
    println!(
        "  acknowledged vectors: {}, lost: {}",
        beyond.acknowledged.len(),
        loaded.lost(&beyond).await?
    );
    println!("  peak of memory: {}", served.peak());
    failed |= !beyond.errors.is_empty() || beyond.without_retry_after > 0;
    let began = Instant::now();
    let mut after = loaded
        .clients("a", 8, BATCH, Duration::from_secs(5))
        .await?;
    after.say("8 clients afterwards", began.elapsed());
    failed |= !after.errors.is_empty() || !after.refused.is_empty();
    drop(served);

    let served = Served::start(&options.program, folder.path(), &["--rate", "100"])?;
    let loaded = Load::of(&served, dimension).await?;
    let began = Instant::now();
    let mut limited = loaded
        .clients("r", clients, BATCH, Duration::from_secs(5))
        .await?;
    limited.say(
        &format!("{clients} clients with --rate 100"),
        began.elapsed(),
    );
    failed |= !limited.errors.is_empty() || limited.without_retry_after > 0;
    if failed {
        Err("not every request was answered as it should be".into())
    } else {
        Ok(())
    }
}
