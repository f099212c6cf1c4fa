//! Searching a collection.

use std::borrow::Borrow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip::Model;
use index::Filter;
use search::{Collection, Hits, Looks, Order, SearchOptions};

use crate::answer::{Answer, Nothing};
use crate::clipseek::Clipseek;
use crate::conditions::Conditions;
use crate::error::{Error, Result};
use crate::event::{Event, Note};
use crate::models::{ModelChoice, NamedModel};
use crate::picture_input::GivenPicture;
use crate::query::{Query, QueryText};

/// The default number of results.
pub const DEFAULT_TOP_K: usize = 4;

/// A search request as the user writes it.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// The collection; `None` for `default`, or the only one.
    pub collection: Option<String>,
    /// The query.
    pub query: QueryText,
    /// At most this many pictures: 1 to 10,000.
    pub top_k: usize,
    /// Leave out pictures and captions below this cosine similarity.
    pub threshold: Option<f32>,
    /// Conditions on pictures.
    pub conditions: Conditions,
    /// The model that embeds the query; by default that of the collection.
    pub model: ModelChoice,
    /// A file that the caller writes afterwards. It must not be a picture of the query or the collection.
    pub output: Option<PathBuf>,
}

impl SearchRequest {
    /// A search for words or a mix in the default collection.
    pub fn words(words: &str) -> SearchRequest {
        SearchRequest {
            query: QueryText {
                words: words.to_owned(),
                ..QueryText::default()
            },
            ..SearchRequest::default()
        }
    }

    /// A search for pictures like this one in the default collection.
    pub fn picture(picture: GivenPicture) -> SearchRequest {
        SearchRequest {
            query: QueryText {
                pictures: vec![picture],
                ..QueryText::default()
            },
            ..SearchRequest::default()
        }
    }
}

impl Default for SearchRequest {
    fn default() -> Self {
        SearchRequest {
            collection: None,
            query: QueryText::default(),
            top_k: DEFAULT_TOP_K,
            threshold: None,
            conditions: Conditions::default(),
            model: ModelChoice::default(),
            output: None,
        }
    }
}

impl Clipseek {
    /// Searches a collection. Fetches URLs, and loads the model if the query needs one.
    ///
    /// # Errors
    /// [`Error::NoWords`] for an empty query, [`Error::NothingToCompare`] and [`Error::NoKeywordsIn`] for fields that
    /// don't fit the query, [`Error::OutputIsPicture`]; errors of the conditions, the collection, the model, and of query
    /// pictures that cannot be fetched or read.
    pub fn search(&self, request: &SearchRequest) -> Result<Answer> {
        self.answer(request, |query, collection| {
            self.model_for(query, collection, &request.model)
        })
    }

    /// Searches a collection with a loaded model. Ignores the model of the request.
    ///
    /// # Errors
    /// The errors of [`search`](Self::search).
    pub fn search_with(&self, model: &NamedModel, request: &SearchRequest) -> Result<Answer> {
        self.answer(request, |_, _| Ok(Some(model)))
    }

