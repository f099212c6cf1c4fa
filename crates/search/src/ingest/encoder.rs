//! Computes the vectors of batches.

use std::sync::mpsc::{Receiver, SyncSender};

use clip::Model;

use super::batch::{Batch, Change, Image};
use super::step_times::{Step, StepTimes};
use crate::error::Result;

/// Embeds the pixels and captions of the batches.
pub(crate) fn embed_all(
    model: &Model,
    batches: &Receiver<Batch>,
    embedded: &SyncSender<Batch>,
    times: &StepTimes,
) -> Result<()> {
    for mut batch in batches {
        times.on(Step::Encoding, || embed(model, &mut batch.changed))?;
        if embedded.send(batch).is_err() {
            // The receiver has failed and reports why.
            break;
        }
    }
    Ok(())
}

fn embed(model: &Model, changed: &mut [Change]) -> Result<()> {
    let (mut pictures, mut pixels) = (Vec::new(), Vec::new());
    let (mut without, mut texts) = (Vec::new(), Vec::new());
    for it in changed {
        match std::mem::replace(&mut it.image, Image::Vector(Vec::new())) {
            Image::Pixels(taken) => {
                pixels.push(taken);
                pictures.push(&mut it.image);
            }
            known => it.image = known,
        }
        if it.captions.is_none() {
            without.push((&mut it.captions, it.record.captions.len()));
            texts.extend(it.record.captions.iter().map(String::as_str));
        }
    }
    for (image, values) in pictures.into_iter().zip(model.embed_pixels(&pixels)?) {
        *image = Image::Vector(values);
    }
    let mut embedded = model.embed_texts(&texts)?.into_iter();
    for (captions, count) in without {
        *captions = Some(embedded.by_ref().take(count).collect());
    }
    Ok(())
}
