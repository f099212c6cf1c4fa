//! The vectors of a collection's records, in the namespaces for existing and for missing pictures.

use index::{Selection, Vector};

use crate::collection::{CAPTIONS, Collection, IMAGES, MISSING_CAPTIONS, MISSING_IMAGES};
use crate::error::Result;
use crate::record::{Record, caption_ids};

impl Collection<'_> {
    /// Whether all vectors of a record are in their namespaces.
    pub(crate) fn has_vectors(&self, record: &Record) -> Result<bool> {
        Ok(self.image_values(record)?.is_some() && self.caption_values(record)?.is_some())
    }

    /// A record's image vector.
    pub(crate) fn image_values(&self, record: &Record) -> Result<Option<Vec<f32>>> {
        let [images, _] = namespaces(record);
        let values = self.values_at(&record.location, images, &[record.id.as_str()])?;
        Ok(values.and_then(|mut values| values.pop()))
    }

    /// A record's caption vectors, if all exist.
    pub(crate) fn caption_values(&self, record: &Record) -> Result<Option<Vec<Vec<f32>>>> {
        let [_, captions] = namespaces(record);
        let ids: Vec<String> = caption_ids(record).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        self.values_at(&record.location, captions, &ids)
    }

    /// The vectors with these ids, if all exist and belong to the picture at `location`. An id may have just
    /// moved to another picture.
    fn values_at(
        &self,
        location: &str,
        namespace: &str,
        ids: &[&str],
    ) -> Result<Option<Vec<Vec<f32>>>> {
        let vectors = self.index.fetch(namespace, ids)?;
        let all = vectors.len() == ids.len()
            && vectors
                .iter()
                .all(|vector| self.labels().are_of(&vector.metadata, location));
        Ok(all.then(|| vectors.into_iter().map(|vector| vector.values).collect()))
    }

    /// Deletes vectors from all namespaces.
    pub(crate) fn delete_vectors(&self, images: Vec<String>, captions: Vec<String>) -> Result<()> {
        let (images, captions) = (Selection::Ids(images), Selection::Ids(captions));
        self.index.delete(IMAGES, &images)?;
        self.index.delete(MISSING_IMAGES, &images)?;
        self.index.delete(CAPTIONS, &captions)?;
        self.index.delete(MISSING_CAPTIONS, &captions)?;
        Ok(())
    }

    /// Moves vectors from one namespace to another.
    pub(crate) fn transfer(&self, from: &str, to: &str, ids: Vec<String>) -> Result<()> {
        let borrowed: Vec<&str> = ids.iter().map(String::as_str).collect();
        let vectors: Vec<Vector> = self.index.fetch(from, &borrowed)?;
        self.index.upsert(to, &vectors)?;
        self.index.delete(from, &Selection::Ids(ids))?;
        Ok(())
    }
}

/// The namespaces of a record's image and caption vectors.
pub(crate) fn namespaces(record: &Record) -> [&'static str; 2] {
    if record.missing {
        [MISSING_IMAGES, MISSING_CAPTIONS]
    } else {
        [IMAGES, CAPTIONS]
    }
}
