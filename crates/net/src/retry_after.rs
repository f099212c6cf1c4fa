use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The wait that a server requests: `Retry-After` in seconds or as a date, or the time in the Hub's
/// `RateLimit: "api";r=0;t=55`, which counts if no requests remain.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    if let Some(value) = retry_after {
        if let Ok(seconds) = value.trim().parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(value).ok()?;
        return Some(date.duration_since(SystemTime::now()).unwrap_or_default());
    }
    let limit = headers.get("ratelimit")?.to_str().ok()?;
    let field = |key: &str| {
        let mut fields = limit.split(';').map(str::trim);
        fields.find_map(|field| field.strip_prefix(key)?.parse::<u64>().ok())
    };
    (field("r=") == Some(0))
        .then(|| field("t="))
        .flatten()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn the_time_to_wait_is_read_in_every_form() {
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(
            wait("ratelimit", "\"api\";r=0;t=55"),
            Some(Duration::from_secs(55))
        );
        assert_eq!(wait("ratelimit", "\"api\";r=3;t=55"), None);
        let later = SystemTime::now() + Duration::from_secs(7200);
        let asked = wait("retry-after", &httpdate::fmt_http_date(later)).unwrap();
        assert!((3600..=7200).contains(&asked.as_secs()));
    }
}
