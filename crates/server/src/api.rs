//! The JSON API for applications, under `/api/v1`.

mod access;
mod asked;
mod classify;
mod collections;
mod embed;
mod fields;
mod files;
mod first_view;
mod given;
mod hit;
mod jobs;
mod pictures;
mod problem;
mod records;
mod routes;
mod search;
mod state;
mod thumbnails;
mod words;

pub(crate) use self::first_view::first_view;
pub(crate) use self::routes::{PREFIX, nothing, router};
pub(crate) use self::state::ApiState;
