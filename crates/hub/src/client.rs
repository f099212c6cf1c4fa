use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, Response, Url};

use net::{LoopClock, RetryAdvice};

use crate::failure::Failure;
use crate::{Error, Limits, Repository, Result, Settings};

/// Sends requests to the Hub and to its redirects. It follows redirects itself instead of reqwest, because
/// the token may only go to the endpoint's own scheme, host and port.
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Url,
    token: Option<crate::Token>,
    /// The timeouts, which run only while the event loop does.
    limits: Limits,
    /// The servers that have responded before.
    known: Mutex<HashSet<String>>,
}

/// When to stop following redirects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Never: follow to the content.
    ToTheEnd,
    /// At a response that describes the file and redirects to another host.
    ToTheDescription,
}

/// The header with the etag of a redirect's target.
pub(crate) const LINKED_ETAG: &str = "x-linked-etag";

impl Client {
    /// # Errors
    /// If TLS or the client can't be set up.
    pub(crate) fn new(settings: &Settings, endpoint: Url) -> Result<Self> {
        let builder = net::client(&settings.client)?
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.limits.connect);
        let http = builder.build().map_err(|source| Error::Client {
            source: source.without_url(),
        })?;
        // `Authorization` has room for one. Like Python's client, prefers the URL's name and password.
        let has_password = !endpoint.username().is_empty() || endpoint.password().is_some();
        Ok(Self {
            http,
            endpoint,
            token: settings.token.clone().filter(|_| !has_password),
            limits: settings.limits,
            known: Mutex::default(),
        })
    }

    /// Whether a token is sent.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a URL belongs to the endpoint.
    pub(crate) fn is_endpoint(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.origin()
    }

    /// The endpoint's URL with these path parts, each percent-encoded as a whole.
    pub(crate) fn url<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        // The endpoint is http or https, so its URL has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// The web page of a repository.
    pub(crate) fn page(&self, repository: &Repository) -> String {
        let mut page = self.url(repository.path_parts());
        // A mirror's URL may contain a name and a password.
        let _ = page.set_username("").and_then(|()| page.set_password(None));
        page.into()
    }

    /// Sends one request and follows redirects. The response may have any status except a redirect's.
    ///
    /// # Errors
    /// If there is no response, or a redirect must not be followed.
    pub(crate) async fn ask(
        &self,
        method: &Method,
        url: Url,
        headers: &HeaderMap,
        follow: Follow,
    ) -> Result<Response, Failure> {
        let mut url = url;
        for _ in 0..=net::MOST_REDIRECTS {
            let response = self.send(method, &url, headers).await?;
            let Some(target) = redirect_of(&response)? else {
                return Ok(response);
            };
            let leaves = url.origin() != target.origin();
            let describes = response.headers().contains_key(LINKED_ETAG);
            if follow == Follow::ToTheDescription && leaves && describes {
                return Ok(response);
            }
            url = target;
        }
        Err(redirect_fault(&url, "too often").into())
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<Response, Failure> {
        let (mut address, mut headers) = (url.clone(), headers.clone());
        if self.is_endpoint(url) {
            // A redirect leads to a URL without them, even if it leads to the endpoint. The URL has a host,
            // so both can be set.
            let _ = address.set_username(self.endpoint.username());
            let _ = address.set_password(self.endpoint.password());
            headers.extend(
                self.token
                    .as_ref()
                    .map(|token| (AUTHORIZATION, token.header())),
            );
        }
        let send = || {
            let request = self.http.request(method.clone(), address.clone());
            request.headers(headers.clone()).send()
        };
        let Limits {
            connect, answer, ..
        } = self.limits;
        let clock = LoopClock::default();
        let sent = within(&clock, answer, url, clock.send(connect, send));
        let response = sent.await?.map_err(|error| self.unanswered(url, error))?;
        self.known().insert(host(url));
        Ok(response)
    }

    fn known(&self) -> MutexGuard<'_, HashSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unanswered(&self, url: &Url, error: reqwest::Error) -> Failure {
        let host = host(url);
        let unreachable = error.is_connect();
        let untrusted = net::is_refused_certificate(&error);
        let source = error.without_url();
        if untrusted {
            return Error::Untrusted { host, source }.into();
        }
        if unreachable {
            // The network worked a moment ago, so it's probably back soon.
            let retry_advice = if self.known().contains(&host) {
                RetryAdvice::WithBackoff
            } else {
                RetryAdvice::Briefly
            };
            return Failure {
                error: Box::new(Error::Unreachable { host, source }),
                retry_advice,
            };
        }
        broken_off(host, source)
    }

    /// The next bytes of a body; `None` at its end.
    ///
    /// # Errors
    /// If the connection breaks, or nothing arrives in time.
    pub(crate) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        let url = response.url().clone();
        let clock = LoopClock::default();
        let chunk = within(&clock, self.limits.stall, &url, response.chunk());
        let chunk = chunk.await?;
        chunk.map_err(|error| broken_off(host(&url), error.without_url()))
    }
}

