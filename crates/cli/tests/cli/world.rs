use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything takes on a machine as busy as can be.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The same for options and variables, in seconds.
pub(crate) const LONGEST_SECONDS: &str = "600";

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONGEST_WAIT;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The pictures that ship with clipseek.
pub(crate) fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo")
}

/// A folder with a store of its own, in which commands run.
pub(crate) struct World {
    directory: TempDir,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A world whose collection `default` has some of the demo's pictures.
    pub(crate) fn with_pictures(names: &[&str]) -> World {
        let world = World::new();
        world.copy_pictures(names);
        assert_eq!(world.run(&["add", "pictures", "--model", "mini"]).code, 0);
        world
    }

    /// Puts some of the demo's pictures into the folder `pictures`.
    pub(crate) fn copy_pictures(&self, names: &[impl AsRef<Path>]) {
        let (from, to) = (demo().join("pictures"), self.path("pictures"));
        fs::create_dir_all(&to).unwrap();
        for name in names {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `clipseek` in this folder, with this folder's store and cache, offline, patient, and nothing of the user's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clipseek"));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("CLIPSEEK_STORE", self.path("store"))
            .env_remove("CLIPSEEK_MODEL")
            .env_remove("CLIPSEEK_COLLECTION")
            .env_remove("CLIPSEEK_PICTURES")
            .env_remove("PINECONE_API_KEY")
            .env_remove("PINECONE_CONTROLLER_HOST")
            .env("HF_HUB_CACHE", self.path("hub"))
            .env("HF_HOME", self.path("hugging-face"))
            .env("HF_HUB_OFFLINE", "1")
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env_remove("HF_TOKEN")
            .env_remove("HUGGING_FACE_HUB_TOKEN")
            .env_remove("HF_TOKEN_PATH")
            .env("HF_HUB_ETAG_TIMEOUT", LONGEST_SECONDS)
            .env("HF_HUB_DOWNLOAD_TIMEOUT", LONGEST_SECONDS)
            .stdin(Stdio::null());
        for variable in [
            "HF_HUB_DISABLE_IMPLICIT_TOKEN",
            "HF_HUB_DISABLE_SYMLINKS",
            "TRANSFORMERS_OFFLINE",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must end with 0.
    #[track_caller]
    pub(crate) fn well(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs a command that must end with 2, and gives what it said.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            ran.stderr
        );
        ran.stderr
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().expect("ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}
