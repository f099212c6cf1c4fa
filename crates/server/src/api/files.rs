//! The pictures themselves: small ones, and the originals.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clipseek::picture::{Format, Limits, read_within};
use search::{Collection, Record};
use serde::Deserialize;

use super::asked::{InPath, InQuery};
use super::problem::Problem;
use super::state::ApiState;
use super::thumbnails::side_for;
use crate::workspace::Workspace;

/// How wide a small picture is shown where nobody says it.
const DEFAULT_WIDTH: u32 = 320;

/// What a small picture may be kept for: its address has a part of the hash of the file.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

#[derive(Debug, Deserialize)]
pub(super) struct Small {
    width: Option<u32>,
}

pub(super) async fn thumbnail(
    State(state): State<Arc<ApiState>>,
    InPath((collection, id)): InPath<(String, String)>,
    InQuery(asked): InQuery<Small>,
) -> Result<Response, Problem> {
    let side = side_for(asked.width.unwrap_or(DEFAULT_WIDTH));
    let record = state.look(&collection, with_id(id)).await?;
    let (state, hash) = (Arc::clone(&state), record.hash.clone());
    let kept = run(&state, move |state| Ok(state.thumbnails.kept(&hash, side))).await?;
    let small = match kept {
        Some(small) => small,
        None => {
            let (bytes, hash) = (file_of(&state, &record).await?, record.hash);
            let room = state.thumbnails.room(&bytes, side).await;
            let make = move |state: &ApiState| {
                let _room = room;
                state.thumbnails.made(&hash, side, &bytes)
            };
            run(&state, make).await?
        }
    };
    let kind = HeaderValue::from_static("image/jpeg");
    let cache = HeaderValue::from_static(FOR_EVER);
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, cache)], small).into_response())
}

pub(super) async fn original(
    State(state): State<Arc<ApiState>>,
    InPath((collection, id)): InPath<(String, String)>,
) -> Result<Response, Problem> {
    let record = state.look(&collection, with_id(id)).await?;
    let bytes = file_of(&state, &record).await?;
    let Some((kind, extension)) = Format::of(&bytes).map(kind_of) else {
        return Err(Problem::not_found("the file is no picture any more"));
    };
    // Nothing that a browser would run, whatever else the file is.
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (CONTENT_DISPOSITION, disposition(&record, extension)),
    ];
    Ok((StatusCode::OK, headers, bytes).into_response())
}

/// What looks a record up.
fn with_id(
    id: String,
) -> impl FnOnce(&Workspace, &Collection<'_>) -> Result<Record, Problem> + Send + 'static {
    move |_, collection| Ok(collection.record(&id)?)
}

async fn run<T: Send + 'static>(
    state: &Arc<ApiState>,
    work: impl FnOnce(&ApiState) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (shared, workspace) = (Arc::clone(state), &state.workspace);
    workspace.run(move |_| work(&shared)).await?
}

/// The bytes of a record's file.
async fn file_of(state: &Arc<ApiState>, record: &Record) -> Result<Vec<u8>, Problem> {
    let path = record.path().to_owned();
    let read = move |_: &ApiState| {
        let bytes = read_within(&path, &Limits::default());
        // The path is nobody's business.
        bytes.map_err(|_| Problem::not_found("the picture's file is gone, or cannot be read"))
    };
    run(state, read).await
}

/// The type of a format's files, and how their names end.
fn kind_of(format: Format) -> (&'static str, &'static str) {
    let kind = match format {
        Format::Jpeg => "image/jpeg",
        Format::Png => "image/png",
        Format::Gif => "image/gif",
        Format::WebP => "image/webp",
        Format::Avif => "image/avif",
        Format::Bmp => "image/bmp",
        Format::Tiff => "image/tiff",
        Format::Heif => "image/heic",
        Format::Jxl => "image/jxl",
        Format::Raw | Format::Pnm => "application/octet-stream",
    };
    (kind, format.extensions()[0])
}

/// Shown, and saved under a name of harmless letters.
fn disposition(record: &Record, extension: &str) -> HeaderValue {
    let name = record.address().name();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let letters = stem.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() || "-_. ".contains(letter) => letter,
        _ => '_',
    });
    let stem: String = letters.take(100).collect();
    let text = format!("inline; filename=\"{stem}.{extension}\"");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("inline"))
}
