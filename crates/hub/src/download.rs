use std::path::{Path, PathBuf};

use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode, Url};

use crate::cache::{Cache, is_whole};
use crate::client::{Client, Follow};
use crate::digest::Digest;
use crate::error_response::{self, Subject};
use crate::failure::Failure;
use crate::lock::Lock;
use crate::metadata::Metadata;
use crate::part::{OwnPart, Part};
use crate::{Error, Progress, Repository, Result, Retry, Waiting, disk_space, link, retry};

/// The download of one file of one commit into the cache.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) cache: &'a Cache,
    pub(crate) retry: Retry,
    pub(crate) symlinks: bool,
    pub(crate) progress: &'a (dyn Fn(Progress<'_>) + Sync),
    pub(crate) repository: &'a Repository,
    pub(crate) commit: &'a str,
    /// Verified to be a path below its folder.
    pub(crate) name: &'a str,
}

/// After this many bytes, an interrupted download doesn't count as a failed attempt.
const HEADWAY: u64 = 1 << 20;

impl Download<'_> {
    /// Downloads the file, unless the cache has its content, and links it into the snapshot.
    ///
    /// # Errors
    /// If it can't be downloaded, verified or stored.
    pub(crate) async fn run(&self) -> Result<()> {
        let url = self.url();
        let subject = self.subject();
        let waiting = |wait| self.wait(Waiting::NextAttempt(wait));
        let ask = async || Metadata::ask(self.client, &url, &subject).await;
        let metadata = retry::run(self.retry, &waiting, ask).await?;
        let blob = self.cache.blob(self.repository, &metadata.digest);
        let lock = self.cache.lock(self.repository, &metadata.digest);
        let lock = Lock::acquire(&lock, || self.wait(Waiting::OtherProcess)).await?;
        if !is_here(&blob, &metadata).await? {
            self.fetch(url, &metadata, &blob, &lock).await?;
        }
        let snapshot = self.cache.snapshot_folder(self.repository, self.commit);
        let (name, symlinks) = (self.name.to_owned(), self.symlinks);
        blocking(move || link::place(&blob, &snapshot, &name, symlinks)).await?;
        drop(lock);
        (self.progress)(Progress::Finished { name: self.name });
        Ok(())
    }

    fn url(&self) -> Url {
        let file = ["resolve", self.commit]
            .into_iter()
            .chain(self.name.split('/'));
        self.client.url(self.repository.path_parts().chain(file))
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            repository: self.repository,
            revision: self.commit,
            name: Some(self.name),
        }
    }

    fn wait(&self, for_what: Waiting) {
        (self.progress)(Progress::Waiting {
            name: Some(self.name),
            for_what,
        });
    }

    async fn fetch(&self, url: Url, metadata: &Metadata, blob: &Path, lock: &Lock) -> Result<()> {
        let part = self.cache.part(self.repository, &metadata.digest);
        if lock.is_held() {
            return self.fetch_into(part, url, metadata, blob).await;
        }
        let own = self.cache.own_part(self.repository, &metadata.digest);
        let own = OwnPart::take(part, own);
        self.fetch_into(own.path().to_owned(), url, metadata, blob)
            .await
    }

    async fn fetch_into(
        &self,
        part: PathBuf,
        url: Url,
        metadata: &Metadata,
        blob: &Path,
    ) -> Result<()> {
        let mut part = open(part, metadata.digest.clone(), metadata.size).await?;
        disk_space::require(blob.parent().unwrap_or(blob), part.missing())?;
        (self.progress)(Progress::Started {
            name: self.name,
            size: metadata.size,
            present: part.length(),
        });
        self.complete(&url, metadata, &mut part).await?;
        if !part.verify()? {
            self.starts_over();
            self.complete(&url, metadata, &mut part).await?;
            if !part.verify()? {
                part.discard();
                return Err(Error::Damaged {
                    name: self.name.to_owned(),
                    expected: metadata.digest.as_str().to_owned(),
                });
            }
        }
        let blob = blob.to_owned();
        blocking(move || part.finish(&blob)).await
    }

    /// Downloads the rest of the part, with retries.
    async fn complete(&self, url: &Url, metadata: &Metadata, part: &mut Part) -> Result<()> {
        let mut attempts = self.retry.attempts();
        while part.missing() > 0 {
            let before = part.length();
            if let Err(failure) = self.attempt(url, metadata, part).await {
                if part.length() >= before.saturating_add(HEADWAY) {
                    attempts.forget();
                }
                let waiting = |wait| self.wait(Waiting::NextAttempt(wait));
                retry::pause(&mut attempts, failure, &waiting).await?;
            }
        }
        Ok(())
    }

    async fn attempt(
        &self,
        url: &Url,
        metadata: &Metadata,
        part: &mut Part,
    ) -> Result<(), Failure> {
        let headers = range(part.length(), metadata);
        let mut response = self
            .client
            .ask(&Method::GET, url.clone(), &headers, Follow::ToTheEnd)
            .await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && part.length() > 0 {
            self.throw_away(part)?;
            return Err(Failure::passing(error_response::status_of(&response)));
        }
        response = error_response::check(response, &self.subject(), self.client)?;
        if part.length() > 0 && !continues(&response, part.length(), metadata.size) {
            self.throw_away(part)?;
            if response.status() == StatusCode::PARTIAL_CONTENT {
                return Err(Failure::passing(error_response::status_of(&response)));
            }
        }
        self.receive(&mut response, part).await
    }

    async fn receive(&self, response: &mut Response, part: &mut Part) -> Result<(), Failure> {
        while part.missing() > 0 {
            let Some(chunk) = self.client.chunk(response).await? else {
                return Err(Failure::passing(Error::BrokenOff {
                    host: crate::client::host(response.url()),
                    source: None,
                }));
            };
            // Excess bytes are dropped; the hash tells whether the rest is right.
            let chunk = chunk.as_ref();
            let useful = chunk
                .len()
                .min(usize::try_from(part.missing()).unwrap_or(usize::MAX));
            part.append(&chunk[..useful])?;
            (self.progress)(Progress::Received {
                name: self.name,
                bytes: useful as u64,
            });
        }
        Ok(())
    }

    fn throw_away(&self, part: &mut Part) -> Result<()> {
        self.starts_over();
        part.start_over()
    }

    fn starts_over(&self) {
        (self.progress)(Progress::StartedOver { name: self.name });
    }
}

