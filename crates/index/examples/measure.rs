//! Measures search times: `measure DIRECTORY VECTORS.npy QUERIES.npy RESULTS.json`.
//!
//! Fills the directory with the vectors on the first run, and reuses it later as a new process would. The
//! `.npy` files have a row of `<f4` for each vector. The results list the matches of the queries, to be
//! compared with another program's. Set `RAYON_NUM_THREADS=1` for one core. `tools/bench_index.py` creates
//! the vectors, runs this, and measures faiss for comparison.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use index::{Embedded, EmbeddedIndex, Filter, IndexSpec, Match, Metric, Query, QueryBy, Vector};
use serde_json::{Value, json};

const BATCH: usize = 5_000;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [directory, vectors, queries, results] = arguments.as_slice() else {
        return Err("expected DIRECTORY VECTORS.npy QUERIES.npy RESULTS.json".into());
    };
    if !Path::new(directory).exists() {
        fill(Path::new(directory), Rows::open(Path::new(vectors))?)?;
    }
    let start = Instant::now();
    let index = Embedded::open(Path::new(directory))?.index("measure")?;
    print("open", &format!("{:8.1} ms", milliseconds(start)));
    let queries: Vec<_> = Rows::open(Path::new(queries))?.collect::<Result<_>>()?;
    let found = measure(&index, &queries)?;
    std::fs::write(results, serde_json::to_vec(&found)?)?;
    print("memory", &memory());
    add_ten(Path::new(directory), &queries)
}

fn print(what: &str, figures: &str) {
    println!("{what:20} {figures}");
}

/// The rows of a `.npy` file.
struct Rows {
    file: BufReader<File>,
    dimension: usize,
    left: usize,
}

impl Rows {
    fn open(path: &Path) -> Result<Self> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut start = [0; 10];
        file.read_exact(&mut start)?;
        let mut header = vec![0; usize::from(u16::from_le_bytes([start[8], start[9]]))];
        file.read_exact(&mut header)?;
        let header = String::from_utf8(header)?;
        let is_plain = start.starts_with(b"\x93NUMPY\x01")
            && header.contains("'<f4'")
            && header.contains("'fortran_order': False");
        let shape = header.split_once('(').and_then(|(_, rest)| {
            let (count, dimension) = rest.split_once(')')?.0.split_once(',')?;
            Some((count.trim().parse().ok()?, dimension.trim().parse().ok()?))
        });
        match shape {
            Some((left, dimension)) if is_plain => Ok(Self {
                file,
                dimension,
                left,
            }),
            _ => Err(format!("`{}` is not a matrix of `<f4`", path.display()).into()),
        }
    }

    fn read(&mut self) -> Result<Vec<f32>> {
        let mut bytes = vec![0; 4 * self.dimension];
        self.file.read_exact(&mut bytes)?;
        let values = bytes.as_chunks::<4>().0;
        Ok(values
            .iter()
            .map(|four| f32::from_le_bytes(*four))
            .collect())
    }
}

impl Iterator for Rows {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.read())
    }
}

fn fill(directory: &Path, mut rows: Rows) -> Result<()> {
    let engine = Embedded::open(directory)?;
    engine.create_index(&IndexSpec {
        name: "measure".to_owned(),
        dimension: rows.dimension,
        metric: Metric::Cosine,
    })?;
    let index = engine.index("measure")?;
    let start = Instant::now();
    let mut count = 0;
    while rows.left > 0 {
        let batch: Vec<_> = rows.by_ref().take(BATCH).collect::<Result<_>>()?;
        let vectors: Vec<_> = (count..)
            .zip(batch)
            .map(|(n, row)| vector(n, row))
            .collect();
        count += index.upsert("", &vectors)?;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    print("upsert", &format!("{rate:8.0} vectors/s"));
    let start = Instant::now();
    index.refresh("")?;
    print("refresh", &format!("{:8.1} ms", milliseconds(start)));
    Ok(())
}

fn vector(number: usize, values: Vec<f32>) -> Vector {
    let caption = format!("picture number {number} of a large collection");
    let metadata = [
        ("caption".to_owned(), json!(caption)),
        ("hundredth".to_owned(), json!(number * 7919 % 100)),
    ];
    Vector {
        id: number.to_string(),
        values,
        metadata: metadata.into_iter().collect(),
        sparse_values: None,
    }
}

/// Times the queries, with and without filters. Returns the matches by filter and query.
fn measure(index: &EmbeddedIndex, queries: &[Vec<f32>]) -> Result<Vec<Vec<Vec<Match>>>> {
    let filter = |percent: i32| Some(json!({"hundredth": {"$lt": percent}}));
    let mut found = Vec::new();
    for (name, top_k, filter) in [
        ("top 10", 10, None),
        ("1 %", 10, filter(1)),
        ("10 %", 10, filter(10)),
        ("50 %", 10, filter(50)),
        ("top 1,000", 1_000, None),
    ] {
        found.push(time(index, queries, name, top_k, filter.as_ref())?);
    }
    Ok(found)
}

fn time(
    index: &EmbeddedIndex,
    queries: &[Vec<f32>],
    name: &str,
    top_k: usize,
    filter: Option<&Value>,
) -> Result<Vec<Vec<Match>>> {
    let filter = filter.map(Filter::parse).transpose()?;
    let (mut times, mut found) = (Vec::new(), Vec::new());
    for values in queries {
        let query = Query {
            filter: filter.clone(),
            ..Query::new(QueryBy::Values(values.clone()), top_k)
        };
        let start = Instant::now();
        found.push(index.query("", &query)?);
        times.push(milliseconds(start));
    }
    let first = times[0];
    times.sort_by(f64::total_cmp);
    let (median, late) = (times[times.len() / 2], times[times.len() * 95 / 100]);
    print(
        name,
        &format!("{median:8.1} ms, 95 % {late:8.1} ms, first {first:8.1} ms"),
    );
    Ok(found)
}

/// Times adding a few vectors: their refresh, and the first query of an engine opened after it.
fn add_ten(directory: &Path, queries: &[Vec<f32>]) -> Result<()> {
    let index = Embedded::open(directory)?.index("measure")?;
    let new = queries.iter().take(10).cloned();
    let vectors: Vec<_> = (1 << 40..)
        .zip(new)
        .map(|(n, row)| vector(n, row))
        .collect();
    index.upsert("", &vectors)?;
    let start = Instant::now();
    index.refresh("")?;
    let refresh = milliseconds(start);
    let start = Instant::now();
    let index = Embedded::open(directory)?.index("measure")?;
    let query = Query::new(QueryBy::Values(queries[0].clone()), 10);
    let best = index.query("", &query)?;
    let cold = milliseconds(start);
    assert_eq!(best[0].id, vectors[0].id, "the added vector is found");
    let ids = vectors.into_iter().map(|vector| vector.id).collect();
    index.delete("", &index::Selection::Ids(ids))?;
    print(
        "10 more",
        &format!("{refresh:8.1} ms to refresh, {cold:8.1} ms to open and query"),
    );
    Ok(())
}

fn milliseconds(start: Instant) -> f64 {
    let elapsed: Duration = start.elapsed();
    elapsed.as_secs_f64() * 1000.0
}

/// The memory of this process, if the system reports it. Includes mapped files, which can be dropped at any
/// time.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("Rss") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}
