//! Vectors, metadata and filters for tests, and the plain search that the engine must equal.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, missing_docs, reason = "it is included as a module")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use index::{Filter, Match, Metadata, Metric, Vector};
use serde_json::{Value, json};

/// The expected content of a namespace.
pub type Model = BTreeMap<String, Vector>;

/// A small deterministic random number generator.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 24) % limit
    }

    pub fn one_of<T, const COUNT: usize>(&mut self, choices: [T; COUNT]) -> T {
        let position = self.below(COUNT as u64) as usize;
        choices
            .into_iter()
            .nth(position)
            .expect("the position is below the count")
    }

    /// Between -1 and 1.
    pub fn value(&mut self) -> f32 {
        self.below(2_000_001) as f32 / 1_000_000.0 - 1.0
    }

    pub fn values(&mut self, dimension: usize) -> Vec<f32> {
        (0..dimension).map(|_| self.value()).collect()
    }
}

/// Values of many kinds: plain ones, ones that differ by a millionth from others, exact copies, and long and
/// short ones. Never all zeros.
pub fn awkward_values(random: &mut Random, dimension: usize) -> Vec<f32> {
    let mut values = Random(random.below(5)).values(dimension);
    match random.below(6) {
        0 => values = random.values(dimension),
        1 => {}
        2 => values.iter_mut().for_each(|value| *value *= 1000.0),
        3 => values.iter_mut().for_each(|value| *value *= 1e-20),
        _ => values
            .iter_mut()
            .for_each(|value| *value += 1e-6 * random.value()),
    }
    values[0] += f32::from(u8::from(values.iter().all(|&value| value == 0.0)));
    values
}

pub fn metadata(random: &mut Random) -> Metadata {
    let all = json!({
        "genre": random.one_of(["drama", "comedy", "war", "ünïcode", ""]),
        "year": 2000 + random.below(20),
        "rating": f64::from(random.value()),
        "seen": random.below(2) == 0,
        "tags": (0..random.below(4)).map(|_| format!("t{}", random.below(6))).collect::<Vec<_>>(),
        "mixed": random.one_of([json!("1"), json!(1), json!(true), json!(["1"]), json!(-0.0)]),
    });
    let Value::Object(all) = all else {
        unreachable!()
    };
    all.into_iter().filter(|_| random.below(4) > 0).collect()
}

fn operand(random: &mut Random) -> Value {
    let (year, rating) = (2000 + random.below(20), random.value());
    random.one_of([
        json!("drama"),
        json!(""),
        json!("t1"),
        json!("1"),
        json!(1),
        json!(0),
        json!(true),
        json!(year),
        json!(rating),
        json!("nowhere"),
    ])
}

/// A filter with at most `depth` levels.
pub fn filter(random: &mut Random, levels: u64) -> Value {
    match random.below(if levels == 0 { 1 } else { 6 }) {
        1 => json!({"$and": [filter(random, levels - 1), filter(random, levels - 1)]}),
        2 => json!({"$or": [filter(random, levels - 1), filter(random, levels - 1)]}),
        3 => json!({"$not": filter(random, levels - 1)}),
        _ => {
            let field = random.one_of([
                "genre", "year", "rating", "seen", "tags", "mixed", "missing",
            ]);
            json!({ field: condition(random) })
        }
    }
}

fn condition(random: &mut Random) -> Value {
    let comparison = random.one_of(["$gt", "$gte", "$lt", "$lte"]);
    match random.below(9) {
        0 => operand(random),
        1 => json!({"$eq": operand(random)}),
        2 => json!({"$ne": operand(random)}),
        3 => json!({"$in": [operand(random), operand(random)]}),
        4 => json!({"$nin": [operand(random), operand(random)]}),
        5 => json!({"$exists": random.below(2) == 0}),
        6 => json!({"$not": {comparison: 2010}}),
        7 => json!({comparison: 2000 + random.below(20)}),
        _ => json!({comparison: random.value(), "$lte": 2015}),
    }
}

/// Compares the query with every vector.
pub fn plain_search(
    model: &Model,
    metric: Metric,
    query: &[f32],
    top_k: usize,
    filter: Option<&Filter>,
) -> Vec<Match> {
    let mut found: Vec<_> = model
        .values()
        .filter(|vector| filter.is_none_or(|filter| filter.matches(&vector.metadata)))
        .map(|vector| Match {
            id: vector.id.clone(),
            score: metric.score(query, &vector.values),
            values: Some(vector.values.clone()),
            metadata: Some(vector.metadata.clone()),
            sparse_values: None,
        })
        .collect();
    found.sort_by(|one, other| {
        let ascending = one.score.total_cmp(&other.score);
        let best = if metric.larger_is_better() {
            ascending.reverse()
        } else {
            ascending
        };
        best.then_with(|| one.id.cmp(&other.id))
    });
    found.truncate(top_k);
    found
}

/// The derived files of the engine in `directory`.
pub fn segments(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("segments")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Damages every derived file, as a crash or a disk might. Replaces the files, as a mapped file must not
/// change.
pub fn damage(directory: &Path, random: &mut Random) {
    for path in segments(directory) {
        let mut bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let position = random.below(bytes.len() as u64) as usize;
        match random.below(4) {
            0 => continue,
            1 => bytes.truncate(position),
            2 => bytes[position] ^= 1 << random.below(8),
            _ => bytes.push(0),
        }
        fs::write(&path, bytes).unwrap();
    }
}