/// Waits for a response or data from a server. Each wait has its own clock, as a clock belongs to one event
/// loop and a client may be used in several.
async fn within<T>(
    clock: &LoopClock,
    limit: Duration,
    url: &Url,
    coming: impl Future<Output = T>,
) -> Result<T, Failure> {
    clock.start();
    let came = clock.until(clock.now() + limit, coming).await;
    came.ok_or_else(|| {
        let host = host(url);
        Failure::passing(Error::Stalled { host, limit })
    })
}

/// Invalid HTTP won't become valid with a retry.
fn broken_off(host: String, source: reqwest::Error) -> Failure {
    if net::is_malformed_response(&source) {
        return Error::Malformed { host, source }.into();
    }
    Failure::passing(Error::BrokenOff {
        host,
        source: Some(source),
    })
}

/// The target of a redirect; `None` for other responses.
fn redirect_of(response: &Response) -> Result<Option<Url>> {
    net::redirect_of(response).map_err(|fault| redirect_fault(response.url(), fault))
}

fn redirect_fault(from: &Url, fault: &'static str) -> Error {
    Error::Redirect {
        host: host(from),
        fault,
    }
}

/// The host and port of a URL. Leaves out paths and queries, which may be signed.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use http_body::Frame;
    use reqwest::Body;
    use tokio::time::{Instant, Sleep, sleep};

    use super::*;

    /// A body of chunks with a pause before each.
    struct Slow {
        pieces: usize,
        pause: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl Slow {
        fn response(pieces: usize, pause: Duration) -> Response {
            let next = Box::pin(sleep(pause));
            let body = Body::wrap(Self {
                pieces,
                pause,
                next,
            });
            http::Response::new(body).into()
        }
    }

    impl http_body::Body for Slow {
        type Data = &'static [u8];
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
            if self.pieces == 0 {
                return Poll::Ready(None);
            }
            ready!(self.next.as_mut().poll(context));
            self.pieces -= 1;
            self.next = Box::pin(sleep(self.pause));
            Poll::Ready(Some(Ok(Frame::data(b"piece"))))
        }
    }

    /// The number of chunks of a body, with a paused clock that advances when all tasks are idle.
    fn chunks(pieces: usize, pause: Duration) -> (Result<usize, Failure>, Duration) {
        let mut settings = Settings::new("cache");
        settings.limits.stall = Duration::from_secs(10);
        let endpoint = "http://127.0.0.1:1".parse().unwrap();
        let client = Client::new(&settings, endpoint).unwrap();
        runtime(true).block_on(async {
            let start = Instant::now();
            let mut response = Slow::response(pieces, pause);
            let mut came = 0;
            let all = loop {
                match client.chunk(&mut response).await {
                    Ok(Some(_)) => came += 1,
                    Ok(None) => break Ok(came),
                    Err(failure) => break Err(failure),
                }
            };
            (all, start.elapsed())
        })
    }

    #[test]
    fn a_slow_server_is_waited_for_as_long_as_it_sends() {
        let (all, time) = chunks(100, Duration::from_secs(9));
        assert_eq!(all.ok(), Some(100));
        assert_eq!(time.as_secs(), 900);
    }

    fn runtime(is_paused: bool) -> tokio::runtime::Runtime {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime
            .enable_time()
            .start_paused(is_paused)
            .build()
            .unwrap()
    }

    /// By the wall clock, as this blocks the loop.
    #[test]
    fn a_loop_that_stood_still_has_not_waited() {
        let limit = Duration::from_millis(500);
        let url = "http://127.0.0.1:1".parse().unwrap();
        runtime(false).block_on(async {
            let late = async {
                tokio::task::yield_now().await;
                std::thread::sleep(2 * limit);
                // Later than the loop's last round reads.
                sleep(Duration::from_millis(150)).await;
            };
            let clock = LoopClock::default();
            within(&clock, limit, &url, late).await.unwrap();
            let never = std::future::pending::<()>();
            let lost = within(&clock, limit, &url, never).await;
            assert!(matches!(*lost.unwrap_err().error, Error::Stalled { .. }));
        });
    }

    #[test]
    fn a_client_is_of_no_event_loop() {
        let settings = Settings::new("cache");
        let client = Client::new(&settings, "http://127.0.0.1:1".parse().unwrap()).unwrap();
        // Neither runs while the other does.
        let runtimes = [runtime(true), runtime(true)];
        for runtime in &runtimes {
            let lost = runtime.block_on(async {
                let mut response = Slow::response(1, Duration::from_secs(11));
                client.chunk(&mut response).await.err()
            });
            assert!(matches!(*lost.unwrap().error, Error::Stalled { .. }));
        }
    }

    #[test]
    fn a_server_that_sends_nothing_is_left_after_the_limit() {
        let (all, time) = chunks(1, Duration::from_secs(11));
        let failure = all.err().unwrap();
        assert!(matches!(*failure.error, Error::Stalled { .. }));
        assert_eq!(failure.retry_advice, RetryAdvice::WithBackoff);
        assert_eq!(time.as_secs(), 10);
    }
}
