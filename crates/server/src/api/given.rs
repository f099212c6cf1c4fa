//! The terms of a query, as a request gives them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clipseek::dataset::AllowedAddresses;
use clipseek::{FetchOptions, PictureInput, Sign, Term, TermKind};
use search::Collection;
use serde::Deserialize;

use super::asked::Upload;
use super::problem::Problem;
use crate::view::View;

/// The largest weight of a term, whatever its sign.
const LARGEST_WEIGHT: f32 = 1000.0;

/// A picture: of one of the three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenImage {
    /// Where it is fetched.
    url: Option<String>,
    /// Its file, in base64, with or without `data:…;base64,` before it.
    base64: Option<String>,
    /// Which of the form's pictures it is, from 0 on.
    part: Option<usize>,
}

/// A term of a query: of one of the four.
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
    /// The one at a URL.
    pub(super) fn at(url: String) -> Self {
        Self {
            url: Some(url),
            ..Self::default()
        }
    }

    /// The picture, fetched if it has to be.
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
                    "`part`: {part}, of {} pictures in the form",
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

/// A file of this machine is none: no other kind of URL is taken.
fn fetched(view: &View<'_>, url: &str) -> Result<PictureInput, Problem> {
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(Problem::invalid("`url`: expected one with http or https"));
    }
    // Whoever asks here may be elsewhere, and has no business in this machine's network.
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
    bytes.ok_or_else(|| {
        Problem::invalid("`base64` is no base64, in which the picture's file is expected")
    })
}

impl GivenTerm {
    pub(super) fn words(text: String) -> Self {
        Self {
            text: Some(text),
            ..Self::default()
        }
    }

    /// The term, with its picture fetched.
    pub(super) fn read(
        self,
        view: &View<'_>,
        collection: &Collection<'_>,
        uploads: &[Upload],
    ) -> Result<Term, Problem> {
        let weight = self.weight.unwrap_or(1.0);
        if weight == 0.0 || weight.abs() > LARGEST_WEIGHT {
            return Err(Problem::invalid(format!(
                "`weight`: {weight}, expected a number from -1000 to 1000 that is not 0"
            )));
        }
        let kind = match (self.text, self.image, self.like, self.vector) {
            (Some(words), None, None, None) if words.trim().is_empty() => {
                return Err(Problem::invalid("`text`: there are no words in it"));
            }
            (Some(words), None, None, None) => TermKind::Words(words),
            (None, Some(image), None, None) => TermKind::Picture(image.read(view, uploads)?),
            (None, None, Some(id), None) => TermKind::like(&id, collection)?,
            (None, None, None, Some(values)) => TermKind::Vector(values),
            _ => {
                return Err(Problem::invalid(
                    "a term has one of `text`, `image`, `like` and `vector`",
                ));
            }
        };
        Ok(Term { weight, kind })
    }
}

/// The query in a few words, without paths of this machine.
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
