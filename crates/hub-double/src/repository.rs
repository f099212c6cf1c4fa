use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A repository of the double at one commit.
#[derive(Clone, Debug)]
pub struct Repository {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) branch: String,
    pub(crate) access: Access,
    pub(crate) files: BTreeMap<String, StoredFile>,
}

/// Who may download the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Public,
    Gated,
    Private,
}

#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    pub(crate) bytes: Vec<u8>,
    /// Whether the file is large, so that the storage sends it.
    pub(crate) is_large: bool,
    /// The size in the listing.
    pub(crate) listed_size: usize,
}

impl Repository {
    /// An empty model.
    #[must_use]
    pub fn model(id: &str) -> Self {
        Self::of("models", id)
    }

    /// An empty dataset.
    #[must_use]
    pub fn dataset(id: &str) -> Self {
        Self::of("datasets", id)
    }

    fn of(kind: &'static str, id: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            branch: "main".to_owned(),
            access: Access::Public,
            files: BTreeMap::new(),
        }
    }

    /// Adds a file that the Hub sends itself.
    #[must_use]
    pub fn file(self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(name, bytes.into(), false)
    }

    /// Adds a file that the storage sends.
    #[must_use]
    pub fn large_file(self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(name, bytes.into(), true)
    }

    fn with(mut self, name: &str, bytes: Vec<u8>, is_large: bool) -> Self {
        let listed_size = bytes.len();
        let file = StoredFile {
            bytes,
            is_large,
            listed_size,
        };
        self.files.insert(name.to_owned(), file);
        self
    }

    /// Sets a file's size in the listing, whatever its real size.
    #[must_use]
    pub fn with_listed_size(mut self, name: &str, size: usize) -> Self {
        if let Some(file) = self.files.get_mut(name) {
            file.listed_size = size;
        }
        self
    }

    /// Sets a branch other than `main`.
    #[must_use]
    pub fn on_branch(mut self, branch: &str) -> Self {
        branch.clone_into(&mut self.branch);
        self
    }

    /// Requires accepted terms.
    #[must_use]
    pub fn gated(mut self) -> Self {
        self.access = Access::Gated;
        self
    }

    /// Hides the repository without a token.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.access = Access::Private;
        self
    }

    /// Adds the files of a folder. Weights and all files above 1 MB are large files.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn files_of(mut self, folder: &Path) -> io::Result<Self> {
        self.collect(folder, "")?;
        Ok(self)
    }

    fn collect(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.collect(&entry.path(), &format!("{name}/"))?;
                continue;
            }
            let bytes = fs::read(entry.path())?;
            let is_weights = [".safetensors", ".bin", ".parquet"]
                .iter()
                .any(|ending| name.ends_with(ending));
            let is_large = is_weights || bytes.len() > 1_000_000;
            let listed_size = bytes.len();
            let file = StoredFile {
                bytes,
                is_large,
                listed_size,
            };
            self.files.insert(name, file);
        }
        Ok(())
    }

    /// The hash of the commit, which depends on the files.
    #[must_use]
    pub fn commit(&self) -> String {
        let mut hash = Sha1::new();
        hash.update(&self.id);
        for (name, file) in &self.files {
            hash.update(name);
            hash.update(file.etag());
        }
        hexadecimal(&hash.finalize())
    }

    /// The response to `/api/models/{id}/revision/{revision}?blobs=true`.
    pub(crate) fn description(&self) -> Value {
        let siblings: Vec<Value> = self
            .files
            .iter()
            .map(|(name, file)| {
                let mut sibling = json!({
                    "rfilename": name, "size": file.listed_size, "blobId": file.git_hash(),
                });
                if let Some(lfs) = file.lfs("sha256") {
                    sibling["lfs"] = lfs;
                }
                sibling
            })
            .collect();
        json!({
            "_id": "621ffdc036468d709f17434d", "id": self.id, "modelId": self.id, "sha": self.commit(),
            "private": self.access == Access::Private, "tags": [], "downloads": 0, "likes": 0,
            "gated": if self.access == Access::Gated { json!("auto") } else { json!(false) },
            "siblings": siblings,
        })
    }

    /// The response to `/api/models/{id}/tree/{revision}?recursive=true`.
    pub(crate) fn tree(&self) -> Value {
        self.files
            .iter()
            .map(|(name, file)| {
                let mut entry = json!({
                    "type": "file", "path": name, "size": file.listed_size, "oid": file.git_hash(),
                });
                if let Some(lfs) = file.lfs("oid") {
                    entry["lfs"] = lfs;
                }
                entry
            })
            .collect()
    }
}

impl StoredFile {
    /// The hash that identifies the content: SHA-256 for a large file, otherwise Git's.
    pub(crate) fn etag(&self) -> String {
        if self.is_large {
            hexadecimal(&Sha256::digest(&self.bytes))
        } else {
            self.git_hash()
        }
    }

    /// Git's hash. For a large file the Hub has its pointer's hash here, which no client uses.
    fn git_hash(&self) -> String {
        let mut hash = Sha1::new();
        hash.update(format!("blob {}\0", self.bytes.len()));
        hash.update(&self.bytes);
        hexadecimal(&hash.finalize())
    }

    fn lfs(&self, hash: &str) -> Option<Value> {
        self.is_large
            .then(|| json!({ hash: self.etag(), "size": self.listed_size, "pointerSize": 134 }))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
