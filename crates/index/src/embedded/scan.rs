//! The exact search. Bounds every score from four bits, the promising ones from eight, and computes those
//! that may still be among the best.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use rayon::prelude::*;
use rusqlite::Connection;

use super::bitset::Bitset;
use super::found::Found;
use super::quantise::{Bounds, Estimator, Factor};
use super::segment::Segment;
use super::tables;
use super::view::{Part, View};
use crate::filter::Condition;
use crate::score::Scorer;
use crate::{Metric, Result, machine};

/// Words of 64 vectors that a thread handles at a time: few enough that their data stay in the cache.
const WORDS_AT_ONCE: usize = 16;
/// Consecutive vectors bounded at a time.
const VECTORS_AT_ONCE: usize = 8;
/// How many vectors ahead to prefetch: about as many as are handled during a memory access.
const VECTORS_AHEAD: usize = 48;
/// Read consecutive vectors as a whole if at least one in this many is wanted. Sequential reads are faster
/// than scattered ones.
const READ_FOR_ONE: usize = 3;
/// The minimum number of vectors scored at a time.
const SCORED_AT_ONCE: usize = 32;

/// The `top_k` best vectors of `view` that match `condition`, best first, equal scores sorted by id.
pub(super) fn search(
    connection: &Connection,
    view: &View,
    query: &[f32],
    top_k: usize,
    condition: Option<&Condition>,
) -> Result<Vec<Found>> {
    let metric = view.subject.metric;
    let busy = Busy::enter();
    let estimator = Estimator::new(metric, query);
    let threshold = Threshold::new();
    let shortlists = view
        .parts
        .iter()
        .map(|part| scan(part, &estimator, top_k, condition, &threshold, &busy));
    let shortlist = shortlists
        .reduce(Shortlist::joined)
        .map_or_else(Vec::new, Shortlist::best_first);
    drop(busy);
    score(connection, metric, query, top_k, &shortlist)
}

/// A vector with bounds of its score.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    slot: i64,
    bounds: Bounds,
}

/// The minimum score of the `top_k` best vectors, as all threads together know it.
#[derive(Debug)]
struct Threshold(AtomicI32);

impl Threshold {
    fn new() -> Self {
        Self(AtomicI32::new(ordered(f32::NEG_INFINITY.to_bits())))
    }

    fn get(&self) -> f32 {
        f32::from_bits(ordered(self.0.load(Ordering::Relaxed).cast_unsigned()).cast_unsigned())
    }

    fn raise(&self, threshold: f32) {
        self.0
            .fetch_max(ordered(threshold.to_bits()), Ordering::Relaxed);
    }
}

/// Maps the bits of an `f32` to an integer that sorts the same, and back.
fn ordered(bits: u32) -> i32 {
    let bits = bits.cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

/// The vectors that may be among the `top_k` best so far.
#[derive(Debug)]
struct Shortlist<'a> {
    top_k: usize,
    candidates: Vec<Candidate>,
    /// How many candidates to collect before excluded ones are dropped.
    limit: usize,
    /// At least `top_k` vectors have this score or a better one.
    threshold: f32,
    shared: &'a Threshold,
}

impl<'a> Shortlist<'a> {
    fn new(top_k: usize, shared: &'a Threshold) -> Self {
        Self {
            top_k,
            candidates: Vec::new(),
            limit: top_k + Self::more(top_k),
            threshold: shared.get(),
            shared,
        }
    }

    /// How many candidates to collect before raising the threshold. Few: a high threshold saves more work
    /// than it costs.
    fn more(top_k: usize) -> usize {
        16 + top_k / 8
    }

    /// Takes over the threshold of other threads.
    fn update_threshold(&mut self) {
        self.threshold = self.threshold.max(self.shared.get());
    }

    #[inline]
    fn offer(&mut self, slot: i64, bounds: Bounds) {
        if bounds.are_below(self.threshold) {
            return;
        }
        self.candidates.push(Candidate { slot, bounds });
        if self.candidates.len() >= self.limit {
            self.shrink();
            self.limit = self.candidates.len() + Self::more(self.top_k);
        }
    }

    fn shrink(&mut self) {
        if self.candidates.len() <= self.top_k {
            return;
        }
        let mut lows: Vec<_> = self.candidates.iter().map(|each| each.bounds.low).collect();
        let (_, last, _) =
            lows.select_nth_unstable_by(self.top_k - 1, |one, other| other.total_cmp(one));
        self.threshold = self.threshold.max(*last);
        self.shared.raise(self.threshold);
        let threshold = self.threshold;
        self.candidates
            .retain(|each| !each.bounds.are_below(threshold));
    }

