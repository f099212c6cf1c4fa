use std::str::FromStr;

use axum::extract::Request;
use axum::http::uri::Authority;

use crate::connections::requested_host;

/// The placeholder for the name of an index.
const INDEX: &str = "{index}";

/// The public host names of indexes behind a proxy: `https://{index}.example.com`. All of them lead to the server's own
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHost {
    scheme: String,
    before: String,
    after: String,
}

impl FromStr for PublicHost {
    type Err = String;

    /// Parses a pattern; the default scheme is https.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected a host with {INDEX}, such as https://{INDEX}.example.com");
        let (scheme, host) = text.split_once("://").unwrap_or(("https", text));
        let (before, after) = host.split_once(INDEX).ok_or_else(expected)?;
        let (before, after) = (before.to_ascii_lowercase(), after.to_ascii_lowercase());
        let example: Result<Authority, _> = format!("{before}index{after}").parse();
        let is_host = example.is_ok_and(|example| !example.as_str().contains('@'));
        if !is_host || !["http", "https"].contains(&scheme) || after.contains(INDEX) {
            return Err(expected());
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            before,
            after,
        })
    }
}

impl PublicHost {
    /// The host of an index.
    pub(crate) fn url(&self, index: &str) -> String {
        format!("{}://{}{index}{}", self.scheme, self.before, self.after)
    }

    /// The index of a request, by its host.
    pub(crate) fn index_of(&self, request: &Request) -> Option<String> {
        let host = requested_host(request)?.to_ascii_lowercase();
        let whole = self.between(&host);
        // A proxy may add its port.
        whole.or_else(|| self.between(host.rsplit_once(':')?.0))
    }

    fn between(&self, host: &str) -> Option<String> {
        let index = host.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        (!index.is_empty()).then(|| index.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::HOST;

    use super::*;

    fn asked(host: &str) -> Request {
        Request::builder()
            .header(HOST, host)
            .body(Body::empty())
            .unwrap()
    }

    #[test]
    fn an_index_is_known_by_its_host() {
        let public: PublicHost = "https://{index}.Example.com".parse().unwrap();
        assert_eq!(public.url("photos"), "https://photos.example.com");
        let index = |host| public.index_of(&asked(host));
        assert_eq!(index("photos.example.com"), Some("photos".to_owned()));
        assert_eq!(index("Photos.EXAMPLE.com:443"), Some("photos".to_owned()));
        for other in [
            "example.com",
            ".example.com",
            "photos.example.org",
            "127.0.0.1:8080",
        ] {
            assert_eq!(index(other), None, "{other}");
        }
        let local: PublicHost = "http://{index}.localhost:8080".parse().unwrap();
        let index = local.index_of(&asked("a-b.localhost:8080"));
        assert_eq!(index, Some("a-b".to_owned()));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "example.com",
            "ftp://{index}.example.com",
            "{index}.example.com/path",
            "{index}.{index}.com",
            "me@{index}.com",
            "{index} .com",
        ] {
            assert!(bad.parse::<PublicHost>().is_err(), "{bad}");
        }
    }
}
