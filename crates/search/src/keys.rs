//! The metadata keys of a collection's vectors, besides those of their source. Filters use them.

/// The picture's URL, or its path relative to the folder that holds its source: `Photos/2019/beach.jpg`.
pub const IMAGE: &str = "image";

/// The downloaded file, in collections of early versions.
pub(crate) const FILE: &str = "file";

/// All captions of the picture, on an image vector.
pub const CAPTIONS: &str = "captions";

/// The embedded caption, on a caption vector.
pub const CAPTION: &str = "caption";

/// The id of the picture's record, on a caption vector.
pub const RECORD: &str = "record";

/// The picture's folders, innermost first: `Photos/2019`, `Photos`.
pub const FOLDERS: &str = "folders";

/// Digests of the picture's location and of its parent folders, to find them by. Only the catalogue has
/// absolute paths.
pub const PLACES: &str = "places";

/// When it was taken, by the camera's clock: `2019-07-14T18:02:11`, sometimes with `+02:00`.
pub const TAKEN: &str = "taken";

/// The same in seconds since 1970, treating the camera's clock as UTC, so that filters can compare it.
pub const TAKEN_AT: &str = "taken_at";

/// The camera's make and model.
pub const CAMERA: &str = "camera";

/// The title in the picture's file.
pub const TITLE: &str = "title";

/// The description in the picture's file.
pub const DESCRIPTION: &str = "description";

/// The keywords in the picture's file, as a list.
pub const KEYWORDS: &str = "keywords";

/// The rating in stars, 1 to 5; -1 if rejected.
pub const RATING: &str = "rating";

/// The latitude in degrees north.
pub const LATITUDE: &str = "latitude";

/// The longitude in degrees east.
pub const LONGITUDE: &str = "longitude";
