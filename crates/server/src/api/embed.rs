use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::given::GivenImage;
use super::problem::Problem;
use super::state::ApiState;

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
    State(state): State<Arc<ApiState>>,
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
    let embedder = state.embedder(&request.collection).await?;
    let read = state.look(&request.collection, move |workspace, _| {
        let images = images.into_iter();
        let images = images.map(|image| image.read(workspace, &pictures));
        images.collect::<Result<Vec<_>, _>>()
    });
    let images = read.await?;
    let embedded = state.workspace.embed(move |_| {
        let model = embedder.model();
        let words: Vec<&str> = texts.iter().map(String::as_str).collect();
        let images = images.iter().map(|image| image.embed(model, "embedded"));
        Ok::<_, clipseek::Error>(Embedded {
            dimension: model.dimension(),
            text: model.embed_texts(&words)?,
            images: images.collect::<Result<_, _>>()?,
        })
    });
    Ok(Json(embedded.await??))
}
