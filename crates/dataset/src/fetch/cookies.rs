use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};

/// The maximum length of a cookie. Longer ones are dropped, as in browsers.
const LONGEST: usize = 4096;
/// The maximum number of cookies.
const MOST: usize = 50;
/// The maximum size of the cookies in a request, in bytes, as in curl.
const MOST_BYTES: usize = 8190;

/// The cookies that servers set during one fetch. Some servers redirect until they get theirs back.
///
/// A cookie is sent only to the host that set it, ignoring `Domain`. `Path` and `Expires` are ignored too, as
/// a chain of redirects is for one picture.
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    host: String,
    name: Vec<u8>,
    /// `NAME=VALUE`
    pair: Vec<u8>,
    /// Whether the cookie is sent over `https` only.
    secure: bool,
}

impl Cookies {
    /// Stores the cookies that a response from this URL sets.
    pub(super) fn keep(&mut self, from: &Url, headers: &HeaderMap) {
        let Some(host) = from.host_str() else { return };
        for set in headers.get_all(SET_COOKIE) {
            let mut parts = set.as_bytes().split(|&byte| byte == b';');
            let pair = parts.next().unwrap_or_default().trim_ascii();
            let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
            let name = name.trim_ascii();
            if name.is_empty() || name.len() == pair.len() || pair.len() > LONGEST {
                continue;
            }
            let attributes: Vec<_> = parts.map(<[u8]>::trim_ascii).collect();
            let secure = attributes
                .iter()
                .any(|it| it.eq_ignore_ascii_case(b"secure"));
            self.0.retain(|it| it.host != host || it.name != name);
            if attributes.iter().any(|it| is_over(it)) || self.0.len() >= MOST {
                continue;
            }
            self.0.push(Cookie {
                host: host.to_owned(),
                name: name.to_owned(),
                pair: pair.to_owned(),
                secure,
            });
        }
    }

    /// The `Cookie` header of a request to this URL.
    pub(super) fn header(&self, to: &Url) -> Option<HeaderValue> {
        let is_secure = to.scheme() == "https";
        let cookies = self
            .0
            .iter()
            .filter(|it| Some(it.host.as_str()) == to.host_str() && (is_secure || !it.secure));
        let mut header = Vec::new();
        for cookie in cookies {
            let separator: &[u8] = if header.is_empty() { b"" } else { b"; " };
            if header.len() + separator.len() + cookie.pair.len() > MOST_BYTES {
                break;
            }
            header.extend_from_slice(separator);
            header.extend_from_slice(&cookie.pair);
        }
        let header = HeaderValue::from_bytes(&header).ok();
        header.filter(|it| !it.is_empty())
    }
}

/// Whether this attribute deletes a cookie: `Max-Age=0` or less.
fn is_over(attribute: &[u8]) -> bool {
    let mut parts = attribute.splitn(2, |&byte| byte == b'=');
    let name = parts.next().unwrap_or_default().trim_ascii();
    let age = parts.next().unwrap_or_default().trim_ascii();
    name.eq_ignore_ascii_case(b"max-age") && matches!(age, [b'-', ..] | b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn kept(from: &str, set: &[&str]) -> Cookies {
        let mut cookies = Cookies::default();
        keep(&mut cookies, from, set);
        cookies
    }

    fn keep(cookies: &mut Cookies, from: &str, set: &[&str]) {
        let headers = set
            .iter()
            .map(|it| (SET_COOKIE, HeaderValue::from_str(it).unwrap()));
        cookies.keep(&url(from), &headers.collect());
    }

    #[track_caller]
    fn sent(cookies: &Cookies, to: &str, expected: &str) {
        let header = cookies.header(&url(to));
        let header = header.as_ref().map_or("", |it| it.to_str().unwrap());
        assert_eq!(header, expected, "{to}");
    }

    #[test]
    fn cookies_go_back_to_their_host_only() {
        let mut cookies = kept(
            "http://a.example/x",
            &[
                "n=1; Domain=example; Path=/y",
                "m = 2;HttpOnly",
                "s=3; secure",
            ],
        );
        sent(&cookies, "http://a.example:81/", "n=1; m = 2");
        sent(&cookies, "https://a.example/", "n=1; m = 2; s=3");
        for other in [
            "http://example/",
            "http://b.example/",
            "http://b.a.example/",
        ] {
            sent(&cookies, other, "");
        }
        keep(&mut cookies, "http://b.example/", &["n=4"]);
        sent(&cookies, "http://b.example/", "n=4");
        keep(
            &mut cookies,
            "http://a.example/",
            &["n=5; Max-Age=60", "m=; max-age=0"],
        );
        sent(&cookies, "http://a.example/", "n=5");
    }

    #[test]
    fn cookies_are_bounded() {
        let from = "http://a.example/";
        let long = "x".repeat(LONGEST);
        sent(
            &kept(from, &[&format!("n={long}"), "", "=1", "flag", ";"]),
            from,
            "",
        );
        let many: Vec<_> = (0..2 * MOST)
            .map(|n| format!("{n}={}", &long[..1000]))
            .collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let cookies = kept(from, &many);
        assert_eq!(cookies.0.len(), MOST);
        let header = cookies.header(&url(from)).unwrap();
        assert!((MOST_BYTES - 1010..=MOST_BYTES).contains(&header.len()));
    }
}
