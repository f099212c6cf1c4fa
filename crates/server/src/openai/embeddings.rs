use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use search::Embedder;
use serde::{Deserialize, Serialize};

use super::api_error::ApiError;
use super::input::Input;
use crate::api::parsed;
use crate::connections::{LARGEST_BODY, whole_body};
use crate::view::View;
use crate::workspace::Scope;

/// The number of texts to embed before other requests may run.
const AT_ONCE: usize = 64;

/// `POST /v1/embeddings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbeddingsBody {
    /// The model of a collection, `mini`, or a model in the hub cache.
    model: String,
    input: Input,
    #[serde(default)]
    encoding_format: Option<EncodingFormat>,
    dimensions: Option<usize>,
    /// The end user, which is ignored.
    #[serde(rename = "user")]
    _user: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EncodingFormat {
    #[default]
    Float,
    Base64,
}

/// The response.
#[derive(Debug, Serialize)]
pub(super) struct Embeddings {
    object: &'static str,
    data: Vec<OneEmbedding>,
    model: String,
    usage: Usage,
}

#[derive(Debug, Serialize)]
struct OneEmbedding {
    object: &'static str,
    index: usize,
    embedding: Encoded,
}

/// A unit vector.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Encoded {
    Float(Vec<f32>),
    /// The numbers as little-endian bytes, in base64.
    Base64(String),
}

#[derive(Debug, Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

pub(super) async fn embeddings(
    scope: Scope,
    request: Request,
) -> Result<Json<Embeddings>, ApiError> {
    let (_, bytes) = whole_body(request, LARGEST_BODY).await?;
    let body: EmbeddingsBody = parsed(&bytes)?;
    let texts = body.input.texts()?;
    let name = body.model.clone();
    let load = move |view: &View<'_>| view.named_embedder(&name);
    let embedder = scope.run(load).await?;
    let embedder = embedder.map_err(ApiError::of_model)?;
    check_dimensions(body.dimensions, embedder.model().dimension())?;
    let (vectors, tokens) = embed(&scope, &embedder, texts).await?;
    let format = body.encoding_format.unwrap_or_default();
    let data = vectors.into_iter().enumerate();
    let data = data.map(|(index, vector)| OneEmbedding {
        object: "embedding",
        index,
        embedding: format.encoded(vector),
    });
    Ok(Json(Embeddings {
        object: "list",
        data: data.collect(),
        model: body.model,
        usage: Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    }))
}

/// Refuses to shorten vectors.
fn check_dimensions(asked: Option<usize>, own: usize) -> Result<(), ApiError> {
    match asked {
        Some(asked) if asked != own => Err(ApiError::invalid(
            "dimensions",
            format!(
                "`dimensions` is {asked}, but vectors of this model have {own} and cannot be shortened"
            ),
        )),
        _ => Ok(()),
    }
}

/// Embeds the texts. Returns the vectors and the total number of tokens.
async fn embed(
    scope: &Scope,
    embedder: &Arc<Embedder>,
    texts: Vec<String>,
) -> Result<(Vec<Vec<f32>>, usize), ApiError> {
    let (mut vectors, mut tokens) = (Vec::with_capacity(texts.len()), 0);
    for part in texts.chunks(AT_ONCE) {
        let (part, embedder) = (part.to_vec(), Arc::clone(embedder));
        let embedded = scope.embed(move |_| {
            let model = embedder.model();
            let ids = part.iter().map(|text| model.tokenize(text.trim()));
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            let count: usize = ids.iter().map(Vec::len).sum();
            Ok::<_, clipseek::Error>((model.embed_tokens(&ids)?, count))
        });
        let (part, count) = embedded.await??;
        vectors.extend(part);
        tokens += count;
    }
    Ok((vectors, tokens))
}

impl EncodingFormat {
    fn encoded(self, vector: Vec<f32>) -> Encoded {
        match self {
            Self::Float => Encoded::Float(vector),
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|it| it.to_le_bytes()).collect();
                Encoded::Base64(STANDARD.encode(bytes))
            }
        }
    }
}
