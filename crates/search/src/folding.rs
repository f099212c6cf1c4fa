//! Near-duplicates of an answer, folded into one hit.
//!
//! Comparing all pictures of a collection is slow, so only those in the same part of the ranking are
//! compared. Copies and versions of a picture have nearly the same similarity and date, so they are close in
//! the ranking. The parts begin at fixed ranks. So folding depends on the ranking alone, and the pages of an
//! answer fit together.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lru::LruCache;
use picture::Limits;

use crate::collection::Collection;
use crate::duplicates::{DuplicateOptions, Look, SIGNED_EDGE};
use crate::error::Result;
use crate::file_stamp::is_gone;
use crate::fusion::Evidence;
use crate::grouping::{Relation, Vectors, group};
use crate::query::{Hit, Hits, SearchOptions};

/// The number of ranks in a part: pictures are compared within it.
const PART: usize = 128;

/// The depth of a ranking for `wanted` hits, as some of them may be folded.
pub(crate) fn whole_parts(wanted: usize) -> usize {
    (wanted / PART + 2) * PART
}

/// The maximum number of cached looks, of one or two kilobytes each.
const KEPT: NonZeroUsize = NonZeroUsize::new(16_384).expect("not 0");

/// The memory limit for decoding a picture, in bytes. Larger pictures are duplicates only of exact copies.
const MOST_MEMORY: u64 = 256 << 20;

/// A cache of the looks of recent pictures, by the hashes of their files.
#[derive(Debug)]
pub struct Looks(Mutex<LruCache<String, Arc<Look>>>);

impl Default for Looks {
    fn default() -> Looks {
        Looks(Mutex::new(LruCache::new(KEPT)))
    }
}

impl Looks {
    fn of(&self, hit: &Hit) -> Arc<Look> {
        let Some(hash) = &hit.hash else {
            return Arc::new(Look::UNKNOWN);
        };
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = lock().get(hash) {
            return Arc::clone(look);
        }
        // Decode without holding the lock.
        let look = Arc::new(look_at(hit.path()));
        lock().put(hash.clone(), Arc::clone(&look));
        look
    }
}

/// A picture of a part of the ranking.
struct Candidate<'looks> {
    rank: usize,
    hit: Hit,
    vector: Vec<f32>,
    looks: &'looks Looks,
    look: OnceLock<Arc<Look>>,
}

impl Candidate<'_> {
    fn look(&self) -> &Look {
        self.look.get_or_init(|| self.looks.of(&self.hit))
    }

    fn relation(&self, other: &Self) -> Relation {
        let hash = self.hit.hash.as_ref().filter(|hash| !hash.is_empty());
        if hash.is_some() && hash == other.hit.hash.as_ref() {
            return Relation::Same;
        }
        if self.look().is_like_whole(other.look()) {
            Relation::Unknown
        } else {
            Relation::Different
        }
    }
}

fn look_at(path: &Path) -> Look {
    let limits = Limits::default();
    match picture::read_within(path, &limits) {
        Ok(bytes) if picture::decoding_cost(&bytes, &limits, SIGNED_EDGE) <= MOST_MEMORY => {
            Look::of(&bytes, &limits)
        }
        _ => Look::UNKNOWN,
    }
}

impl Collection<'_> {
    /// The best pictures from the offset on whose files exist, each with its near-duplicates.
    pub(crate) fn folded(
        &self,
        ranked: &[(String, Evidence)],
        total: usize,
        looks: &Looks,
        best: Option<f32>,
        options: &SearchOptions,
    ) -> Result<Hits> {
        let (mut hits, mut gone, mut next) = (Vec::new(), 0, None);
        let mut start = options.offset / PART * PART;
        while next.is_none() && start < ranked.len() {
            if hits.len() == options.top_k {
                next = Some(start);
                break;
            }
            let end = (start + PART).min(ranked.len());
            let part = self.fold_part(&ranked[start..end], looks)?;
            let seen = options.offset.saturating_sub(start);
            gone += part.gone.iter().filter(|rank| **rank >= seen).count();
            for (rank, hit) in part.hits {
                if rank < seen {
                    continue;
                }
                if hits.len() == options.top_k {
                    next = Some(start + rank);
                    break;
                }
                hits.push(hit);
            }
            start = end;
        }
        Ok(Hits {
            hits,
            best,
            gone,
            total,
            // The ranking may go on beyond what was requested.
            next: next.or_else(|| (ranked.len() < total).then_some(ranked.len())),
        })
    }

    fn fold_part(&self, ranked: &[(String, Evidence)], looks: &Looks) -> Result<Part> {
        let mut ranks = (0..).zip(ranked);
        let (mut found, mut gone) = (Vec::new(), Vec::new());
        for (hit, vector) in self.hits_with_vectors(ranked.to_vec())? {
            // The hits are in the requested order, without the missing ones.
            let rank = ranks.find(|(_, (id, _))| *id == hit.id);
            let rank = rank.map_or(0, |(rank, _)| rank);
            if is_gone(hit.path()) {
                gone.push(rank);
            } else {
                found.push(Candidate {
                    rank,
                    hit,
                    vector,
                    looks,
                    look: OnceLock::new(),
                });
            }
        }
        let mut vectors = Vectors::zero(found.len(), self.model().dimension);
        for (n, candidate) in found.iter().enumerate() {
            vectors.set(n, &candidate.vector);
        }
        let threshold = DuplicateOptions::of_model(self.model()).threshold;
        let relation = |one: usize, other: usize| found[one].relation(&found[other]);
        let members = group(&vectors, threshold, relation, |_, _| {});
        let mut hits: Vec<(usize, Hit)> = Vec::new();
        // The index of each keeper's hit.
        let mut locations = vec![0; found.len()];
        for (n, (Candidate { rank, hit, .. }, member)) in found.into_iter().zip(members).enumerate()
        {
            match member {
                Some(member) => hits[locations[member.keeper]].1.folded.push(hit),
                None => {
                    locations[n] = hits.len();
                    hits.push((rank, hit));
                }
            }
        }
        Ok(Part { hits, gone })
    }
}

/// A part of a ranking.
struct Part {
    /// The hits, with their ranks in the part.
    hits: Vec<(usize, Hit)>,
    /// The ranks of pictures whose files are missing.
    gone: Vec<usize>,
}
