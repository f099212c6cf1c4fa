//! Thumbnails and original files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clipseek::picture::{ContentHash, Format, Limits, open_within};
use futures_util::{Stream, stream};
use http_range_header::parse_range_header;
use search::{Collection, Record};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::extractors::{InPath, InQuery};
use super::problem::Problem;
use super::state::ApiState;
use super::thumbnails::side_for;
use crate::connections::Refusal;
use crate::view::View;
use crate::workspace::Scope;

/// The default width of a thumbnail.
const DEFAULT_WIDTH: u32 = 320;

/// How long a thumbnail may be cached: its URL contains a part of the hash of the file.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// The size of a chunk of an original, in bytes.
const PART: usize = 64 << 10;

/// How much of a file is read to detect its format, in bytes.
const START: u64 = 64 << 10;

#[derive(Debug, Deserialize)]
pub(super) struct ThumbnailParameters {
    width: Option<u32>,
}

pub(super) async fn thumbnail(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath((collection, id)): InPath<(String, String)>,
    InQuery(asked): InQuery<ThumbnailParameters>,
) -> Result<Response, Problem> {
    let side = side_for(asked.width.unwrap_or(DEFAULT_WIDTH));
    let record = scope.look_in(&collection, with_id(id)).await?;
    let (shared, hash) = (Arc::clone(&state), record.hash.clone());
    let kept = scope.run(move |_| shared.thumbnails.kept(&hash, side));
    let small = match kept.await? {
        Some(small) => small,
        None => made(&state, &scope, record, side).await?,
    };
    let kind = HeaderValue::from_static("image/jpeg");
    let cache = HeaderValue::from_static(FOR_EVER);
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, cache)], small).into_response())
}

/// Creates the thumbnail of a record. Waits until there is memory to read and decode the file.
async fn made(
    state: &Arc<ApiState>,
    scope: &Scope,
    record: Record,
    side: u32,
) -> Result<Vec<u8>, Problem> {
    let Opened { mut file, length } = opened(scope, &record).await?;
    let file_room = state.thumbnails.room_for_file(length).await;
    let read = move |_: &View<'_>| {
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let read = file.by_ref().take(length).read_to_end(&mut bytes);
        read.map_err(|_| gone())?;
        // Thumbnails are stored by hash, for all collections that contain the picture.
        if ContentHash::of(&bytes).to_string() == record.hash {
            Ok((bytes, record.hash))
        } else {
            Err(changed())
        }
    };
    let (bytes, hash) = scope.run(read).await??;
    let room = state.thumbnails.room(&bytes, side).await;
    let shared = Arc::clone(state);
    let make = move |_: &View<'_>| {
        let _room = (file_room, room);
        shared.thumbnails.made(&hash, side, &bytes)
    };
    scope.run(make).await?
}

/// An open file and its length in bytes.
struct Opened {
    file: File,
    length: u64,
}

/// Opens the file of a record.
async fn opened(scope: &Scope, record: &Record) -> Result<Opened, Problem> {
    let path = record.path().to_owned();
    let open = move |_: &View<'_>| {
        // Errors do not reveal the path.
        let (file, about) = open_within(&path, &Limits::default()).map_err(|_| gone())?;
        let length = about.len();
        Ok(Opened { file, length })
    };
    scope.run(open).await?
}

pub(super) async fn original(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath((collection, id)): InPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !scope.grant().columns().are_all() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this API key cannot read originals, because it is limited to some columns",
        ));
    }
    let record = scope.look_in(&collection, with_id(id)).await?;
    let room = Arc::clone(&state.originals).try_acquire_owned();
    let room = room.map_err(|_| Refusal::Busy)?;
    let (opened, record) = verified(&scope, record).await?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", record.hash)).map_err(|_| changed())?;
    if headers.get(IF_NONE_MATCH) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let range = match RequestedRange::of(&headers, &tag, opened.length) {
        RequestedRange::All => None,
        RequestedRange::Part(range) => Some(range),
        RequestedRange::Beyond => return Ok(beyond(opened.length)),
    };
    let (kind, response) = sent(&scope, opened, range, room).await?;
    let about = [
        (CONTENT_TYPE, HeaderValue::from_static(kind.name)),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (CONTENT_DISPOSITION, disposition(&record, &kind)),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (ETAG, tag),
    ];
    Ok((about, response).into_response())
}

/// Opens the file of a record if it is still the one that was added. Another file at its path, such as the target of a link,
/// must not be sent.
async fn verified(scope: &Scope, record: Record) -> Result<(Opened, Record), Problem> {
    let Opened { mut file, length } = opened(scope, &record).await?;
    let verify = move |_: &View<'_>| {
        let is_known = file.metadata().is_ok_and(|about| record.is_of(&about));
        if !is_known {
            let hash = ContentHash::of_reader(file.by_ref().take(length)).map_err(|_| gone())?;
            file.rewind().map_err(|_| gone())?;
            if hash.to_string() != record.hash {
                return Err(changed());
            }
        }
        Ok((Opened { file, length }, record))
    };
    scope.read(verify).await?
}

