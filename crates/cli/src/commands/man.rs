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

/// Print a page for `man`, or write those of all commands to a directory
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek man | man -l -
  clipseek man collection export | man -l -
  clipseek man --to ~/.local/share/man/man1        and then: man clipseek-search")]
pub(crate) struct Arguments {
    /// The command that the page is about [default: clipseek itself]
    #[arg(conflicts_with = "to")]
    command: Vec<String>,

    /// Write the pages of all commands to this directory
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
        "{} in {}",
        count(commands.len(), "page"),
        directory.display()
    );
    Ok(())
}

/// A command and all below it.
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

/// The page of a command, in the language of `man`.
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
    if let Some(notes) = command.get_after_help() {
        write_notes(&notes.to_string(), &mut page)?;
    }
    // The library leaves out that there is no date, and the version would be taken for one.
    let name = command.get_display_name().unwrap_or(command.get_name());
    let title = format!(
        ".TH {name} 1 \"\" \"clipseek {}\"\n",
        env!("CARGO_PKG_VERSION")
    );
    Ok(tidy(&(title + &String::from_utf8(page)?)).into_bytes())
}

/// What `groff` and `mandoc` would warn of, in other words: letters beyond ASCII, and paragraphs broken twice.
fn tidy(page: &str) -> String {
    let mut tidy = String::with_capacity(page.len());
    for c in page.replace(".br\n\n.br\n", ".sp\n").chars() {
        match c.is_ascii() {
            true => tidy.push(c),
            false => tidy.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    tidy
}

/// What stands below the options in `--help`, its lines kept as they are.
fn write_notes(notes: &str, page: &mut dyn Write) -> Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]).control("nf", []);
    for line in notes.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    Ok(roff.to_writer(page)?)
}
