//! Reads ranges of files.

use std::ops::Range;

use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::client::{Client, Follow, host};
use crate::error_response::{self, Subject};
use crate::failure::Failure;
use crate::hub::Hub;
use crate::{Error, Listing, Progress, Result, Waiting, retry};

impl Hub {
    /// Reads a range of bytes of a listing's file from the Hub. The bytes aren't cached and aren't verified,
    /// as hashes are of whole files.
    ///
    /// # Errors
    /// If network access is forbidden, the Hub refuses or is unreachable, or it doesn't send the requested
    /// range.
    pub async fn read_range(
        &self,
        listing: &Listing,
        name: &str,
        range: Range<u64>,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Vec<u8>> {
        self.forbid_offline(&listing.repository, &listing.revision)?;
        let client = self.client()?;
        let parts = ["resolve", listing.commit.as_str()];
        let parts = parts.into_iter().chain(name.split('/'));
        let url = client.url(listing.repository.path_parts().chain(parts));
        let subject = Subject {
            repository: &listing.repository,
            revision: &listing.commit,
            name: Some(name),
        };
        let waiting = |wait| {
            progress(Progress::Waiting {
                name: Some(name),
                for_what: Waiting::NextAttempt(wait),
            });
        };
        let mut headers = HeaderMap::new();
        let asked = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        headers.extend(
            HeaderValue::try_from(asked)
                .ok()
                .map(|value| (RANGE, value)),
        );
        retry::run(self.settings().retry, &waiting, async || {
            let response = client
                .ask(&Method::GET, url.clone(), &headers, Follow::ToTheEnd)
                .await?;
            let response = error_response::check(response, &subject, client)?;
            receive(client, response, &range).await
        })
        .await
    }
}

async fn receive(
    client: &Client,
    mut response: Response,
    range: &Range<u64>,
) -> Result<Vec<u8>, Failure> {
    let host = host(response.url());
    if !is_of(&response, range) {
        return Err(Failure::from(Error::NotTheHub {
            host,
            lacks: "other bytes of a file than requested",
        }));
    }
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let Some(chunk) = client.chunk(&mut response).await? else {
            return Err(Failure::passing(Error::BrokenOff { host, source: None }));
        };
        bytes.extend_from_slice(chunk.as_ref());
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Whether a response has the bytes of this range.
fn is_of(response: &Response, range: &Range<u64>) -> bool {
    let is_whole = response.status() == StatusCode::OK && range.start == 0;
    let sent = response.headers().get(CONTENT_RANGE);
    let sent = sent.and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    let last = range.end.saturating_sub(1);
    let is_part = response.status() == StatusCode::PARTIAL_CONTENT
        && sent.starts_with(&format!("bytes {}-{last}/", range.start));
    is_whole || is_part
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hub_double::{HubDouble, Trouble};

    use super::*;
    use crate::{Repository, Revision, Settings};

    #[test]
    fn a_part_comes_as_it_is_whatever_happens_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let double = HubDouble::start();
        let bytes: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
        let model = hub_double::Repository::model("owner/name").large_file("a/b c", bytes.clone());
        double.add(model);
        let mut settings = Settings::new(folder.path());
        settings.endpoint = double.endpoint();
        settings.retry.first_wait = Duration::from_millis(10);
        let hub = Hub::new(settings).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let repository = Repository::model("owner/name").unwrap();
        let main = Revision::main();
        let listing = runtime.block_on(hub.listing(&repository, &main, &|_| {}));
        let listing = listing.unwrap();
        let read =
            |range: Range<u64>| runtime.block_on(hub.read_range(&listing, "a/b c", range, &|_| {}));
        for range in [0..5000, 0..1, 4990..5000, 17..3000] {
            let expected = &bytes[range.start as usize..range.end as usize];
            assert_eq!(read(range).unwrap(), expected);
        }
        double.trouble("GET", "storage", 1, Trouble::Cut(100));
        double.trouble("GET", "resolve", 1, Trouble::Status(503, Vec::new()));
        assert_eq!(read(17..3000).unwrap(), &bytes[17..3000]);
        double.trouble("GET", "storage", 1, Trouble::IgnoreRange);
        let error = read(17..3000).unwrap_err().to_string();
        assert!(error.contains("other bytes of a file"), "{error}");
        assert!(!folder.path().join("models--owner--name").exists());
    }
}
