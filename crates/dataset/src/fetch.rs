//! Downloads a picture from a server.

mod cookies;
mod opt_out;
mod packing;

use std::future::Future;
use std::net::IpAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use net::{ClientSettings, LoopClock};
use picture::Format;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderName};
use reqwest::{Client, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Host;

use self::cookies::Cookies;
use self::opt_out::opt_out;
use self::packing::{Declared, Fault as PackingFault};
use crate::AllowedAddresses;
use crate::address::WebAddress;
use crate::fetch_error::FetchError;
use crate::resolver::{Fault, Resolver};

/// How long idle connections are kept.
const IDLE: Duration = Duration::from_secs(20);

/// The memory for all response bodies, in MiB. The first MiB of each isn't counted.
const MEMORY: u32 = 256;
const MIB: usize = 1 << 20;
/// The memory reserved for a body of unknown length.
const UNTOLD: u32 = MEMORY / 4;

/// How pictures are fetched. Timeouts run only while the event loop does: if the program itself gets no
/// processor, no server is blamed.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// The `User-Agent` of requests.
    pub user_agent: String,
    /// The certificates and proxies.
    pub client: ClientSettings,
    /// The maximum size of a picture in bytes.
    pub bytes: u64,
    /// The timeout for a connection.
    pub connect: Duration,
    /// The timeout for the response to begin, and for further bytes of it.
    pub stall: Duration,
    /// The number of bytes that must arrive within that time, unless the body ends.
    pub least: u64,
    /// The timeout for the whole request.
    pub whole: Duration,
    /// The IP addresses that may be requested.
    pub allowed_addresses: AllowedAddresses,
    /// Whether to ignore a server's opt-out of use by machines: `X-Robots-Tag` with `noai`, `noimageai`,
    /// `noml`, `noindex`, `noimageindex` or `none`, with or without a crawler's name.
    pub ignore_opt_out: bool,
}

impl Default for FetchOptions {
    /// 10 s for a connection, 20 s for the next 1,024 bytes, two minutes for the whole request, and the
    /// picture limit in bytes.
    fn default() -> Self {
        Self {
            user_agent: concat!("clipseek/", env!("CARGO_PKG_VERSION")).to_owned(),
            client: ClientSettings::default(),
            bytes: picture::Limits::default().bytes,
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(20),
            least: 1024,
            whole: Duration::from_secs(120),
            allowed_addresses: AllowedAddresses::default(),
            ignore_opt_out: false,
        }
    }
}

/// Downloads the bytes of a picture. Checks that they begin like a picture, but doesn't decode them.
///
/// # Errors
/// Any [`FetchError`] except [`Address`](FetchError::Address) and [`Scheme`](FetchError::Scheme).
pub async fn fetch(address: &WebAddress, options: &FetchOptions) -> Result<Vec<u8>, FetchError> {
    let answer = Fetcher::new(options.clone())?.fetch(address).await;
    Ok(answer.body?.bytes)
}

/// Downloads pictures and reuses connections.
#[derive(Debug)]
pub(crate) struct Fetcher {
    client: Client,
    options: FetchOptions,
    memory: Arc<Semaphore>,
    clock: LoopClock,
}

/// The result of a request for a picture.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status of the last response, if any.
    pub(crate) status: Option<u16>,
    /// The body, or why there is none.
    pub(crate) body: Result<Body, FetchError>,
}

/// The bytes of a picture.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Its share of the memory for bodies.
    share: Option<OwnedSemaphorePermit>,
}

