//! Pictures that are there several times: as copies of a file, or resized, cropped and saved once more.
//!
//! Likeness is not transitive: where each picture of a burst is like the next, the first and the last need
//! not be alike. So a group is no chain. It is a picture to keep and those that are like that very picture
//! ([`stars`](crate::stars)).

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
use crate::collection::{Collection, IMAGES};
use crate::error::{Error, Result};
use crate::identity::ModelIdentity;
use crate::record::Record;
use crate::stamp::FileStamp;
use crate::stars::{Kinship, Member, Vectors, stars};

/// Records taken from the catalogue, and vectors from the engine, at a time.
const PAGE: usize = 256;

/// The bundled model, with which it was measured where duplicates and merely similar pictures part.
const MEASURED_MODEL: &str = "mini";

/// Where they part: see docs/choices/near-duplicates.md.
const MEASURED: f32 = 0.85;

/// For models that have not been measured: most place photographs closer together.
const CAUTIOUS: f32 = 0.93;

/// Signatures are of pictures that are decoded with edges of at least this.
pub(crate) const SIGNED_EDGE: u32 = 224;

/// The side of a small copy.
const SMALL: u32 = 16;

/// The correlation that small copies of versions of a whole picture have at least.
const LEAST_WHOLE: f32 = 0.7;

/// Which pictures count as duplicates.
#[derive(Clone, Debug)]
pub struct DuplicateOptions {
    /// Two pictures whose cosine is at least this, and which look alike by their [`Signature`], are taken for the
    /// same: above 0, up to 1. Files with the same bytes are, whatever it is. Files that hold more than a picture ([`picture::holds_more`]) are
    /// duplicates of their copies alone.
    pub threshold: f32,
    /// Compare only pictures whose metadata match.
    pub filter: Option<Filter>,
}

impl DuplicateOptions {
    /// The threshold that suits the model of a collection, all its pictures being compared.
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
    /// How many pictures were compared. Places that lead to the same file count once.
    pub pictures: usize,
    /// How many were left out, as their files are gone or have changed since they were indexed, or as they
    /// have no vector. The next `add` takes care of them.
    pub left_out: usize,
    /// How many of these are gone.
    pub gone: usize,
    /// How many of these have changed.
    pub changed: usize,
    /// How many could be done without.
    pub superfluous: usize,
    /// What these take on the disk.
    pub bytes: u64,
    /// The groups, beginning with that which would free most.
    pub groups: Vec<DuplicateGroup>,
}

/// A picture and its duplicates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DuplicateGroup {
    /// The one to keep: that with the most pixels, of these the largest file, of these the oldest.
    pub keep: DuplicateFile,
    /// The others, each like the one to keep; the most similar first.
    pub superfluous: Vec<Duplicate>,
    /// What the others take on the disk.
    pub bytes: u64,
}

/// A picture that could be done without.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duplicate {
    /// The picture.
    #[serde(flatten)]
    pub file: DuplicateFile,
    /// Its cosine to the one to keep.
    pub similarity: f32,
    /// Whether its file has the same bytes.
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
    /// The file that was fetched from there, where the location is a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// The file's size.
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

/// A picture to be compared, and what decides which to keep.
struct Candidate {
    file: DuplicateFile,
    hash: String,
    modified: Option<SystemTime>,
    identity: Identity,
    /// Whether its location leads there by a link.
    is_link: bool,
    /// See [`Candidate::look`].
    look: OnceLock<Look>,
}

/// What a file shows, read where vectors are alike.
#[derive(Debug)]
pub(crate) struct Look {
    /// Whether the file holds more than was compared: a camera's own data, of which a small preview was looked at,
    /// further frames or pages. So does one that cannot be read.
    holds_more: bool,
    signature: Option<Signature>,
    /// A small copy, by which most that are different are told apart at once.
    small: Vec<f32>,
}

/// What two locations have in common that lead to the same file.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Identity {
    #[cfg(unix)]
    Node(u64, u64),
    #[cfg(not(unix))]
    Path(std::path::PathBuf),
}

