//! Expands `~`, `$NAME` and `${NAME}` in paths from environment variables, like Python's `os.path.expanduser`
//! and `os.path.expandvars`.

use std::ffi::OsString;
use std::path::PathBuf;

/// Expands a path. A path that isn't Unicode stays unchanged.
pub(crate) fn expand(
    written: OsString,
    home: Option<&PathBuf>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> PathBuf {
    match written.into_string() {
        Ok(text) => below_home(&with_variables(&text, variable), home),
        Err(written) => written.into(),
    }
}

fn below_home(text: &str, home: Option<&PathBuf>) -> PathBuf {
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.clone(),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => text.into(),
    }
}

/// Expands variables. Unknown ones stay unchanged.
fn with_variables(text: &str, variable: &dyn Fn(&str) -> Option<OsString>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        expanded.push_str(&rest[..start]);
        let (name, length) = name_after(&rest[start..]);
        let value = Some(name)
            .filter(|name| !name.is_empty())
            .and_then(variable)
            .and_then(|value| value.into_string().ok());
        match value {
            Some(value) => expanded.push_str(&value),
            None => expanded.push_str(&rest[start..start + length]),
        }
        rest = &rest[start + length..];
    }
    expanded.push_str(rest);
    expanded
}

/// The variable's name at the beginning of a text after `$`, and the length of the expression.
fn name_after(text: &str) -> (&str, usize) {
    let after = &text[1..];
    if let Some((name, _)) = after
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
    {
        return (name, name.len() + 3);
    }
    let end = after
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(after.len());
    (&after[..end], end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(written: &str, expected: &str) {
        let variable = |name: &str| (name == "DISK").then(|| OsString::from("/mnt/disk"));
        let home = PathBuf::from("/home/me");
        let expanded = expand(written.into(), Some(&home), &variable);
        assert_eq!(expanded, PathBuf::from(expected));
    }

    #[test]
    fn paths_expand_as_in_python() {
        case("~/hf", "/home/me/hf");
        case("~", "/home/me");
        case("~other/hf", "~other/hf");
        case("$DISK/hf", "/mnt/disk/hf");
        case("${DISK}_2/hf", "/mnt/disk_2/hf");
        case("$NONE/${NONE}/$/${", "$NONE/${NONE}/$/${");
        case("/plain", "/plain");
    }
}
