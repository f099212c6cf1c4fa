use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use search::{CollectionInfo, DuplicateOptions, Facets};
use serde::Serialize;
use serde_json::{Value, json};

use super::asked::InPath;
use super::fields::Fields;
use super::hit::ShownHit;
use super::problem::Problem;
use super::state::ApiState;

/// The most values of a facet.
const MOST_VALUES: usize = 50;

/// A collection as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct ShownCollection {
    pub(super) name: String,
    model: String,
    precision: String,
    dimension: usize,
    engine: &'static str,
    pictures: u64,
    /// Pictures whose files were gone when they were last looked for.
    missing: u64,
    captions: u64,
    /// Whether pictures can be added here.
    can_add: bool,
}

impl ShownCollection {
    fn of(info: CollectionInfo, captions: u64) -> Self {
        Self {
            name: info.name,
            model: info.model.reference,
            precision: info.model.precision,
            dimension: info.model.dimension,
            engine: info.engine.name(),
            pictures: info.pictures,
            missing: info.missing,
            captions,
            can_add: true,
        }
    }
}

pub(super) async fn list(State(state): State<Arc<ApiState>>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"collections": shown(&state).await?})))
}

/// All collections.
pub(super) async fn shown(state: &ApiState) -> Result<Vec<ShownCollection>, Problem> {
    let list = state.workspace.run(|workspace| {
        let mut shown = Vec::new();
        for info in workspace.store.collections()? {
            let captions = workspace.store.collection(&info.name);
            // One that cannot be used hides no other.
            let captions = captions.and_then(|it| it.captions()).unwrap_or_default();
            shown.push(ShownCollection::of(info, captions));
        }
        Ok::<_, Problem>(shown)
    });
    list.await?
}

pub(super) async fn describe(
    State(state): State<Arc<ApiState>>,
    InPath(name): InPath<String>,
) -> Result<Json<Value>, Problem> {
    let shown = state.look(&name, |_, collection| {
        let shown = ShownCollection::of(collection.info(), collection.captions()?);
        Ok(Json(json!(shown)))
    });
    shown.await
}

pub(super) async fn facets(
    State(state): State<Arc<ApiState>>,
    InPath(name): InPath<String>,
) -> Result<Json<Facets>, Problem> {
    let read = state.read(&name, |_, collection| Ok(collection.facets(MOST_VALUES)?));
    read.await.map(Json)
}

/// `GET …/duplicates`.
#[derive(Debug, Serialize)]
pub(super) struct ShownDuplicates {
    groups: Vec<ShownGroup>,
}

#[derive(Debug, Serialize)]
struct ShownGroup {
    /// The one to keep first.
    pictures: Vec<ShownHit>,
}

pub(super) async fn duplicates(
    State(state): State<Arc<ApiState>>,
    InPath(name): InPath<String>,
) -> Result<Json<ShownDuplicates>, Problem> {
    let read = state.read(&name, |_, collection| {
        let options = DuplicateOptions::of_model(collection.model());
        let found = collection.duplicates(&options, |_, _| {})?;
        let mut groups = Vec::new();
        for group in found.groups {
            let others = group.superfluous.into_iter().map(|it| it.file.id);
            let ids: Vec<String> = std::iter::once(group.keep.id).chain(others).collect();
            let pictures = collection.pictures_with_ids(&ids)?.into_iter();
            let pictures =
                pictures.map(|hit| ShownHit::of(collection.name(), hit, &Fields::default()));
            groups.push(ShownGroup {
                pictures: pictures.collect(),
            });
        }
        Ok(Json(ShownDuplicates { groups }))
    });
    read.await
}

pub(super) async fn models(State(state): State<Arc<ApiState>>) -> Result<Json<Value>, Problem> {
    let list = state.workspace.run(|workspace| {
        let mut models: BTreeMap<(String, String), (usize, Vec<String>)> = BTreeMap::new();
        for info in workspace.store.collections()? {
            let key = (info.model.reference, info.model.precision);
            let entry = models.entry(key).or_default();
            entry.0 = info.model.dimension;
            entry.1.push(info.name);
        }
        let models = models.into_iter().map(|((name, precision), (dimension, collections))| {
            json!({"name": name, "precision": precision, "dimension": dimension, "collections": collections})
        });
        Ok::<_, Problem>(models.collect::<Vec<_>>())
    });
    Ok(Json(json!({"models": list.await??})))
}
