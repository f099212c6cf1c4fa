use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use net::ClientSettings;

use crate::expansion::expand;
use crate::{Error, Result, Retry, Token};

/// Where the hub is asked when no variable says otherwise.
pub(crate) const ENDPOINT: &str = "https://huggingface.co";

/// Where the cache is, whom to ask, and how patiently.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder with `models--owner--name` and `.locks`.
    pub cache: PathBuf,
    /// The hub's address, or a mirror's: `https://name:password@host/path`. Name and password are sent to nobody else.
    pub endpoint: String,
    /// Sent to the endpoint and to nobody else; not sent where the endpoint has a name or a password, which goes in the
    /// same header.
    pub token: Option<Token>,
    /// The variable that forbids asking the hub, if one does.
    pub offline: Option<&'static str>,
    /// Whether snapshots may be symbolic links to blobs; else they are copies.
    pub symlinks: bool,
    /// The certificates to trust, and the proxies to ask through.
    pub client: ClientSettings,
    /// How the program names itself to servers.
    pub user_agent: String,
    /// How long to wait.
    pub limits: Limits,
    /// How often to try again.
    pub retry: Retry,
    /// How many files are fetched at once.
    pub at_once: usize,
}

/// How long is waited for servers. A download as a whole may take as long as it takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For an answer to begin, once asked.
    pub answer: Duration,
    /// For the next byte of a file.
    pub stall: Duration,
}

