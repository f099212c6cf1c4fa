use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use clip::Template;
use clipseek::{Classified, Classifier, Clipseek, check_labels};

use crate::error::Error;
use crate::exit::Outcome;
use crate::model_arguments::ModelArguments;
use crate::output;
use crate::picture_argument;
use crate::progress;
use crate::required_group::one_of;
use crate::sources::{Readings, SourceArguments};
use crate::terminal::{FAINT, STRONG, visible};

/// Classify pictures with labels of your choice (zero-shot)
#[derive(Args, Debug)]
#[command(group = one_of("what", ["labels", "labels_file"]))]
#[command(after_long_help = "Examples:
  clipseek classify rex.jpg --labels dog,car,plane --model mini
  clipseek classify https://example.org/rex.jpg --labels dog,car --model mini
  clipseek classify ~/Photos --labels indoors,outdoors --template \"a photo taken {}\"
  clipseek classify ~/Photos --labels-file birds.txt --templates photo.txt

Each label is inserted into the template. With several templates, their embeddings are averaged. \
Probabilities are the softmax of the cosine similarities times the model's logit scale, and add up to 1. SigLIP \
models give each label an independent probability. The table shows the five best labels, JSON shows all.")]
pub(crate) struct Arguments {
    /// Picture files, folders, tables or URLs to classify; `-` is standard input
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,

    /// Choose between these labels
    #[arg(short, long, value_delimiter = ',', value_name = "LABEL,…")]
    labels: Vec<String>,

    /// Read more labels from this file, one per line
    #[arg(long, value_name = "FILE")]
    labels_file: Option<PathBuf>,

    /// Insert each label into this template [default: "a photo of a {}"]
    ///
    /// May be repeated: the embeddings of all templates are averaged.
    #[arg(short, long)]
    template: Vec<String>,

    /// Read templates from this file, one per line
    ///
    /// Lines that begin with # are comments.
    #[arg(long, value_name = "FILE")]
    templates: Option<PathBuf>,

    /// Print results in this format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    reading: SourceArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The five most probable labels of each picture
    Table,
    /// One JSON array
    Json,
    /// One JSON object per picture and line
    Jsonl,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let (templates, labels) = (arguments.templates()?, arguments.labels()?);
    let (sources, received) = picture_argument::pictures(clipseek, &arguments.pictures)?;
    let reading = &arguments.reading;
    let Readings {
        listing,
        is_complete,
    } = reading.read(clipseek, &sources)?;
    let model = clipseek.models().load(&arguments.model.choice())?.model;
    let classifier = Classifier::new(&model, &labels, &templates)?;
    let pictures = received.iter().map(|picture| classifier.picture(picture));
    let mut all = pictures.collect::<clipseek::Result<Vec<Classified>>>()?;
    let bar = progress::bar(listing.file_count() as usize, "embedding");
    let skipped = reading.skipped();
    let visit = |classified| {
        bar.inc(1);
        all.push(classified);
    };
    let failed = classifier.listing(&listing, visit, |failure| {
        bar.inc(1);
        skipped.add_picture(&bar, failure);
    })?;
    bar.finish_and_clear();
    skipped.finish();
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
    Ok(Outcome::of(failed == 0 && is_complete))
}

impl Arguments {
    /// The labels, which must be distinct and not empty.
    fn labels(&self) -> Result<Vec<String>> {
        let mut given = self.labels.clone();
        if let Some(file) = &self.labels_file {
            let lines = read(file)?;
            let lines = lines.strip_prefix('\u{feff}').unwrap_or(&lines).lines();
            let lines = lines.filter(|line| !line.trim().is_empty());
            given.extend(lines.map(str::to_owned));
            if given.is_empty() {
                return Err(clip::Error::NoLabels.into());
            }
        }
        Ok(check_labels(&given)?)
    }

    fn templates(&self) -> Result<Vec<Template>> {
        let given = self.template.iter().map(|template| Template::new(template));
        let mut templates: Vec<Template> = given.collect::<Result<_, _>>()?;
        if let Some(file) = &self.templates {
            let list = Template::list(&read(file)?);
            templates.extend(
                list.with_context(|| {
                    format!("could not use the templates in `{}`", file.display())
                })?,
            );
        }
        if templates.is_empty() {
            templates.push(Template::default());
        }
        Ok(templates)
    }
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|source| Error::Read {
        path: file.to_path_buf(),
        source,
    })
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
