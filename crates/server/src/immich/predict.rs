use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use clipseek::picture::Limits;
use search::Embedder;
use serde::Serialize;

use super::entries::{Entries, Kind};
use super::model_names::repositories;
use crate::api::{ApiState, Problem, form, parsed};
use crate::view::View;
use crate::workspace::Scope;

/// The response of `POST /predict`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Predicted {
    /// The vector as a JSON array in a string.
    clip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_width: Option<u32>,
}

/// The form of a request. Other parts are ignored, as in Immich's service.
struct PredictForm {
    entries: Entries,
    image: Option<Vec<u8>>,
    text: Option<String>,
}

pub(super) async fn predict(
    scope: Scope,
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Result<Json<Predicted>, Problem> {
    let predicted = predicted(&scope, &state, request).await;
    // Immich logs only the status, so our log gets the error.
    predicted.map(Json).map_err(Problem::logged)
}

async fn predicted(
    scope: &Scope,
    state: &ApiState,
    request: Request,
) -> Result<Predicted, Problem> {
    let form = PredictForm::read(request).await?;
    let (kind, name) = form.entries.only()?;
    let load = move |view: &View<'_>| named(view, &name);
    let embedder = scope.run(load).await??;
    match (kind, form.image, form.text) {
        (Kind::Visual, Some(image), _) => of_image(scope, embedder, image).await,
        (Kind::Textual, _, Some(text)) => of_text(scope, state, &embedder, &text).await,
        (Kind::Visual, None, _) => Err(Problem::invalid("the form has no part `image`")),
        (Kind::Textual, _, None) => Err(Problem::invalid("the form has no part `text`")),
    }
}

impl PredictForm {
    async fn read(request: Request) -> Result<Self, Problem> {
        let (mut entries, mut image, mut text) = (None, None, None);
        for part in form(request).await? {
            match part.name.as_str() {
                "entries" => entries = Some(parsed(&part.bytes)?),
                "image" => image = Some(part.bytes),
                "text" => {
                    let words = String::from_utf8(part.bytes);
                    text = Some(words.map_err(|_| Problem::invalid("`text` is not UTF-8"))?);
                }
                _ => {}
            }
        }
        let entries = entries.ok_or_else(|| Problem::invalid("the form has no part `entries`"))?;
        Ok(Self {
            entries,
            image,
            text,
        })
    }
}

/// Immich's model `name`. Downloads nothing and never substitutes another model.
fn named(view: &View<'_>, name: &str) -> Result<Arc<Embedder>, Problem> {
    let repositories = repositories(name);
    let mut missing = None;
    for repository in &repositories {
        match view.named_embedder(repository) {
            Err(error @ clipseek::Error::ModelNotHere { .. }) => {
                missing.get_or_insert(error);
            }
            found => return Ok(found?),
        }
    }
    Err(match missing {
        Some(error) => Problem::not_found(format!("model `{name}` is not on this machine"))
            .with_hint(error.hint().unwrap_or_default()),
        None => Problem::not_found(format!("unsupported model `{name}`"))
            .with_hint("choose a model of OpenAI, LAION, DFN, SigLIP or SigLIP 2"),
    })
}

async fn of_text(
    scope: &Scope,
    state: &ApiState,
    embedder: &Arc<Embedder>,
    text: &str,
) -> Result<Predicted, Problem> {
    let vector = state.words.vector(scope, embedder, text).await?;
    Ok(Predicted {
        clip: written(&vector),
        image_height: None,
        image_width: None,
    })
}

async fn of_image(
    scope: &Scope,
    embedder: Arc<Embedder>,
    image: Vec<u8>,
) -> Result<Predicted, Problem> {
    let embedded = scope.embed(move |_| {
        let model = embedder.model();
        let prepared = model.prepare(&image, &Limits::default());
        let prepared = prepared.map_err(search::Error::Picture)?;
        let vectors = model.embed_pixels(&[prepared.pixels])?;
        Ok::<_, search::Error>(Predicted {
            clip: written(&vectors[0]),
            image_height: Some(prepared.height),
            image_width: Some(prepared.width),
        })
    });
    Ok(embedded.await??)
}

/// A vector in the form that Immich's database reads.
fn written(vector: &[f32]) -> String {
    // Numbers can always be written.
    serde_json::to_string(vector).unwrap_or_default()
}
