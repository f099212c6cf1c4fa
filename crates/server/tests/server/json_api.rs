//! The JSON API, over a server on loopback with the pictures that ship with clipseek.

use std::collections::BTreeSet;

use crate::support::{World, document, fill, filled, filled_anew, filled_with_few};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clipseek::picture::{Limits, Picture};
use reqwest::{Method, multipart};
use serde_json::{Value, json};
use server::Keys;

const COLLECTION: &str = "/api/v1/collections/birds";

impl World {
    /// A server over the store `birds`.
    async fn start() -> World {
        World::with(filled(), Keys::default()).await
    }

    async fn search(&self, body: Value) -> Value {
        let (status, found) = self.post(&format!("{COLLECTION}/search"), &body).await;
        assert_eq!(status, 200, "{body} {found}");
        found
    }

    /// A search that is refused, as its problem tells.
    async fn refused(&self, body: Value) -> (u16, String) {
        let (status, problem) = self.post(&format!("{COLLECTION}/search"), &body).await;
        (status, problem["detail"].as_str().unwrap().to_owned())
    }
}

fn ids(found: &Value) -> Vec<String> {
    let hits = found["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["id"].as_str().unwrap().to_owned())
        .collect()
}

fn picture_file(name: &str) -> Vec<u8> {
    std::fs::read(filled().join("demo/pictures").join(name)).unwrap()
}

#[tokio::test]
async fn words_find_pictures_in_parts() {
    let world = World::start().await;
    let whole = world
        .search(json!({"text": "a bird on a branch", "top_k": 100}))
        .await;
    let hit = &whole["hits"][0];
    assert!(
        hit["captions"][0].as_str().unwrap().contains("bird"),
        "{hit}"
    );
    assert_eq!(
        (&whole["collection"], &whole["model"]),
        (&json!("birds"), &json!("mini"))
    );
    assert_eq!(whole["query"], json!("a bird on a branch"));
    assert_eq!(
        (&whole["best"], &whole["next"]),
        (&hit["similarity"], &Value::Null)
    );
    assert!(hit["width"].as_u64().is_some() && hit["height"].as_u64().is_some());
    let total = whole["total"].as_u64().unwrap();
    assert_eq!(ids(&whole).len() as u64, total);
    let (mut together, mut offset) = (Vec::new(), json!(0));
    while !offset.is_null() {
        let part = json!({"text": "a bird on a branch", "top_k": 5, "offset": offset});
        let part = world.search(part).await;
        together.extend(ids(&part));
        offset = part["next"].clone();
    }
    assert_eq!(together, ids(&whole));
    // The simple form, and a threshold.
    let threshold = whole["hits"][2]["similarity"].as_f64().unwrap() - 1e-6;
    let path = format!("{COLLECTION}/search?text=a+bird+on+a+branch&top_k=2&threshold={threshold}");
    let (status, simple) = world.get(&path).await;
    assert_eq!((status, &simple["total"]), (200, &json!(3)));
    assert_eq!(ids(&simple), ids(&whole)[..2]);
    world.end().await;
}

/// The same question is answered anew once the collection has changed, whoever changed it, and only to those who may see it.
#[tokio::test]
async fn what_was_answered_before_is_no_longer_true() {
    let directory = filled_with_few(6);
    let world = World::with(directory.path(), Keys::default()).await;
    let body = json!({"text": "a bird", "top_k": 10});
    let first = world.search(body.clone()).await;
    assert_eq!(world.search(body.clone()).await, first);
    let found = ids(&first);
    let without = |gone: &[&String]| -> Vec<String> {
        let left = found.iter().filter(|id| !gone.contains(id));
        left.cloned().collect()
    };
    let path = format!("{COLLECTION}/records/{}", found[0]);
    let answer = world.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    let second = world.search(body.clone()).await;
    assert_eq!(ids(&second), without(&[&found[0]]));
    // Its vector is deleted behind the catalogue's back, as Pinecone's API does.
    let store = search::Store::open(&directory.path().join("store")).unwrap();
    let index = store.engine().index("birds").unwrap();
    let vector = index::Selection::Ids(vec![found[1].clone()]);
    index.delete(search::IMAGES, &vector).unwrap();
    let third = world.search(body.clone()).await;
    assert_eq!(ids(&third), without(&[&found[0], &found[1]]));
    // A file that is gone, and comes back.
    let collection = store.collection("birds").unwrap();
    let file = collection.record(&found[2]).unwrap().path().to_owned();
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    let fourth = world.search(body.clone()).await;
    assert_eq!(ids(&fourth), without(&[&found[0], &found[1], &found[2]]));
    assert_eq!(
        fourth["notes"][0],
        "left out 1 better picture whose file is missing"
    );
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(world.search(body).await, third);
    world.end().await;
}

#[tokio::test]
async fn colours_dates_and_folds() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("pictures");
    std::fs::create_dir(&folder).unwrap();
    let file = picture_file("two-perch.jpg");
    let small = Picture::decode(&file, &Limits::default()).unwrap();
    let small = small.thumbnail(300, 300).to_jpeg(90);
    let other = picture_file("orange-hammer.jpg");
    for (name, bytes) in [
        ("a.jpg", &file),
        ("b.jpg", &file),
        ("c.jpg", &small),
        ("d.jpg", &other),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let rows = "image,caption,taken_at\na.jpg,a,30\nb.jpg,b,10\nc.jpg,c,20\nd.jpg,d,40\n";
    std::fs::write(folder.join("table.csv"), rows).unwrap();
    fill(directory.path(), folder.join("table.csv"), "birds");
    let world = World::with(directory.path(), Keys::default()).await;
    let captions = |found: &Value| -> Vec<String> {
        let hits = found["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["captions"][0].as_str().unwrap().to_owned())
            .collect()
    };
    for (body, expected) in [
        (json!({}), ["d", "a", "c", "b"]),
        (json!({"sort": "oldest"}), ["b", "c", "a", "d"]),
        (
            json!({"sort": "oldest", "text": "fish"}),
            ["b", "c", "a", "d"],
        ),
        (
            json!({"sort": "newest", "text": "fish"}),
            ["d", "a", "c", "b"],
        ),
    ] {
        let found = world.search(body).await;
        assert_eq!(captions(&found), expected);
        let colour = found["hits"][0]["colour"].as_str().unwrap();
        assert!(colour.len() == 7 && colour.starts_with('#'), "{colour}");
        assert_eq!(found["hits"][0]["folded"], Value::Null);
    }
    // All pictures count, wherever they are.
    let body = json!({"text": "fish", "sort": "oldest", "fold": true});
    let found = world.search(body).await;
    assert_eq!(
        (captions(&found), &found["total"]),
        (vec!["b".to_owned(), "d".to_owned()], &json!(4))
    );
    let folded: Vec<&str> = found["hits"][0]["folded"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["captions"][0].as_str().unwrap())
        .collect();
    assert_eq!(folded, ["c", "a"]);
    // The simple form, in parts.
    let path = format!("{COLLECTION}/search?text=fish&sort=oldest&fold=true&top_k=1&offset=");
    let (_, first) = world.get(&format!("{path}0")).await;
    assert_eq!(
        (captions(&first), &first["next"]),
        (vec!["b".to_owned()], &json!(3))
    );
    let (_, second) = world.get(&format!("{path}3")).await;
    assert_eq!(
        (captions(&second), &second["next"]),
        (vec!["d".to_owned()], &Value::Null)
    );
    assert_eq!(world.refused(json!({"sort": "size"})).await.0, 400);
    world.end().await;
}

#[tokio::test]
async fn every_kind_of_query_is_answered() {
    let world = World::start().await;
    let first = |found: &Value| found["hits"][0]["id"].clone();
    let birds = world.search(json!({"text": "a bird on a branch"})).await;
    let bird = first(&birds);
    let (status, record) = world
        .get(&format!("{COLLECTION}/records/{}", bird.as_str().unwrap()))
        .await;
    assert_eq!(
        (status, &record["id"], &record["similarity"]),
        (200, &bird, &Value::Null)
    );
    let alike = world.search(json!({"like": bird})).await;
    assert!(!ids(&alike).contains(&bird.as_str().unwrap().to_owned()));
    // The same picture as base64, and in a form.
    let file = picture_file("two-perch.jpg");
    let image = json!({"base64": STANDARD.encode(&file)});
    let by_base64 = world.search(json!({"image": image, "text": "snow"})).await;
    let request = json!({"mix": [{"text": "snow"}, {"image": {"part": 0}}]}).to_string();
    let form = multipart::Form::new().text("request", request).part(
        "image",
        multipart::Part::bytes(file.clone()).file_name("a.jpg"),
    );
    let path = format!("{COLLECTION}/search");
    let (status, by_form) = world
        .answer(world.request(Method::POST, &path).multipart(form))
        .await;
    assert_eq!(status, 200, "{by_form}");
    assert_eq!(ids(&by_form), ids(&by_base64));
    assert_eq!(by_form["query"], json!("snow + a.jpg"));
    // Its own vector.
    let body = json!({"collection": "birds", "text": ["a bird on a branch"], "images": [image]});
    let (status, embedded) = world.post("/api/v1/embed", &body).await;
    assert_eq!(
        (status, embedded["images"].as_array().unwrap().len()),
        (200, 1)
    );
    let by_vector = world.search(json!({"vector": embedded["text"][0]})).await;
    assert_eq!(ids(&by_vector), ids(&birds));
    // Keywords alone, both captions and pictures, and nothing at all.
    let by_keywords = world.search(json!({"keywords": "bird"})).await;
    assert_eq!(by_keywords["hits"][0]["similarity"], Value::Null);
    let both = world
        .search(json!({"text": "bird", "in": ["images", "captions"]}))
        .await;
    assert!(
        both["hits"][0]["caption"]["text"].as_str().is_some(),
        "{both}"
    );
    let all = world.search(json!({"top_k": 1})).await;
    assert!(all["total"].as_u64() > Some(5) && all["best"].is_null());
    let less =
        world.search(json!({"mix": [{"text": "a bird"}, {"text": "water", "weight": -0.5}]}));
    assert_eq!(less.await["query"], json!("a bird - 0.5 × water"));
    world.end().await;
}

/// The page of a server, once it comes with pictures: the model has to be there in time.
async fn page_with_pictures(world: &World, path: &str) -> String {
    loop {
        let page = world.request(Method::GET, path).send().await.unwrap();
        let policy = page.headers()["content-security-policy"].clone();
        assert!(policy.to_str().unwrap().contains("script-src 'self';"));
        let page = page.text().await.unwrap();
        if page.contains("data-id") {
            return page;
        }
    }
}

#[tokio::test]
async fn the_page_comes_with_its_first_pictures() {
    let directory = tempfile::tempdir().unwrap();
    let name = "a<b>.jpg";
    let folder = directory.path().join("pictures");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(name), picture_file("two-perch.jpg")).unwrap();
    let row = format!("image,caption\n{name},\"</script><b>\"\"fish\"\"</b>\"\n");
    std::fs::write(folder.join("table.csv"), row).unwrap();
    fill(directory.path(), folder.join("table.csv"), "birds");
    let world = World::with(directory.path(), Keys::default()).await;
    for path in ["/?in=birds", "/", "/?in=birds&q=fish&term=-0.5~text~water"] {
        let page = page_with_pictures(&world, path).await;
        // Captions are text, in the page and in the data for its scripts.
        assert!(page.contains(r#"&lt;/script&gt;&lt;b&gt;&quot;fish&quot;&lt;/b&gt;"#));
        assert!(page.contains(r#"\u003c/script>\u003cb>\"fish\"\u003c/b>"#));
        assert!(!page.contains("<b>"));
    }
    // What has no answer is for the page's scripts to say.
    for path in ["/?in=nowhere", "/?q=x&term=1~url~https://example.org/a.jpg"] {
        let page = world.request(Method::GET, path).send().await.unwrap();
        assert!(!page.text().await.unwrap().contains("data-id"), "{path}");
    }
    // By DNS rebinding, another site has the server's address under its own name.
    let foreign = world.request(Method::GET, "/?in=birds");
    let foreign = foreign.header("host", "example.org").send().await.unwrap();
    assert_eq!(foreign.status().as_u16(), 200);
    assert!(!foreign.text().await.unwrap().contains("fish"));
    world.end().await;
    // With keys, the page tells nothing.
    let world = World::with(directory.path(), Keys::from_iter(["secret"])).await;
    let page = world
        .request(Method::GET, "/?in=birds")
        .send()
        .await
        .unwrap();
    assert!(!page.text().await.unwrap().contains("fish"));
    world.end().await;
}

#[tokio::test]
async fn what_is_there_is_described() {
    let world = World::start().await;
    let (_, list) = world.get("/api/v1/collections").await;
    let (_, one) = world.get(COLLECTION).await;
    assert_eq!(list["collections"], json!([one]));
    assert_eq!(
        (&one["name"], &one["model"], &one["dimension"]),
        (&json!("birds"), &json!("mini"), &json!(256))
    );
    let (_, models) = world.get("/api/v1/models").await;
    assert_eq!(models["models"][0]["collections"], json!(["birds"]));
    let (status, facets) = world.get(&format!("{COLLECTION}/facets")).await;
    assert_eq!((status, &facets["undated"]), (200, &one["pictures"]));
    let folder = facets["folders"][0]["value"].clone();
    let within = world.search(json!({"folder": folder, "top_k": 1})).await;
    assert_eq!(within["total"], facets["folders"][0]["count"]);
    let (status, duplicates) = world.get(&format!("{COLLECTION}/duplicates")).await;
    assert_eq!((status, &duplicates["groups"]), (200, &json!([])));
    let file = STANDARD.encode(picture_file("two-perch.jpg"));
    let body =
        json!({"collection": "birds", "labels": ["birds", "a car"], "image": {"base64": file}});
    let (status, classified) = world.post("/api/v1/classify", &body).await;
    assert_eq!(
        (status, &classified["labels"][0]["label"]),
        (200, &json!("birds"))
    );
    world.end().await;
}

#[tokio::test]
async fn facets_follow_the_conditions_on_other_columns() {
    let world = World::start().await;
    let facets = async |conditions: &[(&str, &str)]| {
        let path = format!("{}{COLLECTION}/facets", world.address);
        let url = reqwest::Url::parse_with_params(&path, conditions).unwrap();
        let query = url.query().unwrap_or_default();
        let (status, facets) = world.get(&format!("{COLLECTION}/facets?{query}")).await;
        assert_eq!(status, 200, "{conditions:?} {facets}");
        facets
    };
    let column = |facets: &Value, name: &str| {
        let mut columns = facets["columns"].as_array().unwrap().iter();
        let column = columns.find(|column| column["name"] == name);
        column.map_or(json!([]), |column| column["values"].clone())
    };
    let all = facets(&[]).await;
    let licence = column(&all, "licence")[0].clone();
    let filter = json!({"licence": {"$in": [licence["value"]]}});
    // Twice, as the second answer is one that was kept.
    for _ in 0..2 {
        let counted = facets(&[("filter", &filter.to_string())]).await;
        // The alternatives keep their numbers; all else is of the chosen licence.
        assert_eq!(column(&counted, "licence"), column(&all, "licence"));
        assert_eq!(counted["folders"][0]["count"], licence["count"]);
        assert_eq!(counted["undated"], licence["count"]);
        let author = column(&counted, "author")[0].clone();
        let both = json!({"licence": licence["value"], "author": author["value"]});
        let found = world.search(json!({"filter": both, "top_k": 1})).await;
        assert_eq!(found["total"], author["count"]);
        assert!(column(&counted, "author") != column(&all, "author"));
    }
    // A value that no picture has leaves the others of its column alone.
    let none = facets(&[("filter", r#"{"licence": "none"}"#)]).await;
    assert_eq!(column(&none, "licence"), column(&all, "licence"));
    assert_eq!(
        (&none["folders"], &none["undated"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(column(&none, "author"), json!([]));
    let found = world.search(json!({"keywords": "bird", "top_k": 1})).await;
    let with_words = facets(&[("keywords", "bird")]).await;
    assert_eq!(with_words["undated"], found["total"]);
    let elsewhere = facets(&[("folder", "nowhere")]).await;
    assert_eq!(elsewhere["folders"], all["folders"]);
    assert_eq!(
        (&elsewhere["undated"], &elsewhere["columns"]),
        (&json!(0), &json!([]))
    );
    let dated = facets(&[("taken_after", "2019")]).await;
    assert_eq!(
        (&dated["undated"], &dated["folders"]),
        (&all["undated"], &json!([]))
    );
    for (condition, said) in [
        ("filter=%7B", "`filter`: "),
        ("filter=%7B%22a%22%3A%7B%22%24x%22%3A1%7D%7D", "`$x`"),
        ("taken_after=then", "`taken_after`: "),
        ("keywords=*", "no word"),
        ("text=bird", "unknown field `text`"),
    ] {
        let (status, problem) = world.get(&format!("{COLLECTION}/facets?{condition}")).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            status == 400 && detail.contains(said),
            "{condition} {problem}"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn pictures_come_small_and_whole() {
    let world = World::start().await;
    let hit = world.search(json!({"text": "birds", "top_k": 1})).await["hits"][0].clone();
    let small = |width: u32| format!("{}&width={width}", hit["thumbnail"].as_str().unwrap());
    for (width, side) in [(1, 320), (321, 640)] {
        for _ in 0..2 {
            let answer = world
                .request(Method::GET, &small(width))
                .send()
                .await
                .unwrap();
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["content-type"]),
                (200, &"image/jpeg".parse().unwrap())
            );
            assert!(
                answer.headers()["cache-control"]
                    .to_str()
                    .unwrap()
                    .contains("immutable")
            );
            let picture =
                Picture::decode(&answer.bytes().await.unwrap(), &Limits::default()).unwrap();
            assert!(picture.width().max(picture.height()) <= side);
        }
    }
    let path = format!(
        "{COLLECTION}/records/{}/original",
        hit["id"].as_str().unwrap()
    );
    let whole = world.request(Method::GET, &path).send().await.unwrap();
    let headers = whole.headers().clone();
    assert_eq!(headers["content-type"], "image/jpeg");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    let picture = Picture::decode(&whole.bytes().await.unwrap(), &Limits::default()).unwrap();
    assert_eq!(
        json!([picture.width(), picture.height()]),
        json!([hit["width"], hit["height"]])
    );
    world.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let world = World::start().await;
    let no_number = format!("{COLLECTION}/search?text=a&threshold=nan");
    assert_eq!(world.get(&no_number).await.0, 400);
    for (body, expected) in [
        (json!({"txt": "a dog"}), "unknown field `txt`"),
        (json!({"text": 1}), "invalid type"),
        (
            json!({"text": "a", "top_k": 0}),
            "`top_k` is 0, expected 1 to 1000",
        ),
        (json!({"text": "a", "offset": 10_001}), "`offset` is 10001"),
        (
            json!({"text": "a", "threshold": 60}),
            "`threshold` is 60, expected a cosine",
        ),
        (json!({"text": "a", "filter": {"a": {"$what": 1}}}), "$what"),
        (
            json!({"text": "a", "taken_after": "soon"}),
            "`taken_after`: expected a date",
        ),
        (
            json!({"text": "a", "taken_after": "2020", "taken_before": "2019"}),
            "is later than",
        ),
        (
            json!({"mix": [{"text": "a", "weight": 0}]}),
            "`weight` is 0",
        ),
        (
            json!({"mix": [{"text": "a", "like": "b"}]}),
            "a term needs exactly one of",
        ),
        (json!({"mix": [{"text": " "}]}), "`text` is empty"),
        (
            json!({"vector": [1.0]}),
            "the vector has dimension 1, expected 256",
        ),
        (
            json!({"image": {}}),
            "expected one of `url`, `base64` and `part`",
        ),
        (
            json!({"image": {"part": 0}}),
            "`part` is 0, but the form has 0 pictures",
        ),
        (
            json!({"image": {"base64": "?"}}),
            "not a picture file in base64",
        ),
        (json!({"image": {"base64": "AAAA"}}), "the picture"),
        // No file of this machine, and nothing within its network.
        (
            json!({"image": {"url": "file:///etc/passwd"}}),
            "expected an http or https URL",
        ),
        (
            json!({"image": {"url": "/etc/passwd"}}),
            "expected an http or https URL",
        ),
        (
            json!({"image": {"url": "http://127.0.0.1:9/a.jpg"}}),
            "127.0.0.1",
        ),
        (
            json!({"image": {"url": "http://2130706433/a.jpg"}}),
            "127.0.0.1",
        ),
        (
            json!({"image": {"url": "http://[::ffff:127.0.0.1]/a.jpg"}}),
            "private address",
        ),
    ] {
        let (status, detail) = world.refused(body.clone()).await;
        assert!(
            status == 400 && detail.contains(expected),
            "{body}: {status} {detail}"
        );
    }
    assert_eq!(world.refused(json!({"like": "nobody"})).await.0, 404);
    for (path, status) in [
        ("/api/v1/collections/none", 404),
        ("/api/v1/collections/none/search?text=a", 404),
        ("/api/v1/collections/birds/records/none", 404),
        (
            "/api/v1/collections/birds/records/..%2F..%2Fcatalogue.sqlite/original",
            404,
        ),
        ("/api/v1/collections/..%2F..%2F/facets", 404),
        ("/api/v1/collections/birds/search?text=a&top_k=x", 400),
        ("/api/v1/nothing", 404),
        ("/api/v1/classify", 405),
    ] {
        assert_eq!(world.get(path).await.0, status, "{path}");
    }
    // Words stay words, also where they look like a file or a mix.
    for words in ["/etc/passwd", "dog + cat", "like:x", "https://a/b.jpg"] {
        let found = world.search(json!({"text": words, "top_k": 1})).await;
        assert_eq!(found["query"], json!(words));
    }
    world.end().await;
}

#[tokio::test]
async fn keys_count_here_too() {
    let keys = Keys::from_iter(["all"]).with_read_only(["read"]);
    let mut world = World::with(filled(), keys).await;
    let path = format!("{COLLECTION}/records/none");
    assert_eq!(world.get(&path).await.0, 401);
    world.key = "read";
    assert_eq!(
        world.search(json!({"text": "a bird", "top_k": 1})).await["hits"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let delete = |world: &World| world.request(Method::DELETE, &path);
    assert_eq!(world.answer(delete(&world)).await.0, 403);
    world.key = "all";
    assert_eq!(world.answer(delete(&world)).await.0, 404);
    world.end().await;
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing() {
    let world = World::start().await;
    let ask = |name: &'static str, value: &'static str| {
        world.request(Method::GET, COLLECTION).header(name, value)
    };
    assert_eq!(
        world.answer(ask("origin", "https://example.com")).await.0,
        403
    );
    assert_eq!(
        world.answer(ask("sec-fetch-site", "cross-site")).await.0,
        403
    );
    assert_eq!(
        world.answer(ask("sec-fetch-site", "same-origin")).await.0,
        200
    );
    world.end().await;
}

/// Many ask at once: each gets the answer to its own words.
#[tokio::test]
async fn words_that_wait_together_are_not_confused() {
    let world = std::sync::Arc::new(World::start().await);
    let words = [
        "a bird",
        "a dog",
        "snow",
        "a boat on water",
        "flowers",
        "a man",
    ];
    let mut alone = Vec::new();
    for text in words {
        alone.push(world.search(json!({"text": format!("{text} ")})).await["hits"].clone());
    }
    let asked = words.map(|text| {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move { world.search(json!({"text": text})).await["hits"].clone() })
    });
    for (asked, alone) in asked.into_iter().zip(&alone) {
        let together = asked.await.unwrap();
        assert_eq!(together[0]["id"], alone[0]["id"]);
        let close = |n: usize| {
            let of = |hits: &Value| hits[n]["similarity"].as_f64().unwrap();
            (of(&together) - of(alone)).abs() < 1e-5
        };
        assert!(close(0) && close(1));
    }
    std::sync::Arc::into_inner(world).unwrap().end().await;
}

/// A deletion goes through, in a store of its own.
#[tokio::test]
async fn a_picture_can_be_forgotten() {
    let directory = filled_anew();
    let world = World::with(directory.path(), Keys::default()).await;
    let before = world.search(json!({"text": "a bird", "top_k": 1})).await;
    let id = ids(&before).remove(0);
    let path = format!("{COLLECTION}/records/{id}");
    // Counts are kept only until something changes.
    let counted = async || world.get(&format!("{COLLECTION}/facets")).await.1["undated"].clone();
    let undated = counted().await;
    assert_eq!(counted().await, undated);
    let answer = world.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
    assert_eq!(world.get(&path).await.0, 404);
    let after = world.search(json!({"text": "a bird", "top_k": 1})).await;
    assert_eq!(
        after["total"].as_u64().unwrap() + 1,
        before["total"].as_u64().unwrap()
    );
    assert_ne!(ids(&after)[0], id);
    assert_eq!(
        counted().await.as_u64().unwrap() + 1,
        undated.as_u64().unwrap()
    );
    world.end().await;
}

/// A store of its own with an empty start: two uploads, one of which is no picture, are followed to their end.
#[tokio::test]
async fn pictures_can_be_added() {
    let directory = filled_with_few(1);
    let world = World::with(directory.path(), Keys::default()).await;
    let file = std::fs::read(directory.path().join("demo/pictures/two-perch.jpg")).unwrap();
    let part = |bytes: Vec<u8>, name: &'static str| multipart::Part::bytes(bytes).file_name(name);
    let form = multipart::Form::new()
        .text(
            "request",
            json!({"caption": "two striped fish"}).to_string(),
        )
        .part("image", part(file.clone(), "../fish.jpg"))
        .part("image", part(b"<script>".to_vec(), "a.jpg"));
    let path = format!("{COLLECTION}/pictures");
    let (status, begun) = world
        .answer(world.request(Method::POST, &path).multipart(form))
        .await;
    assert_eq!(status, 202, "{begun}");
    let job = format!("/api/v1/jobs/{}", begun["job"].as_str().unwrap());
    // The events end when the job does.
    let events = world
        .request(Method::GET, &format!("{job}/events"))
        .send()
        .await
        .unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let events = events.text().await.unwrap();
    let last = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .next_back();
    let last: Value = serde_json::from_str(last.unwrap()).unwrap();
    let (_, now) = world.get(&job).await;
    assert_eq!(last, now);
    assert_eq!(
        (&now["state"], &now["done"], &now["added"]),
        (&json!("done"), &json!(2), &json!(1))
    );
    assert_eq!(
        now["failed"],
        json!([{"name": "a.jpg", "reason": "not a picture"}])
    );
    let found = world.search(json!({"keywords": "striped"})).await;
    let hit = &found["hits"][0];
    assert!(
        hit["path"].as_str().unwrap().starts_with("birds/fish-"),
        "{hit}"
    );
    assert_eq!(hit["captions"], json!(["two striped fish"]));
    let kept = std::fs::read_dir(directory.path().join("store/uploads/birds")).unwrap();
    assert_eq!(kept.count(), 1);
    assert_eq!(world.get("/api/v1/jobs/99").await.0, 404);
    let (status, _) = world.post(&path, &json!({})).await;
    assert_eq!(status, 400);
    world.end().await;
}

#[tokio::test]
async fn the_page_is_served() {
    let world = World::start().await;
    let get = |path: &'static str| world.request(Method::GET, path).send();
    let page = get("/").await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    let page = page.text().await.unwrap();
    // All that it names is there.
    let names = page.split('"').filter(|part| part.starts_with("/page/"));
    for name in names {
        let url = format!("{}{name}", world.address);
        assert_eq!(
            world
                .client
                .get(url)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
            200,
            "{name}"
        );
    }
    // The page itself has pictures in it, and is never the same.
    let script = "/page/main.js";
    let tag = get(script).await.unwrap().headers()["etag"].clone();
    let again = world.request(Method::GET, script);
    let again = again.header("if-none-match", tag);
    assert_eq!(again.send().await.unwrap().status().as_u16(), 304);
    for nothing in ["/page/", "/page/..%2Fpage.rs", "/page/none.js"] {
        assert_eq!(
            get(nothing).await.unwrap().status().as_u16(),
            404,
            "{nothing}"
        );
    }
    world.end().await;
}

/// What the document describes is served: nothing is without a handler, and each request takes the fields that it says.
#[tokio::test]
async fn the_document_is_true() {
    let world = World::start().await;
    let document = world.request(Method::GET, "/api/v1/openapi.json");
    let document: Value = document.send().await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], json!("3.1.0"));
    let found = world.search(json!({"text": "a bird", "top_k": 1})).await;
    let id = ids(&found).remove(0);
    for (template, method, operation) in document::operations() {
        // What would be taken away is asked for by another name.
        let id = if method == "DELETE" { "none" } else { &id };
        let path = template.replace("{name}", "birds").replace("{id}", id);
        let path = path.replace("{job}", "1");
        let request = world.request(method.parse().unwrap(), &path);
        let answer = match operation["requestBody"].is_null() {
            true => request.send().await.unwrap(),
            false => request.body("{\"zz\": 1}").send().await.unwrap(),
        };
        let status = answer.status().as_u16();
        assert_ne!(status, 405, "{method} {path}");
        if status == 404 {
            let said = answer.text().await.unwrap();
            assert!(!said.contains("no such path"), "{method} {path}");
            continue;
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if let Some(fields) = document::resolved(schema)["properties"].as_object() {
            let said: Value = answer.json().await.unwrap();
            let said = said["detail"]
                .as_str()
                .or(said["error"]["message"].as_str());
            let (_, taken) = said.unwrap().split_once("expected ").unwrap();
            let taken = taken.split('`').skip(1).step_by(2);
            let taken: BTreeSet<&str> = taken.collect();
            let fields: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
            assert_eq!(taken, fields, "{method} {path}");
        }
    }
    world.end().await;
}
