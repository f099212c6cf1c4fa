//! A double of the Hugging Face hub, for tests: a server on loopback that answers as the hub does, and
//! makes the trouble that it is told to make.
//!
//! It serves what `huggingface_hub` and our client ask for: listings and trees of repositories, and their
//! files with etags, commits and ranges. Small files come from itself, large ones by a redirect with a
//! signed address to another host, its storage. Every request is written down.
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
