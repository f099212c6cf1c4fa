use std::path::{MAIN_SEPARATOR, Path};

use serde::Serializer;
use serde::ser::SerializeMap;

/// Where a picture is.
///
/// A collection and the engine store a picture's location as text, and beside it the downloaded file.
/// Together they tell the kind: a local picture has no second file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// A local file, by its absolute path.
    File(&'a Path),
    /// A URL.
    Web(&'a str),
    /// A cell of a table: the table's path, `#`, and the row.
    Inside(&'a str),
}

impl<'a> Address<'a> {
    pub(crate) fn of(location: &'a str, file: Option<&str>) -> Address<'a> {
        if file.is_none() {
            Address::File(Path::new(location))
        } else if is_url(location) {
            Address::Web(location)
        } else {
            Address::Inside(location)
        }
    }

    /// The last part: a file's name, or what follows the last slash of a URL.
    pub fn name(&self) -> &'a str {
        let (text, separator) = match *self {
            Address::File(path) => (path.to_str().unwrap_or_default(), MAIN_SEPARATOR),
            Address::Inside(row) => (row, MAIN_SEPARATOR),
            Address::Web(url) => (url, '/'),
        };
        let last = text.rsplit(separator).next();
        last.filter(|name| !name.is_empty()).unwrap_or(text)
    }
}

/// Serialises a location as a field `url` or `path`.
pub(crate) fn path_or_url<S: Serializer>(location: &str, to: S) -> Result<S::Ok, S::Error> {
    let key = if is_url(location) { "url" } else { "path" };
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(key, location)?;
    map.end()
}

fn is_url(location: &str) -> bool {
    location.starts_with("http://") || location.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(location: &str, file: Option<&str>, expected: Address<'_>, name: &str) {
        let address = Address::of(location, file);
        assert_eq!((address, address.name()), (expected, name));
    }

    #[test]
    fn the_file_tells_which_kind_it_is() {
        let path = "/a/http://b#1.jpg";
        case(path, None, Address::File(Path::new(path)), "b#1.jpg");
        let url = "https://a/b/c.jpg?d";
        case(url, Some("/f"), Address::Web(url), "c.jpg?d");
        case(
            "https://a/",
            Some("/f"),
            Address::Web("https://a/"),
            "https://a/",
        );
        let row = "/a/birds.parquet#12";
        case(row, Some("/f"), Address::Inside(row), "birds.parquet#12");
    }
}
