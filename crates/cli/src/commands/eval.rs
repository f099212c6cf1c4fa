use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use clipseek::{Clipseek, NamedModel, check_captions, evaluate};
use search::{Evaluation, Recall};
use serde::Serialize;

use crate::exit::Outcome;
use crate::model_arguments::ModelArguments;
use crate::output;
use crate::progress;
use crate::sources::{Readings, SourceArguments};
use crate::terminal::count;

/// Measure retrieval quality on pictures with captions
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  clipseek eval flickr8k/dev.tsv --model mini
  clipseek eval captions.parquet --model ./clip-vit-b32 --format json

Prints recall at 1, 5 and 10 in percent and the median rank of the right result, as in Hodosh et al. (2013). Each \
caption searches for its picture among all pictures, and each picture for any of its captions.")]
pub(crate) struct Arguments {
    /// Table of pictures and captions
    source: PathBuf,

    /// Print the result in this format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    reading: SourceArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Human-readable columns
    Table,
    /// One JSON object
    Json,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let (source, reading) = (&arguments.source, &arguments.reading);
    let Readings {
        listing,
        is_complete,
    } = reading.read(clipseek, std::slice::from_ref(source))?;
    check_captions(source, &listing)?;
    let model = clipseek.models().load(&arguments.model.choice())?;
    let bar = progress::bar(listing.file_count() as usize, "embedding");
    let skipped = reading.skipped();
    let (evaluation, failed) = evaluate(&model.model, source, &listing, |failure| {
        bar.inc(1);
        if let Some(failure) = failure {
            skipped.add_picture(&bar, failure);
        }
    })?;
    bar.finish_and_clear();
    skipped.finish();
    output::write(None, |out| match arguments.format {
        Format::Table => table(&evaluation, &model.name(), out),
        Format::Json => json(&evaluation, &model, out),
    })?;
    Ok(Outcome::of(failed == 0 && is_complete))
}

fn table(evaluation: &Evaluation, model: &str, out: &mut dyn Write) -> Result<()> {
    let size = (evaluation.pictures, evaluation.captions);
    writeln!(
        out,
        "{}, {}, model {model}",
        count(size.0, "picture"),
        count(size.1, "caption")
    )?;
    writeln!(
        out,
        "{:<15}{:>7}{:>7}{:>7}{:>13}",
        "", "R@1", "R@5", "R@10", "median rank"
    )?;
    for (name, recall) in [
        ("text to image", &evaluation.text_to_image),
        ("image to text", &evaluation.image_to_text),
    ] {
        let Recall {
            at_1,
            at_5,
            at_10,
            median_rank,
        } = recall;
        writeln!(
            out,
            "{name:<15}{at_1:>7.1}{at_5:>7.1}{at_10:>7.1}{median_rank:>13}"
        )?;
    }
    Ok(())
}

fn json(evaluation: &Evaluation, model: &NamedModel, out: &mut dyn Write) -> Result<()> {
    #[derive(Serialize)]
    struct Report<'a> {
        model: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        text_model: Option<&'a str>,
        #[serde(flatten)]
        evaluation: &'a Evaluation,
    }
    let report = Report {
        model: &model.reference,
        text_model: model.text_reference.as_deref(),
        evaluation,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    Ok(writeln!(out)?)
}
