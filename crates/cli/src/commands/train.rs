use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use clip::{Checkpoint, Model};
use clipseek::train::{Event, Finished, Settings, train};
use clipseek::{Clipseek, ModelChoice, check_captions, evaluate, examples};
use dataset::Listing;
use indicatif::ProgressBar;
use search::Evaluation;

use crate::exit::Outcome;
use crate::interrupt;
use crate::model_arguments::DeviceChoice;
use crate::output;
use crate::progress;
use crate::sources::{Readings, SkippedReport, SourceArguments};
use crate::terminal::{count, message, visible};

/// Fine-tune a model on your own pictures and captions
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  clipseek train products.csv --model openai/clip-vit-base-patch32 --to ./shop-clip
  clipseek train products.csv --model ./clip --to ./tuned --lock vision --learning-rate 1e-4
  clipseek train train.tsv --model ./clip --to ./tuned --wise-ft 0.5 --validate dev.tsv
  clipseek add products.csv --model ./shop-clip --collection shop

Output:
  DIR gets a checkpoint that clipseek, transformers and open_clip load, and metrics.jsonl with a line per step. Ctrl-C or a \
crash loses at most 50 steps: the same command resumes and ends with the same weights as without the interruption.

Training:
  Each picture is compared with all captions of its batch, and each caption with all pictures (Radford et al. 2021); SigLIP \
models use a sigmoid loss. A larger --batch teaches more per step and takes hardly more memory, which grows with \
--micro-batch. Equal pictures or captions in a batch don't count against each other.

  Fine-tuning makes a model better on your pictures and worse on others. --lock, a small --learning-rate and --wise-ft keep \
it general.")]
pub(crate) struct Arguments {
    /// Table of pictures and captions
    source: PathBuf,

    /// Start from this model: a directory or OWNER/NAME
    #[arg(short, long, value_name = "MODEL")]
    model: Option<String>,

    /// Write the trained model to this directory
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Measure recall on this table before and after training
    #[arg(long, value_name = "SOURCE")]
    validate: Option<PathBuf>,

    /// Compute on this device
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,

    /// Start again, even if DIR holds an unfinished run
    #[arg(long)]
    restart: bool,

    #[command(flatten)]
    training: TrainingArguments,

    #[command(flatten)]
    reading: SourceArguments,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Training options")]
struct TrainingArguments {
    /// Train on each picture this many times
    #[arg(long, value_name = "N", default_value_t = Settings::default().epochs)]
    epochs: usize,

    /// Compare this many pairs with each other in a step
    #[arg(long, value_name = "PAIRS", default_value_t = Settings::default().batch)]
    batch: usize,

    /// Compute this many pairs at a time
    ///
    /// Memory use grows with it.
    #[arg(long, value_name = "PAIRS", default_value_t = Settings::default().micro_batch, hide_short_help = true)]
    micro_batch: usize,

    /// Set the learning rate after warm-up
    #[arg(long, value_name = "RATE", default_value = "1e-5")]
    learning_rate: f64,

    /// Set the weight decay of AdamW
    #[arg(long, value_name = "DECAY", default_value_t = Settings::default().weight_decay, hide_short_help = true)]
    weight_decay: f64,

    /// Warm up the learning rate during this fraction of the steps
    #[arg(long, value_name = "FRACTION", default_value_t = Settings::default().warm_up, hide_short_help = true)]
    warm_up: f64,

    /// Keep at least this fraction of a picture in random crops
    ///
    /// 1 disables cropping.
    #[arg(long, value_name = "FRACTION", default_value_t = Settings::default().least_crop, hide_short_help = true)]
    least_crop: f64,

    /// Freeze this tower and train only the other
    #[arg(long, value_enum)]
    lock: Option<Tower>,

    /// Mix this share of trained weights with the original ones
    ///
    /// 1 uses only trained weights, 0.5 the average.
    #[arg(long, value_name = "ALPHA", default_value_t = 1.0)]
    wise_ft: f64,