impl Fetcher {
    pub(crate) fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let client = net::client(&options.client)?
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect)
            .dns_resolver(Resolver::new(options.allowed_addresses.clone()))
            .pool_idle_timeout(IDLE)
            .build();
        Ok(Self {
            client: client.map_err(|source| FetchError::Client {
                source: source.without_url(),
            })?,
            options,
            memory: Arc::new(Semaphore::new(MEMORY as usize)),
            clock: LoopClock::default(),
        })
    }

    pub(crate) async fn fetch(&self, address: &WebAddress) -> Answer {
        let status = AtomicU16::new(0);
        let body = self.picture(address, &status).await;
        let status = Some(status.into_inner()).filter(|&status| status != 0);
        Answer { status, body }
    }

    async fn picture(
        &self,
        address: &WebAddress,
        answered: &AtomicU16,
    ) -> Result<Body, FetchError> {
        let mut patience = Patience::new(&self.options, &self.clock);
        let response = self.answer(address, &mut patience).await?;
        let url = || address.to_string();
        let status = response.status();
        answered.store(status.as_u16(), Ordering::Relaxed);
        if !status.is_success() {
            let wait = net::retry_after(response.headers());
            return Err(FetchError::Status {
                url: url(),
                status,
                wait,
            });
        }
        if let Some(header) = opt_out(response.headers()).filter(|_| !self.options.ignore_opt_out) {
            return Err(FetchError::OptedOut { url: url(), header });
        }
        let is_page = header(&response, CONTENT_TYPE).is_some_and(|it| it.starts_with("text/html"));
        let declared = Declared::of(response.headers());
        // A compressed body's length doesn't tell its final size.
        let length = response.content_length();
        let length = length.filter(|_| declared.packing().is_none());
        let mut body = self.body(response, length, address, &mut patience).await?;
        if declared.is_packed(&body.bytes) && !looks_like_a_page(&body.bytes) {
            body = self.unpacked(body, declared, address).await?;
        }
        body.give_back();
        let bytes = &body.bytes;
        if Format::of(bytes).is_some() {
            return Ok(body);
        }
        Err(
            match (bytes.is_empty(), is_page || looks_like_a_page(bytes)) {
                (true, _) => FetchError::Empty { url: url() },
                (_, true) => FetchError::Page { url: url() },
                _ => FetchError::NotAPicture { url: url() },
            },
        )
    }

    /// The response after redirects.
    async fn answer(
        &self,
        address: &WebAddress,
        patience: &mut Patience<'_>,
    ) -> Result<Response, FetchError> {
        let mut at = address.clone();
        let mut cookies = Cookies::default();
        for _ in 0..=net::MOST_REDIRECTS {
            self.check_reach(&at)?;
            let cookie = cookies.header(&at.0);
            let send = || {
                let mut request = self.client.get(at.0.clone());
                if let Some(cookie) = &cookie {
                    request = request.header(COOKIE, cookie);
                }
                request.send()
            };
            let sent = self.clock.send(self.options.connect, send);
            let response = patience.answer(&at, sent).await?;
            cookies.keep(&at.0, response.headers());
            let redirect = net::redirect_of(&response).map_err(|fault| FetchError::Redirect {
                url: at.to_string(),
                fault,
            })?;
            let Some(mut target) = redirect else {
                return Ok(response);
            };
            if target.origin() == address.0.origin() && target.username().is_empty() {
                // A redirect comes without them. The URL has a host, so both can be set.
                let _ = target.set_username(address.0.username());
                let _ = target.set_password(address.0.password());
            }
            at = WebAddress(target);
        }
        Err(FetchError::Redirect {
            url: address.to_string(),
            fault: "too often",
        })
    }

    /// Refuses an IP address that isn't allowed. The [`Resolver`] checks names.
    fn check_reach(&self, at: &WebAddress) -> Result<(), FetchError> {
        let number: Option<IpAddr> = match at.0.host() {
            Some(Host::Ipv4(number)) => Some(number.into()),
            Some(Host::Ipv6(number)) => Some(number.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if number.is_none_or(|number| self.options.allowed_addresses.includes(number)) {
            Ok(())
        } else {
            Err(FetchError::PrivateAddress {
                url: at.to_string(),
            })
        }
    }

    /// Reads a response's body, whose `length` may be unknown.
    async fn body(
        &self,
        mut response: Response,
        length: Option<u64>,
        address: &WebAddress,
        patience: &mut Patience<'_>,
    ) -> Result<Body, FetchError> {
        let limit = self.options.bytes;
        let too_large = || FetchError::TooLarge {
            url: address.to_string(),
            limit,
        };
        if response.content_length().is_some_and(|it| it > limit) {
            return Err(too_large());
        }
        let mut share = None;
        if let Some(length) = length.filter(|&it| it > MIB as u64) {
            share = patience.pause(self.share(mebibytes(length))).await;
        }
        // At its final size: a growing buffer takes twice as much.
        let mut bytes = Vec::with_capacity(usize::try_from(length.unwrap_or(0)).unwrap_or(0));
        while let Some(chunk) = patience.chunk(address, &mut response).await? {
            let came = bytes.len() + chunk.len();
            if came as u64 > limit {
                return Err(too_large());
            }
            if share.is_none() && came > MIB {
                share = patience.pause(self.share(UNTOLD)).await;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body { bytes, share })
    }

    /// Reserves memory. A holder may not reserve more: all might wait for each other.
    async fn share(&self, mebibytes: u32) -> Option<OwnedSemaphorePermit> {
        let memory = Arc::clone(&self.memory);
        memory.acquire_many_owned(mebibytes.min(MEMORY)).await.ok()
    }

    /// Decodes the compression that some servers apply unasked.
    async fn unpacked(
        &self,
        packed: Body,
        declared: Declared,
        address: &WebAddress,
    ) -> Result<Body, FetchError> {
        let limit = self.options.bytes;
        let Body { bytes, share } = packed;
        let share = match share.filter(|_| declared.packing().is_some()) {
            // The old share, if any, is for the compressed length. It's returned before a new one is reserved.
            None => self.share(UNTOLD).await,
            share => share,
        };
        let packing = declared.packing().map(str::to_owned);
        let unpacking = tokio::task::spawn_blocking(move || declared.unpack(bytes, limit));
        let unpacked = unpacking
            .await
            .unwrap_or_else(|failure| resume_unwind(failure.into_panic()));
        let url = address.to_string();
        let bytes = unpacked.map_err(|fault| match (fault, packing) {
            (PackingFault::TooLarge, _) => FetchError::TooLarge { url, limit },
            (PackingFault::Unreadable, Some(encoding)) => FetchError::Encoding { url, encoding },
            (PackingFault::Unreadable, None) => FetchError::NotAPicture { url },
        })?;
        Ok(Body { bytes, share })
    }
}

impl Body {
    /// Returns the unneeded part of its share, now that the length is known.
    fn give_back(&mut self) {
        let needed = match self.bytes.len() {
            0..=MIB => 0,
            length => mebibytes(length as u64) as usize,
        };
        if let Some(share) = &mut self.share {
            drop(share.split(share.num_permits().saturating_sub(needed)));
        }
    }
}

fn mebibytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(MIB as u64)).unwrap_or(u32::MAX)
}

