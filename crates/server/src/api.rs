//! The JSON API for applications, under `/api/v1`.

mod access;
mod answer_cache;
mod classify;
mod collections;
mod computation_cache;
mod embed;
mod extractors;
mod facets;
mod fields;
mod files;
mod first_view;
mod hit;
mod jobs;
mod openapi;
mod pictures;
mod problem;
mod query_terms;
mod records;
mod routes;
mod scope;
mod search;
mod state;
mod text_vectors;
mod thumbnails;

pub(crate) use self::extractors::{form, parsed};
pub(crate) use self::first_view::first_view;
pub(crate) use self::problem::Problem;
pub(crate) use self::routes::{has, nothing, router};
pub(crate) use self::state::ApiState;
