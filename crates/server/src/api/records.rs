use axum::Json;
use axum::http::StatusCode;

use super::extractors::InPath;
use super::fields::Fields;
use super::hit::ShownHit;
use super::problem::Problem;
use crate::workspace::Scope;

pub(super) async fn describe(
    scope: Scope,
    InPath((collection, id)): InPath<(String, String)>,
) -> Result<Json<ShownHit>, Problem> {
    let look = scope.look_in(&collection, move |view, collection| {
        let fields = Fields::all(view.columns());
        let record = collection.record(&id)?;
        let hits = collection.pictures_with_ids(&[record.id])?;
        let hit = hits.into_iter().next();
        hit.map(|hit| ShownHit::of(collection.name(), hit, &fields))
            .ok_or_else(|| Problem::not_found("the picture is missing"))
    });
    look.await.map(Json)
}

pub(super) async fn forget(
    scope: Scope,
    InPath((collection, id)): InPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let forgotten = scope.write(move |view| view.forget(&collection, &id));
    forgotten.await??;
    Ok(StatusCode::NO_CONTENT)
}
