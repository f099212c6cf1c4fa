use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, Parser, Subcommand};

use crate::commands;
use crate::environment;
use crate::exit;
use crate::terminal::{HINT, message};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Find pictures with words or with another picture.
#[derive(Debug, Parser)]
#[command(
    name = "clipseek",
    version,
    styles = STYLES,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = format!("Examples:
  clipseek demo                                         try it, offline
  clipseek add ~/Photos --model mini                    index a folder
  clipseek search \"a dog on the beach\"                  find pictures with words
  clipseek search --image beach.jpg --to found.html     or with a picture, as a page
  clipseek add ~/Photos --collection better             with CLIP, which is downloaded first
  clipseek download urls.tsv --to pictures              fetch the pictures of a list of URLs

{}

`clipseek model pull --help` lists the variables for the Hugging Face hub, \
`clipseek index --help` those for Pinecone.

Exit status: 0 done or found, 1 nothing found or some inputs failed, 2 wrong use or a failure, \
130 ended by Ctrl-C.", environment::own())
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) location: StoreArguments,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the store is.
#[derive(Args, Debug)]
pub(crate) struct StoreArguments {
    // Not from clap's `env`: usage lines would have it in every command.
    /// Directory of the store: collections and vectors [default: CLIPSEEK_STORE, else the platform's data directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(commands::demo::Arguments),
    Add(commands::add::Arguments),
    Search(commands::search::Arguments),
    Classify(commands::classify::Arguments),
    Download(commands::download::Arguments),
    #[command(subcommand)]
    Dataset(commands::dataset::Command),
    Embed(commands::embed::Arguments),
    Eval(commands::eval::Arguments),
    Train(commands::train::Arguments),
    #[command(subcommand)]
    Collection(commands::collection::Command),
    Index(commands::index::Arguments),
    #[command(subcommand)]
    Model(commands::model::Command),
    Browse(commands::browse::Arguments),
    Serve(commands::serve::Arguments),
    Completions(commands::completions::Arguments),
    Man(commands::man::Arguments),
}

/// Ends the program with what is wrong with the arguments, or with the help that was asked for.
pub(crate) fn refuse(error: &clap::Error) -> ! {
    let given: Vec<String> = std::env::args().collect();
    let search = given.iter().position(|it| it == "search");
    // The words stand before the first option.
    let words = given.iter().skip(search.unwrap_or(given.len()) + 1);
    let is_option = |it: &&String| it.starts_with("--") || (it.starts_with('-') && it.len() == 2);
    let words: Vec<&str> = words
        .take_while(|it| !is_option(it))
        .map(String::as_str)
        .collect();
    let is_weight = |it: &str| {
        let written = it.strip_prefix('-').and_then(|it| it.split_once(':'));
        written.is_some_and(|(weight, _)| weight.parse::<f32>().is_ok())
    };
    if words.first().is_some_and(|it| is_weight(it)) && error.kind() == ErrorKind::UnknownArgument {
        message!("error: a weight is a number above 0, and this one has a minus");
        message!(
            "{HINT}hint:{HINT:#} to subtract, put a minus between terms: clipseek search \"cat - dog\""
        );
        std::process::exit(exit::FAILURE.into())
    }
    match clipseek::with_minus(&words.join(" ")) {
        Some(meant) if error.kind() == ErrorKind::UnknownArgument => {
            message!("error: a word that begins with a dash is taken for options");
            message!("{HINT}hint:{HINT:#} clipseek search \"{meant}\"");
            std::process::exit(exit::FAILURE.into())
        }
        _ => error.exit(),
    }
}

/// The arguments that name a collection. As variables they may be empty, which stands for none.
const NAMES: [&str; 2] = ["collection", "name"];

/// Whether an argument stands on the command line.
fn is_given(matches: &ArgMatches, name: &str) -> bool {
    let is_known = matches.try_contains_id(name).unwrap_or(false);
    is_known && matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// Refuses an empty name, or two, that was given as an argument: a script's own variable is not set, and another collection
/// would be changed than is meant.
pub(crate) fn refuse_empty_names(matches: &ArgMatches) {
    let is_empty = |name: &&&str| {
        let value = matches.try_get_one::<String>(name).ok().flatten();
        value.is_some_and(String::is_empty) && is_given(matches, name)
    };
    if let Some(name) = NAMES.iter().find(is_empty) {
        let message = format!("the {name} is empty: name one, or leave it out");
        Arguments::command()
            .error(ErrorKind::InvalidValue, message)
            .exit();
    }
    if NAMES.iter().all(|name| is_given(matches, name)) {
        let message = "the collection is named twice, by an argument and with --collection";
        Arguments::command()
            .error(ErrorKind::ArgumentConflict, message)
            .exit();
    }
    if let Some((_, matches)) = matches.subcommand() {
        refuse_empty_names(matches);
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// A paragraph with line breaks of its own is broken twice on a narrow terminal.
    fn assert_unbroken(command: &Command) {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let is_text = |line: &&str| !line.is_empty() && !line.starts_with(' ');
        for (line, next) in help.lines().zip(help.lines().skip(1)) {
            let is_broken = is_text(&line) && is_text(&next);
            assert!(!is_broken, "{}: {line} / {next}", command.get_name());
        }
        command.get_subcommands().for_each(assert_unbroken);
    }

    #[test]
    fn paragraphs_of_help_are_wrapped_once() {
        assert_unbroken(&Arguments::command());
    }
}
