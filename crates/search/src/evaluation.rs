use rayon::prelude::*;
use serde::Serialize;

/// How well captions find their pictures, and pictures their captions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The number of pictures.
    pub pictures: usize,
    /// The number of captions.
    pub captions: usize,
    /// Each caption searches for its picture among all pictures.
    pub text_to_image: Recall,
    /// Each picture with captions searches for one of its own among all captions.
    pub image_to_text: Recall,
}

/// Recall at cut-offs, in percent of the queries, and the median rank of the first correct answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recall {
    /// The percentage of queries whose best hit is correct.
    pub at_1: f64,
    /// The percentage of queries with a correct hit among the best five.
    pub at_5: f64,
    /// The percentage of queries with a correct hit among the best ten.
    pub at_10: f64,
    /// The median rank of the best correct hit; 1 is perfect.
    pub median_rank: f64,
}

/// Evaluates retrieval as is usual for Flickr8k, Flickr30k and COCO (Hodosh et al. 2013, "Framing Image
/// Description as a Ranking Task").
///
/// `images` and `captions` are unit vectors of one dimension; caption `n` describes picture `picture_of[n]`.
/// A wrong answer with the same score as a correct one is ranked before it, so ties don't favour the model.
///
/// # Panics
///
/// Panics if `picture_of` contains an index outside `images`.
pub fn evaluate(images: &[Vec<f32>], captions: &[Vec<f32>], picture_of: &[usize]) -> Evaluation {
    let text_to_image: Vec<usize> = captions
        .par_iter()
        .zip(picture_of)
        .map(|(caption, &own)| rank(caption, images, |n| n == own))
        .collect();
    let mut has_captions = vec![false; images.len()];
    for &picture in picture_of {
        has_captions[picture] = true;
    }
    let image_to_text: Vec<usize> = images
        .par_iter()
        .enumerate()
        .filter(|&(n, _)| has_captions[n])
        .map(|(own, image)| rank(image, captions, |n| picture_of[n] == own))
        .collect();
    Evaluation {
        pictures: images.len(),
        captions: captions.len(),
        text_to_image: Recall::of(text_to_image),
        image_to_text: Recall::of(image_to_text),
    }
}

/// The rank, from 1, of the best correct answer among the candidates.
fn rank(query: &[f32], candidates: &[Vec<f32>], is_right: impl Fn(usize) -> bool) -> usize {
    let scores: Vec<f32> = candidates
        .iter()
        .map(|candidate| dot(query, candidate))
        .collect();
    let right = |n: &usize| is_right(*n);
    let best = (0..scores.len())
        .filter(right)
        .map(|n| scores[n])
        .fold(f32::MIN, f32::max);
    1 + (0..scores.len())
        .filter(|n| !is_right(*n) && scores[*n] >= best)
        .count()
}

/// The dot product in eight running sums, which the compiler vectorises.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

impl Recall {
    fn of(mut ranks: Vec<usize>) -> Recall {
        ranks.sort_unstable();
        let within = |limit: usize| {
            let found = ranks.partition_point(|&rank| rank <= limit);
            100.0 * found as f64 / ranks.len().max(1) as f64
        };
        Recall {
            at_1: within(1),
            at_5: within(5),
            at_10: within(10),
            median_rank: median(&ranks),
        }
    }
}

/// The median of sorted numbers; 0 if there are none.
fn median(sorted: &[usize]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[length / 2] as f64,
        length => (sorted[length / 2 - 1] + sorted[length / 2]) as f64 / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(angle: f32) -> Vec<f32> {
        vec![angle.cos(), angle.sin()]
    }

    #[test]
    fn each_finds_its_own() {
        let images = [unit(0.0), unit(1.0), unit(2.0)];
        let captions = [unit(0.1), unit(1.1), unit(0.9), unit(2.1)];
        let evaluation = evaluate(&images, &captions, &[0, 1, 1, 2]);
        assert_eq!(evaluation.text_to_image.at_1, 100.0);
        assert_eq!(evaluation.image_to_text.at_1, 100.0);
        assert_eq!(evaluation.text_to_image.median_rank, 1.0);
    }

    #[test]
    fn ranks_are_counted_from_the_best_right_answer() {
        let images = [unit(0.0), unit(1.0), unit(2.0)];
        // The caption of picture 2 equals picture 0: rank 3. That of picture 1 equals it: rank 1.
        let evaluation = evaluate(&images, &[unit(0.0), unit(1.0)], &[2, 1]);
        assert_eq!(evaluation.text_to_image.at_1, 50.0);
        assert_eq!(evaluation.text_to_image.at_5, 100.0);
        assert_eq!(evaluation.text_to_image.median_rank, 2.0);
        // Picture 0 has no caption and isn't a query.
        assert_eq!(evaluation.image_to_text.at_1, 50.0);
    }

    #[test]
    fn a_model_that_tells_nothing_apart_finds_nothing() {
        let same = vec![unit(0.5); 20];
        let own: Vec<usize> = (0..20).collect();
        let evaluation = evaluate(&same, &same, &own);
        assert_eq!(evaluation.text_to_image.at_10, 0.0);
        assert_eq!(evaluation.text_to_image.median_rank, 20.0);
    }

    #[test]
    fn the_dot_product_is_right_at_every_length() {
        for length in 0..20 {
            let a: Vec<f32> = (0..length).map(|n| n as f32).collect();
            let expected: f32 = a.iter().map(|x| x * x).sum();
            assert_eq!(dot(&a, &a), expected, "length {length}");
        }
    }
}
