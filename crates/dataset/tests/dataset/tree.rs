use std::fs;
use std::path::{Path, PathBuf};

use dataset::{Address, Columns, Error, ListedProblem, Listing, Record, Source, SourceOptions};
use tempfile::TempDir;

/// The first bytes of a PNG file.
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// All records of a listing.
#[track_caller]
pub(crate) fn records(listing: &Listing) -> Vec<Record> {
    let records: Vec<Record> = listing.records().map(Result::unwrap).collect();
    let captions: usize = records.iter().map(|record| record.captions.len()).sum();
    let counts = (records.len() as u64, captions as u64);
    assert_eq!((listing.pictures(), listing.captions()), counts);
    records
}

/// All problems of a listing.
#[track_caller]
pub(crate) fn problems(listing: &Listing) -> Vec<ListedProblem> {
    let problems: Vec<ListedProblem> = listing.listed_problems().map(Result::unwrap).collect();
    assert_eq!(listing.problems(), problems.len() as u64);
    problems
}

/// A temporary folder for sources.
pub(crate) struct Tree {
    folder: TempDir,
}

impl Tree {
    /// A folder with these empty files.
    #[track_caller]
    pub(crate) fn new(files: &[&str]) -> Self {
        let tree = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for file in files {
            tree.write(file, b"");
        }
        tree
    }

    #[track_caller]
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The listing of the source at `file`; an empty name is the folder itself.
    #[track_caller]
    pub(crate) fn read(&self, file: &str) -> Listing {
        self.read_with(file, SourceOptions::default()).unwrap()
    }

    pub(crate) fn read_with(&self, file: &str, options: SourceOptions) -> Result<Listing, Error> {
        let location = if file.is_empty() {
            self.root().to_owned()
        } else {
            self.path(file)
        };
        Source::open(&location, options)?.read()
    }

    #[track_caller]
    pub(crate) fn read_excluding(&self, file: &str, patterns: &[&str]) -> Listing {
        let exclude = patterns.iter().map(ToString::to_string).collect();
        self.read_with(
            file,
            SourceOptions {
                exclude,
                ..SourceOptions::default()
            },
        )
        .unwrap()
    }

    /// The error of reading a table with this content.
    #[track_caller]
    pub(crate) fn error(&self, file: &str, content: &[u8], columns: Columns) -> String {
        self.write(file, content);
        let options = SourceOptions {
            columns,
            ..SourceOptions::default()
        };
        self.shorten(&self.read_with(file, options).unwrap_err().to_string())
    }

    /// The records' locations relative to the folder.
    pub(crate) fn locations(&self, listing: &Listing) -> Vec<String> {
        records(listing)
            .iter()
            .map(|record| self.location(record))
            .collect()
    }

    pub(crate) fn location(&self, record: &Record) -> String {
        let path = match &record.address {
            Address::File(path) => path,
            elsewhere => return elsewhere.to_string(),
        };
        assert!(path.is_absolute());
        let relative = path.strip_prefix(self.root()).unwrap_or(path);
        relative.to_str().unwrap().replace('\\', "/")
    }

    /// The problems, with locations relative to the folder.
    pub(crate) fn problems(&self, listing: &Listing) -> Vec<String> {
        problems(listing)
            .iter()
            .map(|problem| self.shorten(&problem.to_string()))
            .collect()
    }

    fn shorten(&self, message: &str) -> String {
        message.replace(
            &format!("{}{}", self.root().display(), std::path::MAIN_SEPARATOR),
            "",
        )
    }
}
