use clip::Model;
use index::{Filter, Match, Metadata};
use picture::{ContentHash, Picture};
use serde::Serialize;

use crate::collection::{Collection, IMAGES};
use crate::error::Result;
use crate::metadata;

/// How much to find, and what to leave out.
#[derive(Clone, Debug, Default)]
pub struct SearchOptions {
    /// At most this many hits: 1 to 10,000.
    pub top_k: usize,
    /// Leave out what is less similar than this cosine.
    pub threshold: Option<f32>,
    /// Leave out pictures whose metadata do not match.
    pub filter: Option<Filter>,
}

/// What to look for.
#[derive(Clone, Debug)]
pub enum Query<'a> {
    /// Words.
    Text(&'a str),
    /// A picture, and the hash of its file by which it is known if it is in the collection.
    Picture(&'a Picture, ContentHash),
    /// A picture of the collection, by its id.
    Like(&'a str),
}

/// A picture that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Its id in the collection.
    pub id: String,
    /// The cosine between the query's vector and the picture's.
    pub similarity: f32,
    /// Where it is: an absolute path.
    pub place: String,
    /// What is said about it.
    pub captions: Vec<String>,
    /// Whatever else its source said.
    pub metadata: Metadata,
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hits {
    /// The pictures, most similar first.
    pub hits: Vec<Hit>,
    /// The best similarity there was, whatever the threshold. `None` where nothing was compared.
    pub best: Option<f32>,
}

impl Collection<'_> {
    /// The pictures most similar to what the query names.
    ///
    /// A query picture that is itself in the collection (a file with the same bytes) is left out.
    pub fn search(
        &self,
        model: &Model,
        query: &Query<'_>,
        options: &SearchOptions,
    ) -> Result<Hits> {
        self.accept_model(model)?;
        let (by, own) = self.vector_of(model, query)?;
        let request = index::Query {
            by,
            // Room for the query's own pictures, which the engine knows nothing of.
            top_k: (options.top_k + own.len()).min(index::TOP_K_LIMIT),
            filter: options.filter.clone(),
            include_values: false,
            include_metadata: true,
        };
        let mut matches = self.index.query(IMAGES, &request)?;
        matches.retain(|found| !own.contains(&found.id));
        matches.truncate(options.top_k);
        let best = matches.first().map(|found| found.score);
        if let Some(threshold) = options.threshold {
            matches.retain(|found| found.score >= threshold);
        }
        Ok(Hits {
            hits: matches.into_iter().map(hit).collect(),
            best,
        })
    }

    /// What the engine should look for, and the ids of the records that are the query itself.
    fn vector_of(&self, model: &Model, query: &Query<'_>) -> Result<(index::QueryBy, Vec<String>)> {
        Ok(match query {
            Query::Text(words) => (index::QueryBy::Values(model.embed_text(words)?), Vec::new()),
            Query::Picture(picture, hash) => (
                index::QueryBy::Values(model.embed_picture(picture)?),
                self.catalogue
                    .ids_with_hash(self.key(), &hash.to_string())?,
            ),
            Query::Like(id) => {
                let record = self.record(id)?;
                let own = self.catalogue.ids_with_hash(self.key(), &record.hash)?;
                (index::QueryBy::Id(record.id), own)
            }
        })
    }
}

/// The hit that a vector of namespace [`IMAGES`] stands for. Its metadata say all of it, so that
/// an engine can be searched without the catalogue.
fn hit(found: Match) -> Hit {
    let mut metadata = found.metadata.unwrap_or_default();
    let (place, captions) = metadata::take_picture(&mut metadata);
    Hit {
        id: found.id,
        similarity: found.score,
        place,
        captions,
        metadata,
    }
}
