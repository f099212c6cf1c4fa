use index::Metadata;
use search::{Address, Hit, keys};
use serde::Serialize;

use super::fields::Fields;
use super::routes::PREFIX;

/// A picture in a response.
#[derive(Debug, Serialize)]
pub(super) struct ShownHit {
    id: String,
    /// The cosine similarity; `None` if nothing was compared.
    similarity: Option<f32>,
    /// The caption most similar to the query, if captions were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<search::CaptionMatch>,
    captions: Vec<String>,
    /// The path relative to the parent folder of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    /// When it was taken, by the camera's clock.
    taken: Option<String>,
    metadata: Metadata,
    /// The dominant colour, as `#rrggbb`.
    colour: Option<String>,
    thumbnail: String,
    /// Its near-duplicates, folded into this hit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    folded: Vec<ShownHit>,
}

impl ShownHit {
    pub(super) fn of(collection: &str, hit: Hit, fields: &Fields) -> Self {
        let is_web = matches!(hit.address(), Address::Web(_));
        let has_image = fields.are_seen(keys::IMAGE);
        let has_captions = fields.are_seen(keys::CAPTIONS);
        let has_taken = fields.are_seen(keys::TAKEN);
        let mut metadata = hit.metadata;
        let taken = metadata.shift_remove(keys::TAKEN).filter(|_| has_taken);
        metadata.shift_remove(keys::TAKEN_AT);
        fields.bound(&mut metadata);
        let folded = hit.folded.into_iter();
        let colour = |[red, green, blue]: [u8; 3]| format!("#{red:02x}{green:02x}{blue:02x}");
        Self {
            thumbnail: thumbnail(collection, &hit.id, hit.hash.as_deref()),
            id: hit.id,
            similarity: hit.similarity,
            caption: hit.caption.filter(|_| has_captions),
            captions: if has_captions {
                hit.captions
            } else {
                Vec::new()
            },
            path: (has_image && !is_web).then(|| hit.image.clone()),
            url: (has_image && is_web).then_some(hit.image),
            width: hit.width,
            height: hit.height,
            taken: taken.and_then(|taken| taken.as_str().map(str::to_owned)),
            metadata,
            colour: hit.colour.map(colour),
            folded: folded
                .map(|hit| Self::of(collection, hit, fields))
                .collect(),
        }
    }
}

/// The URL of the thumbnail. It changes with the file, so that it can be cached forever.
fn thumbnail(collection: &str, id: &str, hash: Option<&str>) -> String {
    let version = hash.and_then(|hash| hash.get(..12)).unwrap_or_default();
    let id = percent_encoded(id);
    format!("{PREFIX}/collections/{collection}/records/{id}/thumbnail?v={version}")
}

/// Percent-encodes a path segment ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986)).
fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_one_segment() {
        for (id, expected) in [
            ("a-1", "a-1"),
            ("../x", "%2E%2E%2Fx"),
            ("ü ?#", "%C3%BC%20%3F%23"),
        ] {
            assert_eq!(percent_encoded(id), expected);
        }
    }
}
