//! The exact search: bound every score from eight bits, then compute those that may count.

use rayon::prelude::*;
use rusqlite::Connection;

use super::bitset::Bitset;
use super::quantise::{Bounds, Estimator};
use super::segment::Segment;
use super::tables;
use super::view::{Part, View};
use crate::filter::Condition;
use crate::score::Scorer;
use crate::{Metric, Result, machine};

/// How many words of 64 vectors a thread takes at a time.
const WORDS_AT_ONCE: usize = 64;
/// How many vectors ahead to ask for one: about as many as fit the time that memory takes.
const VECTORS_AHEAD: usize = 8;
/// How many vectors are scored at a time, at least.
const SCORED_AT_ONCE: usize = 32;

/// A vector that a query found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) slot: i64,
    pub(super) score: f32,
}

/// The `top_k` best vectors of `view` that fulfil `condition`, best first, equal ones by id.
pub(super) fn search(
    connection: &Connection,
    view: &View,
    query: &[f32],
    top_k: usize,
    condition: Option<&Condition>,
) -> Result<Vec<Found>> {
    let metric = view.subject.metric;
    let estimator = Estimator::new(metric, query);
    let shortlists = view
        .parts
        .iter()
        .map(|part| scan(part, &estimator, top_k, condition));
    let shortlist = shortlists
        .reduce(Shortlist::joined)
        .map_or_else(Vec::new, Shortlist::best_first);
    score(connection, metric, query, top_k, &shortlist)
}

/// A vector whose score lies within bounds.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    slot: i64,
    bounds: Bounds,
}

/// The vectors that may be among the `top_k` best of those seen so far.
#[derive(Debug)]
struct Shortlist {
    top_k: usize,
    candidates: Vec<Candidate>,
    /// How many candidates to let come together before those that have fallen out are dropped.
    limit: usize,
    /// `top_k` vectors are known to score at least this.
    threshold: f32,
}

impl Shortlist {
    fn new(top_k: usize) -> Self {
        let (limit, threshold) = (2 * top_k + 64, f32::NEG_INFINITY);
        Self {
            top_k,
            candidates: Vec::new(),
            limit,
            threshold,
        }
    }

    #[inline]
    fn offer(&mut self, slot: i64, bounds: Bounds) {
        if bounds.are_below(self.threshold) {
            return;
        }
        self.candidates.push(Candidate { slot, bounds });
        if self.candidates.len() >= self.limit {
            self.shrink();
            self.limit = self.limit.max(2 * self.candidates.len());
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

/// Bounds the scores of the vectors of `part` that fulfil `condition`.
fn scan(
    part: &Part,
    estimator: &Estimator,
    top_k: usize,
    condition: Option<&Condition>,
) -> Shortlist {
    let segment = &*part.segment;
    let mut wanted = condition.map(|condition| segment.select(condition));
    if part.has_dead() {
        wanted
            .get_or_insert_with(|| Bitset::full(segment.len()))
            .subtract(&part.dead);
    }
    let scan_words = |mut shortlist: Shortlist, first: usize| {
        let end = first + WORDS_AT_ONCE;
        match &wanted {
            Some(wanted) => offer(
                &mut shortlist,
                segment,
                estimator,
                wanted.members(first, end),
            ),
            None => {
                let ordinals = 64 * first..segment.len().min(64 * end);
                offer(&mut shortlist, segment, estimator, ordinals);
            }
        }
        shortlist
    };
    (0..segment.len().div_ceil(64 * WORDS_AT_ONCE))
        .into_par_iter()
        .map(|chunk| chunk * WORDS_AT_ONCE)
        .fold(|| Shortlist::new(top_k), scan_words)
        .reduce(|| Shortlist::new(top_k), Shortlist::joined)
}

/// Offers the vectors at `ordinals` to `shortlist`.
fn offer(
    shortlist: &mut Shortlist,
    segment: &Segment,
    estimator: &Estimator,
    ordinals: impl Iterator<Item = usize> + Clone,
) {
    let (slots, factors) = (segment.slots(), segment.factors());
    let mut ahead = ordinals.clone().skip(VECTORS_AHEAD);
    for ordinal in ordinals {
        if let Some(ahead) = ahead.next() {
            machine::prefetch(segment.codes(ahead));
        }
        let bounds = estimator.bounds(segment.codes(ordinal), &factors[ordinal]);
        shortlist.offer(slots[ordinal], bounds);
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
    let goodness = |score: f32| {
        if metric.larger_is_better() {
            score
        } else {
            -score
        }
    };
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
