use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::arguments;
use crate::error::Error;
use crate::exit::Outcome;
use crate::output;
use crate::terminal::{count, message};

/// Print the man page of a command, or write all man pages
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek man | man -l -
  clipseek man collection export | man -l -
  clipseek man --to ~/.local/share/man/man1
  man clipseek-search")]
pub(crate) struct Arguments {
    /// Command to describe [default: clipseek itself]
    #[arg(conflicts_with = "to")]
    command: Vec<String>,

    /// Write the man pages of all commands to this directory
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut root = arguments::Arguments::command().disable_help_subcommand(true);
    root.build();
    match &arguments.to {
        Some(directory) => write_all(&root, directory)?,
        None => {
            let page = page(named(&root, &arguments.command)?)?;
            output::write(None, |out| Ok(out.write_all(&page)?))?;
        }
    }
    Ok(Outcome::Done)
}

fn write_all(root: &Command, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|source| Error::Write {
        path: directory.to_owned(),
        source,
    })?;
    let commands = all(root);
    for command in &commands {
        let page = page(command)?;
        let path = directory.join(Man::new((*command).clone()).get_filename());
        output::write(Some(&path), |out| Ok(out.write_all(&page)?))?;
    }
    message!(
        "wrote {} to {}",
        count(commands.len(), "man page"),
        directory.display()
    );
    Ok(())
}

/// A command and all its subcommands.
fn all(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().flat_map(all);
    std::iter::once(command).chain(below).collect()
}

fn named<'a>(root: &'a Command, names: &[String]) -> Result<&'a Command, Error> {
    let mut command = root;
    for name in names {
        command = command
            .find_subcommand(name)
            .ok_or_else(|| Error::NoCommand {
                name: names.join(" "),
                existing: command
                    .get_subcommands()
                    .map(|it| it.get_name().to_owned())
                    .collect(),
            })?;
    }
    Ok(command)
}

/// The man page of a command, as roff.
fn page(command: &Command) -> Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let notes = command.get_after_long_help();
    if let Some(notes) = notes.or_else(|| command.get_after_help()) {
        write_notes(&notes.to_string(), &mut page)?;
    }
    // clap_mangen omits the empty date, so that the version would stand in its place.
    let name = command.get_display_name().unwrap_or(command.get_name());
    let title = format!(
        ".TH {name} 1 \"\" \"clipseek {}\"\n",
        env!("CARGO_PKG_VERSION")
    );
    Ok(tidy(&(title + &String::from_utf8(page)?)).into_bytes())
}

/// Replaces what `groff` and `mandoc` warn about: non-ASCII letters and double line breaks.
fn tidy(page: &str) -> String {
    let mut tidy = String::with_capacity(page.len());
    for c in page.replace(".br\n\n.br\n", ".sp\n").chars() {
        if c.is_ascii() {
            tidy.push(c);
        } else {
            tidy.push_str(&format!("\\[u{:04X}]", u32::from(c)));
        }
    }
    tidy
}

/// Writes the text below the options in `--help`, with its line breaks.
fn write_notes(notes: &str, page: &mut dyn Write) -> Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]).control("nf", []);
    for line in notes.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    Ok(roff.to_writer(page)?)
}
