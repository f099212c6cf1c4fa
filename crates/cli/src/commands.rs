//! The commands, one file each.

pub(crate) mod add;
pub(crate) mod browse;
pub(crate) mod check;
pub(crate) mod classify;
pub(crate) mod collection;
pub(crate) mod completions;
pub(crate) mod dataset;
pub(crate) mod demo;
pub(crate) mod download;
pub(crate) mod duplicates;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod forget;
pub(crate) mod index;
pub(crate) mod man;
pub(crate) mod merge;
pub(crate) mod model;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod train;

use anyhow::Result;
use clipseek::Clipseek;

use crate::arguments::{Arguments, Command};
use crate::exit::Outcome;
use crate::settings::settings;

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> Result<Outcome> {
    let clipseek = Clipseek::new(settings(arguments.location.store)?);
    match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments, &clipseek),
        Command::Add(arguments) => add::run(&arguments, &clipseek),
        Command::Search(arguments) => search::run(&arguments, &clipseek),
        Command::Classify(arguments) => classify::run(&arguments, &clipseek),
        Command::Dataset(command) => dataset::run(&command, &clipseek),
        Command::Download(arguments) => download::run(&arguments, &clipseek),
        Command::Browse(arguments) => browse::run(&arguments, clipseek),
        Command::Serve(arguments) => serve::run(&arguments, clipseek),
        Command::Embed(arguments) => embed::run(&arguments, &clipseek),
        Command::Eval(arguments) => eval::run(&arguments, &clipseek),
        Command::Train(arguments) => train::run(&arguments, &clipseek),
        Command::Collection(command) => collection::run(&command, &clipseek),
        Command::Index(arguments) => index::run(arguments, &clipseek),
        Command::Model(command) => model::run(&command, &clipseek),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
