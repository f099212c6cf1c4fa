//! Fetching a picture from a server.

use std::future::Future;
use std::io::Read;
use std::net::IpAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use picture::Format;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Client, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Host;

use crate::Reach;
use crate::address::WebAddress;
use crate::fetch_error::FetchError;
use crate::resolver::{Fault, Resolver};

/// For so long a connection is kept that nothing is asked on.
const IDLE: Duration = Duration::from_secs(20);
/// Pages redirect once or twice.
const MOST_REDIRECTS: usize = 10;

/// So many bodies of more than [`LARGE`] bytes are held at once, until they are dropped.
const LARGE_AT_ONCE: usize = 4;
const LARGE: usize = 1 << 20;

/// How pictures are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// How the program names itself to servers.
    pub user_agent: String,
    /// The most bytes that a picture may have.
    pub bytes: u64,
    /// How long to wait for a connection.
    pub connect: Duration,
    /// How long to wait for an answer to begin, once connected, and for the next bytes of it.
    pub stall: Duration,
    /// In that time so many bytes have to come, or all that are left.
    pub least: u64,
    /// How long it all may take.
    pub whole: Duration,
    /// Which addresses may be asked.
    pub reach: Reach,
    /// Take also what servers say is not for machines: `X-Robots-Tag` with `noai`, `noimageai`,
    /// `noindex`, `noimageindex` or `none`.
    pub ignore_opt_out: bool,
}

impl Default for FetchOptions {
    /// 10 s for a connection, 20 s for the next 1,024 bytes, two minutes for all, and as many bytes as
    /// pictures may have.
    fn default() -> Self {
        Self {
            user_agent: concat!("clipseek/", env!("CARGO_PKG_VERSION")).to_owned(),
            bytes: picture::Limits::default().bytes,
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(20),
            least: 1024,
            whole: Duration::from_secs(120),
            reach: Reach::default(),
            ignore_opt_out: false,
        }
    }
}

/// The bytes of the picture at an address. By their beginning they are a picture's; they have not been decoded.
///
/// # Errors
/// Any [`FetchError`] but those of what is no address.
pub async fn fetch(address: &WebAddress, options: &FetchOptions) -> Result<Vec<u8>, FetchError> {
    let answer = Fetcher::new(options.clone())?.fetch(address).await;
    Ok(answer.body?.bytes)
}

/// Fetches pictures, with the same connections where it can.
#[derive(Debug)]
pub(crate) struct Fetcher {
    client: Client,
    options: FetchOptions,
    large: Arc<Semaphore>,
}

/// What came of asking for a picture.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status of the last answer, if there was one.
    pub(crate) status: Option<u16>,
    /// What came, or why nothing did.
    pub(crate) body: Result<Body, FetchError>,
}

/// The bytes of a picture.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Its place among the large ones.
    _large: Option<OwnedSemaphorePermit>,
}

