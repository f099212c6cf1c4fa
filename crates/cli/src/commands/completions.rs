use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments;
use crate::exit::Outcome;
use crate::output;

/// Print a completion script for your shell
#[derive(Args, Debug)]
#[command(after_help = "Install the script where the shell looks for it:
  bash        clipseek completions bash > ~/.local/share/bash-completion/completions/clipseek
              This needs the package bash-completion.

              Alternatively: source <(clipseek completions bash)

  zsh         clipseek completions zsh > ~/.zfunc/_clipseek
              In ~/.zshrc: fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit

  fish        clipseek completions fish > ~/.config/fish/completions/clipseek.fish

  elvish      clipseek completions elvish > ~/.config/elvish/lib/clipseek.elv
              In ~/.config/elvish/rc.elv: use clipseek

  powershell  clipseek completions powershell >> $PROFILE

Create the directory first if it is missing, and start a new shell. Repeat this after an update.")]
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
