use std::collections::VecDeque;
use std::thread;

use clip::{Model, Pixels};
use index::Vector;
use picture::{ContentHash, Limits};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::facts;
use crate::file_stamp::FileStamp;
use crate::ingest::batch::BATCH;
use crate::ingest::decoder::Decoder;
use crate::ingest::join;
use crate::ingest::report::Failure;
use crate::ingest::step_times::StepTimes;
use crate::metadata::Labels;
use crate::record::{Content, NewRecord, Record};

/// A picture and its captions as unit vectors, outside of any collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// The picture.
    pub record: Record,
    /// Its vector.
    pub image: Vec<f32>,
    /// The vectors of its captions, in their order.
    pub captions: Vec<Vec<f32>>,
}

impl Embedding {
    /// The image vector with the metadata that it would have in a collection.
    pub fn vector(&self) -> Vector {
        Vector {
            id: self.record.id.clone(),
            values: self.image.clone(),
            metadata: Labels::default().of_picture(&self.record),
            sparse_values: None,
        }
    }
}

/// Embeds pictures and their captions as their records arrive. Calls `visit` with each, in order; with a
/// failure if a picture can't be read.
///
/// Two batches are processed at once, so that no core waits for the last pictures of a batch.
///
/// # Errors
/// Those of `records`, after the records before were visited; those of `visit`; and [`Error::Clip`] if the
/// model fails.
pub fn embed<E: From<Error>>(
    model: &Model,
    records: impl IntoIterator<Item = Result<NewRecord, E>>,
    limits: &Limits,
    mut visit: impl FnMut(Result<Embedding, Failure>) -> Result<(), E>,
) -> Result<(), E> {
    let times = StepTimes::default();
    let decoder = &Decoder::new(model, limits, &times);
    let mut records = records.into_iter().fuse();
    thread::scope(|scope| {
        let mut begun = VecDeque::new();
        loop {
            let mut failed = None;
            let good = records
                .by_ref()
                .map_while(|record| record.map_err(|error| failed = Some(error)).ok());
            let batch: Vec<NewRecord> = good.take(BATCH).collect();
            let is_last = failed.is_some() || batch.len() < BATCH;
            begun.push_back(scope.spawn(move || embed_batch(model, batch, limits, decoder)));
            while begun.len() > usize::from(!is_last)
                && let Some(batch) = begun.pop_front()
            {
                join(batch)?.into_iter().try_for_each(&mut visit)?;
            }
            match failed {
                Some(error) => return Err(error),
                None if is_last => return Ok(()),
                None => {}
            }
        }
    })
}

fn embed_batch(
    model: &Model,
    batch: Vec<NewRecord>,
    limits: &Limits,
    decoder: &Decoder<'_>,
) -> Result<Vec<Result<Embedding, Failure>>> {
    let prepared: Vec<Result<(Record, Pixels), Failure>> = batch
        .into_par_iter()
        .map(|new| prepare(new, limits, decoder))
        .collect();
    let (mut outcomes, mut pixels) = (Vec::new(), Vec::new());
    for prepared in prepared {
        outcomes.push(prepared.map(|(record, image)| {
            pixels.push(image);
            record
        }));
    }
    let records: Vec<&Record> = outcomes.iter().flatten().collect();
    let captions = embed_captions(model, &records)?;
    let mut vectors = model.embed_pixels(&pixels)?.into_iter().zip(captions);
    let joined = outcomes.into_iter().filter_map(|outcome| match outcome {
        Ok(record) => vectors.next().map(|(image, captions)| {
            Ok(Embedding {
                record,
                image,
                captions,
            })
        }),
        Err(failure) => Some(Err(failure)),
    });
    Ok(joined.collect())
}

fn prepare(
    new: NewRecord,
    limits: &Limits,
    decoder: &Decoder<'_>,
) -> Result<(Record, Pixels), Failure> {
    let read = || {
        let path = new.path();
        let stamp = FileStamp::of(path).unwrap_or_default();
        let bytes = picture::read_within(path, limits)?;
        let prepared = decoder.prepare(&bytes)?;
        let content = Content {
            hash: ContentHash::of(&bytes).to_string(),
            stamp,
            width: prepared.width,
            height: prepared.height,
            colour: Some(prepared.colour),
            facts: facts::of(&bytes),
        };
        Ok((content, prepared.pixels))
    };
    match read() {
        Ok((content, pixels)) => Ok((Record::of(new, content, None), pixels)),
        Err(error) => Err(Failure::of(new.location, &error)),
    }
}

/// The caption vectors of each record.
fn embed_captions(model: &Model, records: &[&Record]) -> Result<Vec<Vec<Vec<f32>>>> {
    let texts: Vec<&str> = records
        .iter()
        .flat_map(|record| record.captions.iter().map(String::as_str))
        .collect();
    let mut vectors = model.embed_texts(&texts)?.into_iter();
    let of_record = |record: &&Record| {
        vectors
            .by_ref()
            .take(record.captions.len())
            .collect::<Vec<_>>()
    };
    Ok(records.iter().map(of_record).collect())
}
