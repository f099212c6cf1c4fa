//! Fuses rankings of different kinds by reciprocal rank fusion (Cormack, Clarke and Büttcher 2009,
//! "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods").
//!
//! Cosines of words with pictures and of words with words have different ranges, and BM25 has none. Added up,
//! one kind would drown the others. Ranks can be added: each ranking gives a picture 1 / (60 + rank).

use std::collections::HashMap;

use serde::Serialize;

/// The paper's constant: how slowly the weight of a rank falls.
const K: f64 = 60.0;

/// The scores of a picture. A field is `None` if its ranking wasn't requested or didn't find the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Evidence {
    /// The sum of its reciprocal ranks.
    pub(crate) score: f64,
    /// The cosine of its image vector.
    pub(crate) image: Option<f32>,
    /// The number of its nearest caption, and its cosine.
    pub(crate) caption: Option<(usize, f32)>,
    /// Its rank among the pictures with the keywords.
    pub(crate) keywords: Option<usize>,
}

/// Pictures ranked by one kind of score, best first.
pub(crate) enum Ranking {
    /// By the cosines of their image vectors.
    Images(Vec<(String, f32)>),
    /// By the cosines of their nearest captions, each with its number.
    Captions(Vec<(String, usize, f32)>),
    /// By keyword match.
    Keywords(Vec<String>),
    /// By date, which isn't a measure of similarity.
    Dates(Vec<String>),
}

impl Ranking {
    /// The best cosine of the ranking.
    pub(crate) fn best(&self) -> Option<f32> {
        match self {
            Ranking::Images(found) => found.first().map(|(_, cosine)| *cosine),
            Ranking::Captions(found) => found.first().map(|(_, _, cosine)| *cosine),
            Ranking::Keywords(_) | Ranking::Dates(_) => None,
        }
    }

    /// The number of ranked pictures.
    pub(crate) fn len(&self) -> usize {
        match self {
            Ranking::Images(found) => found.len(),
            Ranking::Captions(found) => found.len(),
            Ranking::Keywords(found) | Ranking::Dates(found) => found.len(),
        }
    }

    /// Removes pictures less similar than `threshold`. Keywords have no similarity.
    pub(crate) fn cut(&mut self, threshold: f32) {
        match self {
            Ranking::Images(found) => found.retain(|(_, cosine)| *cosine >= threshold),
            Ranking::Captions(found) => found.retain(|(_, _, cosine)| *cosine >= threshold),
            Ranking::Keywords(_) | Ranking::Dates(_) => {}
        }
    }
}

/// The pictures of all rankings, best first. A single ranking keeps its order. Equal scores are sorted by id.
pub(crate) fn fuse(rankings: Vec<Ranking>) -> Vec<(String, Evidence)> {
    let mut pictures = Pictures::default();
    for ranking in rankings {
        match ranking {
            Ranking::Images(found) => {
                for (rank, (id, cosine)) in (1..).zip(found) {
                    pictures.at(id, rank).image = Some(cosine);
                }
            }
            Ranking::Captions(found) => {
                for (rank, (id, n, cosine)) in (1..).zip(found) {
                    pictures.at(id, rank).caption = Some((n, cosine));
                }
            }
            Ranking::Keywords(found) => {
                for (rank, id) in (1..).zip(found) {
                    pictures.at(id, rank).keywords = Some(rank);
                }
            }
            Ranking::Dates(found) => {
                for (rank, id) in (1..).zip(found) {
                    pictures.at(id, rank);
                }
            }
        }
    }
    let mut all: Vec<(String, Evidence)> = pictures.0.into_iter().collect();
    all.sort_by(|(a, x), (b, y)| y.score.total_cmp(&x.score).then_with(|| a.cmp(b)));
    all
}

#[derive(Default)]
struct Pictures(HashMap<String, Evidence>);

impl Pictures {
    /// The evidence for a picture that a ranking has at `rank`.
    fn at(&mut self, id: String, rank: usize) -> &mut Evidence {
        let evidence = self.0.entry(id).or_default();
        evidence.score += 1.0 / (K + rank as f64);
        evidence
    }
}

/// The caption nearest to a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaptionMatch {
    /// The caption.
    pub text: String,
    /// The cosine of the query's vector and the caption's.
    pub similarity: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(ids: &[&str]) -> Ranking {
        Ranking::Images(ids.iter().map(|id| ((*id).to_owned(), 0.5)).collect())
    }

    fn keywords(ids: &[&str]) -> Ranking {
        Ranking::Keywords(ids.iter().map(|&id| id.to_owned()).collect())
    }

    fn order(rankings: Vec<Ranking>) -> Vec<String> {
        fuse(rankings).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn one_ranking_stays_in_its_order() {
        assert_eq!(order(vec![images(&["c", "a", "b"])]), ["c", "a", "b"]);
        assert!(order(vec![]).is_empty());
    }

    #[test]
    fn what_several_rankings_have_comes_first() {
        let fused = fuse(vec![images(&["a", "b", "c"]), keywords(&["d", "c"])]);
        let ids: Vec<&str> = fused.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "d", "b"]);
        let c = &fused[0].1;
        assert!((c.score - (1.0 / 63.0 + 1.0 / 62.0)).abs() < 1e-12);
        assert_eq!((c.image, c.keywords), (Some(0.5), Some(2)));
        assert_eq!((fused[2].1.image, fused[2].1.keywords), (None, Some(1)));
    }

    #[test]
    fn a_threshold_is_for_cosines() {
        let mut ranking = Ranking::Captions(vec![("a".into(), 0, 0.9), ("b".into(), 1, 0.2)]);
        assert_eq!(ranking.best(), Some(0.9));
        ranking.cut(0.5);
        assert!(matches!(&ranking, Ranking::Captions(found) if found.len() == 1));
        let mut ranking = keywords(&["a"]);
        ranking.cut(0.5);
        assert!(matches!(&ranking, Ranking::Keywords(found) if found.len() == 1));
    }
}
