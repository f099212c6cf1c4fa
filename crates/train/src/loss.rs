//! The two losses, and their gradients with respect to the vectors.
//!
//! Both are computed in blocks of rows, so that memory grows with the batch and not with its square. Gradients are written
//! out; the tests compare them with PyTorch's.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::Result;

/// Rows of logits that are computed at a time.
const BLOCK: usize = 512;

/// Pairs of unit vectors, and what the model makes of their cosines.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// Vectors of the pictures: (pairs, dimension), in the CPU's memory.
    pub images: &'a Tensor,
    /// Vectors of their texts: (pairs, dimension).
    pub texts: &'a Tensor,
    /// For each pair a number of its picture, and one of its text. Of two pairs with the same picture or the same text,
    /// neither is a negative of the other.
    pub keys: &'a [(u64, u64)],
    /// What cosines are multiplied by.
    pub scale: f32,
}

/// A loss and its gradients.
#[derive(Debug)]
pub struct Gradients {
    /// The loss.
    pub loss: f64,
    /// With respect to the pictures' vectors: (pairs, dimension).
    pub images: Tensor,
    /// With respect to the texts' vectors.
    pub texts: Tensor,
    /// With respect to the scale.
    pub scale: f64,
    /// With respect to the bias; 0 for [`contrastive`].
    pub bias: f64,
}

/// CLIP's loss: the mean of two cross-entropies, of each picture among all texts and of each text among all pictures
/// ([Radford et al. 2021](https://arxiv.org/abs/2103.00020), figure 3).
///
/// # Errors
/// When the tensors are not of one shape.
pub fn contrastive(pairs: &Pairs<'_>) -> Result<Gradients> {
    let count = pairs.keys.len();
    let mut sums = Gathered::new(pairs)?;
    let mut rows = vec![0.0_f64; count];
    let mut columns = vec![LogSum::default(); count];
    let mut own = vec![0.0_f64; count];
    pairs.blocks(|start, logits| {
        let block = logits.len() / count;
        let sums = rows[start..start + block].par_iter_mut();
        sums.zip(logits.par_chunks(count)).for_each(|(sum, row)| {
            let mut total = LogSum::default();
            row.iter().for_each(|&logit| total.add(logit));
            *sum = total.value();
        });
        columns
            .par_iter_mut()
            .enumerate()
            .for_each(|(column, sum)| {
                let logits = logits.iter().skip(column).step_by(count);
                logits.for_each(|&logit| sum.add(logit));
            });
        for (row, logits) in logits.chunks(count).enumerate() {
            own[start + row] = f64::from(logits[start + row]);
        }
        Ok(())
    })?;
    let columns: Vec<f64> = columns.iter().map(LogSum::value).collect();
    let share = 0.5 / count as f64;
    sums.loss = (0..count)
        .map(|pair| share * (rows[pair] + columns[pair] - 2.0 * own[pair]))
        .sum();
    pairs.blocks(|start, logits| {
        let mut gradients = logits.to_vec();
        gradients
            .par_chunks_mut(count)
            .enumerate()
            .for_each(|(row, gradients)| {
                let sum = rows[start + row];
                for (gradient, column) in gradients.iter_mut().zip(&columns) {
                    let logit = f64::from(*gradient);
                    *gradient = (share * ((logit - sum).exp() + (logit - column).exp())) as f32;
                }
                gradients[start + row] -= (2.0 * share) as f32;
            });
        sums.add(start, logits, gradients)
    })?;
    sums.into_gradients()
}

/// SigLIP's loss: each pair of a picture and a text is told from the others by itself, by a sigmoid of the scaled cosine plus
/// `bias` ([Zhai et al. 2023](https://arxiv.org/abs/2303.15343), algorithm 1).
///
/// # Errors
/// When the tensors are not of one shape.
pub fn sigmoid(pairs: &Pairs<'_>, bias: f32) -> Result<Gradients> {
    let count = pairs.keys.len();
    let share = 1.0 / count as f64;
    let mut sums = Gathered::new(pairs)?;
    pairs.blocks(|start, logits| {
        let mut gradients = logits.to_vec();
        let losses = gradients
            .par_chunks_mut(count)
            .enumerate()
            .map(|(row, gradients)| {
                let mut loss = 0.0;
                for (column, gradient) in gradients.iter_mut().enumerate() {
                    let sign = if column == start + row { 1.0 } else { -1.0 };
                    let wrong = -sign * (f64::from(*gradient) + f64::from(bias));
                    loss += wrong.max(0.0) + (-wrong.abs()).exp().ln_1p();
                    *gradient = (-sign * share / (1.0 + (-wrong).exp())) as f32;
                }
                loss
            });
        let losses: Vec<f64> = losses.collect();
        sums.loss += share * losses.iter().sum::<f64>();
        sums.bias += gradients.iter().map(|&it| f64::from(it)).sum::<f64>();
        sums.add(start, logits, gradients)
    })?;
    sums.into_gradients()
}

