//! `POST /v1/embeddings` in the form of [OpenAI's API](https://platform.openai.com/docs/api-reference/embeddings), for programs
//! that embed texts with an OpenAI client.

mod access;
mod api_error;
mod embeddings;
mod input;
mod routes;

#[cfg(test)]
pub(crate) use self::routes::routes;
pub(crate) use self::routes::{has, router};
