use clip::Model;
use index::{EngineKind, Filter, Index, Revision};
use serde::Serialize;

use crate::catalogue::{Catalogue, CollectionKey, CollectionRow};
use crate::error::{Error, Result};
use crate::identity::ModelIdentity;
use crate::keys;
use crate::metadata::Labels;
use crate::record::Record;

/// The namespace of a collection's image vectors. Their ids are the record ids.
pub const IMAGES: &str = "images";

/// The namespace of a collection's caption vectors. Their ids are `RECORD#0`, `RECORD#1`, …
pub const CAPTIONS: &str = "captions";

/// The namespaces of the image and caption vectors of pictures whose files are missing.
pub(crate) const MISSING_IMAGES: &str = "missing-images";
pub(crate) const MISSING_CAPTIONS: &str = "missing-captions";

/// All namespaces of a collection.
pub(crate) const NAMESPACES: [&str; 4] = [IMAGES, MISSING_IMAGES, CAPTIONS, MISSING_CAPTIONS];

/// Whether a namespace of a collection's index is reserved for the collection.
pub fn is_of_collections(namespace: &str) -> bool {
    NAMESPACES.contains(&namespace)
}

/// Records read from the catalogue, and vectors from the engine, at a time.
pub(crate) const PAGE: usize = 256;

/// A summary of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// The engine that holds its vectors.
    #[serde(serialize_with = "by_name")]
    pub engine: EngineKind,
    /// The model that made its vectors.
    pub model: ModelIdentity,
    /// The number of pictures, without the missing ones.
    pub pictures: u64,
    /// The number of missing pictures: their files were gone or unreadable when last checked. Searches leave
    /// them out.
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

/// A state of a collection. While it's unchanged, a query has the same answer unless files disappear.
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

    /// A filter for the pictures in a folder, given by its absolute path, and its subfolders.
    pub fn below(&self, folder: &str) -> Filter {
        self.labels().below(folder)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// The engine that holds its vectors.
    pub fn engine(&self) -> EngineKind {
        self.row.engine
    }

    /// The model that made its vectors.
    pub fn model(&self) -> &ModelIdentity {
        &self.row.model
    }

    /// The number of pictures when it was opened.
    pub fn pictures(&self) -> u64 {
        self.row.pictures
    }

    /// The collection's summary.
    pub fn info(&self) -> CollectionInfo {
        self.row.clone().into()
    }

    /// A number that changes with each change of the store's catalogue by any process.
    ///
    /// # Errors
    /// [`Error::Catalogue`].
    pub fn catalogue_state(&self) -> Result<i64> {
        self.catalogue.state()
    }

    /// The collection's state. `None` for a remote engine, which doesn't report changes.
    ///
    /// # Errors
    /// [`Error::Catalogue`] and [`Error::Index`].
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

    /// The number of captions of all pictures that aren't missing.
    ///
    /// # Errors
    /// [`Error::Catalogue`].
    pub fn captions(&self) -> Result<u64> {
        Ok(self.catalogue.size(self.key())?.1)
    }

    /// The number of pictures without a date. Reads all records.
    ///
    /// # Errors
    /// [`Error::Catalogue`].
    pub fn undated(&self) -> Result<u64> {
        self.catalogue.count_without(self.key(), keys::TAKEN_AT)
    }

    /// Returns the record with this id.
    ///
    /// # Errors
    /// [`Error::NoRecord`], [`Error::Catalogue`] and [`Error::DamagedRecord`].
    pub fn record(&self, id: &str) -> Result<Record> {
        self.catalogue
            .record(self.key(), id)?
            .ok_or_else(|| Error::NoRecord {
                collection: self.name().to_owned(),
                id: id.to_owned(),
            })
    }

    /// Checks that `model` may add vectors to the collection.
    ///
    /// # Errors
    /// [`Error::OtherModel`] and [`Error::OtherPrecision`].
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

    /// Checks that `model` may add vectors to the collection.
    pub(crate) fn accept_model(&self, model: &Model) -> Result<()> {
        self.accept(&ModelIdentity::of(model, &self.model().reference))
    }

    /// Checks that vectors of the model with this fingerprint are comparable with the collection's. The
    /// precision may differ.
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

    /// Checks that the collection's captions were embedded by `model`'s text model.
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
