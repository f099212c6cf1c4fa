use std::collections::HashSet;

use clip::Model;
use index::{Filter, Match, Metadata};
use picture::{ContentHash, Picture};
use serde::Serialize;

use crate::collection::{Collection, IMAGES};
use crate::error::{Error, Result};
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
    /// Several of those, each with its weight: negative where what it shows should not be there.
    Mix(Vec<(f32, Query<'a>)>),
}

/// A mix of unit vectors that is shorter than this, for each unit of weight, is nothing but
/// rounding: the direction that is left says nothing.
const VANISHED: f32 = 1e-4;

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
        let own = self.own_records(query)?;
        let request = index::Query {
            by: index::QueryBy::Values(self.vector_of(model, query)?),
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

    /// The unit vector to look for.
    fn vector_of(&self, model: &Model, query: &Query<'_>) -> Result<Vec<f32>> {
        match query {
            Query::Text(words) => Ok(model.embed_text(words)?),
            Query::Picture(picture, _) => Ok(model.embed_picture(picture)?),
            Query::Like(id) => self.stored_vector(id),
            Query::Mix(terms) => {
                let vector =
                    |(weight, term): &(f32, Query<'_>)| Ok((*weight, self.vector_of(model, term)?));
                mixed(&terms.iter().map(vector).collect::<Result<Vec<_>>>()?)
            }
        }
    }

    /// The vector of a picture of the collection.
    fn stored_vector(&self, id: &str) -> Result<Vec<f32>> {
        let record = self.record(id)?;
        let vectors = self.index.fetch(IMAGES, &[record.id.as_str()])?;
        let vector = vectors.into_iter().next();
        vector
            .map(|vector| vector.values)
            .ok_or_else(|| Error::NoVector {
                collection: self.name().to_owned(),
                id: record.id,
            })
    }

    /// The ids of the records that are the query itself.
    fn own_records(&self, query: &Query<'_>) -> Result<HashSet<String>> {
        let with_hash = |hash: &str| self.catalogue.ids_with_hash(self.key(), hash);
        Ok(match query {
            Query::Text(_) => HashSet::new(),
            Query::Picture(_, hash) => with_hash(&hash.to_string())?.into_iter().collect(),
            Query::Like(id) => with_hash(&self.record(id)?.hash)?.into_iter().collect(),
            Query::Mix(terms) => {
                let mut own = HashSet::new();
                for (_, term) in terms {
                    own.extend(self.own_records(term)?);
                }
                own
            }
        })
    }
}

/// The weighted sum of unit vectors, made a unit vector again.
fn mixed(terms: &[(f32, Vec<f32>)]) -> Result<Vec<f32>> {
    let mut sum = vec![0.0f32; terms.first().map_or(0, |(_, vector)| vector.len())];
    for (weight, vector) in terms {
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += weight * value;
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    let weights: f32 = terms.iter().map(|(weight, _)| weight.abs()).sum();
    // Not more: a length that is no number has vanished too.
    if length > VANISHED * weights {
        Ok(sum.into_iter().map(|value| value / length).collect())
    } else {
        Err(Error::Vanished)
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
