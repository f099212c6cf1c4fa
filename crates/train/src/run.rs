use std::{
    fs::{self, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use clip::{Pixels, Tower, Trainable};
use picture::{Limits, Picture};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    Batch, Error, Example, Result, Settings, Step, Trainer, Vectors,
    augmentation::crop,
    order::{numbers, one_of, order},
    state::{RunIdentity, State},
};

/// What happens on the way.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins, or continues after `done` of `steps`.
    Begins {
        /// Steps that were done before.
        done: usize,
        /// Steps of the whole run.
        steps: usize,
    },
    /// Vectors of the tower that stays as it is: so many of `total` examples.
    Embedded {
        /// Examples that have their vectors.
        done: usize,
        /// All examples.
        total: usize,
    },
    /// A picture can't be read; it is left out.
    Skipped {
        /// Its file.
        file: &'a Path,
        /// Why.
        error: &'a picture::Error,
    },
    /// A step.
    Step {
        /// Its number, from 1 on.
        number: usize,
        /// Steps of the whole run.
        steps: usize,
        /// What it did.
        step: Step,
        /// Pairs in its batch.
        pairs: usize,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// All steps are done, and the folder holds the trained checkpoint.
    Whole,
    /// It was stopped. The same call continues it.
    Stopped,
}

/// How often the state is written, in steps.
const STATE_EVERY: usize = 50;

/// Trains `model` on `examples`, and writes a checkpoint into the folder `to`, of which `share` is trained and the rest as it was
/// ([`Trainable::save`]).
///
/// The folder also gets `metrics.jsonl`, a line a step, and while the run lasts its state. The same call continues from it, with
/// the same result as if it hadn't been interrupted.
///
/// # Errors
/// [`Error::TooFew`], [`Error::Setting`], [`Error::OtherRun`], [`Error::Diverged`], and those of files and of the model.
pub fn train(
    model: Trainable,
    examples: &[Example],
    settings: &Settings,
    (to, share, restart): (&Path, f64, bool),
    stop: &AtomicBool,
    mut tell: impl FnMut(Event<'_>),
) -> Result<Finished> {
    settings.check(share)?;
    Example::check(examples)?;
    let identity = RunIdentity {
        model: model.model().fingerprint().to_owned(),
        settings: settings.clone(),
        examples: hash_of(examples),
    };
    let state = State::open(to, &identity, restart)?;
    let mut trainer = Trainer::new(model, settings.clone())?;
    state.load(&mut trainer)?;
    let plan = Plan::new(examples.len(), settings);
    let steps = plan.steps();
    tell(Event::Begins {
        done: trainer.step_count(),
        steps,
    });
    let Some(fixed) = Fixed::of(&trainer, examples, settings, stop, &mut tell)? else {
        return Ok(Finished::Stopped);
    };
    let mut metrics = Metrics::open(state.path("metrics.jsonl"), trainer.step_count())?;
    while trainer.step_count() < steps {
        if stop.load(Ordering::Relaxed) {
            state.save(&mut trainer)?;
            return Ok(Finished::Stopped);
        }
        let start = Instant::now();
        let number = trainer.step_count();
        let batch = plan.batch(number, &trainer, examples, &fixed, &mut tell)?;
        let pairs = batch.keys.len();
        let learning_rate = settings.learning_rate_at(number, steps);
        if pairs < 2 {
            return Err(Error::TooFew {
                what: "readable pictures",
                found: pairs,
            });
        }
        let step = trainer.step(&batch, learning_rate)?;
        let number = number + 1;
        metrics.add(&Line {
            step: number,
            epoch: plan.epoch(number - 1) + 1,
            loss: step.loss,
            learning_rate,
            gradient: step.gradient,
            scale: step.scale,
            pairs,
            seconds: start.elapsed().as_secs_f64(),
        })?;
        tell(Event::Step {
            number,
            steps,
            step,
            pairs,
        });
        if number % STATE_EVERY == 0 {
            state.save(&mut trainer)?;
        }
    }
    state.save(&mut trainer)?;
    trainer.model().save(to, share)?;
    Ok(Finished::Whole)
}

fn hash_of(examples: &[Example]) -> String {
    let mut hasher = DefaultHasher::new();
    for example in examples {
        example.file.hash(&mut hasher);
        example.captions.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Which examples are in which step.
struct Plan {
    examples: usize,
    settings: Settings,
    batch: usize,
}

impl Plan {
    fn new(examples: usize, settings: &Settings) -> Self {
        Self {
            examples,
            settings: settings.clone(),
            batch: settings.batch.min(examples),
        }
    }

    /// Steps of an epoch: what is left over comes in another place in the next one.
    fn steps_of_epoch(&self) -> usize {
        (self.examples / self.batch).max(1)
    }

    fn steps(&self) -> usize {
        self.settings.epochs * self.steps_of_epoch()
    }

    fn epoch(&self, step: usize) -> usize {
        step / self.steps_of_epoch()
    }

    fn batch(
        &self,
        step: usize,
        trainer: &Trainer,
        examples: &[Example],
        fixed: &Fixed,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<Batch> {
        let epoch = self.epoch(step);
        let start = step % self.steps_of_epoch() * self.batch;
        let order = order(self.settings.seed, epoch, self.examples);
        let chosen = &order[start..start + self.batch];
        let drawn = chosen.par_iter().map(|&at| {
            let mut numbers = numbers(self.settings.seed, epoch, Some(at));
            let example = &examples[at];
            let caption = one_of(example.captions.len(), &mut numbers);
            let picture = match fixed {
                Fixed::Pictures(_) => Ok(None),
                _ => pixels(trainer, example, &self.settings, &mut numbers).map(Some),
            };
            (at, caption, picture)
        });
        let drawn: Vec<_> = drawn.collect();
        let (mut seen, mut read, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (at, caption, picture) in drawn {
            match picture {
                // Said when it was embedded.
                Ok(None) if matches!(fixed, Fixed::Pictures(known) if known[at].is_empty()) => {}
                Ok(pixels) => {
                    seen.extend(pixels);
                    read.push((at, caption));
                    let text = &examples[at].captions[caption];
                    keys.push((at as u64, Example::key(text)));
                }
                // It fails in each epoch.
                Err(error) if epoch == 0 => tell(Event::Skipped {
                    file: &examples[at].file,
                    error: &error,
                }),
                Err(_) => {}
            }
        }
        let pictures = match fixed {
            Fixed::Pictures(vectors) => {
                let own = read.iter().map(|&(at, _)| vectors[at].clone());
                Vectors::Fixed(own.collect())
            }
            _ => Vectors::Trained(seen),
        };
        let texts = match fixed {
            Fixed::Texts(vectors) => {
                let own = read
                    .iter()
                    .map(|&(at, caption)| vectors[at][caption].clone());
                Vectors::Fixed(own.collect())
            }
            _ => {
                let texts = read.iter().map(|&(at, caption)| {
                    let text = examples[at].captions[caption].trim();
                    trainer.model().model().tokenize(text)
                });
                Vectors::Trained(texts.collect::<clip::Result<_>>()?)
            }
        };
        Ok(Batch {
            pictures,
            texts,
            keys,
        })
    }
}

/// A picture as the vision tower takes it, cropped at random.
fn pixels(
    trainer: &Trainer,
    example: &Example,
    settings: &Settings,
    numbers: &mut impl rand::Rng,
) -> picture::Result<Pixels> {
    let limits = Limits::default();
    let model = trainer.model().model();
    let bytes = picture::read_within(&example.file, &limits)?;
    let side = model.useful_side();
    let reduced = Picture::decode_reduced(&bytes, &limits, side)?;
    Ok(match crop(&reduced.picture, settings.least_crop, numbers) {
        Some(part) => model.preprocess(&part),
        None => model.preprocess_reduced(&reduced),
    })
}

/// Vectors of the tower that stays as it is, by example.
enum Fixed {
    None,
    /// Whole pictures, not cropped; empty where one can't be read.
    Pictures(Vec<Vec<f32>>),
    /// One for each caption.
    Texts(Vec<Vec<Vec<f32>>>),
}

/// Examples whose vectors are computed at a time.
const AT_ONCE: usize = 64;

impl Fixed {
    /// `None` if it was stopped.
    fn of(
        trainer: &Trainer,
        examples: &[Example],
        settings: &Settings,
        stop: &AtomicBool,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<Option<Self>> {
        let Some(tower) = settings.lock else {
            return Ok(Some(Self::None));
        };
        let model = trainer.model().model();
        let (mut pictures, mut texts) = (Vec::new(), Vec::new());
        for part in examples.chunks(AT_ONCE) {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            match tower {
                Tower::Vision => {
                    pictures.extend(embed_whole(trainer, part, tell)?);
                }
                Tower::Text => {
                    for example in part {
                        let captions: Vec<&str> =
                            example.captions.iter().map(String::as_str).collect();
                        texts.push(model.embed_texts(&captions)?);
                    }
                }
            }
            tell(Event::Embedded {
                done: pictures.len().max(texts.len()),
                total: examples.len(),
            });
        }
        Ok(Some(match tower {
            Tower::Vision => Self::Pictures(pictures),
            Tower::Text => Self::Texts(texts),
        }))
    }
}

/// The vectors of whole pictures; empty where one can't be read.
fn embed_whole(
    trainer: &Trainer,
    examples: &[Example],
    tell: &mut impl FnMut(Event<'_>),
) -> Result<Vec<Vec<f32>>> {
    let (model, limits) = (trainer.model().model(), Limits::default());
    let prepared = examples.par_iter().map(|example| {
        let bytes = picture::read_within(&example.file, &limits)?;
        Ok(model.prepare(&bytes, &limits)?.pixels)
    });
    let prepared: Vec<picture::Result<Pixels>> = prepared.collect();
    let mut vectors = vec![Vec::new(); examples.len()];
    let (mut readable, mut places) = (Vec::new(), Vec::new());
    for (place, prepared) in prepared.into_iter().enumerate() {
        match prepared {
            Ok(pixels) => {
                readable.push(pixels);
                places.push(place);
            }
            Err(error) => tell(Event::Skipped {
                file: &examples[place].file,
                error: &error,
            }),
        }
    }
    for (place, vector) in places.into_iter().zip(model.embed_pixels(&readable)?) {
        vectors[place] = vector;
    }
    Ok(vectors)
}

/// A line of `metrics.jsonl`.
#[derive(Serialize)]
struct Line {
    step: usize,
    epoch: usize,
    loss: f64,
    learning_rate: f64,
    gradient: f64,
    scale: f32,
    pairs: usize,
    seconds: f64,
}

struct Metrics {
    path: PathBuf,
    file: fs::File,
}

impl Metrics {
    /// Opens the file, and drops lines of steps that will be done again.
    fn open(path: PathBuf, done: usize) -> Result<Self> {
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        let before = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(failed(source)),
        };
        let is_kept = |line: &&str| {
            let line: Option<serde_json::Value> = serde_json::from_str(line).ok();
            let step = line.and_then(|line| line["step"].as_u64());
            step.is_some_and(|step| step <= done as u64)
        };
        let kept: String = before
            .split_inclusive('\n')
            .filter(|line| is_kept(&line.trim_end()))
            .collect();
        fs::write(&path, kept).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        Ok(Self { path, file })
    }

    fn add(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(line).unwrap_or_default();
        writeln!(self.file, "{text}").map_err(|source| Error::File {
            path: self.path.clone(),
            source,
        })
    }
}
