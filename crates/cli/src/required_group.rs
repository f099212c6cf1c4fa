use clap::ArgGroup;

/// A group of arguments of which at least one is required.
pub(crate) fn one_of<const COUNT: usize>(
    name: &'static str,
    arguments: [&'static str; COUNT],
) -> ArgGroup {
    ArgGroup::new(name)
        .args(arguments)
        .required(true)
        .multiple(true)
}
