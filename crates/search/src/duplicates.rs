//! Duplicate pictures: copies of a file, or versions that were resized, cropped or saved again.
//!
//! Similarity isn't transitive: if each picture of a burst resembles the next, the first and the last need
//! not resemble each other. So a group isn't a chain. It has one picture to keep, and each duplicate
//! resembles that picture ([`grouping`](crate::grouping)).

use std::collections::{BTreeMap, HashSet};
use std::fs::Metadata;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

use index::Filter;
use picture::{Filter as Resampling, Limits, Picture, Signature, Size, Window};
use rayon::prelude::*;
use serde::Serialize;

use crate::address::{Address, path_or_url};
use crate::collection::{Collection, IMAGES, PAGE};
use crate::error::{Error, Result};
use crate::file_stamp::FileStamp;
use crate::grouping::{Member, Relation, Vectors, group};
use crate::identity::ModelIdentity;
use crate::record::Record;

/// The bundled model, for which the threshold was measured.
const MEASURED_MODEL: &str = "mini";

/// The cosine that separates duplicates from similar pictures: see docs/choices/near-duplicates.md.
const MEASURED: f32 = 0.85;

/// The threshold for models that weren't measured. Most place photographs closer together.
const CAUTIOUS: f32 = 0.93;

/// Signatures are computed from pictures decoded with edges of at least this many pixels.
pub(crate) const SIGNED_EDGE: u32 = 224;

/// The side of a small copy in pixels.
const SMALL: u32 = 16;

/// The minimum correlation of the small copies of two versions of a whole picture.
const LEAST_WHOLE: f32 = 0.7;

/// Which pictures count as duplicates.
#[derive(Clone, Debug)]
pub struct DuplicateOptions {
    /// Two pictures are duplicates if their cosine is at least this (above 0, up to 1) and their
    /// [`Signature`]s match. Files with the same bytes always are. A file that holds more than one picture
    /// ([`picture::holds_more`]) is a duplicate only of its exact copies.
    pub threshold: f32,
    /// Compare only pictures whose metadata match.
    pub filter: Option<Filter>,
}

impl DuplicateOptions {
    /// The threshold for the model of a collection, comparing all pictures.
    pub fn of_model(model: &ModelIdentity) -> DuplicateOptions {
        DuplicateOptions {
            threshold: match model.reference.as_str() {
                MEASURED_MODEL => MEASURED,
                _ => CAUTIOUS,
            },
            filter: None,
        }
    }
}

/// The duplicates of a collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Duplicates {
    /// How many pictures were compared. Paths that lead to the same file count once.
    pub pictures: usize,
    /// How many were left out because their files are gone or changed since they were indexed, or because
    /// they have no vector. The next `add` updates them.
    pub left_out: usize,
    /// How many of the left-out files are gone.
    pub gone: usize,
    /// How many of the left-out files changed.
    pub changed: usize,
    /// The number of duplicates that could be deleted.
    pub duplicates: usize,
    /// Their total size in bytes.
    pub bytes: u64,
    /// The groups, sorted by the space they would free, largest first.
    pub groups: Vec<DuplicateGroup>,
}

/// A picture and its duplicates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DuplicateGroup {
    /// The picture to keep: the one with the most pixels, then the largest file, then the oldest.
    pub keep: DuplicateFile,
    /// The duplicates of the picture to keep, most similar first.
    pub duplicates: Vec<Duplicate>,
    /// The total size of the duplicates in bytes.
    pub bytes: u64,
}

/// A duplicate of the picture to keep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duplicate {
    /// The picture.
    #[serde(flatten)]
    pub file: DuplicateFile,
    /// Its cosine to the picture to keep.
    pub similarity: f32,
    /// Whether its file has the same bytes as the picture to keep.
    pub is_copy: bool,
}

/// A picture of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DuplicateFile {
    /// Its id in the collection.
    pub id: String,
    /// Where it is: an absolute path or a URL.
    #[serde(flatten, serialize_with = "path_or_url")]
    pub location: String,
    /// The downloaded file, if the location is a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// The file's size in bytes.
    pub bytes: u64,
}

