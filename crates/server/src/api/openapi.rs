//! The OpenAPI document of the JSON API.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// The API in [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.1.html). It is written by hand; tests compare it with the
/// routes and with real responses.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::DOCUMENT;
    use crate::api::routes::routes;
    use crate::{immich, openai};

    #[test]
    fn the_document_has_every_route_and_no_other() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let paths = document["paths"].as_object().unwrap().iter();
        let documented = paths.flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        });
        let routes = [routes(), immich::routes(), openai::routes()];
        let served = routes.iter().flatten().map(|route| {
            let method = route.method().expect("one method");
            format!("{method} {}", route.path())
        });
        assert_eq!(
            documented.collect::<BTreeSet<_>>(),
            served.collect::<BTreeSet<_>>()
        );
    }
}
