//! Compares the engine's results with those of a plain search after arbitrary changes.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use index::{
    Embedded, EmbeddedIndex, Filter, IndexSpec, Metric, Query, QueryBy, Selection, Update, Vector,
};
use proptest::prelude::*;
use support::{Model, Random, awkward_values, damage, filter, metadata, plain_search, segments};

const NAMESPACES: [&str; 2] = ["", "captions"];

#[derive(Debug, Clone)]
enum Step {
    Upsert(usize),
    Update(usize),
    DeleteIds(usize),
    DeleteFiltered,
    DeleteNamespace,
    Refresh,
    Damage,
    Reopen,
    SwitchHandle,
    Query(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..120_usize).prop_map(Step::Upsert),
        2 => (1..10_usize).prop_map(Step::Update),
        2 => (1..40_usize).prop_map(Step::DeleteIds),
        1 => Just(Step::DeleteFiltered),
        1 => Just(Step::DeleteNamespace),
        2 => Just(Step::Refresh),
        1 => Just(Step::Damage),
        1 => Just(Step::Reopen),
        2 => Just(Step::SwitchHandle),
        6 => prop_oneof![1..8_usize, 1..200_usize, Just(10_000)].prop_map(Step::Query),
    ]
}

/// An engine, opened twice, and its expected content.
struct World<'a> {
    directory: &'a Path,
    handles: [EmbeddedIndex; 2],
    namespaces: BTreeMap<&'static str, Model>,
    random: Random,
}

impl<'a> World<'a> {
    fn new(directory: &'a Path, metric: Metric, dimension: usize, seed: u64) -> Self {
        let spec = IndexSpec {
            name: "test".into(),
            dimension,
            metric,
        };
        Embedded::open(directory)
            .unwrap()
            .create_index(&spec)
            .unwrap();
        let handles = [open(directory), open(directory)];
        Self {
            directory,
            handles,
            namespaces: BTreeMap::new(),
            random: Random(seed),
        }
    }

    fn run(&mut self, step: &Step) {
        let namespace = NAMESPACES[self.random.below(2) as usize];
        let index = self.handles[0].clone();
        let model = self.namespaces.entry(namespace).or_default();
        let random = &mut self.random;
        match step {
            Step::Upsert(count) => {
                let vectors: Vec<_> = (0..*count).map(|_| vector(random, &index)).collect();
                assert_eq!(
                    index.upsert(namespace, &vectors).unwrap(),
                    distinct(&vectors)
                );
                model.extend(
                    vectors
                        .into_iter()
                        .map(|vector| (vector.id.clone(), vector)),
                );
            }
            Step::Update(count) => {
                for id in some_ids(random, *count) {
                    let Vector {
                        values, metadata, ..
                    } = vector(random, &index);
                    let update = Update {
                        values: (random.below(2) == 0).then_some(values),
                        metadata: (random.below(2) == 0).then_some(metadata),
                        sparse_values: None,
                    };
                    let done = index.update(namespace, &id, &update);
                    let Some(vector) = model.get_mut(&id) else {
                        assert!(matches!(done, Err(index::Error::VectorNotFound { .. })));
                        continue;
                    };
                    done.unwrap();
                    vector.values = update.values.unwrap_or_else(|| vector.values.clone());
                    vector.metadata.extend(update.metadata.unwrap_or_default());
                }
            }
            Step::DeleteIds(count) => {
                let ids = some_ids(random, *count);
                let gone = ids.iter().filter(|id| model.remove(*id).is_some()).count();
                assert_eq!(index.delete(namespace, &Selection::Ids(ids)).unwrap(), gone);
            }
            Step::DeleteFiltered => {
                let filter = Filter::parse(&filter(random, 1)).unwrap();
                let before = model.len();
                model.retain(|_, vector| !filter.matches(&vector.metadata));
                let gone = index.delete(namespace, &Selection::Filter(filter)).unwrap();
                assert_eq!(gone, before - model.len());
            }
            Step::DeleteNamespace => {
                assert_eq!(index.delete_namespace(namespace).unwrap(), model.len());
                model.clear();
            }
            Step::Refresh => {
                index.refresh(namespace).unwrap();
                let named = |model: &Model| usize::from(!model.is_empty());
                assert!(segments(self.directory).len() >= named(model));
            }
            Step::Damage => damage(self.directory, random),
            Step::Reopen => self.handles[0] = open(self.directory),
            Step::SwitchHandle => self.handles.swap(0, 1),
            Step::Query(top_k) => query(&index, namespace, model, random, *top_k),
        }
        assert_eq!(
            self.handles[1].count(namespace).unwrap(),
            self.namespaces[namespace].len() as u64
        );
    }
}

