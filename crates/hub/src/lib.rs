//! A client of the Hugging Face Hub that shares the cache of Python's `huggingface_hub`: what one has
//! downloaded, the other finds.
//!
//! [`Hub::cached`] reads the cache without network access. [`Hub::listing`] requests the files of a
//! repository, and [`Hub::pull`] downloads some of them. Every file is verified by its hash before it's put
//! into a snapshot, even if the cache already had its content. Interrupted downloads resume. If several
//! processes need the same file, including Python's, it's downloaded once.
//!
//! The caller interprets the files.
//!
//! ```
//! use hub::{Hub, Repository, Revision, Settings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let commit = "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268";
//! # let repository_folder = folder.path().join("models--openai--clip-vit-base-patch32");
//! # std::fs::create_dir_all(repository_folder.join("refs"))?;
//! # std::fs::create_dir_all(repository_folder.join("snapshots").join(commit))?;
//! # std::fs::write(repository_folder.join("refs/main"), commit)?;
//! # std::fs::write(repository_folder.join("snapshots").join(commit).join("config.json"), "{}")?;
//! # let variable = |name: &str| (name == "HF_HUB_CACHE").then(|| folder.path().into());
//! // let variable = |name: &str| std::env::var_os(name);
//! let hub = Hub::new(Settings::from_variables(variable)?)?;
//! let repository = Repository::model("openai/clip-vit-base-patch32")?;
//!
//! let snapshot = hub.cached(&repository, &Revision::main())?.expect("it is in the cache");
//! assert_eq!(snapshot.commit, commit);
//! assert_eq!(snapshot.files[0].name, "config.json");
//! # Ok(())
//! # }
//! ```
//!
//! In an asynchronous function, with network access:
//!
//! ```no_run
//! # use hub::{Hub, Progress, Repository, Revision};
//! # async fn fetch(hub: Hub, repository: Repository) -> hub::Result<()> {
//! let silent = |_: Progress<'_>| {};
//! let listing = hub.listing(&repository, &Revision::main(), &silent).await?;
//! let wanted: Vec<&str> = listing.names().filter(|name| name.ends_with(".json")).collect();
//! let snapshot = hub.pull(&listing, &wanted, &silent).await?;
//! # drop(snapshot); Ok(())
//! # }
//! ```

mod cache;
mod client;
mod digest;
mod disk_space;
mod download;
mod error;
mod error_response;
mod expansion;
mod failure;
mod file_name;
mod hub;
mod link;
mod listing;
mod lock;
mod metadata;
mod part;
mod progress;
mod range;
mod repository;
mod retry;
mod revision;
mod settings;
mod snapshot;
mod status;
mod token;

pub use cache::{CachedRepository, CachedRevision};
pub use error::{Error, Result};
pub use hub::Hub;
pub use listing::{Listing, RepositoryFile};
pub use net::{ClientSettings, Retry};
pub use progress::{Progress, Waiting};
pub use repository::{Kind, Repository};
pub use revision::Revision;
pub use settings::{Limits, Settings};
pub use snapshot::{Snapshot, SnapshotFile};
pub use token::Token;
