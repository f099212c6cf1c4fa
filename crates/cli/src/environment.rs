//! The environment variables that clipseek reads: their names, their list for help, and the settings made from them.
//!
//! Only this module and the `env` attributes of options read variables; the attributes use the constants below. Library
//! crates take settings. An option overrides its variable.
//!
//! These dependencies read variables themselves:
//!
//! | variable | crate | for |
//! |---|---|---|
//! | `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`, `COLORTERM`, `TERM`, `CI` | `anstream` | colours on a terminal |
//! | `RAYON_NUM_THREADS` | `rayon`, `candle-core` | the number of compute threads [default: one per core] |
//! | `TMPDIR` (on Windows `TMP`) | `tempfile` | the folder for temporary files [default: the system's] |
//! | `SSL_CERT_FILE`, `SSL_CERT_DIR` | `rustls-native-certs` | as below; clipseek reads the files if they are set |

use std::ffi::OsString;
use std::path::PathBuf;

use clip::Instructions;
use clipseek::DEFAULT_MODEL;
use dataset::ClientSettings;
use index::{CONTROLLER_VARIABLE, KEY_VARIABLE, PineconeSettings};

use crate::error::Error;

/// The directory of the store.
pub(crate) const STORE: &str = "CLIPSEEK_STORE";

/// The model: `mini`, a directory, or an id of the Hugging Face hub.
pub(crate) const MODEL: &str = "CLIPSEEK_MODEL";

/// The collection.
pub(crate) const COLLECTION: &str = "CLIPSEEK_COLLECTION";

/// Whether and how the terminal shows pictures.
pub(crate) const PICTURES: &str = "CLIPSEEK_PICTURES";

/// The vector instructions that the encoder computes with.
pub(crate) const INSTRUCTIONS: &str = "CLIPSEEK_INSTRUCTIONS";

/// The API keys that `clipseek serve` accepts, separated by commas.
pub(crate) const API_KEYS: &str = "CLIPSEEK_API_KEYS";

/// The read-only API keys that `clipseek serve` accepts, separated by commas.
pub(crate) const READ_ONLY_KEYS: &str = "CLIPSEEK_READ_ONLY_KEYS";

/// The timeout for replies of the terminal, in whole seconds.
pub(crate) const TERMINAL_TIMEOUT: &str = "CLIPSEEK_TERMINAL_TIMEOUT";

/// The type of the terminal.
pub(crate) const TERM: &str = "TERM";

/// The program that draws the terminal.
pub(crate) const TERM_PROGRAM: &str = "TERM_PROGRAM";

/// The same in a remote session; iTerm2 sets it.
pub(crate) const LC_TERMINAL: &str = "LC_TERMINAL";

/// Set inside tmux.
pub(crate) const TMUX: &str = "TMUX";

/// Set inside screen.
pub(crate) const STY: &str = "STY";

/// Set in a shell within Emacs.
pub(crate) const INSIDE_EMACS: &str = "INSIDE_EMACS";

/// A variable in the list that help shows.
struct Line {
    names: &'static [&'static str],
    does: &'static str,
    default: Option<&'static str>,
}

const fn line(
    names: &'static [&'static str],
    does: &'static str,
    default: Option<&'static str>,
) -> Line {
    Line {
        names,
        does,
        default,
    }
}

/// The variables of clipseek.
const OWN: &[Line] = &[
    line(&[STORE], "store directory", Some("see --store")),
    line(&[MODEL], "default model", Some(DEFAULT_MODEL)),
    line(&[COLLECTION], "collection to use", Some("default")),
    line(&[PICTURES], "see `search --pictures`", Some("auto")),
    line(
        &[TERMINAL_TIMEOUT],
        "terminal query timeout in seconds",
        Some("1"),
    ),
    line(
        &[INSTRUCTIONS],
        "avx512, avx2, neon or portable",
        Some("the fastest"),
    ),
    line(
        &[API_KEYS],
        "API keys for `serve`, separated by commas",
        None,
    ),
    line(&[READ_ONLY_KEYS], "read-only API keys for `serve`", None),
];

/// The variables shared with Python's `huggingface_hub`. The crate `hub` reads their older names too.
const HUB: &[Line] = &[
    line(&["HF_HUB_CACHE"], "model cache", Some("HF_HOME/hub")),
    line(&["HF_HOME"], "base directory", Some("~/.cache/huggingface")),
    line(
        &["HF_ENDPOINT"],
        "hub or mirror",
        Some("https://huggingface.co"),
    ),
    line(
        &["HF_TOKEN"],
        "access token for gated and private models",
        None,
    ),
    line(
        &["HF_TOKEN_PATH"],
        "file with the token",
        Some("HF_HOME/token"),
    ),
    line(
        &["HF_HUB_OFFLINE"],
        "1: use only cached files, no network",
        None,
    ),
    line(
        &["HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"],
        "response and data timeouts in s",
        Some("10"),
    ),
];