impl Pairs<'_> {
    /// Calls `visit` for each block of rows, with the number of its first and its logits row by row. Those of pairs that are no
    /// negatives of each other are minus infinity.
    fn blocks(&self, mut visit: impl FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        let count = self.keys.len();
        let texts = self.texts.t()?;
        for start in (0..count).step_by(BLOCK) {
            let rows = BLOCK.min(count - start);
            let cosines = self.images.narrow(0, start, rows)?.matmul(&texts)?;
            let mut logits = cosines.flatten_all()?.to_vec1::<f32>()?;
            logits
                .par_chunks_mut(count)
                .enumerate()
                .for_each(|(row, logits)| {
                    let own = self.keys[start + row];
                    for (column, (logit, other)) in logits.iter_mut().zip(self.keys).enumerate() {
                        let is_alike = own.0 == other.0 || own.1 == other.1;
                        *logit = if is_alike && column != start + row {
                            f32::NEG_INFINITY
                        } else {
                            *logit * self.scale
                        };
                    }
                });
            visit(start, &logits)?;
        }
        Ok(())
    }
}

/// The logarithm of a sum of powers, taken one by one.
#[derive(Clone, Copy)]
struct LogSum {
    greatest: f64,
    /// Of powers of what is above the greatest.
    sum: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self {
            greatest: f64::NEG_INFINITY,
            sum: 0.0,
        }
    }
}

impl LogSum {
    fn add(&mut self, logit: f32) {
        let logit = f64::from(logit);
        if logit > self.greatest {
            self.sum = self.sum * (self.greatest - logit).exp() + 1.0;
            self.greatest = logit;
        } else if logit > f64::NEG_INFINITY {
            self.sum += (logit - self.greatest).exp();
        } else if logit.is_nan() {
            self.sum = f64::NAN;
        }
    }

    fn value(&self) -> f64 {
        self.greatest + self.sum.ln()
    }
}

/// Gradients as blocks add to them.
struct Gathered<'a> {
    pairs: &'a Pairs<'a>,
    loss: f64,
    images: Vec<Tensor>,
    texts: Tensor,
    scale: f64,
    bias: f64,
}

impl<'a> Gathered<'a> {
    fn new(pairs: &'a Pairs<'a>) -> Result<Self> {
        Ok(Self {
            pairs,
            loss: 0.0,
            images: Vec::new(),
            texts: pairs.texts.zeros_like()?,
            scale: 0.0,
            bias: 0.0,
        })
    }

    /// Adds what follows from the gradients with respect to the logits of rows from `start` on.
    fn add(&mut self, start: usize, logits: &[f32], gradients: Vec<f32>) -> Result<()> {
        let count = self.pairs.keys.len();
        let products = logits.iter().zip(&gradients);
        let seen = products.filter(|(logit, _)| logit.is_finite());
        let sum: f64 = seen
            .map(|(&logit, &gradient)| f64::from(logit) * f64::from(gradient))
            .sum();
        self.scale += sum / f64::from(self.pairs.scale);
        let rows = gradients.len() / count;
        let gradients = Tensor::from_vec(gradients, (rows, count), &Device::Cpu)?;
        let gradients = (gradients * f64::from(self.pairs.scale))?;
        self.images.push(gradients.matmul(self.pairs.texts)?);
        let images = self.pairs.images.narrow(0, start, rows)?;
        self.texts = (&self.texts + gradients.t()?.matmul(&images)?)?;
        Ok(())
    }

    fn into_gradients(self) -> Result<Gradients> {
        Ok(Gradients {
            loss: self.loss,
            images: Tensor::cat(&self.images, 0)?,
            texts: self.texts,
            scale: self.scale,
            bias: self.bias,
        })
    }
}
