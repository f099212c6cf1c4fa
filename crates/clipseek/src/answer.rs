use std::fmt;

use search::{Collection, Hit, Hits, Keywords, SearchOptions, Within};
use serde::{Serialize, Serializer};

use crate::conditions::Conditions;
use crate::query::{Query, Term, TermKind};

/// A query and its results. Its JSON form is that of `clipseek search --format json`.
#[derive(Debug)]
pub struct Answer {
    /// The query.
    pub query: Query,
    /// The name of the collection.
    pub collection: String,
    /// The reference to the collection's model.
    pub model: String,
    /// The results.
    pub found: Hits,
    /// Why nothing was found; `None` if there are results.
    pub nothing: Option<Nothing>,
}

impl Answer {
    /// The results with their ranks, from 1 on.
    pub fn ranked(&self) -> impl Iterator<Item = RankedHit<'_>> {
        let hits = self.found.hits.iter().enumerate();
        hits.map(|(n, hit)| RankedHit { rank: n + 1, hit })
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        JsonAnswer {
            query: JsonQuery {
                terms: JsonTerm::of_query(&self.query),
                keywords: self.query.keywords.as_ref().map(Keywords::text),
            },
            r#in: self.query.fields(),
            collection: &self.collection,
            model: &self.model,
            best: self.found.best,
            gone: self.found.gone,
            hits: self.ranked().collect(),
        }
        .serialize(serializer)
    }
}

/// A result and its rank.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RankedHit<'a> {
    /// The rank, from 1 on.
    pub rank: usize,
    /// The result.
    #[serde(flatten)]
    pub hit: &'a Hit,
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    query: JsonQuery<'a>,
    /// The fields that were searched.
    r#in: Vec<&'static str>,
    collection: &'a str,
    model: &'a str,
    /// The best similarity, even below the threshold.
    best: Option<f32>,
    /// The number of better pictures left out because their files are gone.
    gone: usize,
    hits: Vec<RankedHit<'a>>,
}

