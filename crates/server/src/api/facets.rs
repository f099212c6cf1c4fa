use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use index::Filter;
use search::{FacetOptions, Facets, keys};
use serde::Deserialize;

use super::extractors::{InPath, InQuery};
use super::problem::Problem;
use super::search::SearchBody;
use super::state::ApiState;
use crate::connections::Columns;
use crate::workspace::Scope;

/// The maximum number of values of a facet.
const MOST_VALUES: usize = 50;

/// `GET …/facets`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FacetParameters {
    /// In JSON.
    filter: Option<String>,
    keywords: Option<String>,
    folder: Option<String>,
    taken_after: Option<String>,
    taken_before: Option<String>,
}

pub(super) async fn facets(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath(name): InPath<String>,
    InQuery(asked): InQuery<FacetParameters>,
) -> Result<Json<Facets>, Problem> {
    let mut body = asked.body()?;
    body.check(scope.grant().columns())?;
    let narrowing = scope.look_in(&name, move |_, collection| body.narrowing(collection));
    let (filter, keywords) = narrowing.await?;
    let options = FacetOptions {
        most: MOST_VALUES,
        filter,
        keywords,
    };
    let (asked, counting, counted) = (question(&options), scope.clone(), name.clone());
    let count = async move {
        let facets = counting.read_in(&counted, move |_, it| Ok(it.facets(&options)?));
        facets.await
    };
    let found = state.facets.of(&scope, &name, asked, count).await?;
    let mut facets = Facets::clone(&found);
    remove_hidden(&mut facets, scope.grant().columns());
    Ok(Json(facets))
}

impl FacetParameters {
    /// The same conditions as a search.
    fn body(self) -> Result<SearchBody, Problem> {
        let filter = self
            .filter
            .map(|text| serde_json::from_str::<Filter>(&text));
        let filter = filter.transpose();
        Ok(SearchBody {
            filter: filter.map_err(|error| Problem::invalid(format!("`filter`: {error}")))?,
            keywords: self.keywords,
            folder: self.folder,
            taken_after: self.taken_after,
            taken_before: self.taken_before,
            ..SearchBody::default()
        })
    }
}

/// A canonical text of the conditions.
fn question(options: &FacetOptions) -> String {
    let filter = options.filter.as_ref().filter(|filter| !filter.is_empty());
    let filter = filter.map_or_else(String::new, |filter| filter.as_json().to_string());
    let keywords = options
        .keywords
        .as_ref()
        .map_or("", |keywords| keywords.text());
    if filter.is_empty() && keywords.is_empty() {
        return String::new();
    }
    format!("{filter}\n{keywords}")
}

/// Removes what the key may not see.
fn remove_hidden(facets: &mut Facets, seen: &Columns) {
    if !seen.shows(keys::FOLDERS) {
        facets.folders.clear();
    }
    if !seen.shows(keys::TAKEN) {
        facets.years.clear();
        facets.undated = 0;
    }
    facets.columns.retain(|column| seen.shows(&column.name));
}
