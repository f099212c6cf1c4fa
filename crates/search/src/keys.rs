//! The keys of the metadata that a collection's vectors carry, beside those of their source. Filters name them.

/// The picture's URL, or its path from the folder that holds its source: `Photos/2019/beach.jpg`.
pub const IMAGE: &str = "image";

/// The file that was fetched from a URL, in collections of earlier builds.
pub(crate) const FILE: &str = "file";

/// All captions of the picture, on an image vector.
pub const CAPTIONS: &str = "captions";

/// The caption that was embedded, on a caption vector.
pub const CAPTION: &str = "caption";

/// The id of the picture's record, on a caption vector.
pub const RECORD: &str = "record";

/// The folders that the picture is in, the innermost first: `Photos/2019`, `Photos`.
pub const FOLDERS: &str = "folders";

/// Digests of the picture's location and of the folders above it, by which a collection finds them: whole paths stay in
/// the catalogue.
pub const PLACES: &str = "places";

/// When it was taken, by the camera's clock: `2019-07-14T18:02:11`, perhaps with `+02:00`.
pub const TAKEN: &str = "taken";

/// The same in seconds since 1970, as if the clock had shown universal time: comparisons are of numbers.
pub const TAKEN_AT: &str = "taken_at";

/// Make and model of the camera.
pub const CAMERA: &str = "camera";

/// What the picture's file calls it.
pub const TITLE: &str = "title";

/// How the picture's file describes it.
pub const DESCRIPTION: &str = "description";

/// The keywords in the picture's file, a list.
pub const KEYWORDS: &str = "keywords";

/// The stars that people gave it, 1 to 5; -1 if it was rejected.
pub const RATING: &str = "rating";

/// Degrees north of the equator where it was taken.
pub const LATITUDE: &str = "latitude";

/// Degrees east of Greenwich where it was taken.
pub const LONGITUDE: &str = "longitude";
