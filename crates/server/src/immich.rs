//! The part of Immich's machine learning service that smart search needs, so that Immich's server can use clipseek in its place.
//!
//! The form of requests and answers is that of Immich's client,
//! [`machine-learning.repository.ts`](https://github.com/immich-app/immich/blob/main/server/src/repositories/machine-learning.repository.ts).

mod entries;
mod model_names;
mod predict;
mod routes;

pub(crate) use self::routes::{has, routes};
