//! The commands, one file each.

pub(crate) mod add;
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

use std::path::{Path, PathBuf};

use ::search::Store;
use anyhow::Result;

use crate::arguments::{Arguments, Command, StoreArguments};
use crate::engines::store_settings;
use crate::environment;
use crate::error::Error;
use crate::exit::Outcome;
use crate::terminal::message;

/// Runs the command that was asked for.
pub(crate) fn run(arguments: Arguments) -> Result<Outcome> {
    let place = arguments.place;
    match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments, &place),
        Command::Add(arguments) => add::run(&arguments, &place),
        Command::Search(arguments) => search::run(&arguments, &place),
        Command::Classify(arguments) => classify::run(&arguments),
        Command::Dataset(command) => dataset::run(&command),
        Command::Download(arguments) => download::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments, &place),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Collection(command) => collection::run(command, &place),
        Command::Index(arguments) => index::run(arguments, &place),
        Command::Model(command) => model::run(command),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

impl StoreArguments {
    fn directory(&self) -> Result<PathBuf, Error> {
        match &self.store {
            Some(directory) => Ok(directory.clone()),
            None => environment::data_directory().ok_or(Error::NoHome),
        }
    }

    /// Opens the store, made if it is not there.
    fn open(&self) -> Result<Store> {
        Self::open_at(&self.directory()?)
    }

    /// Opens the store to look at what is in it: none is made of a mistyped name.
    fn open_existing(&self) -> Result<Store> {
        let directory = self.directory()?;
        match Store::is_at(&directory) || directory.is_file() {
            // What is a file is no store, which opening it says.
            true => Self::open_at(&directory),
            false => Err(Error::NoCollections { store: directory }.into()),
        }
    }

    fn open_at(directory: &Path) -> Result<Store> {
        let store = Store::open_with(directory, store_settings())?;
        if let Some(notice) = store.engine().notice() {
            message!("note: {notice}");
        }
        Ok(store)
    }
}