impl Default for Limits {
    /// Ten seconds for an answer, connecting included, and for a byte, as in `huggingface_hub`.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            stall: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// The public hub without a token, and this cache.
    #[must_use]
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            endpoint: ENDPOINT.to_owned(),
            token: None,
            offline: None,
            symlinks: true,
            client: ClientSettings::default(),
            user_agent: concat!("hub/", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: Limits::default(),
            retry: Retry::default(),
            at_once: 4,
        }
    }

    /// The settings that Python's `huggingface_hub` would have with these environment variables. An
    /// empty variable counts as one that is not set.
    ///
    /// | setting | variable, the first that is set |
    /// |---|---|
    /// | cache | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`/hub, `XDG_CACHE_HOME`/huggingface/hub, ~/.cache/huggingface/hub |
    /// | endpoint | `HF_ENDPOINT` |
    /// | token | none with `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, the file `HF_TOKEN_PATH`, the file `HF_HOME`/token |
    /// | offline | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` |
    /// | symlinks | not with `HF_HUB_DISABLE_SYMLINKS` |
    /// | client | those of [`ClientSettings::from_variables`] |
    /// | wait for an answer, for a byte | `HF_HUB_ETAG_TIMEOUT`, `HF_HUB_DOWNLOAD_TIMEOUT`, in seconds |
    ///
    /// # Errors
    /// When a variable's value is of the wrong form, the token's file cannot be read, or nothing says
    /// where the cache is.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let variables = Variables(&variable);
        let home = variables.hugging_face_home();
        let cache = variables
            .path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
            .or_else(|| home.as_ref().map(|home| home.join("hub")))
            .ok_or(Error::NoHome)?;
        let mut settings = Self::new(cache);
        if let Some(endpoint) = variables.text("HF_ENDPOINT")? {
            settings.endpoint = endpoint;
        }
        settings.token = variables.token(home.as_deref())?;
        settings.offline = variables.offline();
        settings.symlinks = !variables.is_true("HF_HUB_DISABLE_SYMLINKS");
        settings.client = ClientSettings::from_variables(&variable);
        if let Some(limit) = variables.seconds("HF_HUB_ETAG_TIMEOUT")? {
            settings.limits.answer = limit;
        }
        if let Some(limit) = variables.seconds("HF_HUB_DOWNLOAD_TIMEOUT")? {
            settings.limits.stall = limit;
        }
        Ok(settings)
    }
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Result<Option<String>> {
        let text = self.get(name).map(OsString::into_string).transpose();
        text.map_err(|_| Error::Variable {
            name,
            expected: "Unicode",
        })
    }

    fn is_true(&self, name: &str) -> bool {
        let value = self.get(name).and_then(|value| value.into_string().ok());
        value.is_some_and(|value| {
            ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str())
        })
    }

    fn seconds(&self, name: &'static str) -> Result<Option<Duration>> {
        let seconds = self.text(name)?.map(|text| text.trim().parse::<u32>());
        match seconds.transpose() {
            // None at all is Python's way to say: the default.
            Ok(seconds) => Ok(seconds
                .filter(|&seconds| seconds > 0)
                .map(|seconds| Duration::from_secs(seconds.into()))),
            Err(_) => Err(Error::Variable {
                name,
                expected: "a whole number of seconds",
            }),
        }
    }

    fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.get(name).map(PathBuf::from)
    }

    /// The first of these that is set, as a path.
    fn path(&self, names: &[&str]) -> Option<PathBuf> {
        let written = names.iter().find_map(|name| self.get(name))?;
        Some(expand(written, self.home().as_ref(), &|name| {
            self.get(name)
        }))
    }

    fn hugging_face_home(&self) -> Option<PathBuf> {
        self.path(&["HF_HOME"]).or_else(|| {
            let caches = self
                .path(&["XDG_CACHE_HOME"])
                .or_else(|| self.home().map(|home| home.join(".cache")));
            caches.map(|caches| caches.join("huggingface"))
        })
    }

    /// `HF_HUB_OFFLINE=0` goes before `TRANSFORMERS_OFFLINE=1`.
    fn offline(&self) -> Option<&'static str> {
        let first = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
            .into_iter()
            .find(|name| self.get(name).is_some())?;
        self.is_true(first).then_some(first)
    }

    fn token(&self, home: Option<&Path>) -> Result<Option<Token>> {
        if self.is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return Ok(None);
        }
        for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
            if let Some(text) = self.text(name)? {
                return Token::new(&text);
            }
        }
        let file = self
            .path(&["HF_TOKEN_PATH"])
            .or_else(|| home.map(|home| home.join("token")));
        match file.map(|path| (fs::read_to_string(&path), path)) {
            Some((Ok(text), _)) => Token::new(&text),
            Some((Err(source), path)) if source.kind() != ErrorKind::NotFound => {
                Err(Error::TokenFile { path, source })
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings> {
        Settings::from_variables(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[track_caller]
    fn cache(variables: &[(&str, &str)], expected: &str) {
        assert_eq!(settings(variables).unwrap().cache, Path::new(expected));
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let home = ("HOME", "/home/me");
        cache(&[home], "/home/me/.cache/huggingface/hub");
        cache(&[home, ("XDG_CACHE_HOME", "/c")], "/c/huggingface/hub");
        cache(
            &[home, ("XDG_CACHE_HOME", "/c"), ("HF_HOME", "~/hf")],
            "/home/me/hf/hub",
        );
        cache(
            &[home, ("HF_HOME", "/hf"), ("HF_HUB_CACHE", "$HOME/x")],
            "/home/me/x",
        );
        cache(&[home, ("HUGGINGFACE_HUB_CACHE", "/old")], "/old");
        cache(
            &[home, ("HF_HUB_CACHE", "")],
            "/home/me/.cache/huggingface/hub",
        );
        assert!(matches!(settings(&[]), Err(Error::NoHome)));
    }

    #[test]
    fn offline_is_said_by_the_first_variable_that_is_set() {
        let offline = |variables: &[(&str, &str)]| {
            let home = [("HOME", "/nowhere")];
            settings(&[&home, variables].concat()).unwrap().offline
        };
        assert_eq!(offline(&[]), None);
        assert_eq!(
            offline(&[("HF_HUB_OFFLINE", "yes")]),
            Some("HF_HUB_OFFLINE")
        );
        assert_eq!(
            offline(&[("TRANSFORMERS_OFFLINE", "1")]),
            Some("TRANSFORMERS_OFFLINE")
        );
        assert_eq!(
            offline(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")]),
            None
        );
    }

    #[test]
    fn the_token_is_the_variable_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let header = |variables: &[(&str, &str)]| {
            let settings = settings(&[&[("HF_HOME", home)], variables].concat()).unwrap();
            settings.token.map(|token| token.header())
        };
        assert_eq!(header(&[]), None);
        fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        assert_eq!(header(&[]).unwrap(), "Bearer hf_file");
        assert_eq!(
            header(&[("HF_TOKEN", "hf_variable")]).unwrap(),
            "Bearer hf_variable"
        );
        assert_eq!(header(&[("HF_TOKEN_PATH", "/nowhere/token")]), None);
        assert_eq!(
            header(&[("HF_TOKEN", "a"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]),
            None
        );
    }

    #[test]
    fn time_limits_are_seconds() {
        let read = |value| settings(&[("HOME", "/h"), ("HF_HUB_DOWNLOAD_TIMEOUT", value)]);
        assert_eq!(read("30").unwrap().limits.stall, Duration::from_secs(30));
        assert_eq!(read("0").unwrap().limits.stall, Duration::from_secs(10));
        let error = read("soon").unwrap_err().to_string();
        assert_eq!(
            error,
            "variable HF_HUB_DOWNLOAD_TIMEOUT is not a whole number of seconds"
        );
    }
}
