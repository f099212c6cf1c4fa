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

/// Shown below the commands by `-h` and `--help`.
const EXAMPLES: &str = "Examples:
  clipseek demo                            try it, offline
  clipseek add ~/Photos --model mini       index a folder
  clipseek search \"a dog on the beach\"     find pictures with words
  clipseek search --image beach.jpg        find pictures like this one
  clipseek browse                          search in the browser";

/// Find pictures with words or with another picture
#[derive(Debug, Parser)]
#[command(
    name = "clipseek",
    version,
    styles = STYLES,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}

{}

`clipseek model pull --help` lists the variables for the Hugging Face hub, \
`clipseek index --help` those for Pinecone.

Exit status:
  0    success, or something was found
  1    nothing was found, or some inputs failed
  2    usage error or failure
  130  interrupted by Ctrl-C", environment::own())
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) location: StoreArguments,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Global options are listed after those of the command.
const LAST: usize = 900;

/// The option that names the store.
#[derive(Args, Debug)]
pub(crate) struct StoreArguments {
    // Without clap's `env`, which would add the option to the usage line of every command.
    /// Keep collections and their vectors in this directory
    ///
    /// The default is CLIPSEEK_STORE, else clipseek/ in the user's data directory: $XDG_DATA_HOME or ~/.local/share, on
    /// Windows %APPDATA%.
    #[arg(long, global = true, value_name = "DIR", display_order = LAST)]
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

/// Prints an argument error, or the requested help, and exits.
pub(crate) fn refuse(error: &clap::Error) -> ! {
    let given: Vec<String> = std::env::args().collect();
    let search = given.iter().position(|it| it == "search");
    // The words of the query come before the first option.
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
        message!("error: negative weight: weights must be above 0");
        message!(
            "{HINT}hint:{HINT:#} to subtract a term, put \" - \" before it: clipseek search \"cat - dog\""
        );
        std::process::exit(exit::FAILURE.into())
    }
    match clipseek::with_minus(&words.join(" ")) {
        Some(meant) if error.kind() == ErrorKind::UnknownArgument => {
            message!("error: a word that begins with `-` was parsed as an option");
            message!("{HINT}hint:{HINT:#} clipseek search \"{meant}\"");
            std::process::exit(exit::FAILURE.into())
        }
        _ => error.exit(),
    }
}

/// The arguments that name a collection. An empty environment variable counts as unset.
const NAMES: [&str; 2] = ["collection", "name"];

/// Whether an argument was given on the command line.
fn is_given(matches: &ArgMatches, name: &str) -> bool {
    let is_known = matches.try_contains_id(name).unwrap_or(false);
    is_known && matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// Refuses an empty collection name, or two names. An empty one usually comes from an unset variable in a script, and the
/// command would change another collection than intended.
pub(crate) fn refuse_empty_names(matches: &ArgMatches) {
    let is_empty = |name: &&&str| {
        let value = matches.try_get_one::<String>(name).ok().flatten();
        value.is_some_and(String::is_empty) && is_given(matches, name)
    };
    if let Some(name) = NAMES.iter().find(is_empty) {
        let message = format!("the {name} is empty; give a name or leave it out");
        Arguments::command()
            .error(ErrorKind::InvalidValue, message)
            .exit();
    }
    if NAMES.iter().all(|name| is_given(matches, name)) {
        let message = "the collection is given twice, as an argument and with --collection";
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

    /// Whether a line of help is prose, not an example or a row of a list: ` Text …`.
    fn is_prose(line: &str) -> bool {
        let mut letters = line.trim_start().chars();
        let is_word = letters.next().is_some_and(char::is_uppercase)
            && letters.next().is_some_and(char::is_lowercase);
        is_word && !line.ends_with(':')
    }

    /// clap wraps help. A paragraph with line breaks in the source would be wrapped twice on a narrow terminal.
    fn assert_unbroken(command: &Command) {
        let help = [command.get_after_help(), command.get_after_long_help()];
        for help in help.into_iter().flatten() {
            let help = help.to_string();
            for (line, next) in help.lines().zip(help.lines().skip(1)) {
                let is_broken = is_prose(line) && !next.is_empty();
                assert!(!is_broken, "{}: {line} / {next}", command.get_name());
            }
        }
        command.get_subcommands().for_each(assert_unbroken);
    }

    #[test]
    fn paragraphs_of_help_are_wrapped_once() {
        assert_unbroken(&Arguments::command());
    }
}
