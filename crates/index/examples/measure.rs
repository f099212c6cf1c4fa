//! How long searches take: `cargo run --release -p index --example measure -- DIRECTORY COUNT DIMENSION`.
//!
//! Fills the directory on the first run, with random unit vectors, half of them near copies of
//! others; on later runs it is used as it is, as a new process would find it. Set
//! `RAYON_NUM_THREADS=1` for one core. Where other programs are running, the processor's time (on
//! Linux) says more than the clock's.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use index::{Embedded, Filter, Index, IndexSpec, Metric, Query, QueryBy, Vector};
use serde_json::{Value, json};

const BATCH: u64 = 5_000;
const QUERIES: u64 = 51;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [directory, count, dimension] = arguments.as_slice() else {
        return Err("expected DIRECTORY COUNT DIMENSION".into());
    };
    let (count, dimension) = (count.parse()?, dimension.parse()?);
    let start = Instant::now();
    let engine = Embedded::open(Path::new(directory))?;
    println!(
        "open                 {:8.1} ms",
        milliseconds(start.elapsed())
    );
    if engine.list_indexes()?.is_empty() {
        let name = "measure".to_owned();
        engine.create_index(&IndexSpec {
            name,
            dimension,
            metric: Metric::Cosine,
        })?;
        fill(&engine.index("measure")?, count)?;
    }
    measure(&engine.index("measure")?)
}

fn fill(index: &Index, count: u64) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    for first in (0..count).step_by(BATCH as usize) {
        let vectors: Vec<_> = (first..count.min(first + BATCH))
            .map(|number| vector(number, index.dimension()))
            .collect();
        index.upsert("", &vectors)?;
    }
    println!(
        "upsert               {:8.0} vectors/s",
        count as f64 / start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    index.refresh("")?;
    println!(
        "refresh              {:8.1} ms",
        milliseconds(start.elapsed())
    );
    Ok(())
}

fn vector(number: u64, dimension: usize) -> Vector {
    let metadata = json!({
        "caption": format!("picture number {number} of a large collection"),
        "hundredth": number * 7919 % 100,
    });
    let Value::Object(metadata) = metadata else {
        unreachable!()
    };
    let mut values = noise(number / 2 * 2, dimension);
    for (value, other) in values.iter_mut().zip(noise(number, dimension)) {
        *value += 0.1 * other;
    }
    Vector {
        id: format!("{number:08}"),
        values,
        metadata,
    }
}

/// About normally distributed.
fn noise(seed: u64, dimension: usize) -> Vec<f32> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let parts = [state >> 48, state >> 32 & 0xffff, state >> 16 & 0xffff];
        parts.iter().sum::<u64>() as f32 / 65_535.0 - 1.5
    };
    (0..dimension).map(|_| next()).collect()
}

fn measure(index: &Index) -> Result<(), Box<dyn Error>> {
    let run = |name: &str, top_k, filter: Option<Value>| -> Result<(), Box<dyn Error>> {
        let filter = filter.as_ref().map(Filter::parse).transpose()?;
        let mut times = Vec::new();
        let before = processor_time();
        for number in 0..QUERIES {
            let values = noise(number + (1 << 40), index.dimension());
            let query = Query {
                filter: filter.clone(),
                ..Query::new(QueryBy::Values(values), top_k)
            };
            let start = Instant::now();
            index.query("", &query)?;
            times.push(milliseconds(start.elapsed()));
        }
        let first = times[0];
        times.sort_by(f64::total_cmp);
        let (median, late) = (times[times.len() / 2], times[times.len() * 95 / 100]);
        let processor = (processor_time() - before) / QUERIES as f64;
        println!(
            "{name:12} {median:8.1} ms, 95 % {late:8.1} ms, first {first:8.1} ms, processor {processor:8.1} ms"
        );
        Ok(())
    };
    run("top 10", 10, None)?;
    for percent in [1, 10, 50] {
        run(
            &format!("{percent} %"),
            10,
            Some(json!({"hundredth": {"$lt": percent}})),
        )?;
    }
    run("top 1,000", 1_000, None)?;
    run("top 10,000", 10_000, None)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The time that this process has had processors for, in milliseconds; 0 where it isn't known.
fn processor_time() -> f64 {
    const TICK: f64 = 10.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2);
    fields
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        * TICK
}
