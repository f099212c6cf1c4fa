use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, Metadata as FileMetadata, ReadDir};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use picture::Format;

use crate::exclusions::Exclusions;
use crate::form::Form;
use crate::{Error, Listing, Problem, ProblemReason, paths};

/// Names that systems, cameras and file servers leave in people's folders, in lower case. Names that begin
/// with a dot (`.DS_Store`, `._dog.jpg`) are skipped as well.
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

/// Extensions of unsupported picture formats. They are reported, as a library of only these would seem empty.
const UNREAD_PICTURES: &[&str] = &["j2k", "jp2", "jpf"];

/// The kind of a file in a folder of pictures.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Picture,
    UnreadPicture,
    Other,
}

/// Whether the file at `path` looks like a picture, supported or not.
pub(crate) fn is_picture(path: &Path) -> io::Result<bool> {
    kind(path).map(|kind| kind != Kind::Other)
}

/// Checks that the file at `path` is a picture that can be listed.
pub(crate) fn check_picture(path: &Path) -> Result<bool, Problem> {
    let reason = match kind(path) {
        Ok(Kind::Other) => return Ok(false),
        Ok(_) if path.to_str().is_none() => ProblemReason::NameNotUtf8,
        Ok(Kind::Picture) => return Ok(true),
        Ok(Kind::UnreadPicture) => ProblemReason::FormatNotRead {
            extension: paths::extension(path),
        },
        Err(source) => ProblemReason::Unreadable { source },
    };
    Err(Problem {
        file: path.to_owned(),
        line: None,
        reason,
    })
}

/// Decides by a picture's extension. With another extension or none, reads the first 16 bytes of the file.
fn kind(path: &Path) -> io::Result<Kind> {
    let extension = paths::extension(path);
    let extension = extension.as_str();
    if is_extension(extension) {
        return Ok(Kind::Picture);
    }
    if UNREAD_PICTURES.contains(&extension) {
        return Ok(Kind::UnreadPicture);
    }
    let mut start = Vec::with_capacity(16);
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(match Format::of(&start) {
        // Many texts begin with `BM`. In a bitmap, four reserved bytes are zero.
        Some(Format::Bmp) if start.get(6..10) != Some(&[0; 4]) => Kind::Other,
        Some(_) => Kind::Picture,
        None => Kind::Other,
    })
}

/// Whether files with this lower-case extension are supported pictures.
fn is_extension(extension: &str) -> bool {
    Format::ALL
        .iter()
        .any(|format| format.extensions().contains(&extension))
}

/// Whether `text` ends like a picture's name. Opens no file.
pub(crate) fn is_picture_name(text: &str) -> bool {
    is_extension(&paths::extension(Path::new(text)))
}

/// Adds the pictures under `folder`, an absolute path, to the listing in the order of their paths.
pub(crate) fn read(
    folder: &Path,
    exclusions: &Exclusions,
    listing: &mut Listing,
) -> crate::Result<()> {
    let source = listing.begin_source(folder)?;
    let mut walk = Walk {
        root: folder,
        exclusions,
        folders: Vec::new(),
        linked_folders: BTreeSet::new(),
        entered: HashSet::new(),
        listing,
    };
    let entries = walk.enter(folder).map_err(Error::read(folder))?;
    walk.visit_all(folder, entries)?;
    while let Some(folder) = walk.next_folder() {
        match walk.enter(&folder) {
            Ok(entries) => walk.visit_all(&folder, entries)?,
            Err(source) => walk.problem(folder, ProblemReason::Unreadable { source })?,
        }
    }
    walk.listing.add_sorted(source)
}

/// The tables directly in `folder`, by their extensions, sorted by name.
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
    /// Entered after the others, so that a folder that isn't only linked is found under its own path.
    linked_folders: BTreeSet<PathBuf>,
    /// The real paths of the entered folders, so that links can't lead in circles.
    entered: HashSet<PathBuf>,
    listing: &'a mut Listing,
}

impl Walk<'_> {
    fn next_folder(&mut self) -> Option<PathBuf> {
        self.folders
            .pop()
            .or_else(|| self.linked_folders.pop_first())
    }

    /// The entries of a folder that wasn't entered before.
    fn enter(&mut self, folder: &Path) -> io::Result<Option<ReadDir>> {
        if self.entered.insert(fs::canonicalize(folder)?) {
            fs::read_dir(folder).map(Some)
        } else {
            Ok(None)
        }
    }

    fn visit_all(&mut self, folder: &Path, entries: Option<ReadDir>) -> crate::Result<()> {
        for entry in entries.into_iter().flatten() {
            match entry {
                Ok(entry) => self.visit(entry.path())?,
                Err(source) => {
                    self.problem(folder.to_owned(), ProblemReason::Unreadable { source })?;
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self, path: PathBuf) -> crate::Result<()> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if name.starts_with('.') || JUNK.contains(&name.trim_end_matches('\r')) {
            return Ok(());
        }
        match status(&path) {
            Ok((metadata, is_link)) if metadata.is_dir() => self.add_folder(path, is_link),
            Ok((metadata, _)) if metadata.is_file() => self.add_file(&path),
            // Sockets, pipes and devices are ignored.
            Ok(_) => Ok(()),
            Err(_) if self.is_excluded(&path, false) => Ok(()),
            Err(reason) => self.problem(path, reason),
        }
    }

    fn add_folder(&mut self, path: PathBuf, is_link: bool) -> crate::Result<()> {
        if self.is_excluded(&path, true) {
            return Ok(());
        }
        if path.to_str().is_none() {
            return self.problem(path, ProblemReason::NameNotUtf8);
        }
        if is_link {
            self.linked_folders.insert(path);
        } else {
            self.folders.push(path);
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> crate::Result<()> {
        if self.is_excluded(path, false) {
            return Ok(());
        }
        match check_picture(path) {
            Ok(true) => self.listing.set_aside(path, None),
            Ok(false) => Ok(()),
            Err(problem) => self.listing.set_aside(path, Some(&problem)),
        }
    }

    fn is_excluded(&self, path: &Path, is_folder: bool) -> bool {
        let relative = path.strip_prefix(self.root).unwrap_or(path);
        self.exclusions.exclude(relative, is_folder)
    }

    fn problem(&mut self, file: PathBuf, reason: ProblemReason) -> crate::Result<()> {
        let problem = Problem {
            file,
            line: None,
            reason,
        };
        self.listing.set_aside(&problem.file, Some(&problem))
    }
}

/// The metadata at `path`, following links, and whether it's a link.
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
