use clip::Model;
use index::{EngineKind, Filter, Index, Revision};
use serde::Serialize;

use crate::catalogue::{Catalogue, CollectionKey, CollectionRow};
use crate::error::{Error, Result};
use crate::identity::ModelIdentity;
use crate::keys;
use crate::metadata::Labels;
use crate::record::Record;

/// The namespace of a collection's image vectors; their ids are the records'.
pub const IMAGES: &str = "images";

/// The namespace of a collection's caption vectors; their ids are `RECORD#0`, `RECORD#1`, …
pub const CAPTIONS: &str = "captions";

/// The namespaces of the vectors of pictures whose files are gone, and of their captions.
pub(crate) const MISSING_IMAGES: &str = "missing-images";
pub(crate) const MISSING_CAPTIONS: &str = "missing-captions";

/// All of them.
pub(crate) const NAMESPACES: [&str; 4] = [IMAGES, MISSING_IMAGES, CAPTIONS, MISSING_CAPTIONS];

/// Whether a namespace of a collection's index is for the collection alone.
pub fn is_of_collections(namespace: &str) -> bool {
    NAMESPACES.contains(&namespace)
}

/// A collection at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// Where its vectors are.
    #[serde(serialize_with = "by_name")]
    pub engine: EngineKind,
    /// The model that made its vectors.
    pub model: ModelIdentity,
    /// How many pictures it has whose files are there and could be read.
    pub pictures: u64,
    /// How many pictures it has whose files were gone, or could not be read any more, when they were last looked for.
    /// They are not found.
    pub missing: u64,
}

impl From<CollectionRow> for CollectionInfo {
    fn from(row: CollectionRow) -> CollectionInfo {
        CollectionInfo {
            name: row.name,
            engine: row.engine,
            model: row.model,
            pictures: row.pictures,
            missing: row.missing,
        }
    }
}

fn by_name<S: serde::Serializer>(engine: &EngineKind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(engine.name())
}

/// Pictures embedded by one model, with their captions.
#[derive(Debug)]
pub struct Collection<'store> {
    pub(crate) catalogue: &'store Catalogue,
    pub(crate) index: Index,
    row: CollectionRow,
}

/// A state of a collection: while it is the same, a question has the same answer, but for files that are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectionState {
    catalogue: i64,
    images: Revision,
    captions: Revision,
}

impl<'store> Collection<'store> {
    pub(crate) fn new(
        catalogue: &'store Catalogue,
        row: CollectionRow,
        index: Index,
    ) -> Collection<'store> {
        Collection {
            catalogue,
            index,
            row,
        }
    }

    pub(crate) fn key(&self) -> CollectionKey {
        self.row.key
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.row.labels
    }

    /// The filter for the pictures in a folder, given by its absolute path, and those below it.
    pub fn below(&self, folder: &str) -> Filter {
        self.labels().below(folder)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// Where its vectors are.
    pub fn engine(&self) -> EngineKind {
        self.row.engine
    }

    /// The model that made its vectors.
    pub fn model(&self) -> &ModelIdentity {
        &self.row.model
    }

    /// How many pictures it had when it was opened.
    pub fn pictures(&self) -> u64 {
        self.row.pictures
    }

    /// All of that at a glance.
    pub fn info(&self) -> CollectionInfo {
        self.row.clone().into()
    }

    /// A number that is another one after each change of the store's catalogue, by whatever process.
    ///
    /// # Errors
    /// Those of the catalogue.
    pub fn catalogue_state(&self) -> Result<i64> {
        self.catalogue.state()
    }

    /// Its state; `None` where its vectors are beyond this machine, which tells nothing of their changes.
    ///
    /// # Errors
    /// Those of the catalogue and of the engine.
    pub fn state(&self) -> Result<Option<CollectionState>> {
        let Some(embedded) = self.index.embedded() else {
            return Ok(None);
        };
        Ok(Some(CollectionState {
            catalogue: self.catalogue.state()?,
            images: embedded.revision(IMAGES)?,
            captions: embedded.revision(CAPTIONS)?,
        }))
    }

    /// How many captions its pictures have whose files are there.
    pub fn captions(&self) -> Result<u64> {
        Ok(self.catalogue.size(self.key())?.1)
    }

    /// How many of its pictures have no date. All records are looked at.
    pub fn undated(&self) -> Result<u64> {
        self.catalogue.count_without(self.key(), keys::TAKEN_AT)
    }

    /// The record with that id.
    pub fn record(&self, id: &str) -> Result<Record> {
        self.catalogue
            .record(self.key(), id)?
            .ok_or_else(|| Error::NoRecord {
                collection: self.name().to_owned(),
                id: id.to_owned(),
            })
    }

    /// Refuses a model that would put its vectors among those of another.
    pub fn accept(&self, model: &ModelIdentity) -> Result<()> {
        let own = self.model();
        self.accept_space(&model.fingerprint)?;
        if own.precision == model.precision {
            Ok(())
        } else {
            Err(Error::OtherPrecision {
                collection: self.name().to_owned(),
                expected: own.precision.clone(),
            })
        }
    }

    /// Refuses a model whose pictures may not be put among the collection's.
    pub(crate) fn accept_model(&self, model: &Model) -> Result<()> {
        self.accept(&ModelIdentity::of(model, &self.model().reference))
    }

    /// Refuses a model, of that fingerprint, whose vectors can't be compared with the collection's. Those of another
    /// precision can.
    pub(crate) fn accept_space(&self, fingerprint: &str) -> Result<()> {
        let own = self.model();
        if own.fingerprint == fingerprint {
            Ok(())
        } else {
            Err(Error::OtherModel {
                collection: self.name().to_owned(),
                expected: own.reference.clone(),
            })
        }
    }

    /// Refuses a model whose texts may not be compared with the captions, as they are another's.
    pub(crate) fn accept_texts(&self, model: &Model) -> Result<()> {
        if model.text_fingerprint() == self.model().text_fingerprint() {
            Ok(())
        } else {
            Err(self.other_text_model())
        }
    }

    pub(crate) fn other_text_model(&self) -> Error {
        Error::OtherTextModel {
            collection: self.name().to_owned(),
            expected: self.model().text_reference().to_owned(),
        }
    }
}
