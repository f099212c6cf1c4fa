//! The collection that a command is about.

use clap::Args;

use crate::environment;

/// The collection that a command is about, by the command's argument, or by the option that other commands have.
#[derive(Args, Debug)]
pub(crate) struct CollectionArgument {
    /// The collection [default: `default`, or the only one there is]
    name: Option<String>,

    /// The same, as an option
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env_values = true)]
    collection: Option<String>,
}

impl CollectionArgument {
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.collection.as_deref())
    }
}
