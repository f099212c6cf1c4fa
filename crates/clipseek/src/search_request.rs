//! Asking a collection.

use clip::Model;
use search::{Collection, SearchOptions};

use crate::answer::{Answer, Nothing};
use crate::clipseek::Clipseek;
use crate::conditions::Conditions;
use crate::error::{Error, Result};
use crate::models::{ModelChoice, NamedModel};
use crate::query::Query;

/// How many pictures are found where nobody says how many.
pub const DEFAULT_TOP_K: usize = 4;

/// How much to find, and what to leave out.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// At most this many pictures: 1 to 10,000.
    pub top_k: usize,
    /// Leave out what is less similar than this cosine.
    pub threshold: Option<f32>,
    /// Only these pictures.
    pub conditions: Conditions,
    /// The model that embeds the query; by default that of the collection.
    pub model: ModelChoice,
}

impl Default for SearchRequest {
    fn default() -> Self {
        SearchRequest {
            top_k: DEFAULT_TOP_K,
            threshold: None,
            conditions: Conditions::default(),
            model: ModelChoice::default(),
        }
    }
}

impl Clipseek {
    /// Asks a collection. The model is loaded, if the query takes one.
    ///
    /// # Errors
    /// Those of the conditions, of the model, of a query picture that cannot be read, and of the collection.
    pub fn search(
        &self,
        collection: &Collection<'_>,
        query: Query,
        request: &SearchRequest,
    ) -> Result<Answer> {
        let options = options(&query, request)?;
        let model = self.model_for(&query, collection, &request.model)?;
        answer(
            collection,
            model.as_ref().map(|it| &it.model),
            query,
            &options,
        )
    }

    /// Asks a collection with a model that is loaded.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_with(
        &self,
        model: &NamedModel,
        collection: &Collection<'_>,
        query: Query,
        request: &SearchRequest,
    ) -> Result<Answer> {
        let options = options(&query, request)?;
        answer(collection, Some(&model.model), query, &options)
    }

    /// The model that a query takes; none where keywords are looked up alone.
    fn model_for(
        &self,
        query: &Query,
        collection: &Collection<'_>,
        choice: &ModelChoice,
    ) -> Result<Option<NamedModel>> {
        let made_with = collection.model();
        if query.terms.is_empty() {
            Ok(None)
        } else if query.has_words() {
            self.models().load_for(choice, made_with).map(Some)
        } else {
            self.models().load_pictures_for(choice, made_with).map(Some)
        }
    }
}

fn options(query: &Query, request: &SearchRequest) -> Result<SearchOptions> {
    Ok(SearchOptions {
        top_k: request.top_k,
        threshold: request.threshold,
        filter: request.conditions.filter()?,
        within: query.within,
        keywords: query.keywords.clone(),
    })
}

fn answer(
    collection: &Collection<'_>,
    model: Option<&Model>,
    query: Query,
    options: &SearchOptions,
) -> Result<Answer> {
    let model = model.filter(|_| !query.terms.is_empty());
    let found = match (model, &query.keywords) {
        (Some(model), _) => query.ask(|asked| {
            let found = collection.search(model, asked, options);
            found.map_err(|error| query.explain(error))
        })?,
        (None, Some(keywords)) => {
            collection.search_keywords(keywords, options.top_k, options.filter.as_ref())?
        }
        (None, None) => return Err(Error::NoWords),
    };
    Ok(Answer {
        nothing: Nothing::of(&found, &query, options, collection),
        collection: collection.name().to_owned(),
        model: collection.model().reference.clone(),
        query,
        found,
    })
}
