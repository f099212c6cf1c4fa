use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments;
use crate::exit::Outcome;
use crate::output;

/// Print a completion script for your shell
#[derive(Args, Debug)]
#[command(after_help = "Install the script where the shell looks for it:
  bash (with the package bash-completion):
    clipseek completions bash > ~/.local/share/bash-completion/completions/clipseek
  zsh, with `fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit` in ~/.zshrc:
    clipseek completions zsh > ~/.zfunc/_clipseek
  fish:
    clipseek completions fish > ~/.config/fish/completions/clipseek.fish
  elvish, with `use clipseek` in ~/.config/elvish/rc.elv:
    clipseek completions elvish > ~/.config/elvish/lib/clipseek.elv
  powershell:
    clipseek completions powershell >> $PROFILE

Create missing directories first, and start a new shell afterwards. Repeat this after an update.")]
pub(crate) struct Arguments {
    /// Shell to print the script for
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut script = Vec::new();
    let mut command = arguments::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "clipseek", &mut script);
    output::write(None, |out| Ok(out.write_all(&script)?))?;
    Ok(Outcome::Done)
}
