use std::fs;
use std::path::{Path, PathBuf};

use index::{Embedded, IndexSpec, Metric};

use crate::catalogue::{Catalogue, CollectionRow};
use crate::collection::{Collection, CollectionInfo, ModelIdentity};
use crate::error::{Error, Result};

/// A local directory with the catalogue and the embedded engine. Several processes may open it.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    catalogue: Catalogue,
    engine: Embedded,
}

impl Store {
    /// Opens the store in `directory`, made if it is not there.
    pub fn open(directory: &Path) -> Result<Store> {
        fs::create_dir_all(directory).map_err(|source| Error::Store {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Store {
            directory: directory.to_owned(),
            catalogue: Catalogue::open(&directory.join("catalogue.sqlite"))?,
            engine: Embedded::open(&directory.join("embedded"))?,
        })
    }

    /// Where the store is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The engine, for raw vectors.
    pub fn engine(&self) -> &Embedded {
        &self.engine
    }

    /// The collections, in the order of their names.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        let rows = self.catalogue.collections()?;
        Ok(rows.into_iter().map(CollectionInfo::from).collect())
    }

    /// The collection of that name.
    pub fn collection(&self, name: &str) -> Result<Collection<'_>> {
        let row = self.row(name)?;
        Ok(Collection::new(
            &self.catalogue,
            row,
            self.engine.index(name)?,
        ))
    }

    fn row(&self, name: &str) -> Result<CollectionRow> {
        let mut rows = self.catalogue.collections()?;
        match rows.iter().position(|row| row.name == name) {
            Some(place) => Ok(rows.swap_remove(place)),
            None => Err(Error::NoCollection {
                name: name.to_owned(),
                existing: rows.into_iter().map(|row| row.name).collect(),
            }),
        }
    }

    /// The collection of that name, made for `model` if it is not there.
    pub fn collection_or_new(&self, name: &str, model: &ModelIdentity) -> Result<Collection<'_>> {
        if !is_collection_name(name) {
            return Err(Error::CollectionName {
                name: name.to_owned(),
            });
        }
        if !self
            .catalogue
            .collections()?
            .iter()
            .any(|row| row.name == name)
        {
            self.create_index(name, model)?;
            self.catalogue.create_collection(name, model)?;
        }
        let collection = self.collection(name)?;
        collection.accept(model)?;
        Ok(collection)
    }

    /// Makes the index of a collection that is not in the catalogue. One that is there already is
    /// what an interrupted call left behind, and empty, or somebody's own: that is refused.
    fn create_index(&self, name: &str, model: &ModelIdentity) -> Result<()> {
        let spec = IndexSpec {
            name: name.to_owned(),
            dimension: model.dimension,
            metric: Metric::Cosine,
        };
        let existing = self
            .engine
            .list_indexes()?
            .into_iter()
            .find(|index| index.name == name);
        match existing {
            Some(index)
                if index.dimension == spec.dimension
                    && index.metric == spec.metric
                    && self.engine.index(name)?.stats()?.total_vector_count == 0 =>
            {
                Ok(())
            }
            _ => Ok(self.engine.create_index(&spec)?),
        }
    }

    /// Deletes a collection with its records and vectors. The pictures' files stay.
    pub fn delete_collection(&self, name: &str) -> Result<()> {
        let row = self.row(name)?;
        // Vectors first: an interruption leaves a collection that can be deleted again.
        match self.engine.drop_index(name) {
            Ok(()) | Err(index::Error::IndexNotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.catalogue.delete_collection(row.key)
    }
}

/// A collection's name is its index's, so it has the form that every engine takes.
fn is_collection_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=45).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
