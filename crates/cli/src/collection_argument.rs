//! The argument that names a command's collection.

use clap::Args;

use crate::environment;

/// A command's collection, given as its argument or with the option that other commands have.
#[derive(Args, Debug)]
pub(crate) struct CollectionArgument {
    /// Collection [default: `default`, or the only one]
    name: Option<String>,

    /// Use this collection, like the argument
    ///
    /// CLIPSEEK_COLLECTION sets another default.
    #[arg(short, long, value_name = "NAME", env = environment::COLLECTION, hide_env = true)]
    collection: Option<String>,
}

impl CollectionArgument {
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.collection.as_deref())
    }
}
