//! The `clipseek` command: find pictures with words or with another picture.

mod add_display;
mod add_report;
mod arguments;
mod collection_argument;
mod commands;
mod download_arguments;
mod engine_arguments;
mod environment;
mod error;
mod exit;
mod filter_arguments;
mod graphics;
mod interrupt;
mod listener;
mod model_arguments;
mod output;
mod panics;
mod picture_argument;
mod progress;
mod pull_display;
mod render;
mod required_group;
mod settings;
mod sources;
mod terminal;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Arguments;

fn main() -> ExitCode {
    picture::decoder_process::serve_if_asked();
    let matches = Arguments::command().try_get_matches();
    let matches = matches.unwrap_or_else(|error| arguments::refuse(&error));
    arguments::refuse_empty_names(&matches);
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match panics::guard(|| commands::run(arguments)) {
        Ok(outcome) => outcome.into(),
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::print_error(&error);
            exit::FAILURE.into()
        }
    }
}