impl DuplicateFile {
    /// Where it is.
    pub fn address(&self) -> Address<'_> {
        Address::of(&self.location, self.file.as_deref())
    }

    /// The picture's file.
    pub fn path(&self) -> &Path {
        Path::new(self.file.as_ref().unwrap_or(&self.location))
    }
}

/// A picture to compare, and what decides which to keep.
struct Candidate {
    file: DuplicateFile,
    hash: String,
    modified: Option<SystemTime>,
    identity: Identity,
    /// Whether its path leads there through a link.
    is_link: bool,
    /// See [`Candidate::look`].
    look: OnceLock<Look>,
}

/// What a file looks like. Computed only if vectors are similar.
#[derive(Debug)]
pub(crate) struct Look {
    /// Whether the file holds more than was compared: raw camera data behind a small preview, further frames
    /// or pages. True for an unreadable file.
    holds_more: bool,
    signature: Option<Signature>,
    /// A small copy, which quickly tells most different pictures apart.
    small: Vec<f32>,
}

/// What identifies a file that several paths lead to.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Identity {
    #[cfg(unix)]
    Node(u64, u64),
    #[cfg(not(unix))]
    Path(std::path::PathBuf),
}

impl Collection<'_> {
    /// Finds groups of duplicates. Changes nothing. `progress` gets the number of compared pairs and of all
    /// pairs.
    ///
    /// # Errors
    /// [`Error::DuplicateThreshold`], [`Error::Catalogue`], [`Error::DamagedRecord`] and [`Error::Index`].
    pub fn duplicates(
        &self,
        options: &DuplicateOptions,
        progress: impl FnMut(u64, u64),
    ) -> Result<Duplicates> {
        let threshold = options.threshold;
        if !(threshold > 0.0 && threshold <= 1.0) {
            return Err(Error::DuplicateThreshold { threshold });
        }
        let (candidates, [gone, changed]) = self.candidates(options.filter.as_ref())?;
        let (vectors, lacking) = self.vectors_of(&candidates)?;
        let relation = |one: usize, other: usize| candidates[one].relation(&candidates[other]);
        let members = group(&vectors, threshold, relation, progress);
        Ok(Duplicates {
            pictures: candidates.len() - lacking,
            left_out: gone + changed + lacking,
            gone,
            changed,
            ..Duplicates::of(&candidates, &members)
        })
    }

    /// The pictures to compare, those to keep first, and how many files are gone and changed.
    fn candidates(&self, filter: Option<&Filter>) -> Result<(Vec<Candidate>, [usize; 2])> {
        let (mut candidates, mut gone, mut changed) = (Vec::new(), 0, 0);
        let mut after: Option<String> = None;
        loop {
            let mut page = self.catalogue.records(self.key(), after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            page.retain(|record| {
                !record.missing
                    && filter.is_none_or(|it| it.matches(&self.labels().of_picture(record)))
            });
            let found: Vec<Result<Candidate, Lost>> =
                page.into_par_iter().map(Candidate::of).collect();
            for found in found {
                match found {
                    Ok(candidate) => candidates.push(candidate),
                    Err(Lost::Gone) => gone += 1,
                    Err(Lost::Changed) => changed += 1,
                }
            }
        }
        one_a_file(&mut candidates);
        candidates.sort_by(|one, other| one.precedence().cmp(&other.precedence()));
        Ok((candidates, [gone, changed]))
    }

    /// The image vectors of the candidates, in their order, and how many have none.
    fn vectors_of(&self, candidates: &[Candidate]) -> Result<(Vectors, usize)> {
        let mut vectors = Vectors::zero(candidates.len(), self.model().dimension);
        // In the order of the ids, as the database stores them.
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_unstable_by_key(|&n| &candidates[n].file.id);
        let mut found = 0;
        for page in order.chunks(PAGE) {
            let ids: Vec<&str> = page
                .iter()
                .map(|&n| candidates[n].file.id.as_str())
                .collect();
            let mut rest = page.iter();
            for vector in self.index.fetch(IMAGES, &ids)? {
                // The engine returns them in the requested order, without the missing ones.
                if let Some(&n) = rest.find(|&&n| candidates[n].file.id == vector.id) {
                    vectors.set(n, &vector.values);
                    found += 1;
                }
            }
        }
        Ok((vectors, candidates.len() - found))
    }
}

