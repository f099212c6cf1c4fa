use std::path::{MAIN_SEPARATOR, Path};

/// Where a picture is, as its source said it.
///
/// A collection and the engine keep an address as a text, and beside it the file that was fetched from there. The two
/// tell which kind it is: a picture that is a file of this machine has no other file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// A file of this machine, by its absolute path.
    File(&'a Path),
    /// On a server, by its URL.
    Web(&'a str),
    /// Inside a table: the table's path, `#`, and the row.
    Inside(&'a str),
}

impl<'a> Address<'a> {
    pub(crate) fn of(place: &'a str, file: Option<&str>) -> Address<'a> {
        if file.is_none() {
            Address::File(Path::new(place))
        } else if place.starts_with("http://") || place.starts_with("https://") {
            Address::Web(place)
        } else {
            Address::Inside(place)
        }
    }

    /// The last part of it: a file's name, or what follows the last slash of a URL.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(place: &str, file: Option<&str>, expected: Address<'_>, name: &str) {
        let address = Address::of(place, file);
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
