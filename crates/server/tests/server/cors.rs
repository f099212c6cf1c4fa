//! Which pages of other sites browsers let ask the server.

use crate::support::{World, filled};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use server::Keys;

const SHOP: &str = "https://shop.example";
const OTHER: &str = "https://other.example";
const SEARCH: &str = "/api/v1/collections/birds/search";

async fn world(keys: Keys, origins: &[&str]) -> World {
    World::of(filled(), |options| {
        options.keys = keys;
        options.origins = origins.iter().map(|it| it.parse().unwrap()).collect();
    })
    .await
}

/// What a browser asks before it lets a page of `origin` search.
async fn preflight(world: &World, path: &str, origin: &str) -> HeaderMap {
    let url = format!("{}{path}", world.address);
    let request = world
        .client
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("sec-fetch-site", "cross-site")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "api-key,authorization,content-type",
        );
    request.send().await.unwrap().headers().clone()
}

fn of_page(request: RequestBuilder, origin: &str) -> RequestBuilder {
    let request = request.header("origin", origin);
    let request = request.header("sec-fetch-site", "cross-site");
    request.header("sec-fetch-mode", "cors")
}

/// The status, and the page that may read the answer.
async fn ask(world: &World, path: &str, origin: &str) -> (u16, Option<String>) {
    let request = world.request(Method::POST, path);
    let request = request.json(&json!({"text": "a bird", "top_k": 1}));
    let answer = of_page(request, origin).send().await.unwrap();
    (answer.status().as_u16(), allowed(answer.headers()))
}

fn allowed(headers: &HeaderMap) -> Option<String> {
    assert!(!headers.contains_key("access-control-allow-credentials"));
    let allowed = headers.get("access-control-allow-origin")?;
    Some(allowed.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn pages_of_named_sites_may_ask() {
    let keyed = || Keys::from_iter(["any"]);
    for keys in [Keys::default(), keyed()] {
        let world = world(keys, &[SHOP, "http://localhost:3000"]).await;
        let headers = preflight(&world, SEARCH, SHOP).await;
        assert_eq!(allowed(&headers).as_deref(), Some(SHOP));
        let list = |name: &str| headers[name].to_str().unwrap().to_lowercase();
        assert_eq!(list("access-control-allow-methods"), "get,post,delete");
        assert_eq!(
            list("access-control-allow-headers"),
            "api-key,authorization,content-type"
        );
        assert!(list("vary").contains("origin"));
        let found = ask(&world, SEARCH, SHOP).await;
        assert_eq!(found, (200, Some(SHOP.to_owned())));
        // Whoever is refused can be told why.
        let found = ask(&world, "/api/v1/collections/none/search", SHOP).await;
        assert_eq!(found, (404, Some(SHOP.to_owned())));
        world.end().await;
    }
    let mut world = world(keyed(), &[SHOP]).await;
    world.key = "wrong";
    let found = ask(&world, SEARCH, SHOP).await;
    assert_eq!(found, (401, Some(SHOP.to_owned())));
    world.end().await;
}

#[tokio::test]
async fn pages_of_other_sites_may_not() {
    for (origins, origin) in [
        (&[][..], SHOP),
        (&[SHOP], OTHER),
        (&[SHOP], "http://shop.example"),
        (&[SHOP], "https://shop.example.evil.example"),
        (&[SHOP], "https://shop.example:8443"),
        (&[SHOP], "null"),
    ] {
        let open = world(Keys::default(), origins).await;
        assert_eq!(allowed(&preflight(&open, SEARCH, origin).await), None);
        assert_eq!(ask(&open, SEARCH, origin).await, (403, None), "{origin}");
        open.end().await;
        // With a key, it is the browser that keeps the answer from the page.
        let keyed = world(Keys::from_iter(["any"]), origins).await;
        assert_eq!(allowed(&preflight(&keyed, SEARCH, origin).await), None);
        assert_eq!(ask(&keyed, SEARCH, origin).await.1, None, "{origin}");
        keyed.end().await;
    }
}

/// Pinecone's clients are no pages.
#[tokio::test]
async fn pinecones_api_is_for_no_page() {
    let world = world(Keys::default(), &[SHOP]).await;
    let headers = preflight(&world, "/indexes", SHOP).await;
    assert_eq!(allowed(&headers), None);
    assert_eq!(ask(&world, "/indexes", SHOP).await, (403, None));
    // And what is embedded, not asked for by a script, names no site.
    let thumbnail = world.request(Method::GET, "/api/v1/collections/birds");
    let thumbnail = thumbnail.header("sec-fetch-site", "cross-site");
    assert_eq!(thumbnail.send().await.unwrap().status().as_u16(), 403);
    world.end().await;
}