/// Why a picture is not compared.
enum Lost {
    Gone,
    Changed,
}

impl Candidate {
    /// Fails if the file is gone or isn't the one that was indexed: deleting the duplicates relies on what is
    /// kept.
    fn of(record: Record) -> Result<Candidate, Lost> {
        let path = record.path();
        let metadata = path.metadata().map_err(|_| Lost::Gone)?;
        if record.hash.is_empty() || has_changed(&record, path, &metadata) {
            return Err(Lost::Changed);
        }
        Ok(Candidate {
            identity: Identity::of(path, &metadata),
            is_link: path.canonicalize().is_ok_and(|file| file != path),
            modified: metadata.modified().ok(),
            hash: record.hash,
            look: OnceLock::new(),
            file: DuplicateFile {
                id: record.id,
                width: record.width,
                height: record.height,
                bytes: metadata.len(),
                location: record.location,
                file: record.file,
            },
        })
    }

    /// Vectors tell what a picture shows: two screenshots of text have nearly the same. So the pictures must
    /// look alike too.
    fn relation(&self, other: &Candidate) -> Relation {
        if self.hash == other.hash {
            return Relation::Same;
        }
        if self.look().is_like(other.look()) {
            Relation::Unknown
        } else {
            Relation::Different
        }
    }

    fn look(&self) -> &Look {
        self.look.get_or_init(|| Look::at(self.file.path()))
    }

    /// The sort key of pictures: the first is kept.
    fn precedence(&self) -> impl Ord + use<'_> {
        let Candidate { file, modified, .. } = self;
        let pixels = u64::from(file.width) * u64::from(file.height);
        let smaller = (u64::MAX - pixels, u64::MAX - file.bytes);
        (smaller, modified.is_none(), *modified, &file.location)
    }
}

impl Look {
    fn at(path: &Path) -> Look {
        let limits = Limits::default();
        match picture::read_within(path, &limits) {
            Ok(bytes) => Look::of(&bytes, &limits),
            Err(_) => Look::UNKNOWN,
        }
    }

    /// The look of an unreadable file, which is like no other.
    pub(crate) const UNKNOWN: Look = Look {
        holds_more: true,
        signature: None,
        small: Vec::new(),
    };

    /// The look of a file's bytes.
    pub(crate) fn of(bytes: &[u8], limits: &Limits) -> Look {
        let reduced = Picture::decode_reduced(bytes, limits, SIGNED_EDGE);
        let reduced = reduced.ok();
        let small = reduced.as_ref().map(|reduced| small_copy(&reduced.picture));
        Look {
            holds_more: picture::holds_more(bytes),
            signature: reduced.map(|reduced| reduced.signature()),
            small: small.unwrap_or_default(),
        }
    }

    /// Whether both are versions of one picture or of a part of it.
    fn is_like(&self, other: &Look) -> bool {
        self.is_near(other, |own, other| own.distance(other) <= Signature::SAME)
    }

    /// Like [`is_like`](Self::is_like), but without comparing parts, which is a hundred times slower.
    pub(crate) fn is_like_whole(&self, other: &Look) -> bool {
        let correlation: f32 = self
            .small
            .iter()
            .zip(&other.small)
            .map(|(a, b)| a * b)
            .sum();
        // A blank picture has nothing to compare.
        let is_seen = !self.small.is_empty() && !other.small.is_empty();
        (!is_seen || correlation >= LEAST_WHOLE) && self.is_near(other, Signature::shows_the_same)
    }

