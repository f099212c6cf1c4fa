//! The JSON API for applications, under `/api/v1`.

mod access;
mod answers;
mod asked;
mod classify;
mod collections;
mod embed;
mod facets;
mod fields;
mod files;
mod first_view;
mod given;
mod hit;
mod jobs;
mod kept;
mod openapi;
mod pictures;
mod problem;
mod records;
mod routes;
mod scope;
mod search;
mod state;
mod thumbnails;
mod words;

pub(crate) use self::asked::{form, parsed};
pub(crate) use self::first_view::first_view;
pub(crate) use self::problem::Problem;
pub(crate) use self::routes::{has, nothing, router};
pub(crate) use self::state::ApiState;
