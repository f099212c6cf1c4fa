use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use clip::Model;
use index::{Filter, Match, Metadata, Metric};
use picture::{ContentHash, Limits};
use serde::Serialize;

use crate::address::{Address, path_or_url};
use crate::collection::{CAPTIONS, Collection, IMAGES, PAGE};
use crate::error::{Error, Result};
use crate::file_stamp::is_gone;
use crate::folding::{Looks, whole_parts};
use crate::fusion::{CaptionMatch, Evidence, Ranking, fuse};
use crate::keywords::Keywords;
use crate::metadata;
use crate::record::Record;

/// Sort pictures by date one by one if there are at most this many times the wanted number.
const FEW: usize = 16;

/// How many pictures to find, and which to leave out.
#[derive(Clone, Debug, Default)]
pub struct SearchOptions {
    /// The maximum number of hits: 1 to 10,000.
    pub top_k: usize,
    /// Leave out pictures and captions whose own cosine is below this. If both are searched, a picture stays
    /// if either is similar enough or if it has the keywords.
    pub threshold: Option<f32>,
    /// Leave out pictures whose metadata do not match.
    pub filter: Option<Filter>,
    /// Which vectors to compare with the query.
    pub within: Within,
    /// Keywords to look up in addition.
    pub keywords: Option<Keywords>,
    /// How many of the best hits to skip because they were shown before.
    pub offset: usize,
    /// Whether to count all matching pictures. This may need the longest possible ranking.
    pub counted: bool,
    /// The order of the hits.
    pub order: Order,
    /// Fold near-duplicates into one hit, using this cache of their looks.
    pub fold: Option<Arc<Looks>>,
}

impl SearchOptions {
    /// The initial depth of each ranking. Rankings that are fused go deeper than the answer: the best picture
    /// of the fused ranking need not be the best of any.
    fn depth(&self) -> usize {
        let is_single = self.keywords.is_none() && self.within != Within::Both;
        match (is_single, self.counted) {
            // When sorting by date, any match may be the first.
            _ if self.order != Order::Best => index::TOP_K_LIMIT,
            (true, _) => self.depth_of_one().min(index::TOP_K_LIMIT),
            // The same depth for each page, so that the pages have one order.
            (false, true) => index::TOP_K_LIMIT,
            (false, false) if self.fold.is_some() => index::TOP_K_LIMIT,
            (false, false) => self.wanted().max(FUSED),
        }
    }

    /// The depth of a ranking whose order is the answer's.
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

/// The minimum depth of rankings that are fused.
const FUSED: usize = 1000;

/// The factor by which rankings deepen if too many files are missing.
const DEEPER: usize = 4;

/// Caption vectors initially requested for each wanted picture: common data sets have five captions a
/// picture.
const CAPTIONS_A_PICTURE: usize = 5;

/// The order of hits. Sorting by date covers up to 10,000 matches; pictures without a date come last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By similarity; without a query, the newest first.
    #[default]
    Best,
    /// The last taken first.
    Newest,
    /// The first taken first.
    Oldest,
}

/// Which vectors a query is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Within {
    /// Image vectors.
    #[default]
    Images,
    /// Caption vectors. A picture's nearest caption counts; at most the 10,000 nearest captions are
    /// considered.
    Captions,
    /// Both, fused by rank.
    Both,
}

