use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use net::ClientSettings;

use crate::expansion::expand;
use crate::{Error, Result, Retry, Token};

/// The default endpoint.
pub(crate) const ENDPOINT: &str = "https://huggingface.co";

/// The cache's folder, the endpoint, and how to connect.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that contains `models--owner--name` and `.locks`.
    pub cache: PathBuf,
    /// The address of the Hub or a mirror: `https://name:password@host/path`. Name and password are sent only
    /// there.
    pub endpoint: String,
    /// The token, which is sent only to the endpoint. Not sent if the endpoint has a name or a password, as
    /// these use the same header.
    pub token: Option<Token>,
    /// The environment variable that forbids network access, if any.
    pub offline: Option<&'static str>,
    /// Whether snapshots may use symbolic links to blobs; otherwise they are copies.
    pub symlinks: bool,
    /// The certificates and proxies.
    pub client: ClientSettings,
    /// The `User-Agent` of requests.
    pub user_agent: String,
    /// The timeouts.
    pub limits: Limits,
    /// The retries.
    pub retry: Retry,
    /// The number of files downloaded at once.
    pub at_once: usize,
}

/// Timeouts for servers. A whole download has none.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The timeout for a connection.
    pub connect: Duration,
    /// The timeout for a response to begin.
    pub answer: Duration,
    /// The timeout for the next byte of a file.
    pub stall: Duration,
}

impl Default for Limits {
    /// Ten seconds for a response, including the connection, and for a byte, as in `huggingface_hub`.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            stall: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// The public Hub without a token, and this cache.
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

    /// The settings that Python's `huggingface_hub` would use with these environment variables. An empty
    /// variable counts as unset.
    ///
    /// | setting | variable, the first that is set |
    /// |---|---|
    /// | cache | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME`/hub, `XDG_CACHE_HOME`/huggingface/hub, ~/.cache/huggingface/hub |
    /// | endpoint | `HF_ENDPOINT` |
    /// | token | none with `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, the file `HF_TOKEN_PATH`, the file `HF_HOME`/token |
    /// | offline | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` |
    /// | symlinks | not with `HF_HUB_DISABLE_SYMLINKS` |
    /// | client | those of [`ClientSettings::from_variables`] |
    /// | timeouts for a response and a byte | `HF_HUB_ETAG_TIMEOUT`, `HF_HUB_DOWNLOAD_TIMEOUT`, in seconds |
    ///
    /// # Errors
    /// If a variable's value is invalid, the token's file can't be read, or the cache can't be located.
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
            // In Python, zero means the default.
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

    /// The first of these variables that is set, as a path.
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

    /// `HF_HUB_OFFLINE=0` takes precedence over `TRANSFORMERS_OFFLINE=1`.
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
