//! Paged answers, and queries without words.

use std::fs;

use index::Filter;
use search::{Error, FacetOptions, Hit, Keywords, Order, Query, SearchOptions};
use serde_json::{Value, json};

use crate::world::{TestResult, World, model, names, new, top};

fn page(offset: usize, top_k: usize) -> SearchOptions {
    SearchOptions {
        offset,
        counted: true,
        ..top(top_k)
    }
}

#[test]
fn parts_are_the_whole() -> TestResult {
    let world = World::filled();
    let words = Query::Text("a bird");
    let whole = world.search(&words, &top(10));
    assert_eq!((whole.total, whole.next), (6, None));
    let (mut together, mut offset) = (Vec::new(), Some(0));
    while let Some(from) = offset {
        let part = world.search(&words, &page(from, 4));
        assert_eq!((part.total, part.best), (6, whole.best));
        offset = part.next;
        together.extend(part.hits);
    }
    assert_eq!(together, whole.hits);
    assert!(world.search(&words, &page(6, 4)).hits.is_empty());
    Ok(())
}

/// The first page reports the total of the whole answer, whatever leaves pictures out.
#[test]
fn one_picture_is_enough_to_count() -> TestResult {
    let world = World::new();
    let records = (0..6).map(|n| {
        let mut record = new(&world.picture(&format!("{n}.png"), n), &[]);
        record.metadata.insert("odd".into(), (n % 2 == 1).into());
        record
    });
    world.add(records.collect());
    let id = world.search(&Query::Text("a bird"), &top(1)).hits[0]
        .id
        .clone();
    let filter = Filter::parse(&json!({"odd": true}))?;
    for query in [Query::Text("a bird"), Query::Like(&id)] {
        for filter in [None, Some(filter.clone())] {
            let part = SearchOptions {
                filter: filter.clone(),
                ..page(0, 1)
            };
            let whole = SearchOptions { filter, ..top(10) };
            let expected = world.search(&query, &whole).hits.len();
            assert!([2, 3, 5, 6].contains(&expected), "{expected}");
            assert_eq!(world.search(&query, &part).total, expected);
            let whole = world.search(&query, &whole);
            for (n, hit) in whole.hits.iter().enumerate() {
                let threshold = hit.similarity;
                let part = SearchOptions {
                    threshold,
                    ..part.clone()
                };
                assert_eq!(world.search(&query, &part).total, n + 1);
            }
        }
    }
    Ok(())
}

