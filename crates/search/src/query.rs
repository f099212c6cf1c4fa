use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use clip::Model;
use index::{Filter, Match, Metadata, Metric};
use picture::{ContentHash, Limits};
use serde::Serialize;

use crate::address::{Address, path_or_url};
use crate::collection::{CAPTIONS, Collection, IMAGES};
use crate::error::{Error, Result};
use crate::folding::{Looks, whole_parts};
use crate::fusion::{CaptionMatch, Evidence, Ranking, fuse};
use crate::keywords::Keywords;
use crate::metadata;
use crate::record::Record;
use crate::stamp::is_gone;

/// Vectors fetched at a time.
const PAGE: usize = 256;

/// Up to so many times as many pictures as are wanted are put in order by date one by one.
const FEW: usize = 16;

/// How much to find, and what to leave out.
#[derive(Clone, Debug, Default)]
pub struct SearchOptions {
    /// At most this many hits: 1 to 10,000.
    pub top_k: usize,
    /// Leave out what is less similar than this cosine: pictures and captions, each as its own
    /// vector has it. Where both are searched, a picture stays if one of the two is similar enough,
    /// or if it has the keywords.
    pub threshold: Option<f32>,
    /// Leave out pictures whose metadata do not match.
    pub filter: Option<Filter>,
    /// What the query is compared with.
    pub within: Within,
    /// Words to be looked up beside.
    pub keywords: Option<Keywords>,
    /// How many of the best are left out, as they were shown before.
    pub offset: usize,
    /// Whether it is counted how many there are. Where only a ranking can tell, it then goes as far as it can.
    pub counted: bool,
    /// What comes first.
    pub order: Order,
    /// Where near-duplicates are made one hit: what is known of their looks.
    pub fold: Option<Arc<Looks>>,
}

impl SearchOptions {
    /// How far each ranking goes at first: where several are made one, further than the answer, since the
    /// best of all need not be the best of any.
    fn depth(&self) -> usize {
        let is_single = self.keywords.is_none() && self.within != Within::Both;
        match (is_single, self.counted) {
            // By date, any of those that are found may be the first.
            _ if self.order != Order::Best => index::TOP_K_LIMIT,
            (true, _) => self.depth_of_one().min(index::TOP_K_LIMIT),
            // The same for each part of the answer, so that its order is.
            (false, true) => index::TOP_K_LIMIT,
            (false, false) if self.fold.is_some() => index::TOP_K_LIMIT,
            (false, false) => self.wanted().max(FUSED),
        }
    }

    /// How far a ranking goes that is the order of the answer.
    fn depth_of_one(&self) -> usize {
        match self.fold {
            Some(_) => whole_parts(self.wanted()),
            None => self.wanted(),
        }
    }

    fn wanted(&self) -> usize {
        self.offset.saturating_add(self.top_k)
    }
}

/// Each ranking of several goes at least this far.
const FUSED: usize = 1000;

/// How many times further rankings go where too many files are gone.
const DEEPER: usize = 4;

/// Vectors of captions asked for at first, for each picture to be found: as many captions as a
/// picture has in the usual sets.
const CAPTIONS_A_PICTURE: usize = 5;

/// What comes first. By date, all that was found is put in order, up to 10,000 pictures; those without a date come last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The best; without a query, the newest.
    #[default]
    Best,
    /// Those taken last.
    Newest,
    /// Those taken first.
    Oldest,
}

/// What a query is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Within {
    /// Pictures.
    #[default]
    Images,
    /// Captions: of a picture's, the nearest counts. At most the 10,000 nearest captions are seen.
    Captions,
    /// Both, joined by rank.
    Both,
}

