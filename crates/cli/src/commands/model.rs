use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::exit::Outcome;
use crate::models::{DEFAULT, MINI, NamedModel};
use crate::output;
use crate::terminal::FAINT;

/// List and describe models
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the models that can be used
    List,
    /// Describe a model
    Info(Info),
}

#[derive(Args, Debug)]
pub(crate) struct Info {
    /// `mini` or a directory in Hugging Face form
    #[arg(default_value = MINI)]
    model: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command) -> Result<Outcome> {
    match command {
        Command::List => list(),
        Command::Info(arguments) => info(&arguments),
    }
}

fn list() -> Result<Outcome> {
    output::write_styled(None, |out| {
        for (name, words) in [
            (
                MINI,
                "bundled: small and fast, for trying clipseek out; not as good as CLIP",
            ),
            (
                "DIR",
                "a directory with a CLIP checkpoint in Hugging Face form",
            ),
            (
                DEFAULT,
                "the default; this version cannot download it: give its files' DIR",
            ),
        ] {
            writeln!(out, "{name:<30}  {FAINT}{words}{FAINT:#}")?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// Said of a model of texts alone.
const NO_PICTURES: &str = "none: give it as --text-model beside the --model whose space it shares";

fn info(arguments: &Info) -> Result<Outcome> {
    let NamedModel {
        model, reference, ..
    } = NamedModel::load(&arguments.model)?;
    let description = model.description();
    let facts = [
        ("model", json!(reference)),
        ("family", json!(description.family)),
        ("parameters", json!(description.parameters)),
        ("dimension", json!(description.dimension)),
        ("image_size", json!(description.image_size)),
        ("context", json!(description.context)),
        (
            "logit_scale",
            // A model of texts alone has learned none.
            json!(description.image_size.map(|_| model.scoring().scale())),
        ),
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
        if description.image_size.is_none() {
            writeln!(out, "{:<12} {}", "pictures", NO_PICTURES)?;
        }
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_null()) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "{:<12} {text}", name.replace('_', " "))?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}