impl Collection<'_> {
    /// The pictures that are there several times. Nothing is changed. `progress` sees how many pairs have been
    /// compared, and of how many.
    ///
    /// # Errors
    /// Among others [`Error::DuplicateThreshold`].
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
        let kinship = |one: usize, other: usize| candidates[one].kinship(&candidates[other]);
        let members = stars(&vectors, threshold, kinship, progress);
        Ok(Duplicates {
            pictures: candidates.len() - lacking,
            left_out: gone + changed + lacking,
            gone,
            changed,
            ..Duplicates::of(&candidates, &members)
        })
    }

    /// The pictures to be compared, those to be kept before others first, and how many are gone and have changed.
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

    /// The vectors of the pictures, in their order, and how many have none.
    fn vectors_of(&self, candidates: &[Candidate]) -> Result<(Vectors, usize)> {
        let mut vectors = Vectors::zero(candidates.len(), self.model().dimension);
        // As they lie in the database.
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
                // They come in the order that was asked for, without those that are not there.
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
    /// None where the file is gone, or is not the one that was indexed: whoever deletes the others relies
    /// on what is kept.
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

    /// Vectors tell what a picture is of: two screenshots of text have nearly the same. So pictures have to look alike
    /// as well.
    fn kinship(&self, other: &Candidate) -> Kinship {
        if self.hash == other.hash {
            return Kinship::Copies;
        }
        match self.look().is_like(other.look()) {
            true => Kinship::Unknown,
            false => Kinship::Strangers,
        }
    }

    fn look(&self) -> &Look {
        self.look.get_or_init(|| Look::at(self.file.path()))
    }

    /// Pictures in the order of this: the first is kept.
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

    /// That of what can't be looked at: it is like nothing.
    pub(crate) const UNKNOWN: Look = Look {
        holds_more: true,
        signature: None,
        small: Vec::new(),
    };

    /// That of a file's bytes.
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

    /// Whether both are versions of one picture, or of a part of it.
    fn is_like(&self, other: &Look) -> bool {
        self.is_near(other, |own, other| own.distance(other) <= Signature::SAME)
    }

    /// The same without looking for parts, which takes a hundred times as long.
    pub(crate) fn is_like_whole(&self, other: &Look) -> bool {
        let correlation: f32 = self
            .small
            .iter()
            .zip(&other.small)
            .map(|(a, b)| a * b)
            .sum();
        // Where there is nothing to see, there is nothing to compare either.
        let is_seen = !self.small.is_empty() && !other.small.is_empty();
        (!is_seen || correlation >= LEAST_WHOLE) && self.is_near(other, Signature::shows_the_same)
    }

    fn is_near(&self, other: &Look, is_near: impl Fn(&Signature, &Signature) -> bool) -> bool {
        let signatures = self.signature.as_ref().zip(other.signature.as_ref());
        let holds_more = self.holds_more || other.holds_more;
        !holds_more && signatures.is_some_and(|(one, other)| is_near(one, other))
    }
}

/// The luminances of a small copy, as a unit vector around their mean; empty for a blank picture.
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
            superfluous: groups.iter().map(|group| group.superfluous.len()).sum(),
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
            superfluous: others,
        }
    }
}

/// Whether a file is another than the one that was indexed. Of what was indexed by an early version, nothing
/// is known.
fn has_changed(record: &Record, path: &Path, metadata: &Metadata) -> bool {
    let (old, new) = (record.stamp, FileStamp::of(path).unwrap_or_default());
    let is_known = old != FileStamp::default();
    let is_later = old.modified.is_some() && new.modified.is_some() && !new.is_that_of(old);
    is_known && (old.bytes != metadata.len() || is_later)
}

/// Leaves one location of those that lead to the same file: to delete the others would free nothing, or lose it.
fn one_a_file(candidates: &mut Vec<Candidate>) {
    candidates.sort_by(|one, other| {
        let by_kind = one.is_link.cmp(&other.is_link);
        by_kind.then_with(|| one.file.location.cmp(&other.file.location))
    });
    let mut seen = HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.identity.clone()));
}