/// Whether the cache has the content. A blob may have been damaged since, or stored without verification, so
/// this checks its hash.
async fn is_here(blob: &Path, metadata: &Metadata) -> Result<bool> {
    if !is_whole(blob, metadata.size) {
        return Ok(false);
    }
    let (blob, digest) = (blob.to_owned(), metadata.digest.clone());
    blocking(move || {
        let found = digest.of_file(&blob).map_err(Error::of(&blob))?;
        Ok(found == digest)
    })
    .await
}

/// The headers of a request for the bytes after `length`.
fn range(length: u64, metadata: &Metadata) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if length == 0 {
        return headers;
    }
    let value = |text: String| HeaderValue::try_from(text).ok();
    headers.extend(value(format!("bytes={length}-")).map(|value| (RANGE, value)));
    // The storage uses other etags, and its URLs already identify one content.
    if metadata.is_direct {
        let etag = value(format!("\"{}\"", metadata.digest.as_str()));
        headers.extend(etag.map(|value| (IF_RANGE, value)));
    }
    headers
}

/// Whether a response continues a file of `size` bytes after `length`.
fn continues(response: &Response, length: u64, size: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    let range = range
        .and_then(|range| range.to_str().ok())
        .unwrap_or_default();
    let begins = range.starts_with(&format!("bytes {length}-"));
    let is_of_size = range.ends_with(&format!("/{size}")) || range.ends_with("/*");
    response.status() == StatusCode::PARTIAL_CONTENT && begins && is_of_size
}

/// Runs on another thread, as hashing a large part takes seconds.
async fn open(path: PathBuf, digest: Digest, size: u64) -> Result<Part> {
    blocking(move || Part::open(path, digest, size)).await
}

/// Runs blocking work, such as hashing or disk access, on another thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The task is never cancelled, so this is a panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use hub_double::{HubDouble, Trouble};

    use super::*;
    use crate::{Limits, Settings};

    /// The hash of the content below.
    const HASH: &str = "08f166476de183f7a1b2874d544d37912aaf8d19b92013e1aafe233ba231024a";

    /// Starts where the lock is unavailable, as all file systems at hand support locks.
    #[test]
    fn downloads_without_locks_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let double = HubDouble::start();
        let content = vec![7; 300_000];
        let model = hub_double::Repository::model("owner/name").large_file("weights", &*content);
        let commit = model.commit();
        double.add(model);
        double.trouble("GET", "/storage/", 1, Trouble::Cut(100_000));

        let mut settings = Settings::new(folder.path());
        settings.retry.first_wait = Duration::from_millis(1);
        let longest = Duration::from_secs(600);
        settings.limits = Limits {
            connect: longest,
            answer: longest,
            stall: longest,
        };
        let endpoint = Url::parse(&double.endpoint()).unwrap();
        let cache = Cache::new(settings.cache.clone());
        let repository = Repository::model("owner/name").unwrap();
        cache.prepare(&repository).unwrap();
        let digest = Digest::of_etag(HASH).unwrap();
        let blob = cache.blob(&repository, &digest);
        // Each on its own thread with its own connections.
        let fetch = |progress: &(dyn Fn(Progress<'_>) + Sync)| {
            let client = Client::new(&settings, endpoint.clone()).unwrap();
            let download = Download {
                client: &client,
                cache: &cache,
                retry: settings.retry,
                symlinks: true,
                progress,
                repository: &repository,
                commit: &commit,
                name: "weights",
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let metadata = Metadata::ask(&client, &download.url(), &download.subject()).await;
                let (metadata, lock) = (metadata.unwrap(), Lock::none());
                let fetched = download.fetch(download.url(), &metadata, &blob, &lock);
                fetched.await.unwrap();
            });
        };
        let look = || {
            let seen = fs::read(&blob).unwrap_or_else(|_| content.clone());
            assert!(seen == content, "what is seen is whole at any time");
        };
        // One is interrupted. The other finishes before it resumes, and then fails verification.
        let is_done = AtomicBool::new(false);
        fetch(&|progress| {
            look();
            if matches!(progress, Progress::Waiting { .. })
                && !is_done.swap(true, Ordering::Relaxed)
            {
                thread::scope(|scope| scope.spawn(|| fetch(&|_| look())).join().unwrap());
                assert_eq!(fs::read(&blob).unwrap(), content);
                double.trouble("GET", "/storage/", 1, Trouble::Corrupt(200_000));
            }
        });
        assert!(is_done.into_inner());
        assert_eq!(double.requests().len(), 10, "{:#?}", double.requests());
        assert_eq!(fs::read(&blob).unwrap(), content);
        let blobs = fs::read_dir(blob.parent().unwrap()).unwrap();
        assert_eq!(blobs.count(), 1, "no part stays behind");
    }
}
