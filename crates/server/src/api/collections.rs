use axum::Json;
use axum::extract::State;
use search::{Collection, CollectionInfo, DuplicateOptions};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::extractors::InPath;
use super::fields::Fields;
use super::hit::ShownHit;
use super::problem::Problem;
use super::state::ApiState;
use crate::workspace::Scope;

/// The maximum number of groups in a response.
const MOST_GROUPS: usize = 500;

/// A collection as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct ShownCollection {
    pub(super) name: String,
    model: String,
    precision: String,
    dimension: usize,
    engine: &'static str,
    pictures: u64,
    /// Pictures whose files were missing at the last check.
    missing: u64,
    captions: u64,
    /// Whether pictures can be added here.
    can_add: bool,
}

impl ShownCollection {
    fn of(info: CollectionInfo, captions: u64, can_add: bool) -> Self {
        Self {
            name: info.name,
            model: info.model.reference,
            precision: info.model.precision,
            dimension: info.model.dimension,
            engine: info.engine.name(),
            pictures: info.pictures,
            missing: info.missing,
            captions,
            can_add,
        }
    }
}

pub(super) async fn list(scope: Scope) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"collections": shown(&scope).await?})))
}

/// All collections.
pub(super) async fn shown(scope: &Scope) -> Result<Vec<ShownCollection>, Problem> {
    let can_add = !scope.grant().is_read_only;
    let list = scope.run(move |view| {
        let mut shown = Vec::new();
        for info in view.collections()? {
            let captions = view.collection(&info.name);
            // A damaged collection must not hide the others.
            let captions = captions.and_then(|it| it.captions()).unwrap_or_default();
            shown.push(ShownCollection::of(info, captions, can_add));
        }
        Ok::<_, Problem>(shown)
    });
    list.await?
}

pub(super) async fn describe(
    scope: Scope,
    InPath(name): InPath<String>,
) -> Result<Json<Value>, Problem> {
    let can_add = !scope.grant().is_read_only;
    let shown = scope.look_in(&name, move |_, collection| {
        let shown = ShownCollection::of(collection.info(), collection.captions()?, can_add);
        Ok(Json(json!(shown)))
    });
    shown.await
}

/// `GET …/duplicates`.
#[derive(Debug, Serialize)]
pub(super) struct ShownDuplicates {
    groups: Vec<ShownGroup>,
    /// Whether there are more groups.
    more: bool,
}

#[derive(Debug, Serialize)]
struct ShownGroup {
    /// The one to keep first.
    pictures: Vec<ShownHit>,
}

pub(super) async fn duplicates(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath(name): InPath<String>,
) -> Result<Json<ShownDuplicates>, Problem> {
    let comparing = scope.clone();
    let compared = name.clone();
    // It may take minutes, so it holds no permit.
    let compare = async move {
        let groups = comparing.look_in(&compared, |_, it| Ok(groups_of(it)?));
        groups.await
    };
    let found = state
        .duplicates
        .of(&scope, &name, String::new(), compare)
        .await?;
    let read = scope.read_in(&name, move |view, collection| {
        let fields = Fields::all(view.columns());
        let mut groups = Vec::new();
        for ids in found.iter().take(MOST_GROUPS) {
            let mut pictures = collection.pictures_with_ids(ids)?;
            // Files may have disappeared since.
            pictures.retain(|hit| hit.path().exists());
            let pictures = pictures
                .into_iter()
                .map(|hit| ShownHit::of(collection.name(), hit, &fields));
            let pictures: Vec<ShownHit> = pictures.collect();
            if pictures.len() > 1 {
                groups.push(ShownGroup { pictures });
            }
        }
        let more = found.len() > MOST_GROUPS;
        Ok(Json(ShownDuplicates { groups, more }))
    });
    read.await
}

/// The ids of each group of duplicates, the picture to keep first. All pairs are compared, on a separate thread so that
/// searches need not wait.
fn groups_of(collection: &Collection<'_>) -> search::Result<Vec<Vec<String>>> {
    let options = DuplicateOptions::of_model(collection.model());
    let compare = || collection.duplicates(&options, |_, _| {});
    let found = match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(own) => own.install(compare),
        // If no thread can be started, use the shared ones.
        Err(_) => compare(),
    }?;
    let groups = found.groups.into_iter().map(|group| {
        let others = group.duplicates.into_iter().map(|it| it.file.id);
        std::iter::once(group.keep.id).chain(others).collect()
    });
    Ok(groups.collect())
}

pub(super) async fn models(scope: Scope) -> Result<Json<Value>, Problem> {
    let list = scope.run(|view| {
        let mut models: BTreeMap<(String, String), (usize, Vec<String>)> = BTreeMap::new();
        for info in view.collections()? {
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
