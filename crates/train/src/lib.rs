//! Training of two-tower models with CLIP's contrastive loss, or SigLIP's.
//!
//! A [`Trainer`] takes a [`clip::Trainable`] and batches of pairs. Each step embeds the whole batch without a graph, takes the
//! [loss] and its gradients with respect to the vectors, and sends these back through the towers in micro-batches
//! ([GradCache, Gao et al. 2021](https://arxiv.org/abs/2101.06983)). So memory depends on the micro-batch, and the batch may
//! have tens of thousands of pairs. [`train`] runs the steps over [`Example`]s, with a [schedule](Settings), progress, and a
//! state on disk from which an interrupted run continues bit for bit.

mod augmentation;
mod error;
mod example;
pub mod loss;
mod optimizer;
mod order;
mod run;
mod settings;
mod state;
mod trainer;

pub use error::{Error, Result};
pub use example::Example;
pub use run::{Event, Finished, train};
pub use settings::Settings;
pub use trainer::{Batch, Step, Trainer, Vectors};
