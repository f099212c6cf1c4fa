use axum::Json;
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::given::GivenImage;
use super::problem::Problem;
use crate::workspace::Scope;

/// The most words and pictures of one request.
const MOST: usize = 256;

/// `POST /embed`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbedBody {
    /// Whose model embeds.
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
    asked: Asked<EmbedBody>,
) -> Result<Json<Embedded>, Problem> {
    let Asked { request, pictures } = asked;
    let texts = request.text.unwrap_or_default();
    let images = request.images.unwrap_or_default();
    let count = texts.len() + images.len();
    if count == 0 || count > MOST {
        return Err(Problem::invalid(format!(
            "{count} words and pictures, expected 1 to {MOST}"
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
