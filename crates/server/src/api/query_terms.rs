//! The terms of a query in a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clipseek::dataset::AllowedAddresses;
use clipseek::{FetchOptions, PictureInput, Sign, Term, TermKind};
use search::Collection;
use serde::Deserialize;

use super::extractors::Upload;
use super::problem::Problem;
use crate::view::View;

/// The largest absolute weight of a term.
const LARGEST_WEIGHT: f32 = 1000.0;

/// A picture, given by exactly one of the fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenImage {
    /// The URL to fetch it from.
    url: Option<String>,
    /// The file in base64, with or without `data:…;base64,` before it.
    base64: Option<String>,
    /// Its number among the pictures of the form, from 0 on.
    part: Option<usize>,
}

/// A term of a query, with exactly one of text, image, like and vector.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenTerm {
    pub(super) weight: Option<f32>,
    pub(super) text: Option<String>,
    pub(super) image: Option<GivenImage>,
    pub(super) like: Option<String>,
    pub(super) vector: Option<Vec<f32>>,
}

impl GivenImage {
    /// The picture at a URL.
    pub(super) fn at(url: String) -> Self {
        Self {
            url: Some(url),
            ..Self::default()
        }
    }

    /// Reads the picture; a URL is fetched.
    pub(super) fn read(self, view: &View<'_>, uploads: &[Upload]) -> Result<PictureInput, Problem> {
        match (self.url, self.base64, self.part) {
            (Some(url), None, None) => fetched(view, &url),
            (None, Some(text), None) => Ok(PictureInput::Bytes {
                name: "the picture".to_owned(),
                bytes: decoded(&text)?,
            }),
            (None, None, Some(part)) => match uploads.get(part) {
                Some(upload) => Ok(upload.clone().into()),
                None => Err(Problem::invalid(format!(
                    "`part` is {part}, but the form has {} pictures",
                    uploads.len()
                ))),
            },
            _ => Err(Problem::invalid(
                "`image`: expected one of `url`, `base64` and `part`",
            )),
        }
    }
}

impl From<Upload> for PictureInput {
    fn from(upload: Upload) -> Self {
        Self::Bytes {
            name: upload.name,
            bytes: upload.bytes,
        }
    }
}

/// Fetches an http or https URL. Other URLs, such as those of local files, are refused.
fn fetched(view: &View<'_>, url: &str) -> Result<PictureInput, Problem> {
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(Problem::invalid("`url`: expected an http or https URL"));
    }
    // The client may be on another machine and must not reach this machine's network.
    let fetch = FetchOptions {
        allowed_addresses: AllowedAddresses::Public,
        ..view.fetch_options()
    };
    Ok(PictureInput::at(url.as_ref(), &fetch)?)
}

fn decoded(text: &str) -> Result<Vec<u8>, Problem> {
    let data = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_, data)| data),
        None => Some(text),
    };
    let bytes = data.and_then(|data| STANDARD.decode(data).ok());
    bytes.ok_or_else(|| Problem::invalid("`base64` is not a picture file in base64"))
}

impl GivenTerm {
    pub(super) fn words(text: String) -> Self {
        Self {
            text: Some(text),
            ..Self::default()
        }
    }

    /// Reads the term; the URL of a picture is fetched.
    pub(super) fn read(
        self,
        view: &View<'_>,
        collection: &Collection<'_>,
        uploads: &[Upload],
    ) -> Result<Term, Problem> {
        let weight = self.weight.unwrap_or(1.0);
        if weight == 0.0 || weight.abs() > LARGEST_WEIGHT {
            return Err(Problem::invalid(format!(
                "`weight` is {weight}, expected a number from -1000 to 1000 other than 0"
            )));
        }
        let kind = match (self.text, self.image, self.like, self.vector) {
            (Some(words), None, None, None) if words.trim().is_empty() => {
                return Err(Problem::invalid("`text` is empty"));
            }
            (Some(words), None, None, None) => TermKind::Words(words),
            (None, Some(image), None, None) => TermKind::Picture(image.read(view, uploads)?),
            (None, None, Some(id), None) => TermKind::like(&id, collection)?,
            (None, None, None, Some(values)) => TermKind::Vector(values),
            _ => {
                return Err(Problem::invalid(
                    "a term needs exactly one of `text`, `image`, `like` and `vector`",
                ));
            }
        };
        Ok(Term { weight, kind })
    }
}

/// A short description of the query, without local paths.
pub(super) fn title(terms: &[Term]) -> String {
    let named = terms.iter().enumerate().map(|(n, term)| {
        let sign = Sign {
            weight: term.weight,
            is_first: n == 0,
        };
        format!("{sign}{}", term.kind.name())
    });
    named.collect::<String>().trim_start().to_owned()
}
