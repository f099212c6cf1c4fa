use anyhow::Result;
use clap::{Args, Subcommand};
use clip::Scoring;
use clipseek::{
    Clipseek, DEFAULT_MODEL, Error, HubModel, LocalModel, MINI, Models, NamedModel, SHOWN_DIGITS,
};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::environment;
use crate::exit::Outcome;
use crate::output;
use crate::terminal::{FAINT, message};

/// Download, list and describe models
#[derive(Debug, Subcommand)]
#[command(after_long_help = environment::of_the_hub())]
pub(crate) enum Command {
    Pull(Pull),
    List(List),
    Info(Info),
}

/// Download or update a model from the Hugging Face hub
#[derive(Args, Debug)]
#[command(after_long_help = format!("Examples:
  clipseek model pull openai/clip-vit-base-patch32
  clipseek model pull laion/CLIP-ViT-H-14-laion2B-s32B-b79K
  clipseek model pull openai/clip-vit-large-patch14@refs/pr/15

Prints the directory of the model. An interrupted download resumes. The cache is shared with Python's \
huggingface_hub, so that nothing is downloaded twice.

{}", environment::of_the_hub()))]
pub(crate) struct Pull {
    /// OWNER/NAME or OWNER/NAME@REVISION; the revision is a branch, tag or commit
    #[arg(value_name = "ID", default_value = DEFAULT_MODEL)]
    model: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List the bundled and the downloaded models
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Describe a bundled, downloaded or local model
#[derive(Args, Debug)]
pub(crate) struct Info {
    /// `mini`, a directory, OWNER/NAME or OWNER/NAME@REVISION
    #[arg(default_value = MINI)]
    model: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command, clipseek: &Clipseek) -> Result<Outcome> {
    let models = clipseek.models();
    match command {
        Command::Pull(arguments) => pull(arguments, models),
        Command::List(arguments) => list(arguments, models),
        Command::Info(arguments) => info(arguments, models),
    }
}

fn pull(arguments: &Pull, models: &Models) -> Result<Outcome> {
    if arguments.model == MINI {
        message!("{MINI} is bundled; nothing to download");
        return Ok(Outcome::Done);
    }
    let model = HubModel::parse(&arguments.model).ok_or_else(|| Error::NotAnId {
        name: arguments.model.clone(),
    })?;
    let snapshot = models.pull(&model)?;
    output::write(None, |out| {
        if !arguments.json {
            return Ok(writeln!(out, "{}", snapshot.directory.display())?);
        }
        let files: Vec<&str> = snapshot.names().collect();
        let object = json!({
            "model": model.to_string(),
            "commit": snapshot.commit,
            "directory": snapshot.directory,
            "files": files,
        });
        serde_json::to_writer_pretty(&mut *out, &object)?;
        Ok(writeln!(out)?)
    })?;
    Ok(Outcome::Done)
}

fn list(arguments: &List, models: &Models) -> Result<Outcome> {
    let mut rows = vec![LocalModel::mini()];
    rows.extend(cached(models)?);
    if arguments.json {
        let rows: Vec<Value> = rows.iter().map(json_of).collect();
        output::write(None, |out| {
            serde_json::to_writer_pretty(&mut *out, &rows)?;
            Ok(writeln!(out)?)
        })?;
        return Ok(Outcome::Done);
    }
    let mut lines: Vec<(String, String)> = rows.iter().map(line_of).collect();
    if rows.iter().all(|row| row.name != DEFAULT_MODEL) {
        let words = "the default, not downloaded yet; to download: clipseek model pull";
        lines.push((DEFAULT_MODEL.to_owned(), words.to_owned()));
    }
    for (name, words) in [
        (
            "OWNER/NAME",
            "any other model of the Hugging Face hub, downloaded on first use",
        ),
        ("DIR", "a directory with model files"),
    ] {
        lines.push((name.to_owned(), words.to_owned()));
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    output::write_styled(None, |out| {
        for (name, words) in lines {
            writeln!(out, "{name:<width$}  {FAINT}{words}{FAINT:#}")?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// The models in the cache; none without a home directory.
fn cached(models: &Models) -> Result<Vec<LocalModel>> {
    match models.cached() {
        Err(clipseek::Error::HubSettings(error)) if matches!(*error, hub::Error::NoHome) => {
            message!("note: {error}");
            Ok(Vec::new())
        }
        cached => Ok(cached?),
    }
}

/// The line of a model in the list: its name and a description.
fn line_of(model: &LocalModel) -> (String, String) {
    let size = HumanBytes(model.size);
    let words = match &model.revision {
        None => {
            format!("bundled, {size}: small and fast, less accurate than CLIP")
        }
        Some(_) if !model.is_complete => {
            format!(
                "incomplete, {size}; to finish: clipseek model pull {}",
                model.name
            )
        }
        Some(revision) => {
            let commit = revision.snapshot.commit.get(..SHOWN_DIGITS);
            let commit = commit.unwrap_or_default();
            format!("{}, {size}, commit {commit}", model.family)
        }
    };
    (model.name.clone(), words)
}

fn json_of(model: &LocalModel) -> Value {
    let mut object = json!({
        "model": model.name,
        "source": "bundled",
        "family": model.family,
        "size": model.size,
        "complete": model.is_complete,
    });
    if let Some(revision) = &model.revision {
        object["source"] = json!("hub");
        object["commit"] = json!(revision.snapshot.commit);
        object["references"] = json!(revision.references);
        object["directory"] = json!(revision.snapshot.directory);
    }
    object
}

/// Shown for a text-only model.
const NO_PICTURES: &str =
    "none; use it as --text-model with the --model whose vector space it shares";

fn info(arguments: &Info, models: &Models) -> Result<Outcome> {
    let NamedModel {
        model, reference, ..
    } = models.load_local(&arguments.model)?;
    // Do not describe a model that no other command can use.
    model.check()?;
    let description = model.description();
    let logit_bias = match model.scoring() {
        Scoring::Sigmoid { bias, .. } => Some(bias),
        Scoring::Softmax { .. } => None,
    };
    let facts = [
        ("model", json!(reference)),
        ("family", json!(description.family)),
        ("parameters", json!(description.parameters)),
        ("dimension", json!(description.dimension)),
        ("image_size", json!(description.image_size)),
        ("context", json!(description.context)),
        (
            "logit_scale",
            // A text-only model has no logit scale.
            json!(description.image_size.map(|_| model.scoring().scale())),
        ),
        ("logit_bias", json!(logit_bias)),
        ("fingerprint", json!(model.fingerprint())),
    ];
    output::write(None, |out| {
        if arguments.json {
            let object: serde_json::Map<_, _> = facts
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            serde_json::to_writer_pretty(&mut *out, &object)?;
            return Ok(writeln!(out)?);
        }
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_null()) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "{:<12} {text}", name.replace('_', " "))?;
        }
        if description.image_size.is_none() {
            writeln!(out, "{:<12} {}", "pictures", NO_PICTURES)?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}