impl Fetcher {
    pub(crate) fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let client = web::client()?
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect)
            .dns_resolver(Resolver::new(options.reach.clone()))
            .pool_idle_timeout(IDLE)
            .build();
        Ok(Self {
            client: client.map_err(|source| FetchError::Client {
                source: source.without_url(),
            })?,
            options,
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
        })
    }

    pub(crate) async fn fetch(&self, address: &WebAddress) -> Answer {
        let status = AtomicU16::new(0);
        let whole = self.picture(address, &status);
        let whole = tokio::time::timeout(self.options.whole, whole).await;
        let body = whole.unwrap_or_else(|_| {
            Err(FetchError::TooSlow {
                url: address.to_string(),
                limit: self.options.whole,
            })
        });
        let status = Some(status.into_inner()).filter(|&status| status != 0);
        Answer { status, body }
    }

    async fn picture(
        &self,
        address: &WebAddress,
        answered: &AtomicU16,
    ) -> Result<Body, FetchError> {
        let response = self.answer(address).await?;
        let url = || address.to_string();
        let status = response.status();
        answered.store(status.as_u16(), Ordering::Relaxed);
        if !status.is_success() {
            let wait = web::asked_wait(response.headers());
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
        let encoding = header(&response, CONTENT_ENCODING);
        let mut body = self.body(response, address).await?;
        if let Some(encoding) = encoding {
            body.bytes = self.unpacked(body.bytes, encoding, address).await?;
        }
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

    /// The answer at the end of redirects.
    async fn answer(&self, address: &WebAddress) -> Result<Response, FetchError> {
        let mut at = address.clone();
        for _ in 0..=MOST_REDIRECTS {
            self.check_reach(&at)?;
            let asked = self.client.get(at.0.clone()).send();
            let response = self.in_time(&at, asked).await?;
            let redirect = web::redirect_of(&response).map_err(|fault| FetchError::Redirect {
                url: at.to_string(),
                fault,
            })?;
            let Some(mut target) = redirect else {
                return Ok(response);
            };
            if target.origin() == address.0.origin() && target.username().is_empty() {
                // A redirect comes without them. It has a host, so that both can be set.
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

    /// Refuses a host that is a number; of others the [`Resolver`] knows.
    fn check_reach(&self, at: &WebAddress) -> Result<(), FetchError> {
        let number: Option<IpAddr> = match at.0.host() {
            Some(Host::Ipv4(number)) => Some(number.into()),
            Some(Host::Ipv6(number)) => Some(number.into()),
            Some(Host::Domain(_)) | None => None,
        };
        match number.is_none_or(|number| self.options.reach.includes(number)) {
            true => Ok(()),
            false => Err(FetchError::PrivateAddress {
                url: at.to_string(),
            }),
        }
    }

    async fn body(&self, mut response: Response, address: &WebAddress) -> Result<Body, FetchError> {
        let limit = self.options.bytes;
        let too_large = || FetchError::TooLarge {
            url: address.to_string(),
            limit,
        };
        if response.content_length().is_some_and(|it| it > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let mut large = None;
        let mut window = Window::new(&self.options);
        while let Some(chunk) = window.next(address, &mut response).await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            if large.is_none() && bytes.len() + chunk.len() > LARGE {
                large = Arc::clone(&self.large).acquire_owned().await.ok();
                window.begin();
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body {
            bytes,
            _large: large,
        })
    }

    /// A body without the packing that some servers put on it unasked.
    async fn unpacked(
        &self,
        bytes: Vec<u8>,
        encoding: String,
        address: &WebAddress,
    ) -> Result<Vec<u8>, FetchError> {
        let limit = self.options.bytes;
        let url = address.to_string();
        let unpacking = move || {
            let unpacked = match encoding.as_str() {
                "identity" => return Ok(bytes),
                "gzip" | "x-gzip" => unpack(MultiGzDecoder::new(bytes.as_slice()), limit),
                "deflate" => unpack(ZlibDecoder::new(bytes.as_slice()), limit),
                _ => None,
            };
            let unpacked = unpacked.ok_or_else(|| FetchError::Encoding {
                url: url.clone(),
                encoding,
            })?;
            match unpacked.len() as u64 > limit {
                true => Err(FetchError::TooLarge { url, limit }),
                false => Ok(unpacked),
            }
        };
        let unpacked = tokio::task::spawn_blocking(unpacking).await;
        unpacked.unwrap_or_else(|failure| resume_unwind(failure.into_panic()))
    }

    /// What comes of something that should not take longer than bytes may.
    async fn in_time<T>(
        &self,
        at: &WebAddress,
        coming: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, FetchError> {
        let limit = self.options.stall;
        match tokio::time::timeout(limit, coming).await {
            Ok(came) => came.map_err(|error| failure(at, error)),
            Err(_) => Err(FetchError::Stalled {
                url: at.to_string(),
                limit,
            }),
        }
    }
}

/// A time in which some bytes have to come.
struct Window<'a> {
    options: &'a FetchOptions,
    end: Instant,
    came: u64,
}

impl<'a> Window<'a> {
    fn new(options: &'a FetchOptions) -> Self {
        Self {
            options,
            end: Instant::now() + options.stall,
            came: 0,
        }
    }

    fn begin(&mut self) {
        *self = Self::new(self.options);
    }

    async fn next(
        &mut self,
        at: &WebAddress,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, FetchError> {
        let (limit, least) = (self.options.stall, self.options.least);
        let url = || at.to_string();
        let Ok(chunk) = tokio::time::timeout_at(self.end, response.chunk()).await else {
            return Err(match self.came {
                0 => FetchError::Stalled { url: url(), limit },
                _ => FetchError::Trickled {
                    url: url(),
                    least,
                    limit,
                },
            });
        };
        let chunk = chunk.map_err(|error| failure(at, error))?;
        self.came += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.came >= least {
            self.begin();
        }
        Ok(chunk)
    }
}

fn failure(at: &WebAddress, error: reqwest::Error) -> FetchError {
    let (url, source) = (at.to_string(), error.without_url());
    match Fault::within(&source) {
        Some(Fault::Private) => return FetchError::PrivateAddress { url },
        Some(Fault::Unknown(_)) => return FetchError::NoSuchHost { url, source },
        None => {}
    }
    if web::is_refused_certificate(&source) {
        FetchError::Untrusted { url, source }
    } else if web::is_tls_failure(&source) {
        FetchError::Tls { url, source }
    } else if source.is_connect() {
        FetchError::Unreachable { url, source }
    } else {
        FetchError::BrokenOff { url, source }
    }
}

/// What a header of an answer says, in small letters.
fn header(response: &Response, name: HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.trim().to_ascii_lowercase())
}

/// The header that says that machines should not use what comes, if there is one: for all, or for a
/// crawler by name, as `X-Robots-Tag: some-bot: noai`.
fn opt_out(headers: &HeaderMap) -> Option<String> {
    const WORDS: [&str; 5] = ["noai", "noimageai", "noindex", "noimageindex", "none"];
    let tags = headers.get_all("x-robots-tag");
    let mut tags = tags.iter().filter_map(|tag| tag.to_str().ok());
    let said = tags.find(|tag| {
        let mut words = tag.split([',', ':']).map(str::trim);
        words.any(|word| WORDS.iter().any(|it| it.eq_ignore_ascii_case(word)))
    })?;
    Some(format!("X-Robots-Tag: {said}"))
}

/// At most one byte more than `limit`.
fn unpack(packed: impl Read, limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    packed.take(limit + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether bytes begin as a page does.
fn looks_like_a_page(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let begins = |with: &[u8]| {
        let start = start.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    begins(b"<!doctype html") || begins(b"<html")
}
