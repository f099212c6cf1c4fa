use std::future::Future;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use hub::{
    Hub, Limits, Listing, Progress, Repository, Result, Retry, Revision, Settings, Snapshot, Token,
};
use hub_double::{HubDouble, Request};
use tempfile::TempDir;

/// The model of most tests.
pub(crate) const ID: &str = "owner/name";

pub(crate) const CONFIG: &[u8] = b"{\"model_type\": \"clip\"}\n";

/// A double of the Hub and an empty cache.
pub(crate) struct World {
    pub(crate) double: HubDouble,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            double: HubDouble::start(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A double with the model: a small file, one in a folder, and weights of `size` bytes.
    pub(crate) fn with_model(size: usize) -> World {
        let world = World::new();
        world.double.add(model(size));
        world
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A folder of the model in the cache.
    pub(crate) fn of_model(&self, name: &str) -> PathBuf {
        self.cache().join("models--owner--name").join(name)
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(self.cache(), self.double.endpoint())
    }

    pub(crate) fn hub(&self) -> Hub {
        Hub::new(self.settings()).unwrap()
    }

    pub(crate) fn hub_with(&self, change: impl FnOnce(&mut Settings)) -> Hub {
        let mut settings = self.settings();
        change(&mut settings);
        Hub::new(settings).unwrap()
    }

    /// Pulls all files of the model.
    pub(crate) fn pull(&self) -> Result<Snapshot> {
        pull(&self.hub(), &Revision::main())
    }

    /// Pulls only the weights. Returns the requests for them and the progress.
    pub(crate) fn pull_weights(&self) -> (Result<Snapshot>, Vec<Request>, Vec<String>) {
        let hub = self.hub();
        let listing = listing(&hub, &Revision::main()).unwrap();
        self.double.take_requests();
        let told = Mutex::new(Vec::new());
        let tell = |progress: Progress<'_>| told.lock().unwrap().push(format!("{progress:?}"));
        let pulled = wait(hub.pull(&listing, &["model.safetensors"], &tell));
        (
            pulled,
            self.double.take_requests(),
            told.into_inner().unwrap(),
        )
    }

    /// The partial downloads in the cache.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let blobs = std::fs::read_dir(self.of_model("blobs"));
        let blobs = blobs
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        blobs
            .filter(|path| path.extension().is_some_and(|end| end == "incomplete"))
            .collect()
    }
}

/// A timeout that even a very busy machine meets.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Long timeouts and short waits before retries.
pub(crate) fn settings(cache: PathBuf, endpoint: String) -> Settings {
    let mut settings = Settings::new(cache);
    settings.endpoint = endpoint;
    settings.limits = Limits {
        connect: LONGEST_WAIT,
        answer: LONGEST_WAIT,
        stall: LONGEST_WAIT,
    };
    settings.retry = Retry {
        attempts: 3,
        first_wait: Duration::from_millis(2),
        longest_wait: Duration::from_millis(10),
        longest_asked: Duration::from_secs(2),
    };
    settings
}

pub(crate) fn model(size: usize) -> hub_double::Repository {
    hub_double::Repository::model(ID)
        .file("config.json", CONFIG)
        .file("1_Pooling/config.json", "{}")
        .large_file("model.safetensors", weights(size))
}

/// Bytes that depend on their position.
pub(crate) fn weights(size: usize) -> Vec<u8> {
    (0_u32..)
        .flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(size)
        .collect()
}

pub(crate) fn repository() -> Repository {
    Repository::model(ID).unwrap()
}

pub(crate) fn listing(hub: &Hub, revision: &Revision) -> Result<Listing> {
    wait(hub.listing(&repository(), revision, &|_: Progress<'_>| {}))
}

pub(crate) fn pull(hub: &Hub, revision: &Revision) -> Result<Snapshot> {
    let listing = listing(hub, revision)?;
    let names: Vec<&str> = listing.names().collect();
    wait(hub.pull(&listing, &names, &|_: Progress<'_>| {}))
}

pub(crate) fn token(text: &str) -> Option<Token> {
    Token::new(text).unwrap()
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
