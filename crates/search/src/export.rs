use std::collections::HashMap;

use index::Vector;

use crate::collection::{CAPTIONS, Collection, IMAGES, PAGE};
use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::record::{Record, caption_ids};

impl Collection<'_> {
    /// Calls `visit` with every picture and its vectors, sorted by id. Leaves out missing pictures. Returns
    /// how many pictures have no vectors; adding their source again embeds them.
    ///
    /// # Errors
    /// Those of `visit`, [`Error::Catalogue`], [`Error::DamagedRecord`] and [`Error::Index`].
    pub fn export<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Embedding) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut missing = 0;
        let mut after: Option<String> = None;
        loop {
            let mut records = self.catalogue.records(self.key(), after.as_deref(), PAGE)?;
            let Some(last) = records.last() else {
                return Ok(missing);
            };
            after = Some(last.id.clone());
            records.retain(|record| !record.missing);
            let count = records.len();
            let embeddings = self.embeddings(records)?;
            missing += count - embeddings.len();
            for embedding in embeddings {
                visit(embedding)?;
            }
        }
    }

    fn embeddings(&self, records: Vec<Record>) -> Result<Vec<Embedding>> {
        let mut images = self.values(IMAGES, records.iter().map(|record| record.id.clone()))?;
        let mut captions = self.values(CAPTIONS, records.iter().flat_map(caption_ids))?;
        let embedding = |record: Record| {
            let image = images.remove(&record.id)?;
            let captions = caption_ids(&record)
                .map(|id| captions.remove(&id))
                .collect::<Option<_>>()?;
            Some(Embedding {
                record,
                image,
                captions,
            })
        };
        Ok(records.into_iter().filter_map(embedding).collect())
    }

    fn values(
        &self,
        namespace: &str,
        ids: impl Iterator<Item = String>,
    ) -> Result<HashMap<String, Vec<f32>>> {
        let ids: Vec<String> = ids.collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let vectors = self.index.fetch(namespace, &ids)?;
        Ok(vectors
            .into_iter()
            .map(|Vector { id, values, .. }| (id, values))
            .collect())
    }
}