    fn joined(mut self, other: Self) -> Self {
        self.threshold = self.threshold.max(other.threshold);
        self.candidates.extend(other.candidates);
        self.shrink();
        self
    }

    /// The candidates, sorted by the upper ends of their bounds.
    fn best_first(mut self) -> Vec<Candidate> {
        self.candidates
            .sort_unstable_by(|one, other| other.bounds.high.total_cmp(&one.bounds.high));
        self.candidates
    }
}

/// The number of vectors of `view` that match `condition`.
pub(super) fn count(view: &View, condition: Option<&Condition>) -> usize {
    let counts = view.parts.iter().map(|part| {
        let all = part.segment.len();
        wanted(part, condition).map_or(all, |wanted| wanted.count(0, usize::MAX))
    });
    counts.sum()
}

/// The number of vectors of `view` that match `condition` and score at least `least`.
pub(super) fn count_scoring(
    connection: &Connection,
    view: &View,
    query: &[f32],
    least: f32,
    condition: Option<&Condition>,
) -> Result<usize> {
    let metric = view.subject.metric;
    let estimator = Estimator::new(metric, query);
    let least = goodness(metric, least);
    let busy = Busy::enter();
    let counts = view.parts.iter().map(|part| {
        let scan = Scan::of(part, &estimator, condition);
        scan.over_chunks(
            &busy,
            ScoreCount::default,
            |counted, chunk| scan.count_words(counted, chunk, least),
            ScoreCount::joined,
        )
    });
    let counted = counts.fold(ScoreCount::default(), ScoreCount::joined);
    drop(busy);
    let scorer = Scorer::new(metric, query);
    let mut values = vec![0.0; query.len()];
    let mut count = counted.surely;
    for slot in counted.perhaps {
        tables::read_values(connection, slot, &mut values)?;
        count += usize::from(goodness(metric, scorer.score(&values)) >= least);
    }
    Ok(count)
}

/// The number of vectors that reach a score.
#[derive(Debug, Default)]
struct ScoreCount {
    surely: usize,
    /// The vectors whose bounds don't decide.
    perhaps: Vec<i64>,
}

impl ScoreCount {
    fn joined(mut self, other: Self) -> Self {
        self.surely += other.surely;
        self.perhaps.extend(other.perhaps);
        self
    }
}

/// A score for which larger is better, whatever the metric.
fn goodness(metric: Metric, score: f32) -> f32 {
    if metric.larger_is_better() {
        score
    } else {
        -score
    }
}

/// The slots of the vectors of `view` that match `condition`, ascending.
pub(super) fn slots(view: &View, condition: &Condition) -> Vec<i64> {
    let mut found = Vec::new();
    for part in &view.parts {
        let (segment, slots) = (&part.segment, part.segment.slots());
        match wanted(part, Some(condition)) {
            Some(wanted) => {
                let members = wanted.members(0, segment.len().div_ceil(64));
                found.extend(members.map(|ordinal| slots[ordinal]));
            }
            None => found.extend(slots),
        }
    }
    found
}

/// The live vectors of `part` that match `condition`; `None` stands for all.
fn wanted(part: &Part, condition: Option<&Condition>) -> Option<Bitset> {
    let segment = &*part.segment;
    let mut wanted = condition.map(|condition| segment.select(condition));
    if part.has_dead() {
        wanted
            .get_or_insert_with(|| Bitset::full(segment.len()))
            .subtract(&part.dead);
    }
    wanted
}

/// Bounds the scores of the vectors of `part` that match `condition`.
fn scan<'a>(
    part: &Part,
    estimator: &Estimator,
    top_k: usize,
    condition: Option<&Condition>,
    threshold: &'a Threshold,
    busy: &Busy,
) -> Shortlist<'a> {
    let scan = Scan::of(part, estimator, condition);
    scan.over_chunks(
        busy,
        || Shortlist::new(top_k, threshold),
        |shortlist, chunk| scan.words(shortlist, chunk),
        Shortlist::joined,
    )
}

/// Marks a running scan. With at least as many scans as cores, each stays on its own thread, as waking others
/// would only cost time.
struct Busy;

/// The number of running scans in this process.
static SCANS: AtomicUsize = AtomicUsize::new(0);

