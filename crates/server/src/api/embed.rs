use axum::Json;
use serde::{Deserialize, Serialize};

use super::extractors::RequestBody;
use super::problem::Problem;
use super::query_terms::GivenImage;
use crate::workspace::Scope;

/// The maximum number of texts and pictures of a request.
const MOST: usize = 256;

/// `POST /embed`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbedBody {
    /// The collection whose model embeds.
    collection: String,
    text: Option<Vec<String>>,
    images: Option<Vec<GivenImage>>,
}

/// Unit vectors, in the order of the request.
#[derive(Debug, Serialize)]
pub(super) struct Embedded {
    dimension: usize,
    text: Vec<Vec<f32>>,
    images: Vec<Vec<f32>>,
}

pub(super) async fn embed(
    scope: Scope,
    body: RequestBody<EmbedBody>,
) -> Result<Json<Embedded>, Problem> {
    let RequestBody { request, pictures } = body;
    let texts = request.text.unwrap_or_default();
    let images = request.images.unwrap_or_default();
    let count = texts.len() + images.len();
    if count == 0 || count > MOST {
        return Err(Problem::invalid(format!(
            "{count} texts and pictures, expected 1 to {MOST}"
        )));
    }
    let embedder = scope.embedder(&request.collection).await?;
    let read = scope.look_in(&request.collection, move |view, _| {
        let images = images.into_iter();
        let images = images.map(|image| image.read(view, &pictures));
        images.collect::<Result<Vec<_>, _>>()
    });
    let images = read.await?;
    let embedded = scope.embed(move |_| {
        let model = embedder.model();
        let words: Vec<&str> = texts.iter().map(String::as_str).collect();
        let images = images.iter().map(|image| image.embed(model, "embed"));
        Ok::<_, clipseek::Error>(Embedded {
            dimension: model.dimension(),
            text: model.embed_texts(&words)?,
            images: images.collect::<Result<_, _>>()?,
        })
    });
    Ok(Json(embedded.await??))
}
