use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, Metadata as FileMetadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use picture::Format;

use crate::exclusions::Exclusions;
use crate::form::Form;
use crate::{Address, Listing, Problem, ProblemReason, Record, paths};

/// Names that systems, cameras' disks and file servers leave in people's folders, in lower case.
/// Names that begin with a dot (`.DS_Store`, `._dog.jpg`) are skipped as well.
const JUNK: &[&str] = &[
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "@eadir",
    "__macosx",
    "desktop.ini",
    "ehthumbs.db",
    "lost+found",
    "system volume information",
    "thumbs.db",
];

/// Extensions of pictures that are not read. They are reported: a library of nothing but these
/// would seem empty otherwise.
const UNREAD_PICTURES: &[&str] = &["jxl"];

/// What a file is to a folder of pictures.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Picture,
    UnreadPicture,
    Other,
}

/// Whether the file at `path` is taken for a picture, of a format that is read or not.
pub(crate) fn is_picture(path: &Path) -> io::Result<bool> {
    kind(path).map(|kind| kind != Kind::Other)
}

/// The record of the file at `path`; none when it is no picture.
pub(crate) fn picture(path: PathBuf) -> Result<Option<Record>, Problem> {
    let reason = match kind(&path) {
        Ok(Kind::Other) => return Ok(None),
        Ok(_) if path.to_str().is_none() => ProblemReason::NameNotUtf8,
        Ok(Kind::Picture) => return Ok(Some(Record::at(Address::File(path)))),
        Ok(Kind::UnreadPicture) => ProblemReason::FormatNotRead {
            extension: paths::extension(&path),
        },
        Err(source) => ProblemReason::Unreadable { source },
    };
    Err(Problem {
        file: path,
        line: None,
        reason,
    })
}

/// By a picture's extension, or by the first bytes where it has another one or none: only such
/// files are opened, for 16 bytes.
fn kind(path: &Path) -> io::Result<Kind> {
    let extension = paths::extension(path);
    let extension = extension.as_str();
    if Format::ALL
        .iter()
        .any(|format| format.extensions().contains(&extension))
    {
        return Ok(Kind::Picture);
    }
    if UNREAD_PICTURES.contains(&extension) {
        return Ok(Kind::UnreadPicture);
    }
    let mut start = Vec::with_capacity(16);
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(match Format::of(&start) {
        // Many a text begins with `BM`; in a bitmap four reserved bytes are zero.
        Some(Format::Bmp) if start.get(6..10) != Some(&[0; 4]) => Kind::Other,
        Some(_) => Kind::Picture,
        None => Kind::Other,
    })
}

/// The pictures under `folder`, an absolute path, in the order of their paths.
pub(crate) fn read(folder: &Path, exclusions: &Exclusions) -> io::Result<Listing> {
    let mut walk = Walk {
        root: folder,
        exclusions,
        folders: Vec::new(),
        linked_folders: BTreeSet::new(),
        entered: HashSet::new(),
        listing: Listing::default(),
    };
    walk.enter(folder)?;
    while let Some(folder) = walk.next_folder() {
        if let Err(source) = walk.enter(&folder) {
            walk.problem(folder, ProblemReason::Unreadable { source });
        }
    }
    let mut listing = walk.listing;
    listing.folder = Some(folder.to_owned());
    listing
        .records
        .sort_by(|a, b| a.place.file().cmp(&b.place.file()));
    listing.problems.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(listing)
}

/// The tables in `folder` itself, by their names' endings, in the order of their names.
pub(crate) fn tables(folder: &Path) -> io::Result<Vec<(PathBuf, Form)>> {
    let mut tables = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if let Some(form) = Form::of_name(&path).filter(|_| !is_hidden && path.is_file()) {
            tables.push((path, form));
        }
    }
    tables.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(tables)
}

struct Walk<'a> {
    root: &'a Path,
    exclusions: &'a Exclusions,
    folders: Vec<PathBuf>,
    /// Entered after the others, so that a folder with a path of its own is found under that path.
    linked_folders: BTreeSet<PathBuf>,
    /// The real paths of the folders entered: links cannot lead in circles.
    entered: HashSet<PathBuf>,
    listing: Listing,
}

impl Walk<'_> {
    fn next_folder(&mut self) -> Option<PathBuf> {
        self.folders
            .pop()
            .or_else(|| self.linked_folders.pop_first())
    }

    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        if !self.entered.insert(fs::canonicalize(folder)?) {
            return Ok(());
        }
        for entry in fs::read_dir(folder)? {
            match entry {
                Ok(entry) => self.visit(entry.path()),
                Err(source) => {
                    self.problem(folder.to_owned(), ProblemReason::Unreadable { source });
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self, path: PathBuf) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if name.starts_with('.') || JUNK.contains(&name.trim_end_matches('\r')) {
            return;
        }
        match status(&path) {
            Ok((metadata, is_link)) if metadata.is_dir() => self.add_folder(path, is_link),
            Ok((metadata, _)) if metadata.is_file() => self.add_file(path),
            // Sockets, pipes and devices.
            Ok(_) => {}
            Err(_) if self.is_excluded(&path, false) => {}
            Err(reason) => self.problem(path, reason),
        }
    }

    fn add_folder(&mut self, path: PathBuf, is_link: bool) {
        if self.is_excluded(&path, true) {
            return;
        }
        if path.to_str().is_none() {
            self.problem(path, ProblemReason::NameNotUtf8);
        } else if is_link {
            self.linked_folders.insert(path);
        } else {
            self.folders.push(path);
        }
    }

    fn add_file(&mut self, path: PathBuf) {
        if self.is_excluded(&path, false) {
            return;
        }
        match picture(path) {
            Ok(record) => self.listing.records.extend(record),
            Err(problem) => self.listing.problems.push(problem),
        }
    }

    fn is_excluded(&self, path: &Path, is_folder: bool) -> bool {
        let relative = path.strip_prefix(self.root).unwrap_or(path);
        self.exclusions.exclude(relative, is_folder)
    }

    fn problem(&mut self, file: PathBuf, reason: ProblemReason) {
        self.listing.problems.push(Problem {
            file,
            line: None,
            reason,
        });
    }
}

/// What is at `path`, links followed, and whether it is a link.
fn status(path: &Path) -> Result<(FileMetadata, bool), ProblemReason> {
    let unreadable = |source| ProblemReason::Unreadable { source };
    let own = fs::symlink_metadata(path).map_err(unreadable)?;
    if !own.is_symlink() {
        return Ok((own, false));
    }
    match fs::metadata(path) {
        Ok(target) => Ok((target, true)),
        Err(source) if source.kind() == io::ErrorKind::PermissionDenied => Err(unreadable(source)),
        Err(_) => Err(ProblemReason::BrokenLink),
    }
}