    /// Seed the random numbers
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tower {
    /// The image tower
    Vision,
    /// The text tower
    Text,
}

impl TrainingArguments {
    fn settings(&self) -> Settings {
        Settings {
            epochs: self.epochs,
            batch: self.batch,
            micro_batch: self.micro_batch,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            warm_up: self.warm_up,
            least_crop: self.least_crop,
            lock: self.lock.map(|tower| match tower {
                Tower::Vision => clip::Tower::Vision,
                Tower::Text => clip::Tower::Text,
            }),
            seed: self.seed,
            ..Settings::default()
        }
    }
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let (reading, training) = (&arguments.reading, &arguments.training);
    let settings = training.settings();
    settings.check(training.wise_ft)?;
    let Readings {
        listing,
        is_complete,
    } = reading.read(clipseek, std::slice::from_ref(&arguments.source))?;
    let examples = examples(&arguments.source, &listing)?;
    let validation = match &arguments.validate {
        Some(source) => Some(Validation::read(source, reading, clipseek)?),
        None => None,
    };
    let model = clipseek.models().load(&ModelChoice {
        model: arguments.model.clone(),
        device: arguments.device.device(),
        ..ModelChoice::default()
    })?;
    model.model.check_trainable()?;
    let before = match &validation {
        Some(validation) => Some(validation.measure(&model.model)?),
        None => None,
    };
    let model = clip::Trainable::new(model.model)?;
    let stop = interrupt::flag()?;
    let mut display = Display::new(reading);
    let run = (arguments.to.as_path(), training.wise_ft, arguments.restart);
    let finished = train(model, &examples, &settings, run, stop, |event| {
        display.show(&event);
    });
    display.finish();
    if finished? == Finished::Stopped {
        message!("stopped; run the same command to resume");
        return Ok(Outcome::Interrupted);
    }
    message!("{}", display.summary(&arguments.to));
    if let (Some(validation), Some(before)) = (&validation, before) {
        let after = Model::load(Checkpoint::open(&arguments.to)?)?;
        compare(&before, &validation.measure(&after)?)?;
    }
    Ok(Outcome::of(is_complete && display.skipped_count == 0))
}

/// Pictures and captions to measure a model on.
struct Validation {
    source: PathBuf,
    listing: Listing,
}

impl Validation {
    fn read(source: &Path, reading: &SourceArguments, clipseek: &Clipseek) -> Result<Validation> {
        let sources = [source.to_owned()];
        let Readings { listing, .. } = reading.read(clipseek, &sources)?;
        check_captions(source, &listing)?;
        let [source] = sources;
        Ok(Validation { source, listing })
    }

    fn measure(&self, model: &Model) -> Result<Evaluation> {
        let bar = progress::bar(self.listing.file_count() as usize, "measuring");
        let measured = evaluate(model, &self.source, &self.listing, |_| bar.inc(1));
        bar.finish_and_clear();
        Ok(measured?.0)
    }
}

fn compare(before: &Evaluation, after: &Evaluation) -> Result<()> {
    let rows = [
        ("text to image", &before.text_to_image, &after.text_to_image),
        ("image to text", &before.image_to_text, &after.image_to_text),
    ];
    output::write(None, |out| {
        writeln!(out, "{:<15}{:>16}{:>16}{:>16}", "", "R@1", "R@5", "R@10")?;
        for (name, before, after) in rows {
            let cell = |before: f64, after: f64| format!("{before:.1} → {after:.1}");
            let (one, five) = (cell(before.at_1, after.at_1), cell(before.at_5, after.at_5));
            let ten = cell(before.at_10, after.at_10);
            writeln!(out, "{name:<15}{one:>16}{five:>16}{ten:>16}")?;
        }
        Ok(())
    })
}

/// The progress of a training run.
struct Display {
    bar: ProgressBar,
    skipped: SkippedReport,
    skipped_count: usize,
    first_loss: Option<f64>,
    last_loss: f64,
    steps: usize,
}

impl Display {
    fn new(reading: &SourceArguments) -> Display {
        Display {
            bar: ProgressBar::hidden(),
            skipped: reading.skipped(),
            skipped_count: 0,
            first_loss: None,
            last_loss: f64::NAN,
            steps: 0,
        }
    }

    fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Begins { done, steps } => {
                if *done > 0 {
                    message!("resuming after step {done} of {steps}");
                }
                self.bar = progress::bar(*steps, "training");
                self.bar.set_position(*done as u64);
                self.bar.reset_eta();
            }
            Event::Embedded { done, total } => {
                self.bar.set_message(format!("embedding {done} of {total}"));
                self.bar.tick();
            }
            Event::Skipped { file, error } => {
                self.skipped_count += 1;
                let line = format!("{}: {error}", visible(&file.to_string_lossy()));
                self.skipped.add(&self.bar, &line);
            }
            Event::Step { number, step, .. } => {
                self.first_loss.get_or_insert(step.loss);
                self.last_loss = step.loss;
                self.steps = *number;
                let loss = step.loss;
                self.bar.set_message(format!("training, loss {loss:.3}"));
                self.bar.set_position(*number as u64);
            }
            _ => {}
        }
    }

    fn finish(&mut self) {
        self.bar.finish_and_clear();
        self.skipped.finish();
    }

    fn summary(&self, to: &Path) -> impl fmt::Display {
        let to = to.display();
        match self.first_loss {
            Some(first) => format!(
                "trained {}: loss {first:.3} → {:.3}; the model is in {to}",
                count(self.steps, "step"),
                self.last_loss
            ),
            None => format!("nothing left to train; the model is in {to}"),
        }
    }
}