/// The timeouts of a request: for the next bytes and for all of them.
struct Patience<'a> {
    options: &'a FetchOptions,
    clock: &'a LoopClock,
    /// The time by which some bytes have to arrive.
    window: Duration,
    /// The bytes that arrived in this window.
    came: u64,
    /// The time by which all bytes have to arrive.
    whole: Duration,
}

impl<'a> Patience<'a> {
    fn new(options: &'a FetchOptions, clock: &'a LoopClock) -> Self {
        clock.start();
        let now = clock.now();
        Self {
            options,
            clock,
            window: now + options.stall,
            came: 0,
            whole: now + options.whole,
        }
    }

    fn begin_window(&mut self) {
        self.window = self.clock.now() + self.options.stall;
        self.came = 0;
    }

    /// Waits for something of our own, without counting it against the server.
    async fn pause<T>(&mut self, coming: impl Future<Output = T>) -> T {
        let start = self.clock.now();
        let came = coming.await;
        self.whole += self.clock.now() - start;
        self.begin_window();
        came
    }

    async fn answer(
        &mut self,
        at: &WebAddress,
        asked: impl Future<Output = reqwest::Result<Response>>,
    ) -> Result<Response, FetchError> {
        self.begin_window();
        let answer = self.wait(at, asked).await;
        self.begin_window();
        answer
    }

