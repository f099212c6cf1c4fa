//! The environment variables that clipseek reads: their names, their list for help, and the settings made of them.
//!
//! This is the one place that reads variables, beside the `env` attributes of options, which name them by these
//! constants. The libraries below take settings. A flag goes before its variable.
//!
//! Other crates read some variables themselves:
//!
//! | variable | crate | for |
//! |---|---|---|
//! | `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`, `COLORTERM`, `TERM`, `CI` | `anstream` | colours on a terminal |
//! | `RAYON_NUM_THREADS` | `rayon`, `candle-core` | how many threads compute [default: one per core] |
//! | `TMPDIR` (on Windows `TMP`) | `tempfile` | the folder for temporary files [default: the system's] |
//! | `SSL_CERT_FILE`, `SSL_CERT_DIR` | `rustls-native-certs` | as below; where they are set, clipseek reads the files |

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

/// The keys that clients of `clipseek serve` have to name, with commas between.
pub(crate) const API_KEYS: &str = "CLIPSEEK_API_KEYS";

/// Those of them, or others, that may only read.
pub(crate) const READ_ONLY_KEYS: &str = "CLIPSEEK_READ_ONLY_KEYS";

/// How many seconds to wait for a reply of the terminal, as a whole number.
pub(crate) const TERMINAL_TIMEOUT: &str = "CLIPSEEK_TERMINAL_TIMEOUT";

/// The kind of terminal.
pub(crate) const TERM: &str = "TERM";

/// The program that draws the terminal.
pub(crate) const TERM_PROGRAM: &str = "TERM_PROGRAM";

/// The same in a session on another machine, as iTerm2 sends it.
pub(crate) const LC_TERMINAL: &str = "LC_TERMINAL";

/// Set inside tmux.
pub(crate) const TMUX: &str = "TMUX";

/// Set inside screen.
pub(crate) const STY: &str = "STY";

/// Set in a shell within Emacs.
pub(crate) const INSIDE_EMACS: &str = "INSIDE_EMACS";

/// A line of the list in help.
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

/// Clipseek's own.
const OWN: &[Line] = &[
    line(
        &[STORE],
        "directory of the store",
        Some("the platform's data directory"),
    ),
    line(&[MODEL], "model to embed with", Some(DEFAULT_MODEL)),
    line(&[COLLECTION], "collection to work on", Some("default")),
    line(&[PICTURES], "how the terminal shows pictures", Some("auto")),
    line(
        &[TERMINAL_TIMEOUT],
        "seconds to wait for a reply of the terminal",
        Some("1"),
    ),
    line(
        &[INSTRUCTIONS],
        "avx512, avx2, neon or portable: how models compute",
        Some("the quickest there are"),
    ),
    line(
        &[API_KEYS],
        "keys that `serve` accepts, separated by commas",
        None,
    ),
    line(
        &[READ_ONLY_KEYS],
        "keys that `serve` accepts for reading only",
        None,
    ),
];

/// Those that Python's `huggingface_hub` reads too. The crate `hub` reads its older names as well.
const HUB: &[Line] = &[
    line(
        &["HF_HUB_CACHE"],
        "where models are kept",
        Some("HF_HOME/hub"),
    ),
    line(
        &["HF_HOME"],
        "folder of Hugging Face's programs",
        Some("~/.cache/huggingface"),
    ),
    line(
        &["HF_ENDPOINT"],
        "the hub, or a mirror of it",
        Some("https://huggingface.co"),
    ),
    line(&["HF_TOKEN"], "a token, for gated and private models", None),
    line(
        &["HF_TOKEN_PATH"],
        "the file with the token",
        Some("HF_HOME/token"),
    ),
    line(&["HF_HUB_OFFLINE"], "1: use what is here, ask nobody", None),
    line(
        &["HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"],
        "seconds to wait for an answer, and for the next byte",
        Some("10"),
    ),
];

/// Those of Pinecone's SDKs.
const PINECONE: &[Line] = &[
    line(&[KEY_VARIABLE], "the key", None),
    line(
        &[CONTROLLER_VARIABLE],
        "the address to ask",
        Some("https://api.pinecone.io"),
    ),
];

/// Those of every program that connects to servers.
const CONNECTIONS: &[Line] = &[
    line(
        &["HTTPS_PROXY", "NO_PROXY"],
        "a proxy, and the hosts to ask without it",
        None,
    ),
    line(
        &["SSL_CERT_FILE", "SSL_CERT_DIR"],
        "certificates to trust, in PEM form",
        Some("the system's"),
    ),
];

/// Clipseek's own variables, for help.
pub(crate) fn own() -> String {
    format!("Environment:{}", list(&[OWN]))
}

/// The variables for the Hugging Face hub, for help.
pub(crate) fn of_the_hub() -> String {
    format!(
        "Environment, as for Python's huggingface_hub:{}",
        list(&[HUB, CONNECTIONS])
    )
}

/// The variables for Pinecone, for help.
pub(crate) fn of_pinecone() -> String {
    format!("Environment:{}", list(&[PINECONE, CONNECTIONS]))
}

/// Where what a variable does begins, in the list.
const COLUMN: usize = 25;

fn list(groups: &[&[Line]]) -> String {
    groups.iter().copied().flatten().map(shown).collect()
}

fn shown(line: &Line) -> String {
    let (names, does) = (line.names.join(", "), line.does);
    let default = line.default.map(|default| format!(" [default: {default}]"));
    let default = default.unwrap_or_default();
    match names.len() < COLUMN {
        true => format!("\n  {names:COLUMN$}{does}{default}"),
        false => format!("\n  {names}\n  {:COLUMN$}{does}{default}", ""),
    }
}

/// The value of a variable. An empty one counts as one that is not set.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The same as text.
pub(crate) fn text(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_string_lossy().into_owned())
}

/// How servers of pictures are connected to.
pub(crate) fn client_settings() -> ClientSettings {
    ClientSettings::from_variables(variable)
}

/// How Pinecone is asked.
pub(crate) fn pinecone_settings() -> PineconeSettings {
    PineconeSettings::from_variables(variable)
}

/// How the Hugging Face hub is asked, and where its cache is.
pub(crate) fn hub_settings() -> hub::Result<hub::Settings> {
    hub::Settings::from_variables(variable)
}

/// The instructions to compute with, where some are named.
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

/// The directory of the store, where none is named.
pub(crate) fn store() -> Option<PathBuf> {
    variable(STORE).map(PathBuf::from).or_else(data_directory)
}

/// The platform's directory for the data of programs, if the environment says where the user's home is.
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

    /// Older names, and those which no user sets for clipseek.
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
            assert!(
                asked.contains(name),
                "{name} is listed, and nobody reads it"
            );
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
