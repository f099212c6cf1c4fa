//! A test double of the Hugging Face Hub: a local server that responds like the Hub, and injects errors on
//! request.
//!
//! It serves what `huggingface_hub` and our client request: listings and trees of repositories, and their
//! files with etags, commits and ranges. It sends small files itself. For large ones, it redirects with a
//! signed URL to another host, its storage. It records every request.
//!
//! ```
//! use hub_double::{HubDouble, Repository};
//!
//! let double = HubDouble::start();
//! double.add(Repository::model("owner/name").file("config.json", "{}"));
//! assert!(double.endpoint().starts_with("http://127.0.0.1:"));
//! assert!(double.requests().is_empty());
//! ```

mod answer;
mod credentials;
mod double;
mod raw;
mod repository;
mod request;
mod serving;
mod trouble;

pub use credentials::{OTHER_TOKEN, SIGNATURE, TOKEN};
pub use double::HubDouble;
pub use raw::{RawAnswer, RawServer};
pub use repository::Repository;
pub use request::{Request, Server};
pub use trouble::Trouble;