/// The variables shared with Pinecone's SDKs.
const PINECONE: &[Line] = &[
    line(&[KEY_VARIABLE], "API key", None),
    line(
        &[CONTROLLER_VARIABLE],
        "control plane",
        Some("https://api.pinecone.io"),
    ),
];

/// The usual variables of network programs.
const CONNECTIONS: &[Line] = &[
    line(
        &["HTTPS_PROXY", "NO_PROXY"],
        "proxy, and hosts to reach without it",
        None,
    ),
    line(
        &["SSL_CERT_FILE", "SSL_CERT_DIR"],
        "trusted certificates, PEM",
        Some("the system's"),
    ),
];

/// The list of clipseek's variables, for help.
pub(crate) fn own() -> String {
    format!("Environment:{}", list(&[OWN]))
}

/// The list of variables for the Hugging Face hub, for help.
pub(crate) fn of_the_hub() -> String {
    format!(
        "Environment (as in Python's huggingface_hub):{}",
        list(&[HUB, CONNECTIONS])
    )
}

/// The list of variables for Pinecone, for help.
pub(crate) fn of_pinecone() -> String {
    format!("Environment:{}", list(&[PINECONE, CONNECTIONS]))
}

/// The width of the list's first column.
const COLUMN: usize = 25;

fn list(groups: &[&[Line]]) -> String {
    groups.iter().copied().flatten().map(shown).collect()
}

fn shown(line: &Line) -> String {
    let (names, does) = (line.names.join(", "), line.does);
    let default = line.default.map(|default| format!(" [default: {default}]"));
    let default = default.unwrap_or_default();
    if names.len() < COLUMN {
        format!("\n  {names:COLUMN$}{does}{default}")
    } else {
        format!("\n  {names}\n  {:COLUMN$}{does}{default}", "")
    }
}

/// The value of a variable; `None` if it is unset or empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The same as text.
pub(crate) fn text(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_string_lossy().into_owned())
}

/// The settings for connections to picture servers.
pub(crate) fn client_settings() -> ClientSettings {
    ClientSettings::from_variables(variable)
}

/// The settings for Pinecone.
pub(crate) fn pinecone_settings() -> PineconeSettings {
    PineconeSettings::from_variables(variable)
}

/// The settings for the Hugging Face hub and its cache.
pub(crate) fn hub_settings() -> hub::Result<hub::Settings> {
    hub::Settings::from_variables(variable)
}

/// The vector instructions that the environment selects.
pub(crate) fn instructions() -> Result<Option<Instructions>, Error> {
    text(INSTRUCTIONS).map(instructions_named).transpose()
}

fn instructions_named(name: String) -> Result<Instructions, Error> {
    let available = Instructions::available();
    match available.iter().find(|it| it.name() == name) {
        Some(instructions) => Ok(*instructions),
        None if Instructions::NAMES.contains(&&*name) => Err(Error::NoInstructions { name }),
        None => Err(Error::UnknownInstructions { name }),
    }
}

/// The store directory to use without `--store`.
pub(crate) fn store() -> Option<PathBuf> {
    variable(STORE).map(PathBuf::from).or_else(data_directory)
}

/// clipseek's folder in the user's data directory; `None` without a home directory.
fn data_directory() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.data_dir().join("clipseek"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    /// Older names, and variables that nobody sets for clipseek.
    const UNLISTED: [&str; 15] = [
        "HUGGINGFACE_HUB_CACHE",
        "HUGGING_FACE_HUB_TOKEN",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
        "HF_HUB_DISABLE_SYMLINKS",
        "TRANSFORMERS_OFFLINE",
        "XDG_CACHE_HOME",
        "HOME",
        "USERPROFILE",
        "HTTP_PROXY",
        "ALL_PROXY",
        "https_proxy",
        "http_proxy",
        "all_proxy",
        "no_proxy",
        "REQUEST_METHOD",
    ];

    #[test]
    fn what_the_libraries_read_is_listed() {
        let asked = RefCell::new(BTreeSet::new());
        let variable = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            ["HOME", "USERPROFILE"]
                .contains(&name)
                .then(|| "/nowhere".into())
        };
        hub::Settings::from_variables(variable).unwrap();
        let _ = PineconeSettings::from_variables(variable);
        let listed: BTreeSet<&str> = [HUB, PINECONE, CONNECTIONS]
            .iter()
            .copied()
            .flatten()
            .flat_map(|line| line.names)
            .copied()
            .collect();
        let asked = asked.into_inner();
        for name in &asked {
            let is_known = listed.contains(&**name) || UNLISTED.contains(&&**name);
            assert!(is_known, "{name} is not listed");
        }
        for name in listed {
            assert!(asked.contains(name), "{name} is listed but never read");
        }
    }

    #[test]
    fn long_names_have_a_line_of_their_own() {
        let lines = [
            line(&["A"], "does a", None),
            line(&["A_LONG_NAME", "AND_ANOTHER_ONE"], "does b", Some("c")),
        ];
        assert_eq!(
            list(&[&lines]),
            "\n  A                        does a\n  A_LONG_NAME, AND_ANOTHER_ONE\n                           \
             does b [default: c]"
        );
    }
}