fn open(directory: &Path) -> EmbeddedIndex {
    Embedded::open(directory).unwrap().index("test").unwrap()
}

fn vector(random: &mut Random, index: &EmbeddedIndex) -> Vector {
    Vector {
        id: format!("id{}", random.below(300)),
        values: awkward_values(random, index.dimension()),
        metadata: metadata(random),
        sparse_values: None,
    }
}

fn distinct(vectors: &[Vector]) -> usize {
    vectors
        .iter()
        .map(|vector| &vector.id)
        .collect::<std::collections::BTreeSet<_>>()
        .len()
}

fn some_ids(random: &mut Random, count: usize) -> Vec<String> {
    let ids: std::collections::BTreeSet<_> = (0..count).map(|_| random.below(300)).collect();
    ids.into_iter()
        .map(|number| format!("id{number}"))
        .collect()
}

#[track_caller]
fn query(index: &EmbeddedIndex, namespace: &str, model: &Model, random: &mut Random, top_k: usize) {
    let filter = (random.below(2) == 0).then(|| Filter::parse(&filter(random, 2)).unwrap());
    let stored = model
        .values()
        .nth(random.below(model.len().max(1) as u64) as usize);
    let (by, values) = match stored {
        Some(stored) if random.below(3) == 0 => {
            (QueryBy::Id(stored.id.clone()), stored.values.clone())
        }
        _ => {
            let values = match random.below(8) {
                0 => vec![0.0; index.dimension()],
                _ => awkward_values(random, index.dimension()),
            };
            (QueryBy::Values(values.clone()), values)
        }
    };
    let expected = plain_search(model, index.metric(), &values, top_k, filter.as_ref());
    survey(index, namespace, model, &values, filter.as_ref(), random);
    let query = Query {
        filter,
        include_values: true,
        include_metadata: true,
        ..Query::new(by, top_k)
    };
    assert_eq!(index.query(namespace, &query).unwrap(), expected);
}

/// Counts without ranking equal those of a full ranking.
fn survey(
    index: &EmbeddedIndex,
    namespace: &str,
    model: &Model,
    values: &[f32],
    filter: Option<&Filter>,
    random: &mut Random,
) {
    let metric = index.metric();
    let all = plain_search(model, metric, values, usize::MAX, filter);
    // The score of one of them, and one between scores.
    let nth = random.below(all.len().max(1) as u64) as usize;
    let least = all.get(nth).map_or(0.5, |found| found.score);
    for least in [least, least + 0.01, 0.0] {
        let reaches = |score: f32| {
            if metric.larger_is_better() {
                score >= least
            } else {
                score <= least
            }
        };
        let expected = all.iter().filter(|found| reaches(found.score)).count();
        let counted = index.count_scoring(namespace, values, least, filter);
        assert_eq!(counted.unwrap(), expected);
    }
    let Some(filter) = filter else { return };
    let matching: BTreeSet<String> = all.into_iter().map(|found| found.id).collect();
    let ids = index.ids_matching(namespace, filter, matching.len());
    let ids = ids.unwrap().map(|ids| ids.into_iter().collect());
    assert_eq!(ids.as_ref(), Some(&matching));
    if let Some(too_few) = matching.len().checked_sub(1) {
        let none = index.ids_matching(namespace, filter, too_few);
        assert_eq!(none.unwrap(), None);
    }
    let mut asked: Vec<String> = model.values().map(|vector| vector.id.clone()).collect();
    asked.push("not there".to_owned());
    asked.reverse();
    let expected: Vec<String> = asked
        .iter()
        .filter(|id| matching.contains(*id))
        .cloned()
        .collect();
    let retained = index.retain_matching(namespace, filter, asked);
    assert_eq!(retained.unwrap(), expected);
}

