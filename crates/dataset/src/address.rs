use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::fetch_error::FetchError;
use crate::problem::ProblemReason;
use crate::{data_url, paths};

/// The location of a picture, given as a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A URL on a server.
    Web(WebAddress),
    /// A local file.
    File(PathBuf),
    /// A row of a table: the table's path, `#`, and the row, as in `/data/birds.parquet#12`.
    Inside(String),
}

/// The variants of [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressKind {
    Web,
    File,
    Inside,
}

impl Address {
    /// Parses `text`; `None` if it doesn't have the form `SCHEME://…`.
    ///
    /// # Errors
    /// [`FetchError::Address`] and [`FetchError::Scheme`].
    pub fn of(text: &str) -> Result<Option<Address>, FetchError> {
        let Some((scheme, rest)) = scheme_and_rest(text) else {
            return Ok(None);
        };
        let malformed = |fault: &str| FetchError::Address {
            text: without_password(text),
            fault: fault.to_owned(),
        };
        match scheme.as_str() {
            "http" | "https" => {
                let url = Url::parse(text).map_err(|error| malformed(&error.to_string()))?;
                Ok(Some(Address::Web(WebAddress(url))))
            }
            "file" => {
                let path = path_of_file_url(rest);
                let path = path.ok_or_else(|| malformed("it names no local file"))?;
                Ok(Some(Address::File(path)))
            }
            _ => Err(FetchError::Scheme {
                text: without_password(text),
            }),
        }
    }

    /// The address of the path or URL in a row, relative to the table's folder. Doesn't check that the file
    /// exists.
    pub(crate) fn resolve(folder: &Path, written: &str) -> Result<Self, ProblemReason> {
        let text = || written.to_owned();
        // No file system allows NUL, and the system's own error for it is unclear.
        if written.contains('\0') {
            return Err(ProblemReason::NoSuchFile { path: text() });
        }
        let https = without_scheme(written);
        match Address::of(https.as_deref().unwrap_or(written)) {
            Ok(Some(address)) => Ok(address),
            Ok(None) if written.is_empty() => Err(ProblemReason::NoPath),
            Ok(None) if data_url::is_meant(written) => Err(ProblemReason::Url { url: text() }),
            Ok(None) => Ok(Address::File(paths::clean(&folder.join(written)))),
            Err(_) if is_file_url(written) => Err(ProblemReason::NoSuchFile { path: text() }),
            Err(_) => Err(ProblemReason::Url { url: text() }),
        }
    }

    /// The address of the picture in a row of a table.
    pub(crate) fn inside(table: &Path, line: u64) -> Address {
        Address::Inside(format!("{}#{line}", table.to_string_lossy()))
    }

    /// The variant.
    pub(crate) fn kind(&self) -> AddressKind {
        match self {
            Address::Web(_) => AddressKind::Web,
            Address::File(_) => AddressKind::File,
            Address::Inside(_) => AddressKind::Inside,
        }
    }

    /// The address as text, including a user name and password in its URL.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Address::Web(url) => url.as_str().into(),
            Address::File(path) => path.to_string_lossy(),
            Address::Inside(text) => text.into(),
        }
    }

    /// The address with this [`kind`](Self::kind) and [`text`](Self::text).
    pub(crate) fn of_kind(kind: AddressKind, text: &str) -> Result<Self, url::ParseError> {
        Ok(match kind {
            AddressKind::Web => Address::Web(WebAddress(Url::parse(text)?)),
            AddressKind::File => Address::File(text.into()),
            AddressKind::Inside => Address::Inside(text.to_owned()),
        })
    }

    /// The path of a local file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Address::File(path) => Some(path),
            Address::Web(_) | Address::Inside(_) => None,
        }
    }

    /// Whether `text` begins like a supported URL: `http://`, `https://` or `file://`.
    pub fn is_meant(text: &str) -> bool {
        scheme_and_rest(text)
            .is_some_and(|(scheme, _)| ["http", "https", "file"].contains(&scheme.as_str()))
    }

    /// Whether `text` begins like a URL that a table's row may have, including `//host/…` and `data:…`.
    pub(crate) fn is_meant_in_a_table(text: &str) -> bool {
        Self::is_meant(text) || data_url::is_meant(text) || without_scheme(text).is_some()
    }
}

/// The https URL for `//host/path`, as pages write it. The host must contain a dot: `//home/me/a.jpg` is a
/// path.
fn without_scheme(text: &str) -> Option<String> {
    let (host, _) = text.strip_prefix("//")?.split_once('/')?;
    let is_host = host.contains('.') && !host.starts_with('.') && !host.contains(' ');
    is_host.then(|| format!("https:{text}"))
}

