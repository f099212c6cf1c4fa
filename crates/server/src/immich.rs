//! The part of Immich's machine learning API that smart search needs, so that Immich can use clipseek as its server.
//!
//! Requests and responses have the form that Immich's client expects:
//! [`machine-learning.repository.ts`](https://github.com/immich-app/immich/blob/main/server/src/repositories/machine-learning.repository.ts).

mod entries;
mod model_names;
mod predict;
mod routes;

pub(crate) use self::routes::{has, routes};