/// What to search for.
#[derive(Clone, Debug)]
pub enum Query<'a> {
    /// Words.
    Text(&'a str),
    /// A picture's file. If the collection contains the same bytes, that picture is left out of the hits.
    Picture(&'a [u8]),
    /// A picture of the collection, by its id.
    Like(&'a str),
    /// A vector of the model's space, of any length but 0.
    Vector(&'a [f32]),
    /// A weighted sum of queries. A negative weight moves away from a term.
    Mix(Vec<(f32, Query<'a>)>),
}

/// The minimum length of a weighted sum of unit vectors, relative to the sum of the weights. The direction of
/// a shorter one is nothing but rounding errors.
const VANISHED: f32 = 1e-4;

/// A picture that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Its id in the collection.
    pub id: String,
    /// The cosine of the query's vector and the image vector, if that ranking found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
    /// The caption nearest to the query, if that ranking found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<CaptionMatch>,
    /// Its rank among the pictures with the keywords, if that ranking found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword_rank: Option<usize>,
    /// Where it is: an absolute path or a URL.
    #[serde(flatten, serialize_with = "path_or_url")]
    pub location: String,
    /// The URL, or the path relative to the folder that holds its source. Safe to show to others.
    pub image: String,
    /// The downloaded file, if the location is a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The width of the upright picture in pixels, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// The height of the upright picture in pixels, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Its dominant colour as red, green and blue, if known.
    #[serde(skip)]
    pub colour: Option<[u8; 3]>,
    /// Its near-duplicates among the matches, if they are [folded](SearchOptions::fold).
    #[serde(skip)]
    pub folded: Vec<Hit>,
    /// Its captions.
    pub captions: Vec<String>,
    /// The other metadata of its source.
    pub metadata: Metadata,
    /// The SHA-256 of the file's bytes in hexadecimal, if known.
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
    /// The best cosine, regardless of the threshold. `None` if no vectors were compared.
    pub best: Option<f32>,
    /// How many better pictures were left out because their files are missing.
    pub gone: usize,
    /// How many pictures were ranked. If they are [counted](SearchOptions::counted): all matches, up to
    /// 10,000.
    pub total: usize,
    /// The offset of the next page; `None` if this was the last.
    pub next: Option<usize>,
}

impl Collection<'_> {
    /// Returns the pictures most similar to the query. Several rankings (images, captions, keywords) are
    /// fused.
    ///
    /// A query picture that is in the collection (a file with the same bytes) is left out.
    ///
    /// # Errors
    /// - [`Error::OtherModel`] if `model` isn't the collection's.
    /// - [`Error::OtherTextModel`] if words are compared with captions that another text model embedded.
    /// - [`Error::NoRecord`] and [`Error::NoVector`] for [`Query::Like`].
    /// - [`Error::VectorLength`] for [`Query::Vector`], and [`Error::Vanished`] if a vector or a mix is zero.
    /// - [`Error::Picture`] and [`Error::Clip`] if the query can't be embedded.
    /// - [`Error::Catalogue`], [`Error::DamagedRecord`] and [`Error::Index`].
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

    /// Returns the pictures whose captions, file name or folders have the keywords, best first.
    ///
    /// # Errors
    /// [`Error::Catalogue`], [`Error::DamagedRecord`] and [`Error::Index`].
    pub fn search_keywords(&self, keywords: &Keywords, options: &SearchOptions) -> Result<Hits> {
        self.find(Scan::without_vector(options), options, |scan| {
            Ok(Ranked {
                rankings: vec![self.rank_keywords(keywords, scan)?],
                best: None,
            })
        })
    }

    /// Returns all pictures that match the filter, sorted by date: newest first unless the options say
    /// otherwise. Pictures without a date come last.
    ///
    /// # Errors
    /// [`Error::Catalogue`], [`Error::DamagedRecord`] and [`Error::Index`].
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

    /// Returns the hits of the rankings. Deepens the rankings until enough files exist and, if pictures are
    /// to be counted, until the count is known.
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
            let counted = if options.counted && !is_all {
                self.count(&scan, options)?
            } else {
                None
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

    /// How many pictures match, up to 10,000, if this is known without ranking them.
    fn count(&self, scan: &Scan<'_>, options: &SearchOptions) -> Result<Option<usize>> {
        if options.keywords.is_some() || options.within != Within::Images {
            return Ok(None);
        }
        let (values, filter) = (&scan.values, scan.filter);
        // Sorting by date compares no vectors, so the threshold doesn't apply.
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
        // Room for the query's own pictures, which are left out afterwards.
        let top_k = scan.depth + scan.own.len();
        let matches = self.index.query(IMAGES, &scan.request(top_k))?;
        let others = matches
            .into_iter()
            .filter(|found| !scan.own.contains(&found.id));
        let found = others.map(|found| (found.id, found.score));
        Ok(Ranking::Images(found.take(scan.depth).collect()))
    }

    /// Ranks pictures by their nearest caption. Captions of one picture are near each other, so the search
    /// deepens until enough pictures are found.
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

    /// Those of the pictures that match the scan's filter, as many as it needs.
    fn matching(&self, ids: Vec<String>, scan: &Scan<'_>) -> Result<Vec<String>> {
        let mut ids = match scan.filter {
            Some(filter) => self.retain_matching(ids, filter, scan.depth)?,
            None => ids,
        };
        ids.truncate(scan.depth);
        Ok(ids)
    }

    /// Keeps the pictures that match a filter: all, or at least `limit`.
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

    /// The pictures that match the scan's filter, sorted by date, as many as it needs.
    fn by_date(&self, scan: &Scan<'_>, is_newest_first: bool) -> Result<Vec<String>> {
        let page = |skipped, limit| {
            self.catalogue
                .ids_by_date(self.key(), is_newest_first, skipped, limit)
        };
        let Some(filter) = scan.filter else {
            return page(0, scan.depth);
        };
        // Few matches are sorted one by one. Of many, the first are found quickly in the index by date.
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

    /// The ranking in the requested order.
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

    /// Returns the best pictures from the offset on whose files exist, with their metadata from the engine.
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

    /// Returns the pictures with these ids. Unknown ids are left out.
    ///
    /// # Errors
    /// [`Error::Catalogue`], [`Error::DamagedRecord`] and [`Error::Index`].
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

    /// The unit vector of a query.
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

    /// A given vector, scaled to length 1.
    fn unit_vector(&self, values: &[f32]) -> Result<Vec<f32>> {
        let expected = self.model().dimension;
        if values.len() != expected {
            let found = values.len();
            return Err(Error::VectorLength { found, expected });
        }
        mixed(&[(1.0, values.to_vec())])
    }

    /// The image vector of a picture of the collection.
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

/// The weighted sum of unit vectors, scaled to length 1.
fn mixed(terms: &[(f32, Vec<f32>)]) -> Result<Vec<f32>> {
    let mut sum = vec![0.0f32; terms.first().map_or(0, |(_, vector)| vector.len())];
    for (weight, vector) in terms {
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += weight * value;
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    let weights: f32 = terms.iter().map(|(weight, _)| weight.abs()).sum();
    // Not `<=`: a length of NaN is an error too.
    if length > VANISHED * weights {
        Ok(sum.into_iter().map(|value| value / length).collect())
    } else {
        Err(Error::Vanished)
    }
}

impl Query<'_> {
    /// Whether the query needs a text model.
    fn has_words(&self) -> bool {
        match self {
            Query::Text(_) => true,
            Query::Picture(_) | Query::Like(_) | Query::Vector(_) => false,
            Query::Mix(terms) => terms.iter().any(|(_, term)| term.has_words()),
        }
    }
}

/// The rankings of a query.
struct Ranked {
    rankings: Vec<Ranking>,
    /// The best cosine, regardless of the threshold.
    best: Option<f32>,
}

/// What every ranking of a query needs.
struct Scan<'a> {
    /// The query's vector.
    values: Vec<f32>,
    /// The ids of the records that are the query itself.
    own: HashSet<String>,
    /// The maximum number of pictures to rank.
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

/// The nearest caption of each picture, best first: the picture's id, the caption's number and its cosine.
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

/// The record and the number of a caption, from its id.
fn record_of_caption(id: &str) -> Option<(&str, usize)> {
    let (record, n) = id.rsplit_once('#')?;
    Some((record, n.parse().ok()?))
}

/// Builds a hit. The location comes from the catalogue. A catalogue of another machine doesn't have it; then
/// the relative path of the metadata is used.
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