impl Busy {
    fn enter() -> Self {
        SCANS.fetch_add(1, Ordering::Relaxed);
        Self
    }

    /// Whether every core has a scan.
    fn are_all(&self) -> bool {
        SCANS.load(Ordering::Relaxed) >= rayon::current_num_threads()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        SCANS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A search through one segment.
struct Scan<'a> {
    segment: &'a Segment,
    /// Parts of the segment, located once.
    coarse: &'a [Factor],
    fine: &'a [Factor],
    lengths: &'a [f64],
    estimator: &'a Estimator,
    wanted: Option<Bitset>,
}

/// A vector that the first bound didn't exclude, and the product of that bound.
type Survivor = (usize, i32);

impl<'s> Scan<'s> {
    fn of(part: &'s Part, estimator: &'s Estimator, condition: Option<&Condition>) -> Self {
        let segment = &*part.segment;
        Scan {
            segment,
            coarse: segment.coarse(),
            fine: segment.fine(),
            lengths: segment.lengths(),
            estimator,
            wanted: wanted(part, condition),
        }
    }

    /// Processes the segment in chunks of [`WORDS_AT_ONCE`] words of vectors, on all free cores.
    fn over_chunks<T: Send>(
        &self,
        busy: &Busy,
        nothing: impl Fn() -> T + Sync + Send,
        and_chunk: impl Fn(T, usize) -> T + Sync + Send,
        joined: impl Fn(T, T) -> T + Sync + Send,
    ) -> T {
        let chunks = 0..self.segment.len().div_ceil(64 * WORDS_AT_ONCE);
        if busy.are_all() {
            return chunks.fold(nothing(), and_chunk);
        }
        let parts = chunks.into_par_iter().fold(&nothing, and_chunk);
        parts.reduce(&nothing, joined)
    }

