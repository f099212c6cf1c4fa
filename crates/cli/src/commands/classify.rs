use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use clip::{LabelScore, Template, ZeroShot};
use dataset::Record;
use serde::Serialize;

use crate::error::Error;
use crate::exit::Outcome;
use crate::models::ModelArguments;
use crate::output;
use crate::sources::SourceArguments;
use crate::terminal::{FAINT, STRONG, visible};

/// Say what pictures show, among labels of your choice (zero-shot classification)
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek classify rex.jpg --labels dog,car,plane --model mini
  clipseek classify ~/Photos --labels \"a person,an animal,a landscape\" --template \"a photo of {}\" --format jsonl

Each label is put into the template; the probabilities are the softmax of the cosines by the model's scale.")]
pub(crate) struct Arguments {
    /// Picture files, folders or tables
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,

    /// What the pictures may show
    #[arg(
        short,
        long,
        required = true,
        value_delimiter = ',',
        value_name = "LABEL,…"
    )]
    labels: Vec<String>,

    /// The sentence that a label is put into
    #[arg(short, long, default_value = "a photo of a {}")]
    template: String,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    reading: SourceArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The labels of each picture, most probable first
    Table,
    /// One JSON list
    Json,
    /// A JSON object a picture, a line each
    Jsonl,
}

/// What a picture shows.
#[derive(Serialize)]
struct Classified {
    image: String,
    labels: Vec<Label>,
}

#[derive(Serialize)]
struct Label {
    label: String,
    probability: f32,
    similarity: f32,
}

impl From<LabelScore> for Label {
    fn from(score: LabelScore) -> Label {
        let LabelScore {
            label,
            similarity,
            probability,
        } = score;
        Label {
            label,
            probability,
            similarity,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let template = Template::new(&arguments.template)?;
    let listing = arguments.reading.read(&arguments.pictures)?;
    let model = arguments.model.load()?.model;
    let labels = arguments.labels()?;
    let classifier = ZeroShot::new(&model, &labels, &template)?;
    let mut all = Vec::new();
    let without_captions = |record| Record {
        captions: Vec::new(),
        ..record
    };
    let records = listing.records.into_iter().map(without_captions).collect();
    let failed = arguments.reading.embed_all(&model, records, |embedding| {
        let labels = classifier
            .classify(&embedding.image)
            .into_iter()
            .map(Label::from)
            .collect();
        all.push(Classified {
            image: embedding.record.place,
            labels,
        });
        Ok(())
    })?;
    output::write_styled(None, |out| match arguments.format {
        Format::Table => table(&all, out),
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &all)?;
            Ok(writeln!(out)?)
        }
        Format::Jsonl => all.iter().try_for_each(|it| {
            serde_json::to_writer(&mut *out, it)?;
            Ok(writeln!(out)?)
        }),
    })?;
    Ok(Outcome::of(failed == 0 && listing.problems.is_empty()))
}

impl Arguments {
    /// The labels, each of which says something that no other says.
    fn labels(&self) -> Result<Vec<String>, Error> {
        let mut labels: Vec<String> = Vec::new();
        for label in self.labels.iter().map(|label| label.trim().to_owned()) {
            let fault = match label.as_str() {
                "" => Some("is empty"),
                _ => labels.contains(&label).then_some("is there twice"),
            };
            match fault {
                Some(fault) => return Err(Error::Label { label, fault }),
                None => labels.push(label),
            }
        }
        Ok(labels)
    }
}

/// Labels shown for a picture in the table.
const SHOWN: usize = 5;

fn table(all: &[Classified], out: &mut dyn Write) -> Result<()> {
    for it in all {
        writeln!(out, "{}", visible(&it.image))?;
        for (n, label) in it.labels.iter().take(SHOWN).enumerate() {
            let style = if n == 0 { STRONG } else { FAINT };
            let (percent, name) = (100.0 * label.probability, visible(&label.label));
            writeln!(out, "  {style}{percent:>5.1} %  {name}{style:#}")?;
        }
    }
    Ok(())
}