/// What to look for.
#[derive(Clone, Debug)]
pub enum Query<'a> {
    /// Words.
    Text(&'a str),
    /// A picture's file. It is known by its content if it is in the collection.
    Picture(&'a [u8]),
    /// A picture of the collection, by its id.
    Like(&'a str),
    /// A vector of the model's space, of any length but 0.
    Vector(&'a [f32]),
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
    /// The cosine between the query's vector and the picture's, where that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
    /// The caption nearest to the query, where that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<CaptionMatch>,
    /// Its rank among the pictures that have the keywords, where those found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword_rank: Option<usize>,
    /// Where it is: an absolute path or a URL.
    #[serde(flatten, serialize_with = "path_or_url")]
    pub location: String,
    /// The URL, or the path from the folder that holds its source: what others may be shown.
    pub image: String,
    /// The file that was fetched from there, where the location is a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Width of the upright picture in pixels, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Its height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The colour of most of it, where it is known.
    #[serde(skip)]
    pub colour: Option<[u8; 3]>,
    /// Its near-duplicates among what was found, where they are [folded](SearchOptions::fold).
    #[serde(skip)]
    pub folded: Vec<Hit>,
    /// What is said about it.
    pub captions: Vec<String>,
    /// Whatever else its source said.
    pub metadata: Metadata,
    /// SHA-256 of the file's bytes, in hexadecimal, where it is known.
    #[serde(skip)]
    pub hash: Option<String>,
}

impl Hit {
    /// Where it is.
    pub fn address(&self) -> Address<'_> {
        Address::of(&self.location, self.file.as_deref())
    }

    /// The picture's file.
    pub fn path(&self) -> &Path {
        Path::new(self.file.as_ref().unwrap_or(&self.location))
    }
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hits {
    /// The pictures, best first.
    pub hits: Vec<Hit>,
    /// The best cosine there was, whatever the threshold. `None` where nothing was compared.
    pub best: Option<f32>,
    /// How many better pictures were left out because their files are gone.
    pub gone: usize,
    /// How many pictures were ranked: all that there are, up to 10,000, where they are [counted](SearchOptions::counted).
    pub total: usize,
    /// The offset at which these hits go on; `None` where they were the last.
    pub next: Option<usize>,
}

impl Collection<'_> {
    /// The pictures most similar to what the query names; where it is looked for in several ways,
    /// those that rank best in all of them together.
    ///
    /// A query picture that is itself in the collection (a file with the same bytes) is left out.
    ///
    /// # Errors
    /// Among others [`Error::OtherTextModel`], where words are compared with captions of another
    /// text model, and [`Error::Vanished`].
    pub fn search(
        &self,
        model: &Model,
        query: &Query<'_>,
        options: &SearchOptions,
    ) -> Result<Hits> {
        self.accept_space(model.fingerprint())?;
        if options.within != Within::Images && query.has_words() {
            self.accept_texts(model)?;
        }
        let scan = Scan {
            own: self.own_records(query)?,
            values: self.vector_of(model, query)?,
            depth: options.depth(),
            filter: options.filter.as_ref(),
        };
        self.find(scan, options, |scan| self.rank(scan, options))
    }

    /// The pictures whose captions, file name or folders have the keywords, best first.
    ///
    /// # Errors
    /// Those of the catalogue and of the engine.
    pub fn search_keywords(&self, keywords: &Keywords, options: &SearchOptions) -> Result<Hits> {
        self.find(Scan::without_vector(options), options, |scan| {
            Ok(Ranked {
                rankings: vec![self.rank_keywords(keywords, scan)?],
                best: None,
            })
        })
    }

    /// All pictures that the filter leaves, the newest first or as the options say, by when they were taken; then those
    /// without a date.
    ///
    /// # Errors
    /// Those of the catalogue and of the engine.
    pub fn newest(&self, options: &SearchOptions) -> Result<Hits> {
        let scan = Scan {
            depth: options.depth_of_one().min(index::TOP_K_LIMIT),
            ..Scan::without_vector(options)
        };
        self.find(scan, options, |scan| {
            let is_newest_first = options.order != Order::Oldest;
            Ok(Ranked {
                rankings: vec![Ranking::Dates(self.by_date(scan, is_newest_first)?)],
                best: None,
            })
        })
    }

    /// The hits of the rankings. Where files are gone, the rankings go on until enough pictures are there, and where
    /// pictures are to be counted, until that is known.
    fn find(
        &self,
        mut scan: Scan<'_>,
        options: &SearchOptions,
        rank: impl Fn(&Scan<'_>) -> Result<Ranked>,
    ) -> Result<Hits> {
        loop {
            let ranked = rank(&scan)?;
            let is_all = scan.depth >= index::TOP_K_LIMIT
                || ranked.rankings.iter().all(|it| it.len() < scan.depth);
            let counted = match options.counted && !is_all {
                true => self.count(&scan, options)?,
                false => None,
            };
            if is_all || !options.counted || counted.is_some() {
                let best = ranked.best;
                let ranked = self.ordered(fuse(ranked.rankings), options)?;
                let total = counted.unwrap_or(ranked.len());
                let found = self.hits(ranked, total, best, options)?;
                let may_be_more = found.gone > 0 || options.fold.is_some();
                if is_all || !may_be_more || found.hits.len() == options.top_k {
                    return Ok(found);
                }
            }
            scan.depth = (scan.depth * DEEPER).min(index::TOP_K_LIMIT);
        }
    }

    /// How many pictures a scan is about, up to 10,000, where that can be told without ranking them.
    fn count(&self, scan: &Scan<'_>, options: &SearchOptions) -> Result<Option<usize>> {
        if options.keywords.is_some() || options.within != Within::Images {
            return Ok(None);
        }
        let (values, filter) = (&scan.values, scan.filter);
        // By date, nothing is compared that could be too unlike.
        let threshold = options.threshold.filter(|_| !values.is_empty());
        let count = match (threshold, filter, self.index.embedded()) {
            (None, None, _) => usize::try_from(self.index.count(IMAGES)?).unwrap_or(usize::MAX),
            (None, Some(filter), Some(embedded)) => embedded.count_matching(IMAGES, filter)?,
            (Some(least), _, Some(embedded)) => {
                embedded.count_scoring(IMAGES, values, least, filter)?
            }
            (_, _, None) => return Ok(None),
        };
        let own: Vec<&str> = scan.own.iter().map(String::as_str).collect();
        let own = self.index.fetch(IMAGES, &own)?.into_iter();
        let is_counted = |own: &index::Vector| {
            let similarity = || Metric::Cosine.score(values, &own.values);
            filter.is_none_or(|filter| filter.matches(&own.metadata))
                && threshold.is_none_or(|least| similarity() >= least)
        };
        let others = count.saturating_sub(own.filter(is_counted).count());
        Ok(Some(others.min(index::TOP_K_LIMIT)))
    }

    fn rank(&self, scan: &Scan<'_>, options: &SearchOptions) -> Result<Ranked> {
        let mut rankings = Vec::new();
        if options.within != Within::Captions {
            rankings.push(self.rank_images(scan)?);
        }
        if options.within != Within::Images {
            rankings.push(self.rank_captions(scan)?);
        }
        let best = rankings.iter().filter_map(Ranking::best).reduce(f32::max);
        if let Some(threshold) = options.threshold {
            rankings
                .iter_mut()
                .for_each(|ranking| ranking.cut(threshold));
        }
        if let Some(keywords) = &options.keywords {
            rankings.push(self.rank_keywords(keywords, scan)?);
        }
        Ok(Ranked { rankings, best })
    }

    fn rank_images(&self, scan: &Scan<'_>) -> Result<Ranking> {
        // Room for the query's own pictures, which the engine knows nothing of.
        let top_k = scan.depth + scan.own.len();
        let matches = self.index.query(IMAGES, &scan.request(top_k))?;
        let others = matches
            .into_iter()
            .filter(|found| !scan.own.contains(&found.id));
        let found = others.map(|found| (found.id, found.score));
        Ok(Ranking::Images(found.take(scan.depth).collect()))
    }

    /// Captions of one picture stand close to each other, so it takes more of them to find enough
    /// pictures: how many more is found out.
    fn rank_captions(&self, scan: &Scan<'_>) -> Result<Ranking> {
        let mut top_k = (scan.depth + scan.own.len()) * CAPTIONS_A_PICTURE;
        loop {
            top_k = top_k.min(index::TOP_K_LIMIT);
            let matches = self.index.query(CAPTIONS, &scan.request(top_k))?;
            let is_all = matches.len() < top_k || top_k == index::TOP_K_LIMIT;
            let mut found = nearest_captions(matches, &scan.own);
            if is_all || found.len() >= scan.depth {
                found.truncate(scan.depth);
                return Ok(Ranking::Captions(found));
            }
            top_k *= 4;
        }
    }

    fn rank_keywords(&self, keywords: &Keywords, scan: &Scan<'_>) -> Result<Ranking> {
        let mut ids = self
            .catalogue
            .ids_with_keywords(self.key(), keywords.expression())?;
        ids.retain(|id| !scan.own.contains(id));
        Ok(Ranking::Keywords(self.matching(ids, scan)?))
    }

    /// Those of the pictures that the scan's filter leaves, as many as it wants.
    fn matching(&self, ids: Vec<String>, scan: &Scan<'_>) -> Result<Vec<String>> {
        let mut ids = match scan.filter {
            Some(filter) => self.retain_matching(ids, filter, scan.depth)?,
            None => ids,
        };
        ids.truncate(scan.depth);
        Ok(ids)
    }

    /// Those of the pictures that a filter leaves: all, or `limit` at least.
    fn retain_matching(
        &self,
        ids: Vec<String>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<String>> {
        if let Some(embedded) = self.index.embedded() {
            return Ok(embedded.retain_matching(IMAGES, filter, ids)?);
        }
        let mut found = Vec::new();
        for page in ids.chunks(PAGE) {
            let page: Vec<&str> = page.iter().map(String::as_str).collect();
            let vectors = self.index.fetch(IMAGES, &page)?.into_iter();
            let matching = vectors.filter(|vector| filter.matches(&vector.metadata));
            let matching: HashSet<String> = matching.map(|vector| vector.id).collect();
            let in_order = page.into_iter().filter(|id| matching.contains(*id));
            found.extend(in_order.map(str::to_owned));
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// The pictures that the scan's filter leaves, by when they were taken, as many as it wants.
    fn by_date(&self, scan: &Scan<'_>, is_newest_first: bool) -> Result<Vec<String>> {
        let page = |skipped, limit| {
            self.catalogue
                .ids_by_date(self.key(), is_newest_first, skipped, limit)
        };
        let Some(filter) = scan.filter else {
            return page(0, scan.depth);
        };
        // Few are put in order by themselves. Of many, the first are soon found.
        if let Some(embedded) = self.index.embedded()
            && let Some(few) = embedded.ids_matching(IMAGES, filter, FEW * scan.depth)?
        {
            let mut ids = self.in_order_of_date(&few, is_newest_first)?;
            ids.truncate(scan.depth);
            return Ok(ids);
        }
        let (mut found, mut skipped, mut limit) = (Vec::new(), 0, 2 * scan.depth);
        loop {
            let ids = page(skipped, limit)?;
            let is_last = ids.len() < limit;
            skipped += ids.len();
            found.extend(self.retain_matching(ids, filter, limit)?);
            if is_last || found.len() >= scan.depth {
                found.truncate(scan.depth);
                return Ok(found);
            }
            limit *= 2;
        }
    }

    fn in_order_of_date(&self, ids: &[String], is_newest_first: bool) -> Result<Vec<String>> {
        self.catalogue
            .in_order_of_date(self.key(), ids, is_newest_first)
    }

    /// What is ranked, in the order that is wanted.
    fn ordered(
        &self,
        ranked: Vec<(String, Evidence)>,
        options: &SearchOptions,
    ) -> Result<Vec<(String, Evidence)>> {
        let has_query = options.keywords.is_some()
            || ranked
                .first()
                .is_some_and(|(_, it)| it.image.is_some() || it.caption.is_some());
        if options.order == Order::Best || !has_query {
            return Ok(ranked);
        }
        let is_newest_first = options.order == Order::Newest;
        let mut found: HashMap<String, Evidence> = ranked.into_iter().collect();
        let ids: Vec<String> = found.keys().cloned().collect();
        let in_order = self.in_order_of_date(&ids, is_newest_first)?.into_iter();
        Ok(in_order.filter_map(|id| found.remove_entry(&id)).collect())
    }

    /// Of what is ranked, the best pictures from the offset on whose files are there, with what the engine has of them.
    fn hits(
        &self,
        ranked: Vec<(String, Evidence)>,
        total: usize,
        best: Option<f32>,
        options: &SearchOptions,
    ) -> Result<Hits> {
        if let Some(looks) = &options.fold {
            return self.folded(&ranked, total, looks, best, options);
        }
        let mut seen = options.offset;
        let mut ranked = ranked.into_iter().skip(options.offset);
        let (mut hits, mut gone) = (Vec::new(), 0);
        while hits.len() < options.top_k {
            let wanted = options.top_k - hits.len();
            let page: Vec<(String, Evidence)> = ranked.by_ref().take(wanted).collect();
            if page.is_empty() {
                break;
            }
            seen += page.len();
            let (here, elsewhere): (Vec<_>, Vec<_>) = self
                .hits_of(page)?
                .into_iter()
                .partition(|hit| !is_gone(hit.path()));
            hits.extend(here);
            gone += elsewhere.len();
        }
        Ok(Hits {
            hits,
            best,
            gone,
            total,
            next: (seen < total).then_some(seen),
        })
    }

    /// The pictures with these ids, as a search that says nothing of them finds them; those that aren't there are left out.
    ///
    /// # Errors
    /// Those of the catalogue and of the engine.
    pub fn pictures_with_ids(&self, ids: &[String]) -> Result<Vec<Hit>> {
        let ids = ids.iter().map(|id| (id.clone(), Evidence::default()));
        self.hits_of(ids.collect())
    }

    fn hits_of(&self, ranked: Vec<(String, Evidence)>) -> Result<Vec<Hit>> {
        let hits = self.hits_with_vectors(ranked)?;
        Ok(hits.into_iter().map(|(hit, _)| hit).collect())
    }

    /// The hits, each with the picture's vector.
    pub(crate) fn hits_with_vectors(
        &self,
        ranked: Vec<(String, Evidence)>,
    ) -> Result<Vec<(Hit, Vec<f32>)>> {
        let ids: Vec<&str> = ranked.iter().map(|(id, _)| id.as_str()).collect();
        let vectors = self.index.fetch(IMAGES, &ids)?.into_iter();
        let mut vectors: HashMap<String, (Metadata, Vec<f32>)> = vectors
            .map(|vector| (vector.id, (vector.metadata, vector.values)))
            .collect();
        let records = self
            .catalogue
            .records_with_ids(self.key(), &ids)?
            .into_iter();
        let mut records: HashMap<String, Record> =
            records.map(|record| (record.id.clone(), record)).collect();
        let found = ranked.into_iter().filter_map(|(id, evidence)| {
            let (metadata, values) = vectors.remove(&id)?;
            Some((hit(records.remove(&id), id, evidence, metadata), values))
        });
        Ok(found.collect())
    }

    /// The unit vector to look for.
    fn vector_of(&self, model: &Model, query: &Query<'_>) -> Result<Vec<f32>> {
        match query {
            Query::Text(words) => Ok(model.embed_text(words)?),
            Query::Picture(bytes) => Ok(model.embed_bytes(bytes, &Limits::default())?),
            Query::Like(id) => self.stored_vector(id),
            Query::Vector(values) => self.unit_vector(values),
            Query::Mix(terms) => {
                let vector =
                    |(weight, term): &(f32, Query<'_>)| Ok((*weight, self.vector_of(model, term)?));
                mixed(&terms.iter().map(vector).collect::<Result<Vec<_>>>()?)
            }
        }
    }

    /// A vector that was given, made one of length 1.
    fn unit_vector(&self, values: &[f32]) -> Result<Vec<f32>> {
        let expected = self.model().dimension;
        if values.len() != expected {
            let found = values.len();
            return Err(Error::VectorLength { found, expected });
        }
        mixed(&[(1.0, values.to_vec())])
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
            Query::Text(_) | Query::Vector(_) => HashSet::new(),
            Query::Picture(bytes) => with_hash(&ContentHash::of(bytes).to_string())?
                .into_iter()
                .collect(),
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

impl Query<'_> {
    /// Whether it takes a text model to answer it.
    fn has_words(&self) -> bool {
        match self {
            Query::Text(_) => true,
            Query::Picture(_) | Query::Like(_) | Query::Vector(_) => false,
            Query::Mix(terms) => terms.iter().any(|(_, term)| term.has_words()),
        }
    }
}

/// What a query ranks.
struct Ranked {
    rankings: Vec<Ranking>,
    /// The best cosine, whatever the threshold.
    best: Option<f32>,
}

/// What every ranking of a query needs.
struct Scan<'a> {
    /// The query's vector.
    values: Vec<f32>,
    /// The records that are the query itself.
    own: HashSet<String>,
    /// How many pictures to rank at most.
    depth: usize,
    filter: Option<&'a Filter>,
}

impl<'a> Scan<'a> {
    fn without_vector(options: &'a SearchOptions) -> Scan<'a> {
        Scan {
            own: HashSet::new(),
            values: Vec::new(),
            depth: if options.counted || options.fold.is_some() {
                index::TOP_K_LIMIT
            } else {
                options.wanted()
            },
            filter: options.filter.as_ref(),
        }
    }

    fn request(&self, top_k: usize) -> index::Query {
        index::Query {
            filter: self.filter.cloned(),
            ..index::Query::new(
                index::QueryBy::Values(self.values.clone()),
                top_k.min(index::TOP_K_LIMIT),
            )
        }
    }
}

/// The nearest caption of each picture, best first: the picture's id, the caption's number and its
/// cosine.
fn nearest_captions(matches: Vec<Match>, own: &HashSet<String>) -> Vec<(String, usize, f32)> {
    let mut seen = HashSet::new();
    let captions = matches.into_iter().filter_map(|found| {
        let (record, n) = record_of_caption(&found.id)?;
        Some((record.to_owned(), n, found.score))
    });
    captions
        .filter(|(record, ..)| !own.contains(record) && seen.insert(record.clone()))
        .collect()
}

/// The record of a caption's id, and the number of the caption.
fn record_of_caption(id: &str) -> Option<(&str, usize)> {
    let (record, n) = id.rsplit_once('#')?;
    Some((record, n.parse().ok()?))
}

/// The hit that a picture comes to. The catalogue has its location. Another machine's has not: there, the metadata's path is
/// all that is known.
fn hit(record: Option<Record>, id: String, evidence: Evidence, mut metadata: Metadata) -> Hit {
    let (image, captions) = metadata::take_picture(&mut metadata);
    let caption = evidence.caption.map(|(n, similarity)| CaptionMatch {
        text: captions.get(n).cloned().unwrap_or_default(),
        similarity,
    });
    let size = record.as_ref().map(|it| (it.width, it.height)).unzip();
    let hash = record.as_ref().map(|it| it.hash.clone());
    let colour = record.as_ref().and_then(|it| it.colour);
    let (location, file, image) = match record {
        Some(record) => {
            let image = metadata::relative(&record);
            (record.location, record.file, image)
        }
        None => (image.clone(), None, image),
    };
    Hit {
        width: size.0,
        height: size.1,
        id,
        similarity: evidence.image,
        caption,
        keyword_rank: evidence.keywords,
        location,
        image,
        file,
        colour,
        folded: Vec::new(),
        captions,
        metadata,
        hash,
    }
}
