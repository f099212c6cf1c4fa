use reqwest::header::HeaderMap;

/// The directives that opt a picture out of use by machines.
const OPT_OUTS: [&str; 6] = [
    "noai",
    "noimageai",
    "noml",
    "noindex",
    "noimageindex",
    "none",
];
/// The directives with a value, which may look like one of [`OPT_OUTS`].
const WITH_VALUE: [&str; 4] = [
    "max-image-preview",
    "max-snippet",
    "max-video-preview",
    "unavailable_after",
];

/// The header that opts a picture out of use by machines, if any: for all, or for a crawler by name, as in
/// `X-Robots-Tag: some-bot: noai`
/// (<https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag>).
pub(super) fn opt_out(headers: &HeaderMap) -> Option<String> {
    let tags = headers.get_all("x-robots-tag").iter();
    let mut tags = tags.map(|tag| String::from_utf8_lossy(tag.as_bytes()));
    let tag = tags.find(|tag| tag.split([',', ';']).any(is_opt_out))?;
    Some(format!("X-Robots-Tag: {tag}"))
}

/// Whether a rule such as `noai`, `some-bot: noai` or `max-image-preview: none` is an opt-out.
fn is_opt_out(rule: &str) -> bool {
    let is_one_of =
        |names: &[&str], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    rule.split([':', ' ', '\t'])
        .take_while(|word| !is_one_of(&WITH_VALUE, word))
        .any(|word| is_one_of(&OPT_OUTS, word))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn case(tag: &[u8], expected: bool) {
        let tag = HeaderValue::from_bytes(tag).unwrap();
        let headers = [("x-robots-tag".parse().unwrap(), tag)];
        let headers = headers.into_iter().collect();
        assert_eq!(opt_out(&headers).is_some(), expected);
    }

    #[test]
    fn directives_opt_out_and_values_do_not() {
        for tag in [
            "none",
            "NoAI",
            "noimageai",
            "noml",
            "nofollow,noindex",
            "nofollow noimageindex",
            "googlebot: noai",
            "googlebot : nofollow , otherbot:noai",
            "max-image-preview:none, noai",
            "max-snippet:-1; none",
            "unavailable_after: Friday, 25 Jun 2010 15:00:00 PST, noml",
        ] {
            case(tag.as_bytes(), true);
        }
        case(b"\xe4bot: noai", true);
        for tag in [
            "",
            "all",
            "index, follow",
            "nofollow, noarchive, nosnippet",
            "max-image-preview:none",
            "Max-Image-Preview : none",
            "googlebot: max-image-preview: none",
            "max-video-preview:none,max-snippet: none",
            "unavailable_after: none",
            "noaiming",
        ] {
            case(tag.as_bytes(), false);
        }
    }
}