/// If a file is gone, the next picture takes its place, and none comes twice.
#[test]
fn what_is_gone_moves_no_part() -> TestResult {
    let world = World::filled();
    let words = Query::Text("a bird");
    let whole = world.search(&words, &top(10));
    fs::remove_file(whole.hits[1].path())?;
    let first = world.search(&words, &page(0, 3));
    assert_eq!((first.gone, first.total, first.next), (1, 6, Some(4)));
    let second = world.search(&words, &page(4, 3));
    let seen = [names(&first), names(&second)].concat();
    let mut expected = names(&whole);
    expected.remove(1);
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn what_reaches_the_threshold_is_counted() {
    let world = World::filled();
    let words = Query::Text("a bird");
    let all = world.search(&words, &top(10));
    let threshold = all.hits[2].similarity;
    let options = SearchOptions {
        threshold,
        ..page(0, 1)
    };
    let found = world.search(&words, &options);
    assert_eq!((found.hits.len(), found.total), (1, 3));
}

#[test]
fn a_vector_is_a_query() {
    let world = World::filled();
    let vector = world.vector(&fs::read(world.path("3.png")).unwrap());
    let twice: Vec<f32> = vector.iter().map(|value| value * 2.0).collect();
    let found = world.search(&Query::Vector(&twice), &top(1));
    assert_eq!(names(&found), ["3.png"]);
    assert!((found.best.unwrap() - 1.0).abs() < 1e-5);
    let collection = world.collection();
    let search =
        |vector: &[f32]| collection.search(&model("quick-gelu"), &Query::Vector(vector), &top(1));
    let zeros = vec![0.0; vector.len()];
    assert!(matches!(search(&zeros), Err(Error::Vanished)));
    let expected = vector.len();
    assert!(
        matches!(search(&[1.0]), Err(Error::VectorLength { found: 1, expected: it }) if it == expected)
    );
}

#[test]
fn the_newest_come_first() -> TestResult {
    let world = World::new();
    let record = |n: u8, taken: Option<i64>| {
        let mut record = new(&world.picture(&format!("{n}.png"), n), &[]);
        if let Some(taken) = taken {
            record.metadata.insert("taken_at".into(), taken.into());
        }
        record.metadata.insert("odd".into(), (n % 2 == 1).into());
        record
    };
    world.add(vec![
        record(0, Some(50)),
        record(1, None),
        record(2, Some(1_000)),
        record(3, Some(-7)),
    ]);
    let collection = world.collection();
    let all = collection.newest(&page(0, 10))?;
    assert_eq!(names(&all), ["2.png", "0.png", "3.png", "1.png"]);
    assert_eq!(
        (all.total, all.best, all.hits[0].similarity),
        (4, None, None)
    );
    let by_date = |order| SearchOptions {
        order,
        ..page(0, 10)
    };
    let oldest = collection.newest(&by_date(Order::Oldest))?;
    assert_eq!(names(&oldest), ["3.png", "0.png", "2.png", "1.png"]);
    // The total, and not just the best, for every page.
    let words = Query::Text("a bird");
    let found = world.search(&words, &by_date(Order::Newest));
    assert_eq!(names(&found), names(&all));
    let last = SearchOptions {
        offset: 3,
        top_k: 1,
        ..by_date(Order::Oldest)
    };
    let last = world.search(&words, &last);
    assert_eq!(
        (names(&last), last.total, last.next),
        (vec!["1.png"], 4, None)
    );
    assert!(last.hits[0].similarity.is_some());
    // No vectors are compared, so the threshold doesn't apply.
    let alike = SearchOptions {
        threshold: Some(0.5),
        ..page(0, 1)
    };
    assert_eq!(collection.newest(&alike)?.total, 4);
    let odd = SearchOptions {
        filter: Some(Filter::parse(&json!({"odd": true}))?),
        ..page(0, 1)
    };
    let odd = collection.newest(&odd)?;
    assert_eq!(
        (names(&odd), odd.total, odd.next),
        (vec!["3.png"], 2, Some(1))
    );
    Ok(())
}

/// Many matches of a filter are looked up in the index, few are sorted. Both give the same order, in pages
/// and as a whole.
#[test]
fn parts_by_date_are_the_whole() -> TestResult {
    let world = World::new();
    let records = (0..60_u8).map(|n| {
        let mut record = new(&world.picture(&format!("{n}.png"), n), &[]);
        if n % 5 != 0 {
            // Some with the same time.
            record
                .metadata
                .insert("taken_at".into(), i64::from(n / 3 * 7 % 11).into());
        }
        record.metadata.insert("odd".into(), (n % 2 == 1).into());
        record.metadata.insert("third".into(), (n % 3 == 0).into());
        record
    });
    world.add(records.collect());
    let collection = world.collection();
    let all = collection.newest(&page(0, 100))?;
    let dated = |hit: &Hit| hit.metadata.get("taken_at").and_then(Value::as_i64);
    let key = |hit: &Hit| (dated(hit).map_or(i64::MAX, |taken| -taken), hit.id.clone());
    assert!(all.hits.is_sorted_by_key(key));
    assert_eq!(all.hits.len(), 60);
    for order in [Order::Best, Order::Oldest] {
        for filter in [None, Some("odd"), Some("third")] {
            let options = |offset, top_k| SearchOptions {
                order,
                filter: filter.map(|it| Filter::parse(&json!({it: true})).unwrap()),
                ..page(offset, top_k)
            };
            let whole = collection.newest(&options(0, 100))?;
            let is_meant = |hit: &&Hit| filter.is_none_or(|it| hit.metadata[it] == true);
            let (mut expected, undated): (Vec<&Hit>, Vec<&Hit>) = all
                .hits
                .iter()
                .filter(is_meant)
                .partition(|hit| dated(hit).is_some());
            if order == Order::Oldest {
                expected.reverse();
            }
            expected.extend(undated);
            assert_eq!(whole.hits.iter().collect::<Vec<_>>(), expected);
            for size in [1, 7] {
                let (mut together, mut offset) = (Vec::new(), Some(0));
                while let Some(from) = offset {
                    let part = collection.newest(&options(from, size))?;
                    assert_eq!(part.total, whole.hits.len());
                    offset = part.next;
                    together.extend(part.hits);
                }
                assert_eq!(together, whole.hits);
            }
        }
    }
    Ok(())
}

#[test]
fn what_pictures_can_be_told_apart_by_is_counted() -> TestResult {
    let world = World::new();
    fs::create_dir(world.path("2019"))?;
    let record = |name: &str, n: u8, said: Value| {
        let mut record = new(&world.picture(name, n), &[]);
        record.source = world.directory.path().to_str().map(str::to_owned);
        record.metadata = said.as_object().unwrap().clone();
        record
    };
    world.add(vec![
        record(
            "a.png",
            0,
            json!({"brand": "acme", "tags": ["red", "dog"], "sku": "1"}),
        ),
        record(
            "2019/b.png",
            1,
            json!({"brand": "acme", "tags": ["red"], "sku": "2", "taken": "2019-07-14T18:02:11"}),
        ),
        record(
            "2019/c.png",
            2,
            json!({"brand": "other", "price": 3, "sku": "3"}),
        ),
    ]);
    let two = FacetOptions {
        most: 2,
        ..FacetOptions::default()
    };
    let facets = serde_json::to_value(world.collection().facets(&two)?)?;
    let root = world
        .directory
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(
        facets["folders"],
        json!([{"value": root, "count": 3}, {"value": format!("{root}/2019"), "count": 2}])
    );
    assert_eq!(facets["years"], json!([{"value": "2019", "count": 1}]));
    assert_eq!(facets["undated"], json!(2));
    // Three different article numbers aren't a facet where two values are shown.
    assert_eq!(
        facets["columns"],
        json!([
            {"name": "brand", "values": [{"value": "acme", "count": 2}, {"value": "other", "count": 1}], "more": false},
            {"name": "price", "values": [{"value": 3, "count": 1}], "more": false},
            {"name": "tags", "values": [{"value": "red", "count": 2}, {"value": "dog", "count": 1}], "more": false},
        ])
    );
    Ok(())
}

/// Each column is counted under the conditions on the others.
#[test]
fn facets_are_counted_under_conditions() -> TestResult {
    let world = World::new();
    fs::create_dir(world.path("x"))?;
    fs::create_dir(world.path("y"))?;
    let pictures = [
        ("x/a.png", "red", 1, "2019-01-01T00:00:00", 1_546_300_800),
        ("x/b.png", "red", 2, "2020-01-01T00:00:00", 1_577_836_800),
        ("x/c.png", "blue", 2, "2020-01-01T00:00:00", 1_577_836_800),
        ("y/d.png", "blue", 3, "2020-01-01T00:00:00", 1_577_836_800),
    ];
    let records = (0..)
        .zip(pictures)
        .map(|(n, (name, colour, size, taken, taken_at))| {
            let mut record = new(&world.picture(name, n), &[]);
            record.source = world.directory.path().to_str().map(str::to_owned);
            let said =
                json!({"colour": colour, "size": size, "taken": taken, "taken_at": taken_at});
            record.metadata = said.as_object().unwrap().clone();
            record
        });
    world.add(records.collect());
    let root = world.directory.path().file_name().unwrap();
    let x = format!("{}/x", root.to_str().unwrap());
    let counted = |filter: Value, keywords: Option<&str>| {
        let options = FacetOptions {
            most: 9,
            filter: Some(Filter::parse(&filter)?),
            keywords: keywords.map(Keywords::parse).transpose()?,
        };
        let facets = world.collection().facets(&options)?;
        let shown = |counts: &[search::Count]| {
            let shown = counts.iter().map(|it| format!("{}={}", it.value, it.count));
            shown.collect::<Vec<_>>().join(" ")
        };
        let columns = facets.columns.iter().map(|it| shown(&it.values));
        let folders = facets
            .folders
            .iter()
            .filter(|it| it.value != json!(root.to_str()));
        let folders: u64 = folders.map(|it| it.count).sum();
        Ok::<_, Box<dyn std::error::Error>>((
            columns.collect::<Vec<_>>().join("; "),
            shown(&facets.years).replace('"', ""),
            folders,
        ))
    };
    let after = json!({"taken_at": {"$gte": 1_577_836_800}});
    for (filter, keywords, columns, years, folders) in [
        (
            json!({}),
            None,
            "\"blue\"=2 \"red\"=2; 2=2 1=1 3=1",
            "2020=3 2019=1",
            4,
        ),
        (
            json!({"colour": {"$in": ["red"]}}),
            None,
            "\"blue\"=2 \"red\"=2; 1=1 2=1",
            "2020=1 2019=1",
            2,
        ),
        // Two conditions on one column both belong to it.
        (
            json!({"size": {"$gte": 2}, "$and": [{"size": {"$lt": 3}}]}),
            None,
            "\"blue\"=1 \"red\"=1; 2=2 1=1 3=1",
            "2020=2",
            2,
        ),
        (
            json!({"colour": "red", "size": 2}),
            None,
            "\"blue\"=1 \"red\"=1; 1=1 2=1",
            "2020=1",
            1,
        ),
        // A value that no picture has.
        (
            json!({"colour": "green"}),
            None,
            "\"blue\"=2 \"red\"=2",
            "",
            0,
        ),
        (
            after.clone(),
            None,
            "\"blue\"=2 \"red\"=1; 2=2 3=1",
            "2020=3 2019=1",
            3,
        ),
        (
            json!({"folders": x, "colour": "blue"}),
            None,
            "\"red\"=2 \"blue\"=1; 2=1",
            "2020=1",
            2,
        ),
        // A condition on two columns belongs to neither.
        (
            json!({"$or": [{"colour": "red"}, {"size": 3}]}),
            None,
            "\"red\"=2 \"blue\"=1; 1=1 2=1 3=1",
            "2020=2 2019=1",
            3,
        ),
        (
            json!({"$not": {"colour": "red"}}),
            None,
            "\"blue\"=2 \"red\"=2; 2=1 3=1",
            "2020=2",
            2,
        ),
        (
            json!({"colour": "red"}),
            Some("b"),
            "\"red\"=1; 2=1",
            "2020=1",
            1,
        ),
    ] {
        let expected = (columns.to_owned(), years.to_owned(), folders);
        assert_eq!(counted(filter.clone(), keywords)?, expected, "{filter}");
    }
    Ok(())
}