    async fn chunk(
        &mut self,
        at: &WebAddress,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, FetchError> {
        let chunk = self.wait(at, response.chunk()).await?;
        self.came += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.came >= self.options.least {
            self.begin_window();
        }
        Ok(chunk)
    }

    async fn wait<T>(
        &self,
        at: &WebAddress,
        coming: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, FetchError> {
        let came = self.clock.until(self.window.min(self.whole), coming).await;
        came.ok_or_else(|| self.lost(at.to_string()))?
            .map_err(|error| failure(at, error))
    }

    /// The error of the timeout that expired.
    fn lost(&self, url: String) -> FetchError {
        let &FetchOptions {
            stall,
            least,
            whole,
            ..
        } = self.options;
        if self.whole < self.window {
            FetchError::TooSlow { url, limit: whole }
        } else if self.came == 0 {
            FetchError::Stalled { url, limit: stall }
        } else {
            FetchError::Trickled {
                url,
                least,
                limit: stall,
            }
        }
    }
}

fn failure(at: &WebAddress, error: reqwest::Error) -> FetchError {
    let (url, source) = (at.to_string(), error.without_url());
    match Fault::within(&source) {
        Some(Fault::Private) => return FetchError::PrivateAddress { url },
        Some(Fault::Unknown(_)) => return FetchError::NoSuchHost { url, source },
        None => {}
    }
    if net::is_refused_certificate(&source) {
        FetchError::Untrusted { url, source }
    } else if net::is_tls_failure(&source) {
        FetchError::Tls { url, source }
    } else if source.is_connect() {
        FetchError::Unreachable { url, source }
    } else if net::is_malformed_response(&source) {
        FetchError::Malformed { url, source }
    } else {
        FetchError::BrokenOff { url, source }
    }
}

/// A response header in lower case.
fn header(response: &Response, name: HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.trim().to_ascii_lowercase())
}

/// Whether bytes begin like an HTML page.
fn looks_like_a_page(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let begins = |with: &[u8]| {
        let start = start.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    begins(b"<!doctype html") || begins(b"<html")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use http_body::Frame;
    use tokio::time::{Sleep, sleep};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// The delay of the loop that goes unnoticed.
    const TICK: Duration = Duration::from_millis(50);

    /// The address for bodies in these tests.
    fn somewhere() -> WebAddress {
        WebAddress("http://host.example/".parse().unwrap())
    }

    /// Runs with a paused clock, which advances when all tasks are idle.
    fn wait<T>(coming: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(coming)
    }

    /// A body of equal chunks with a pause before each.
    struct Slow {
        pieces: usize,
        length: usize,
        pause: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl http_body::Body for Slow {
        type Data = bytes::Bytes;
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
            Poll::Ready(Some(Ok(Frame::data(vec![7; self.length].into()))))
        }
    }

    /// The result for a body of known or unknown length. Other bodies take all memory for as long as `taken`.
    async fn fetched(
        (pieces, length, pause): (usize, usize, Duration),
        told: Option<usize>,
        taken: Duration,
    ) -> Result<usize, FetchError> {
        let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
        let share = fetcher.share(MEMORY).await;
        let body = Slow {
            pieces,
            length,
            pause,
            next: Box::pin(sleep(pause)),
        };
        let response = http::Response::new(reqwest::Body::wrap(body)).into();
        let (at, told) = (somewhere(), told.map(|length| length as u64));
        let mut patience = Patience::new(&fetcher.options, &fetcher.clock);
        let body = fetcher.body(response, told, &at, &mut patience);
        let freed = async {
            sleep(taken).await;
            drop(share);
        };
        let (body, ()) = tokio::join!(body, freed);
        Ok(body?.bytes.len())
    }

    #[test]
    fn waiting_for_memory_is_not_the_servers_fault() {
        let options = FetchOptions::default();
        wait(async {
            let clock = LoopClock::default();
            let mut patience = Patience::new(&options, &clock);
            patience.pause(sleep(2 * options.whole)).await;
            let late = async {
                sleep(options.stall - SECOND).await;
                Ok(())
            };
            patience.wait(&somewhere(), late).await.unwrap();
            let never = pending::<reqwest::Result<()>>();
            let lost = patience.wait(&somewhere(), never).await;
            assert!(matches!(lost, Err(FetchError::Stalled { .. })));
        });
    }

    #[test]
    fn large_bodies_that_wait_for_memory_do_not_run_out_of_time() {
        let FetchOptions { stall, whole, .. } = FetchOptions::default();
        let large = (5, MIB, stall - SECOND);
        for told in [Some(5 * MIB), None] {
            let fetched = wait(fetched(large, told, 3 * whole));
            assert_eq!(fetched.unwrap(), 5 * MIB, "{told:?}");
        }
    }

    #[test]
    fn a_slow_body_is_waited_for_as_long_as_enough_comes() {
        let options = FetchOptions::default();
        let (least, pause) = (options.least as usize, options.stall - SECOND);
        let come = |pieces, length, pause| wait(fetched((pieces, length, pause), None, SECOND));
        assert_eq!(come(6, least, pause).unwrap(), 6 * least);
        let error = come(7, least, pause).unwrap_err();
        assert!(matches!(error, FetchError::TooSlow { .. }), "{error}");
        let error = come(7, 1, SECOND * 9).unwrap_err();
        assert!(matches!(error, FetchError::Trickled { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains("sent less than 1024 bytes in 20 s"), "{said}");
        let error = come(1, least, options.stall + SECOND).unwrap_err();
        assert!(matches!(error, FetchError::Stalled { .. }), "{error}");
    }

    /// By the wall clock, as this blocks the loop.
    #[test]
    fn a_loop_that_stood_still_has_not_waited() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let options = FetchOptions {
            stall: 10 * TICK,
            ..FetchOptions::default()
        };
        runtime.block_on(async {
            let clock = LoopClock::default();
            let patience = Patience::new(&options, &clock);
            let late = async {
                tokio::task::yield_now().await;
                std::thread::sleep(2 * options.stall);
                // Later than the loop's last turn reads.
                sleep(3 * TICK).await;
                Ok(())
            };
            patience.wait(&somewhere(), late).await.unwrap();
            let never = pending::<reqwest::Result<()>>();
            let lost = patience.wait(&somewhere(), never).await;
            assert!(matches!(lost, Err(FetchError::Stalled { .. })));
        });
    }
}