#[derive(Serialize)]
struct JsonQuery<'a> {
    #[serde(flatten)]
    terms: Option<JsonTerm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum JsonTerm<'a> {
    Text(&'a str),
    Image(String),
    Like(&'a str),
    Vector(&'a [f32]),
    Mix(Vec<JsonWeighted<'a>>),
}

/// A term of a mix.
#[derive(Serialize)]
struct JsonWeighted<'a> {
    weight: f32,
    #[serde(flatten)]
    what: JsonTerm<'a>,
}

impl<'a> JsonTerm<'a> {
    fn of_query(query: &'a Query) -> Option<JsonTerm<'a>> {
        let weighted = |term: &'a Term| JsonWeighted {
            weight: term.weight,
            what: JsonTerm::of(term),
        };
        match query.terms.as_slice() {
            [] => None,
            [term] => Some(JsonTerm::of(term)),
            terms => Some(JsonTerm::Mix(terms.iter().map(weighted).collect())),
        }
    }

    fn of(term: &'a Term) -> JsonTerm<'a> {
        match &term.kind {
            TermKind::Words(words) => JsonTerm::Text(words),
            TermKind::Picture(picture) => JsonTerm::Image(picture.to_string()),
            TermKind::Like { id, .. } => JsonTerm::Like(id),
            TermKind::Vector(values) => JsonTerm::Vector(values),
        }
    }
}

/// Why a query found nothing. `Display` shows it as a sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Nothing {
    /// All similarities are below the threshold.
    BelowThreshold {
        /// The threshold.
        threshold: f32,
        /// The best similarity.
        best: f32,
    },
    /// The files of all matching pictures are gone.
    Gone {
        /// The collection.
        collection: String,
        /// Their number.
        pictures: usize,
    },
    /// All pictures of the collection are missing.
    Missing {
        /// The collection.
        collection: String,
        /// Their number.
        pictures: u64,
    },
    /// The collection has no pictures.
    Empty {
        /// The collection.
        collection: String,
    },
    /// No picture has all the keywords.
    Keywords {
        /// The keywords.
        keywords: String,
        /// Whether a filter was set.
        is_filtered: bool,
    },
    /// No picture meets the conditions.
    Conditions {
        /// The options of the conditions.
        options: Vec<&'static str>,
    },
    /// Captions were searched, and there are none.
    NoCaptions {
        /// The collection.
        collection: String,
    },
    /// The pictures have no embeddings.
    NoVectors {
        /// The collection.
        collection: String,
    },
    /// The query picture is the only one.
    NoOther {
        /// The collection.
        collection: String,
    },
}

impl Nothing {
    pub(crate) fn of(
        found: &Hits,
        query: &Query,
        options: &SearchOptions,
        conditions: &Conditions,
        collection: &Collection<'_>,
    ) -> Option<Nothing> {
        if !found.hits.is_empty() {
            return None;
        }
        let name = collection.name().to_owned();
        if found.gone > 0 {
            return Some(Nothing::Gone {
                collection: name,
                pictures: found.gone,
            });
        }
        if let (Some(best), Some(threshold)) = (found.best, options.threshold) {
            return Some(Nothing::BelowThreshold { threshold, best });
        }
        if collection.pictures() == 0 {
            return Some(match collection.info().missing {
                0 => Nothing::Empty { collection: name },
                pictures => Nothing::Missing {
                    collection: name,
                    pictures,
                },
            });
        }
        Some(match (&options.keywords, &options.filter) {
            (Some(keywords), filter) => Nothing::Keywords {
                keywords: keywords.text().to_owned(),
                is_filtered: filter.is_some(),
            },
            (None, Some(_)) => Nothing::Conditions {
                options: conditions.options(),
            },
            (None, None) if options.within == Within::Captions => {
                Nothing::NoCaptions { collection: name }
            }
            (None, None) if query.has_pictures() => Nothing::NoOther { collection: name },
            (None, None) => Nothing::NoVectors { collection: name },
        })
    }
}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Nothing::BelowThreshold { threshold, best } => write!(
                f,
                "nothing reaches a similarity of {}; the best is {}",
                similarity(*threshold),
                similarity(*best)
            ),
            Nothing::Gone {
                collection,
                pictures,
            } => {
                let files = match pictures {
                    1 => "the file of the only matching picture is missing".to_owned(),
                    more => format!("the files of all {more} matching pictures are missing"),
                };
                write!(f, "{files} (collection {collection})")
            }
            Nothing::Missing {
                collection,
                pictures,
            } => {
                let files = match pictures {
                    1 => format!("the only picture of collection {collection} is missing"),
                    more => format!("all {more} pictures of collection {collection} are missing"),
                };
                write!(
                    f,
                    "{files}; once the files are back, add their folder again"
                )
            }
            Nothing::Empty { collection } => write!(f, "collection {collection} is empty"),
            Nothing::Keywords {
                keywords,
                is_filtered,
            } => {
                let among = if *is_filtered {
                    " that matches the filters"
                } else {
                    ""
                };
                write!(
                    f,
                    "no picture{among} has all of these words in its captions, file name, folders or file texts: {keywords}"
                )
            }
            Nothing::Conditions { options } => {
                write!(f, "no picture matches {}", options.join(" and "))
            }
            Nothing::NoCaptions { collection } => {
                write!(f, "no picture of collection {collection} has a caption")
            }
            Nothing::NoVectors { collection } => write!(
                f,
                "the pictures of collection {collection} have no embeddings; to check it: clipseek collection check {collection}"
            ),
            Nothing::NoOther { collection } => {
                write!(f, "no other picture in collection {collection}")
            }
        }
    }
}

/// Formats a similarity: the raw cosine with three decimals.
pub fn similarity(value: f32) -> String {
    let shown = format!("{value:.3}");
    match shown.as_str() {
        "-0.000" => "0.000".to_owned(),
        _ => shown,
    }
}