    fn answer<M: Borrow<NamedModel>>(
        &self,
        request: &SearchRequest,
        model: impl FnOnce(&Query, &Collection<'_>) -> Result<Option<M>>,
    ) -> Result<Answer> {
        let collection = self.collection(request.collection.as_deref())?;
        let filter = request.conditions.filter(&collection)?;
        let query = self.query(&request.query, &collection)?;
        if let Some(output) = &request.output {
            spare(&query, &collection, output)?;
        }
        if query.is_mix() {
            self.settings().listener.send(Event::Mix { query: &query });
        }
        if request.conditions.has_dates() {
            self.note_undated(&collection)?;
        }
        let options = SearchOptions {
            top_k: request.top_k,
            threshold: request.threshold,
            filter,
            within: query.within,
            keywords: query.keywords.clone(),
            ..SearchOptions::default()
        };
        let model = model(&query, &collection)?;
        let model = model.as_ref().map(|it| &it.borrow().model);
        let answer = find(&collection, model, query, &options, &request.conditions)?;
        if answer.found.gone > 0 && answer.nothing.is_none() {
            let pictures = answer.found.gone;
            let note = Note::FilesGone { pictures };
            self.settings().listener.note(note);
        }
        Ok(answer)
    }

    fn note_undated(&self, collection: &Collection<'_>) -> Result<()> {
        let pictures = collection.undated()?;
        if pictures > 0 {
            let note = Note::Undated { pictures };
            self.settings().listener.note(note);
        }
        Ok(())
    }

    /// The model for a query; `None` if it has only keywords.
    fn model_for(
        &self,
        query: &Query,
        collection: &Collection<'_>,
        choice: &ModelChoice,
    ) -> Result<Option<NamedModel>> {
        let made_with = collection.model();
        if query.terms.is_empty() {
            return Ok(None);
        }
        let model = if query.has_words() {
            self.models().load_for(choice, made_with)?
        } else {
            self.models().load_pictures_for(choice, made_with)?
        };
        let (given, own) = (model.model.precision().name(), made_with.precision.as_str());
        if given != own {
            let note = Note::OtherPrecision { given, own };
            self.settings().listener.note(note);
        }
        Ok(Some(model.for_one_query()))
    }
}

/// Refuses to overwrite a picture of the query or the collection.
fn spare(query: &Query, collection: &Collection<'_>, output: &Path) -> Result<()> {
    let Ok(output) = output.canonicalize() else {
        return Ok(());
    };
    let mut paths = query.terms.iter().filter_map(|term| term.kind.path());
    let is_asked = paths.any(|path| path.canonicalize().is_ok_and(|path| path == output));
    if is_asked || collection.has_location(&output.to_string_lossy())? {
        return Err(Error::OutputIsPicture { path: output });
    }
    Ok(())
}

/// A search with a query that a program has built.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The query; without terms and keywords it matches all pictures, newest first.
    pub query: Query,
    /// At most this many pictures: 1 to 10,000.
    pub top_k: usize,
    /// The number of best results to skip, for paging.
    pub offset: usize,
    /// Whether to count all results, up to 10,000.
    pub counted: bool,
    /// The sort order.
    pub order: Order,
    /// Data to fold near-duplicates into one result; `None` to list them separately.
    pub fold: Option<Arc<Looks>>,
    /// Leave out pictures and captions below this cosine similarity.
    pub threshold: Option<f32>,
    /// Only pictures whose metadata match.
    pub filter: Option<Filter>,
}

impl Clipseek {
    /// Searches a collection with a loaded model, which is not needed for a query without terms.
    ///
    /// # Errors
    /// [`Error::Search`], and errors of query pictures that cannot be read.
    pub fn ask(
        &self,
        collection: &Collection<'_>,
        model: Option<&Model>,
        question: Question,
    ) -> Result<Answer> {
        let query = question.query;
        let options = SearchOptions {
            top_k: question.top_k,
            threshold: question.threshold,
            filter: question.filter,
            within: query.within,
            keywords: query.keywords.clone(),
            offset: question.offset,
            counted: question.counted,
            order: question.order,
            fold: question.fold,
        };
        if query.terms.is_empty() && query.keywords.is_none() {
            let found = collection.newest(&options)?;
            let conditions = Conditions::default();
            return Ok(answer(collection, query, found, &options, &conditions));
        }
        find(collection, model, query, &options, &Conditions::default())
    }
}

fn find(
    collection: &Collection<'_>,
    model: Option<&Model>,
    query: Query,
    options: &SearchOptions,
    conditions: &Conditions,
) -> Result<Answer> {
    let model = model.filter(|_| !query.terms.is_empty());
    let found = match (model, &query.keywords) {
        (Some(model), _) => query.ask(|asked| {
            let found = collection.search(model, asked, options);
            found.map_err(|error| query.explain(error))
        })?,
        (None, Some(keywords)) => collection.search_keywords(keywords, options)?,
        (None, None) => return Err(Error::NoWords),
    };
    Ok(answer(collection, query, found, options, conditions))
}

fn answer(
    collection: &Collection<'_>,
    query: Query,
    found: Hits,
    options: &SearchOptions,
    conditions: &Conditions,
) -> Answer {
    Answer {
        nothing: Nothing::of(&found, &query, options, conditions, collection),
        collection: collection.name().to_owned(),
        model: collection.model().reference.clone(),
        query,
        found,
    }
}