/// The requested part of a file.
enum RequestedRange {
    /// The whole file, also if several ranges are requested.
    All,
    /// A range of bytes.
    Part(RangeInclusive<u64>),
    /// A range beyond the end.
    Beyond,
}

impl RequestedRange {
    /// Parses the headers of a request for a file with this tag and length.
    fn of(headers: &HeaderMap, tag: &HeaderValue, length: u64) -> Self {
        let is_of_this = headers.get(IF_RANGE).is_none_or(|of| of == tag);
        let text = headers.get(RANGE).filter(|_| is_of_this);
        let text = text.and_then(|range| range.to_str().ok());
        let Some(Ok(parsed)) = text.map(parse_range_header) else {
            return Self::All;
        };
        match parsed.validate(length).map(<[_; 1]>::try_from) {
            Ok(Ok([part])) => Self::Part(part),
            Ok(Err(_)) => Self::All,
            Err(_) => Self::Beyond,
        }
    }
}

/// The response to a range beyond the end of a file.
fn beyond(length: u64) -> Response {
    let detail = format!("`Range` is not within the {length} bytes of the file");
    let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, detail);
    let whole = [(CONTENT_RANGE, format!("bytes */{length}"))];
    (whole, problem).into_response()
}

/// The response with a file or a part of it, which is read while it is sent. Holds `room` until then.
async fn sent(
    scope: &Scope,
    opened: Opened,
    range: Option<RangeInclusive<u64>>,
    room: OwnedSemaphorePermit,
) -> Result<(Kind, Response), Problem> {
    let Opened { mut file, length } = opened;
    let (first, last) = match &range {
        Some(range) => (*range.start(), *range.end()),
        None => (0, length.saturating_sub(1)),
    };
    let prepare = move |_: &View<'_>| {
        let format = format_of(&mut file).map_err(|_| gone())?;
        file.seek(SeekFrom::Start(first)).map_err(|_| gone())?;
        let kind = format.map(Kind::of);
        let kind = kind.ok_or_else(|| Problem::not_found("the file is not a picture any more"))?;
        Ok::<_, Problem>((kind, file))
    };
    let (kind, file) = scope.run(prepare).await??;
    let count = (last + 1 - first).min(length);
    let body = Body::from_stream(parts(file.take(count), room));
    let response = match range {
        None => ([(CONTENT_LENGTH, count.to_string())], body).into_response(),
        Some(_) => {
            let about = [
                (CONTENT_LENGTH, count.to_string()),
                (CONTENT_RANGE, format!("bytes {first}-{last}/{length}")),
            ];
            (StatusCode::PARTIAL_CONTENT, about, body).into_response()
        }
    };
    Ok((kind, response))
}

/// A stream of the rest of a file in chunks.
fn parts(
    file: io::Take<File>,
    room: OwnedSemaphorePermit,
) -> impl Stream<Item = io::Result<Vec<u8>>> {
    stream::try_unfold((file, room), async |(mut file, room)| {
        let read = move || {
            let mut part = Vec::with_capacity(PART);
            file.by_ref().take(PART as u64).read_to_end(&mut part)?;
            Ok::<_, io::Error>((part, file))
        };
        let (part, file) = tokio::task::spawn_blocking(read).await??;
        Ok((!part.is_empty()).then_some((part, (file, room))))
    })
}

fn format_of(file: &mut File) -> io::Result<Option<Format>> {
    let mut start = Vec::new();
    file.take(START).read_to_end(&mut start)?;
    Ok(Format::of(&start))
}

fn gone() -> Problem {
    Problem::not_found("the picture's file is missing or unreadable")
}

fn changed() -> Problem {
    Problem::not_found("the picture's file has changed since it was added")
}

/// Returns a function that looks up a record.
fn with_id(
    id: String,
) -> impl FnOnce(&View<'_>, &Collection<'_>) -> Result<Record, Problem> + Send + 'static {
    move |_, collection| Ok(collection.record(&id)?)
}

/// The content type of a format, never one that browsers would run.
struct Kind {
    name: &'static str,
    extension: &'static str,
    /// Whether browsers show it instead of saving it.
    is_shown: bool,
}

impl Kind {
    fn of(format: Format) -> Self {
        let (name, is_shown) = match format {
            Format::Jpeg => ("image/jpeg", true),
            Format::Png => ("image/png", true),
            Format::Gif => ("image/gif", true),
            Format::WebP => ("image/webp", true),
            Format::Avif => ("image/avif", true),
            Format::Bmp => ("image/bmp", true),
            Format::Tiff => ("image/tiff", true),
            Format::Heif => ("image/heic", true),
            Format::Jxl => ("image/jxl", true),
            Format::Raw | Format::Pnm => ("application/octet-stream", false),
        };
        Self {
            name,
            extension: format.extensions()[0],
            is_shown,
        }
    }
}

/// The Content-Disposition, with a file name of safe characters.
fn disposition(record: &Record, kind: &Kind) -> HeaderValue {
    let name = record.address().name();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let letters = stem.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() || "-_. ".contains(letter) => letter,
        _ => '_',
    });
    let stem: String = letters.take(100).collect();
    let how = if kind.is_shown {
        "inline"
    } else {
        "attachment"
    };
    let text = format!("{how}; filename=\"{stem}.{}\"", kind.extension);
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}
