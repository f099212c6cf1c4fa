//! Searching a collection.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use clipseek::{Conditions, Field, Period, Query, Question, Term, TermKind};
use index::Filter;
use search::{Collection, Embedder, Keywords, Order, Within, keys};
use serde::{Deserialize, Serialize};

use super::answer_cache::Answer;
use super::extractors::{InPath, InQuery, RequestBody, Upload};
use super::fields::Fields;
use super::hit::ShownHit;
use super::problem::Problem;
use super::query_terms::{GivenImage, GivenTerm, title};
use super::state::ApiState;
use crate::connections::{Columns, HiddenColumn};
use crate::view::View;
use crate::workspace::Scope;

/// The default number of results.
const DEFAULT_TOP_K: usize = 20;

/// The maximum number of results of a response.
const MOST: usize = 1000;

/// The maximum number of terms of a query; each is embedded.
const MOST_TERMS: usize = 100;

/// The maximum number of columns to show.
const MOST_FIELDS: usize = 1000;

/// The maximum offset of results.
const LARGEST_OFFSET: usize = 10_000;

/// The columns that keywords are searched in.
const KEYWORD_COLUMNS: [&str; 5] = [
    keys::CAPTIONS,
    keys::IMAGE,
    keys::TITLE,
    keys::DESCRIPTION,
    keys::KEYWORDS,
];

/// `POST …/search`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchBody {
    pub(super) text: Option<String>,
    pub(super) image: Option<GivenImage>,
    pub(super) like: Option<String>,
    pub(super) vector: Option<Vec<f32>>,
    pub(super) mix: Option<Vec<GivenTerm>>,
    pub(super) r#in: Option<Vec<FieldName>>,
    pub(super) keywords: Option<String>,
    pub(super) filter: Option<Filter>,
    pub(super) taken_after: Option<String>,
    pub(super) taken_before: Option<String>,
    pub(super) folder: Option<String>,
    pub(super) threshold: Option<f32>,
    pub(super) top_k: Option<usize>,
    pub(super) offset: Option<usize>,
    pub(super) fields: Option<Vec<String>>,
    pub(super) sort: Option<Sort>,
    pub(super) fold: Option<bool>,
}

/// `GET …/search`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchParameters {
    text: Option<String>,
    like: Option<String>,
    keywords: Option<String>,
    folder: Option<String>,
    taken_after: Option<String>,
    taken_before: Option<String>,
    threshold: Option<f32>,
    top_k: Option<usize>,
    offset: Option<usize>,
    sort: Option<Sort>,
    fold: Option<bool>,
}

/// The sort order.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    Best,
    Newest,
    Oldest,
}

/// A field to compare with.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FieldName {
    Images,
    Captions,
    Keywords,
}

/// The response.
#[derive(Debug, Serialize)]
struct Found {
    collection: String,
    model: String,
    /// A short description of the query.
    query: String,
    hits: Vec<ShownHit>,
    /// The best similarity, even below the threshold.
    best: Option<f32>,
    /// The number of all results, up to 10,000.
    total: usize,
    /// The offset of the next page.
    next: Option<usize>,
    /// Notes for the user.
    notes: Vec<String>,
    /// The files of its pictures.
    #[serde(skip)]
    files: Vec<PathBuf>,
    /// Whether files were missing, which may come back.
    #[serde(skip)]
    misses_files: bool,
}

pub(super) async fn by_body(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath(collection): InPath<String>,
    body: RequestBody<SearchBody>,
) -> Result<Response, Problem> {
    let json = answer(&state, &scope, collection, body.request, body.pictures).await?;
    Ok(json_response(json))
}

pub(super) async fn by_parameters(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath(collection): InPath<String>,
    InQuery(asked): InQuery<SearchParameters>,
) -> Result<Response, Problem> {
    let body = SearchBody {
        text: asked.text,
        like: asked.like,
        keywords: asked.keywords,
        folder: asked.folder,
        taken_after: asked.taken_after,
        taken_before: asked.taken_before,
        threshold: asked.threshold,
        top_k: asked.top_k,
        offset: asked.offset,
        sort: asked.sort,
        fold: asked.fold,
        ..SearchBody::default()
    };
    let json = answer(&state, &scope, collection, body, Vec::new()).await?;
    Ok(json_response(json))
}

/// The JSON of a cached or new search result.
pub(super) async fn answer(
    state: &ApiState,
    scope: &Scope,
    collection: String,
    body: SearchBody,
    uploads: Vec<Upload>,
) -> Result<Bytes, Problem> {
    let json = |found: &Found| match serde_json::to_vec(found) {
        Ok(json) => Ok(Bytes::from(json)),
        Err(error) => Err(Problem::internal(error.to_string())),
    };
    if !body.is_repeatable() {
        return json(&search(state, scope, collection, body, uploads).await?);
    }
    // Keys with the same columns share results.
    let question = format!("{collection} {:?} {body:?}", scope.grant().columns());
    let (answers, asked) = (Arc::clone(&state.answers), question.clone());
    let known = move |_: &View<'_>, collection: &Collection<'_>| {
        let state = collection.state()?;
        Ok((state.and_then(|state| answers.get(&asked, state)), state))
    };
    let (known, before) = scope.look_in(&collection, known).await?;
    if let Some(json) = known {
        return Ok(json);
    }
    let found = search(state, scope, collection, body, uploads).await?;
    let json = json(&found)?;
    if let Some(before) = before.filter(|_| !found.misses_files) {
        let answer = Answer {
            state: before,
            files: found.files,
            json: json.clone(),
        };
        state.answers.insert(question, answer);
    }
    Ok(json)
}