/// Enough for every run; `PROPTEST_CASES` sets more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(48, |cases| cases.parse().unwrap())
}

fn metric() -> impl Strategy<Value = Metric> {
    prop::sample::select(&Metric::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases())
    })]

    #[test]
    fn searches_are_exact_whatever_happened_before(
        metric in metric(),
        dimension in prop_oneof![1..5_usize, 60..70_usize, Just(200)],
        seed: u64,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut world = World::new(directory.path(), metric, dimension, seed);
        for step in &steps {
            world.run(step);
        }
        for index in world.handles {
            for (namespace, model) in &world.namespaces {
                query(&index, namespace, model, &mut world.random, 10);
                let stored: Vec<_> = index.vectors(namespace).map(Result::unwrap).collect();
                prop_assert!(stored.iter().eq(model.values()));
            }
        }
    }

    #[test]
    fn filters_mean_what_they_say(seed: u64, filters in prop::collection::vec(any::<u64>(), 60)) {
        let directory = tempfile::tempdir().unwrap();
        let mut world = World::new(directory.path(), Metric::Dotproduct, 2, seed);
        world.run(&Step::Upsert(200));
        for (namespace, model) in &world.namespaces {
            for &seed in &filters {
                let source = filter(&mut Random(seed), 3);
                let filter = Filter::parse(&source).unwrap();
                let expected = plain_search(model, Metric::Dotproduct, &[1.0, 0.0], 10_000, Some(&filter));
                let mut query = Query::new(QueryBy::Values(vec![1.0, 0.0]), 10_000);
                query.filter = Some(filter);
                let found = world.handles[0].query(namespace, &query).unwrap();
                let ids = |matches: &[index::Match]| -> Vec<_> {
                    matches.iter().map(|each| each.id.clone()).collect()
                };
                prop_assert_eq!(ids(&found), ids(&expected), "{}", source);
            }
        }
    }
}

/// Enough vectors for writes to create files by themselves, and more than any `top_k`.
#[test]
fn large_namespaces_are_searched_exactly() {
    for metric in Metric::ALL {
        let directory = tempfile::tempdir().unwrap();
        let mut world = World::new(directory.path(), metric, 16, 7);
        let mut model = Model::new();
        let write = |count: u64, first: u64, world: &mut World<'_>, model: &mut Model| {
            let vectors: Vec<_> = (first..first + count)
                .map(|number| Vector {
                    id: format!("{number:05}"),
                    values: awkward_values(&mut world.random, 16),
                    metadata: metadata(&mut world.random),
                    sparse_values: None,
                })
                .collect();
            world.handles[0].upsert("", &vectors).unwrap();
            model.extend(
                vectors
                    .into_iter()
                    .map(|vector| (vector.id.clone(), vector)),
            );
        };
        // Then a longer tail, then changes to a tenth of the file.
        for (count, first) in [(9_000, 0), (4_500, 9_000), (1_000, 3_000), (100, 13_500)] {
            write(count, first, &mut world, &mut model);
            for index in &world.handles {
                for top_k in [1, 10, 1_000, 10_000] {
                    query(index, "", &model, &mut world.random, top_k);
                }
            }
            assert!(!segments(directory.path()).is_empty());
        }
    }
}
