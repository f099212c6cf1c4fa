use clap::ArgGroup;

/// At least one of these arguments has to be there.
pub(crate) fn one_of<const COUNT: usize>(
    name: &'static str,
    arguments: [&'static str; COUNT],
) -> ArgGroup {
    ArgGroup::new(name)
        .args(arguments)
        .required(true)
        .multiple(true)
}
