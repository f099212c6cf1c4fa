use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments;
use crate::exit::Outcome;
use crate::output;

/// Print what lets a shell complete clipseek's commands, options and values
#[derive(Args, Debug)]
#[command(after_help = "Where shells look for it:
  bash        clipseek completions bash > ~/.local/share/bash-completion/completions/clipseek
              (needs the package bash-completion; or: source <(clipseek completions bash))
  zsh         clipseek completions zsh > ~/.zfunc/_clipseek
              with, in ~/.zshrc: fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit
  fish        clipseek completions fish > ~/.config/fish/completions/clipseek.fish
  elvish      clipseek completions elvish > ~/.config/elvish/lib/clipseek.elv
              with, in ~/.config/elvish/rc.elv: use clipseek
  powershell  clipseek completions powershell >> $PROFILE

Directories have to be there. A new shell knows it; do it again after an update.")]
pub(crate) struct Arguments {
    /// The shell
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
