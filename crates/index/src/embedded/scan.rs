//! The exact search: bound every score from four bits, those that may count from eight, then
//! compute those that still may.

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

/// How many words of 64 vectors a thread takes at a time: few enough that what was read of them
/// first is still near when it is needed again.
const WORDS_AT_ONCE: usize = 16;
/// How many vectors that follow each other are bounded at a time.
const VECTORS_AT_ONCE: usize = 8;
/// How many vectors ahead to ask for one: about as many as fit the time that memory takes.
const VECTORS_AHEAD: usize = 48;
/// Of so many vectors one must be wanted for all of them to be read. Memory is read in long runs
/// faster than in pieces.
const READ_FOR_ONE: usize = 3;
/// How many vectors are scored at a time, at least.
const SCORED_AT_ONCE: usize = 32;

/// The `top_k` best vectors of `view` that fulfil `condition`, best first, equal ones by id.
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

/// A vector whose score lies within bounds.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    slot: i64,
    bounds: Bounds,
}

/// What `top_k` vectors are known to score at least, by all threads together.
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

/// The bits of an `f32` as an integer that has the same place in their order, and the way back.
fn ordered(bits: u32) -> i32 {
    let bits = bits.cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

/// The vectors that may be among the `top_k` best of those seen so far.
#[derive(Debug)]
struct Shortlist<'a> {
    top_k: usize,
    candidates: Vec<Candidate>,
    /// How many candidates to let come together before those that have fallen out are dropped.
    limit: usize,
    /// `top_k` vectors are known to score at least this.
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

    /// How many candidates may come together before the threshold is raised: few, as it spares the
    /// scan more than it costs.
    fn more(top_k: usize) -> usize {
        16 + top_k / 8
    }

    /// Learns what other threads have found.
    fn listen(&mut self) {
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

    /// The candidates by what they may score at best.
    fn best_first(mut self) -> Vec<Candidate> {
        self.candidates
            .sort_unstable_by(|one, other| other.bounds.high.total_cmp(&one.bounds.high));
        self.candidates
    }
}

/// How many vectors of `view` fulfil `condition`.
pub(super) fn count(view: &View, condition: Option<&Condition>) -> usize {
    let counts = view.parts.iter().map(|part| {
        let all = part.segment.len();
        wanted(part, condition).map_or(all, |wanted| wanted.count(0, usize::MAX))
    });
    counts.sum()
}

/// How many vectors of `view` fulfil `condition` and score at least `least`.
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
            Reaching::default,
            |reaching, chunk| scan.count_words(reaching, chunk, least),
            Reaching::joined,
        )
    });
    let reaching = counts.fold(Reaching::default(), Reaching::joined);
    drop(busy);
    let scorer = Scorer::new(metric, query);
    let mut values = vec![0.0; query.len()];
    let mut count = reaching.surely;
    for slot in reaching.perhaps {
        tables::read_values(connection, slot, &mut values)?;
        count += usize::from(goodness(metric, scorer.score(&values)) >= least);
    }
    Ok(count)
}

/// How many vectors reach a score.
#[derive(Debug, Default)]
struct Reaching {
    surely: usize,
    /// Those whose bounds don't tell.
    perhaps: Vec<i64>,
}

impl Reaching {
    fn joined(mut self, other: Self) -> Self {
        self.surely += other.surely;
        self.perhaps.extend(other.perhaps);
        self
    }
}

/// A score as a number that is larger for what is better.
fn goodness(metric: Metric, score: f32) -> f32 {
    if metric.larger_is_better() {
        score
    } else {
        -score
    }
}

/// The slots of the vectors of `view` that fulfil `condition`, in order.
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

/// The vectors of `part` that are there and fulfil `condition`; `None` where these are all.
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

/// Bounds the scores of the vectors of `part` that fulfil `condition`.
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

/// A scan that goes on. Where there are as many as there are cores, each stays on its own thread: to wake others would only
/// cost.
struct Busy;

/// How many scans go on in this process.
static SCANS: AtomicUsize = AtomicUsize::new(0);

impl Busy {
    fn enter() -> Self {
        SCANS.fetch_add(1, Ordering::Relaxed);
        Self
    }

    /// Whether all cores have a scan.
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
    /// Parts of the segment, found once.
    coarse: &'a [Factor],
    fine: &'a [Factor],
    lengths: &'a [f64],
    estimator: &'a Estimator,
    wanted: Option<Bitset>,
}

/// A vector that the first bound did not exclude, and the product that gave it.
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

    /// Goes through the segment in chunks of [`WORDS_AT_ONCE`] words of vectors, on all cores that are free.
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

    /// Offers the wanted ones of a chunk of vectors to `shortlist`.
    fn words<'a>(&self, mut shortlist: Shortlist<'a>, chunk: usize) -> Shortlist<'a> {
        shortlist.listen();
        for survivor in self.survivors(chunk, shortlist.threshold) {
            self.offer(&mut shortlist, survivor);
        }
        shortlist
    }

    /// Counts the wanted ones of a chunk of vectors that score at least `least`.
    fn count_words(&self, mut reaching: Reaching, chunk: usize, least: f32) -> Reaching {
        for survivor in self.survivors(chunk, least) {
            match self.bounds(survivor, least) {
                Some(bounds) if bounds.low >= least => reaching.surely += 1,
                Some(_) => reaching.perhaps.push(self.segment.slots()[survivor.0]),
                None => {}
            }
        }
        reaching
    }

    /// The wanted ones of a chunk of vectors that may score `threshold`, as far as their high halves tell.
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

    /// Those of the vectors at `ordinals` that are wanted and may score `threshold`.
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
                self.survive(&mut survivors, ordinal, product, threshold);
            }
        }
        survivors
    }

    /// Those of the vectors at `ordinals`, which lie apart, that may score `threshold`.
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
            self.survive(&mut survivors, ordinal, product[0], threshold);
        }
        survivors
    }

    /// Adds a vector to `survivors` if its high halves do not exclude it.
    #[inline]
    fn survive(&self, survivors: &mut Vec<Survivor>, ordinal: usize, product: i32, threshold: f32) {
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

    /// The bounds of a vector by all its codes; `None` where they are below `threshold`.
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

    /// The vector's length; under cosine it is known without a look.
    #[inline]
    fn length(&self, ordinal: usize) -> f64 {
        if self.estimator.metric() == Metric::Cosine {
            1.0
        } else {
            self.lengths[ordinal]
        }
    }
}

/// Scores `shortlist` in order, until no more of it can be among the `top_k` best.
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
