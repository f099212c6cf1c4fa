use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use search::AddOptions;

use super::asked::InPath;
use super::fields::Fields;
use super::hit::ShownHit;
use super::problem::Problem;
use super::state::ApiState;

pub(super) async fn describe(
    State(state): State<Arc<ApiState>>,
    InPath((collection, id)): InPath<(String, String)>,
) -> Result<Json<ShownHit>, Problem> {
    let look = state.look(&collection, move |_, collection| {
        let record = collection.record(&id)?;
        let hits = collection.pictures_with_ids(&[record.id])?;
        let hit = hits.into_iter().next();
        hit.map(|hit| ShownHit::of(collection.name(), hit, &Fields::default()))
            .ok_or_else(|| Problem::not_found("the picture is missing"))
    });
    look.await.map(Json)
}

pub(super) async fn forget(
    State(state): State<Arc<ApiState>>,
    InPath((collection, id)): InPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let forgotten = state.workspace.write(move |workspace| {
        let collection = workspace.store.collection(&collection)?;
        let id = collection.record(&id)?.id;
        collection.forget_id(&id, &AddOptions::default())
    });
    forgotten.await??;
    Ok(StatusCode::NO_CONTENT)
}