fn json_response(json: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}

async fn search(
    state: &ApiState,
    scope: &Scope,
    collection: String,
    body: SearchBody,
    uploads: Vec<Upload>,
) -> Result<Found, Problem> {
    body.check(scope.grant().columns())?;
    let fields = Fields::of(scope.grant().columns(), body.fields.clone());
    let fold = body.fold.unwrap_or(false).then(|| Arc::clone(&state.looks));
    let read = move |view: &View<'_>, collection: &Collection<'_>| {
        let question = body.question(view, collection, &uploads)?;
        let embedder = if question.query.terms.is_empty() {
            None
        } else {
            Some(view.embedder(collection.model())?)
        };
        Ok((question, embedder))
    };
    // Fetching a picture may take long and must not block others from reading.
    let (mut question, embedder) = scope.look_in(&collection, read).await?;
    question.fold = fold;
    let title = shown_title(&question.query, &fields);
    if let Some(embedder) = &embedder {
        // Captions may have another model, which the search itself handles.
        if question.query.within == Within::Images {
            state
                .replace_words(scope, embedder, &mut question.query.terms)
                .await?;
        }
    }
    let is_to_embed = question
        .query
        .terms
        .iter()
        .any(|term| matches!(term.kind, TermKind::Words(_) | TermKind::Picture(_)));
    let ask = move |view: &View<'_>| {
        let collection = view.collection(&collection)?;
        let answer = view.ask(&collection, embedder.as_deref(), question)?;
        let hits = answer.found.hits.iter();
        let files = hits.flat_map(|hit| std::iter::once(hit).chain(&hit.folded));
        Ok::<_, Problem>(Found {
            files: files.map(|hit| hit.path().to_owned()).collect(),
            misses_files: answer.found.gone > 0,
            query: title,
            notes: notes(&answer),
            best: answer.found.best,
            total: answer.found.total,
            next: answer.found.next,
            hits: answer
                .found
                .hits
                .into_iter()
                .map(|hit| ShownHit::of(&answer.collection, hit, &fields))
                .collect(),
            collection: answer.collection,
            model: answer.model,
        })
    };
    if is_to_embed {
        scope.embed(ask).await?
    } else {
        scope.read(ask).await?
    }
}

impl ApiState {
    /// Replaces words by their vectors.
    async fn replace_words(
        &self,
        scope: &Scope,
        embedder: &Arc<Embedder>,
        terms: &mut [Term],
    ) -> Result<(), Problem> {
        for term in terms {
            if let TermKind::Words(words) = &term.kind {
                let vector = self.words.vector(scope, embedder, words).await?;
                term.kind = TermKind::Vector(vector.to_vec());
            }
        }
        Ok(())
    }
}

/// The description of the query, without file names if the key does not see them.
fn shown_title(query: &Query, fields: &Fields) -> String {
    let names_file = |term: &Term| matches!(term.kind, TermKind::Like { .. });
    match (&query.keywords, query.terms.is_empty()) {
        (Some(keywords), true) => keywords.text().to_owned(),
        _ if query.terms.iter().any(names_file) && !fields.are_seen(keys::IMAGE) => {
            "a picture of the collection".to_owned()
        }
        _ => title(&query.terms),
    }
}

fn notes(answer: &clipseek::Answer) -> Vec<String> {
    let gone =
        (answer.found.gone > 0 && answer.nothing.is_none()).then(|| match answer.found.gone {
            1 => "left out 1 better picture whose file is missing".to_owned(),
            more => format!("left out {more} better pictures whose files are missing"),
        });
    let nothing = answer.nothing.as_ref().map(ToString::to_string);
    nothing.into_iter().chain(gone).collect()
}

impl SearchBody {
    /// Whether the result can be cached: the picture at a URL may change, and long requests are not cached.
    fn is_repeatable(&self) -> bool {
        let mut terms = self.mix.iter().flatten();
        self.image.is_none()
            && self.vector.is_none()
            && terms.all(|term| term.image.is_none() && term.vector.is_none())
    }