    /// Offers the wanted vectors of a chunk to `shortlist`.
    fn words<'a>(&self, mut shortlist: Shortlist<'a>, chunk: usize) -> Shortlist<'a> {
        shortlist.update_threshold();
        for survivor in self.survivors(chunk, shortlist.threshold) {
            self.offer(&mut shortlist, survivor);
        }
        shortlist
    }

    /// Counts the wanted vectors of a chunk that score at least `least`.
    fn count_words(&self, mut counted: ScoreCount, chunk: usize, least: f32) -> ScoreCount {
        for survivor in self.survivors(chunk, least) {
            match self.bounds(survivor, least) {
                Some(bounds) if bounds.low >= least => counted.surely += 1,
                Some(_) => counted.perhaps.push(self.segment.slots()[survivor.0]),
                None => {}
            }
        }
        counted
    }

    /// The wanted vectors of a chunk that may score `threshold`, judging by their high halves.
    fn survivors(&self, chunk: usize, threshold: f32) -> Vec<Survivor> {
        let first = chunk * WORDS_AT_ONCE;
        let end = first + WORDS_AT_ONCE;
        let ordinals = 64 * first..self.segment.len().min(64 * end);
        match &self.wanted {
            None => self.all(ordinals, threshold, |_| true),
            Some(wanted) if READ_FOR_ONE * wanted.count(first, end) >= ordinals.len() => {
                self.all(ordinals, threshold, |ordinal| wanted.contains(ordinal))
            }
            Some(wanted) => self.each(wanted.members(first, end), threshold),
        }
    }

    /// The wanted vectors at consecutive `ordinals` that may score `threshold`.
    fn all(
        &self,
        ordinals: std::ops::Range<usize>,
        threshold: f32,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Vec<Survivor> {
        let (segment, count) = (self.segment, self.segment.len());
        let mut survivors = Vec::new();
        for first in ordinals.clone().step_by(VECTORS_AT_ONCE) {
            let ahead = (first + VECTORS_AHEAD).min(count);
            let ahead = ahead..(ahead + VECTORS_AT_ONCE).min(count);
            machine::prefetch(bytemuck::cast_slice(&self.coarse[ahead.clone()]));
            machine::prefetch(segment.high(ahead));
            let group = first..(first + VECTORS_AT_ONCE).min(ordinals.end);
            let mut products = [0; VECTORS_AT_ONCE];
            self.estimator
                .products(segment.high(group.clone()), &mut products);
            let rough = match <&[Factor; VECTORS_AT_ONCE]>::try_from(&self.coarse[group.clone()]) {
                Ok(factors) => self.estimator.rough_highs(&products, factors),
                Err(_) => [f32::INFINITY; VECTORS_AT_ONCE],
            };
            for ((ordinal, product), high) in group.zip(products).zip(rough) {
                if high < threshold || !is_wanted(ordinal) {
                    continue;
                }
                self.keep_unless_excluded(&mut survivors, ordinal, product, threshold);
            }
        }
        survivors
    }

    /// The vectors at scattered `ordinals` that may score `threshold`.
    fn each(&self, ordinals: impl Iterator<Item = usize> + Clone, threshold: f32) -> Vec<Survivor> {
        let row = |ordinal| self.segment.high(ordinal..ordinal + 1);
        let mut survivors = Vec::new();
        let mut ahead = ordinals.clone();
        ahead
            .by_ref()
            .take(VECTORS_AHEAD)
            .for_each(|ordinal| machine::prefetch(row(ordinal)));
        for ordinal in ordinals {
            if let Some(ahead) = ahead.next() {
                machine::prefetch(row(ahead));
            }
            let mut product = [0];
            self.estimator.products(row(ordinal), &mut product);
            self.keep_unless_excluded(&mut survivors, ordinal, product[0], threshold);
        }
        survivors
    }

    /// Adds a vector to `survivors` unless its high halves exclude it.
    #[inline]
    fn keep_unless_excluded(
        &self,
        survivors: &mut Vec<Survivor>,
        ordinal: usize,
        product: i32,
        threshold: f32,
    ) {
        let (factor, length) = (&self.coarse[ordinal], self.length(ordinal));
        let bounds = self.estimator.first_bounds(product, factor, length);
        if !bounds.are_below(threshold) {
            machine::prefetch(bytemuck::bytes_of(&self.fine[ordinal]));
            machine::prefetch(self.segment.low(ordinal..ordinal + 1));
            survivors.push((ordinal, product));
        }
    }

    fn offer(&self, shortlist: &mut Shortlist<'_>, survivor: Survivor) {
        if let Some(bounds) = self.bounds(survivor, shortlist.threshold) {
            shortlist.offer(self.segment.slots()[survivor.0], bounds);
        }
    }

    /// The bounds of a vector from all its codes; `None` if they are below `threshold`.
    fn bounds(&self, (ordinal, product): Survivor, threshold: f32) -> Option<Bounds> {
        let segment = self.segment;
        let low = segment.low(ordinal..ordinal + 1);
        let (factor, length) = (&self.fine[ordinal], self.length(ordinal));
        let bounds = self.estimator.second_bounds(product, low, factor, length);
        if bounds.are_below(threshold) {
            return None;
        }
        let high = segment.high(ordinal..ordinal + 1);
        let bounds = self
            .estimator
            .last_bounds(product, high, low, factor, length);
        (!bounds.are_below(threshold)).then_some(bounds)
    }

    /// The vector's length. Under cosine it's 1, without a memory access.
    #[inline]
    fn length(&self, ordinal: usize) -> f64 {
        if self.estimator.metric() == Metric::Cosine {
            1.0
        } else {
            self.lengths[ordinal]
        }
    }
}

/// Scores `shortlist` in order, until the rest can't be among the `top_k` best.
fn score(
    connection: &Connection,
    metric: Metric,
    query: &[f32],
    top_k: usize,
    shortlist: &[Candidate],
) -> Result<Vec<Found>> {
    let scorer = Scorer::new(metric, query);
    let goodness = |score| goodness(metric, score);
    let mut values = vec![0.0; query.len()];
    let mut best: Vec<Found> = Vec::new();
    let mut rest = shortlist;
    while let Some(next) = rest.first() {
        let is_full = best.len() == top_k;
        if is_full
            && best
                .last()
                .is_some_and(|last| next.bounds.are_below(goodness(last.score)))
        {
            break;
        }
        let (batch, others) = rest.split_at(rest.len().min(SCORED_AT_ONCE.max(top_k / 4)));
        rest = others;
        let mut slots: Vec<_> = batch.iter().map(|candidate| candidate.slot).collect();
        slots.sort_unstable();
        for slot in slots {
            let id = tables::read_values(connection, slot, &mut values)?;
            best.push(Found {
                id,
                slot,
                score: scorer.score(&values),
            });
        }
        best.sort_unstable_by(|one, other| {
            let by_score = goodness(other.score).total_cmp(&goodness(one.score));
            by_score.then_with(|| one.id.cmp(&other.id))
        });
        best.truncate(top_k);
    }
    Ok(best)
}