    fn is_near(&self, other: &Look, is_near: impl Fn(&Signature, &Signature) -> bool) -> bool {
        let signatures = self.signature.as_ref().zip(other.signature.as_ref());
        let holds_more = self.holds_more || other.holds_more;
        !holds_more && signatures.is_some_and(|(one, other)| is_near(one, other))
    }
}

/// The luminances of a small copy as a unit vector around their mean; empty for a blank picture.
fn small_copy(picture: &Picture) -> Vec<f32> {
    let size = Size {
        width: SMALL,
        height: SMALL,
    };
    let all = Window {
        left: 0,
        top: 0,
        width: SMALL,
        height: SMALL,
    };
    let small = picture.resample(size, all, Resampling::Bilinear);
    let pixels = small.pixels().chunks_exact(3);
    let mut levels: Vec<f32> = pixels
        .map(|pixel| pixel.iter().map(|&level| f32::from(level)).sum())
        .collect();
    let mean = levels.iter().sum::<f32>() / levels.len() as f32;
    levels.iter_mut().for_each(|level| *level -= mean);
    let length = levels.iter().map(|it| it * it).sum::<f32>().sqrt();
    if length < 1.0 {
        return Vec::new();
    }
    levels.iter_mut().for_each(|level| *level /= length);
    levels
}

impl Identity {
    #[cfg(unix)]
    fn of(_: &Path, metadata: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity::Node(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    fn of(path: &Path, _: &Metadata) -> Identity {
        Identity::Path(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
    }
}

impl Duplicates {
    fn of(candidates: &[Candidate], members: &[Option<Member>]) -> Duplicates {
        let mut by_keeper: BTreeMap<usize, Vec<Duplicate>> = BTreeMap::new();
        for (candidate, member) in candidates.iter().zip(members) {
            let Some(member) = member else { continue };
            by_keeper.entry(member.keeper).or_default().push(Duplicate {
                file: candidate.file.clone(),
                similarity: member.similarity,
                is_copy: candidate.hash == candidates[member.keeper].hash,
            });
        }
        let group = |(keeper, others)| DuplicateGroup::of(&candidates[keeper], others);
        let mut groups: Vec<DuplicateGroup> = by_keeper.into_iter().map(group).collect();
        groups.sort_by(|one, other| {
            let by_bytes = other.bytes.cmp(&one.bytes);
            by_bytes.then_with(|| one.keep.location.cmp(&other.keep.location))
        });
        Duplicates {
            duplicates: groups.iter().map(|group| group.duplicates.len()).sum(),
            bytes: groups.iter().map(|group| group.bytes).sum(),
            groups,
            ..Duplicates::default()
        }
    }
}

impl DuplicateGroup {
    fn of(keeper: &Candidate, mut others: Vec<Duplicate>) -> DuplicateGroup {
        others.sort_by(|one, other| {
            let by_kind = other.is_copy.cmp(&one.is_copy);
            let by_similarity = other.similarity.total_cmp(&one.similarity);
            let by_location = one.file.location.cmp(&other.file.location);
            by_kind.then(by_similarity).then(by_location)
        });
        DuplicateGroup {
            keep: keeper.file.clone(),
            bytes: others.iter().map(|other| other.file.bytes).sum(),
            duplicates: others,
        }
    }
}

/// Whether a file isn't the one that was indexed. Unknown, so false, for records of early versions.
fn has_changed(record: &Record, path: &Path, metadata: &Metadata) -> bool {
    let (old, new) = (record.stamp, FileStamp::of(path).unwrap_or_default());
    let is_known = old != FileStamp::default();
    let is_later = old.modified.is_some() && new.modified.is_some() && !new.is_that_of(old);
    is_known && (old.bytes != metadata.len() || is_later)
}

/// Keeps one path of those that lead to the same file: deleting the others would free nothing, or lose the
/// file.
fn one_a_file(candidates: &mut Vec<Candidate>) {
    candidates.sort_by(|one, other| {
        let by_kind = one.is_link.cmp(&other.is_link);
        by_kind.then_with(|| one.file.location.cmp(&other.file.location))
    });
    let mut seen = HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.identity.clone()));
}