    /// Refuses conditions on columns that the key does not see, which would reveal their values.
    pub(super) fn check(&self, seen: &Columns) -> Result<(), HiddenColumn> {
        let keywords = self.keywords.iter().flat_map(|_| KEYWORD_COLUMNS);
        let captions = self.r#in.iter().flatten().flat_map(|field| match field {
            FieldName::Images => &[][..],
            FieldName::Captions => &[keys::CAPTIONS][..],
            FieldName::Keywords => &KEYWORD_COLUMNS[..],
        });
        let folder = self.folder.iter().map(|_| keys::FOLDERS);
        let dates = [&self.taken_after, &self.taken_before];
        let by_date = self.sort.filter(|sort| !matches!(sort, Sort::Best));
        let dated = dates.into_iter().flatten().count() + usize::from(by_date.is_some());
        let taken = std::iter::repeat_n(keys::TAKEN, dated);
        let filtered = self.filter.iter().flat_map(Filter::fields);
        let looked_into = keywords.chain(captions.copied()).chain(folder);
        seen.check(looked_into.chain(taken).chain(filtered))
    }

    /// The filter and the keywords.
    pub(super) fn narrowing(
        &mut self,
        collection: &Collection<'_>,
    ) -> Result<(Option<Filter>, Option<Keywords>), Problem> {
        let keywords = self.keywords.take();
        let keywords = keywords.filter(|text| !text.trim().is_empty());
        let keywords = keywords.map(|text| Keywords::parse(&text)).transpose()?;
        let dates = [self.taken_after.take(), self.taken_before.take()];
        let filter = filter(self.filter.take(), self.folder.take(), dates, collection)?;
        Ok((filter, keywords))
    }

    fn question(
        mut self,
        view: &View<'_>,
        collection: &Collection<'_>,
        uploads: &[Upload],
    ) -> Result<Question, Problem> {
        let top_k = within("top_k", self.top_k.unwrap_or(DEFAULT_TOP_K), 1, MOST)?;
        let offset = within("offset", self.offset.unwrap_or(0), 0, LARGEST_OFFSET)?;
        if let Some(threshold) = self.threshold.filter(|it| !(-1.0..=1.0).contains(it)) {
            return Err(Problem::invalid(format!(
                "`threshold` is {threshold}, expected a cosine similarity from -1 to 1"
            )));
        }
        let (filter, keywords) = self.narrowing(collection)?;
        let single = [
            self.text
                .filter(|text| !text.trim().is_empty())
                .map(GivenTerm::words),
            self.image.map(|image| GivenTerm {
                image: Some(image),
                ..GivenTerm::default()
            }),
            self.like.map(|id| GivenTerm {
                like: Some(id),
                ..GivenTerm::default()
            }),
            self.vector.map(|values| GivenTerm {
                vector: Some(values),
                ..GivenTerm::default()
            }),
        ];
        let mix = self.mix.unwrap_or_default();
        within("mix", mix.len(), 0, MOST_TERMS)?;
        let fields_to_show = self.fields.unwrap_or_default();
        within("fields", fields_to_show.len(), 0, MOST_FIELDS)?;
        let terms = single.into_iter().flatten().chain(mix);
        let terms = terms.map(|term| term.read(view, collection, uploads));
        let terms = terms.collect::<Result<Vec<Term>, _>>()?;
        let fields = self.r#in.unwrap_or_default();
        let fields: Vec<Field> = fields.into_iter().map(Field::from).collect();
        Ok(Question {
            query: Query::with(terms, keywords, &fields)?,
            top_k: top_k.min(LARGEST_OFFSET.saturating_sub(offset)).max(1),
            offset,
            counted: true,
            order: self.sort.map_or(Order::Best, Order::from),
            fold: None,
            threshold: self.threshold,
            filter,
        })
    }
}

/// Combines all conditions.
fn filter(
    filter: Option<Filter>,
    folder: Option<String>,
    [after, before]: [Option<String>; 2],
    collection: &Collection<'_>,
) -> Result<Option<Filter>, Problem> {
    let after = after.map(|text| period("taken_after", &text)).transpose()?;
    let before = before
        .map(|text| period("taken_before", &text))
        .transpose()?;
    if let (Some(after), Some(before)) = (after, before)
        && after.start >= before.end
    {
        return Err(Problem::invalid(
            "`taken_after` is later than `taken_before`",
        ));
    }
    let conditions = Conditions {
        taken_after: after,
        taken_before: before,
        ..Conditions::default()
    };
    let folder = folder.map(|folder| Filter::contains(keys::FOLDERS, &folder));
    let conditions = [filter, conditions.filter(collection)?, folder];
    Ok(Filter::all(conditions.into_iter().flatten()))
}

fn period(name: &str, text: &str) -> Result<Period, Problem> {
    Period::parse(text).map_err(|reason| Problem::invalid(format!("`{name}`: {reason}")))
}

fn within(name: &str, value: usize, least: usize, most: usize) -> Result<usize, Problem> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Problem::invalid(format!(
        "`{name}` is {value}, expected {least} to {most}"
    )))
}

impl From<Sort> for Order {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Best => Self::Best,
            Sort::Newest => Self::Newest,
            Sort::Oldest => Self::Oldest,
        }
    }
}

impl From<FieldName> for Field {
    fn from(name: FieldName) -> Self {
        match name {
            FieldName::Images => Self::Images,
            FieldName::Captions => Self::Captions,
            FieldName::Keywords => Self::Keywords,
        }
    }
}