/// The scheme before `://` in lower case, and the text after it.
fn scheme_and_rest(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

fn is_file_url(text: &str) -> bool {
    scheme_and_rest(text).is_some_and(|(scheme, _)| scheme == "file")
}

/// The path of a `file://` URL, percent-decoded; `rest` is `/path` or `localhost/path`. File URLs have no
/// query and no fragment here, so `?` and `#` are part of the name.
fn path_of_file_url(rest: &str) -> Option<PathBuf> {
    let (host, path) = rest.split_at(rest.find('/')?);
    if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
        return None;
    }
    let path = percent_decoded(path.as_bytes());
    if path.contains(&0) {
        return None;
    }
    let path = paths::clean(&path_of_bytes(path)?);
    path.is_absolute().then_some(path)
}

#[cfg(unix)]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;

    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    let path = String::from_utf8(bytes).ok()?;
    // `file:///C:/pictures` has a leading slash that a Windows path lacks.
    Some(path.trim_start_matches('/').into())
}

/// Decodes percent escapes such as `%20`. A percent sign without an escape stays.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high * 16 + low);
                rest = &after[2..];
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    decoded
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// A malformed URL without the part before its last `@`, which may be a password.
fn without_password(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let start = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[start..])
        }
        None => text.to_owned(),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Web(url) => url.fmt(f),
            Address::File(path) => path.display().fmt(f),
            Address::Inside(text) => f.write_str(text),
        }
    }
}

/// An http or https URL. Displayed without user name and password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebAddress(pub(crate) Url);

impl WebAddress {
    /// The whole URL, including any user name and password.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host's name or IP address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        // It has a host, so both can be removed.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.fmt(f)
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn file(text: &str, expected: &str) {
        assert_eq!(
            Address::of(text).unwrap(),
            Some(Address::File(expected.into()))
        );
    }

    #[cfg(unix)]
    #[test]
    fn files_are_percent_decoded() {
        file("file:///a%20b/%C3%BC%3F%23%25.jpg", "/a b/ü?#%.jpg");
        file("file://localhost/a.jpg", "/a.jpg");
        file("FILE:///a.jpg", "/a.jpg");
        file("file://LocalHost/a.jpg", "/a.jpg");
        file("file:///a/./b/../c.jpg", "/a/c.jpg");
        // URLs as people write them by hand.
        file("file:///a b/100%.jpg", "/a b/100%.jpg");
        file("file:///a/what?#1.jpg", "/a/what?#1.jpg");
        for text in [
            "file://elsewhere/a.jpg",
            "file://localhost.example/a.jpg",
            "file://a.jpg",
            "file:///a%00.jpg",
            "file://",
        ] {
            let error = Address::of(text).unwrap_err();
            assert!(matches!(error, FetchError::Address { .. }), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_from_one_that_cannot_be_read() {
        for text in [
            "a dog",
            "a.jpg",
            "C:\\a.jpg",
            "like:a://b",
            "://",
            "a b://c",
        ] {
            assert_eq!(Address::of(text).unwrap(), None, "{text}");
            assert!(!Address::is_meant(text));
        }
        for text in ["ftp://a/b.jpg", "s3://a/b.jpg"] {
            assert!(
                matches!(Address::of(text), Err(FetchError::Scheme { .. })),
                "{text}"
            );
            assert!(!Address::is_meant(text));
        }
        for text in ["http://", "https://[::1/a.jpg", "http://a:99999/"] {
            assert!(
                matches!(Address::of(text), Err(FetchError::Address { .. })),
                "{text}"
            );
            assert!(Address::is_meant(text));
        }
    }

    #[test]
    fn pages_leave_the_scheme_out() {
        for (text, https) in [
            ("//host.example/a.jpg", Some("https://host.example/a.jpg")),
            ("//127.0.0.1:80/a.jpg", Some("https://127.0.0.1:80/a.jpg")),
            ("//home/me/a.jpg", None),
            ("//../a.jpg", None),
            ("//a.jpg", None),
            ("/host.example/a.jpg", None),
        ] {
            assert_eq!(without_scheme(text).as_deref(), https, "{text}");
            assert_eq!(Address::is_meant_in_a_table(text), https.is_some());
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let Ok(Some(Address::Web(address))) = Address::of("https://me:secret@host/a.jpg?b") else {
            panic!("an address")
        };
        assert_eq!(address.to_string(), "https://host/a.jpg?b");
        assert_eq!(format!("{address:?}"), "WebAddress(https://host/a.jpg?b)");
        for text in [
            "ftp://me:secret@host/a",
            "http://me:secret@host:99999/a",
            "x://a@secret@b",
        ] {
            let said = Address::of(text).unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
