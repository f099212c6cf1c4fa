//! Zero-shot classification of pictures.

use clip::{LabelScore, Model, Template, ZeroShot};
use dataset::Listing;
use picture::Limits;
use search::{Failure, NewRecord};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::picture_input::PictureInput;
use crate::sources::new_record;

/// A picture with its labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classified {
    /// The path or name of the picture.
    pub image: String,
    /// The labels, the most probable first.
    pub labels: Vec<Label>,
}

/// A label of a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// The label.
    pub label: String,
    /// The softmax of the scaled cosine similarities; for SigLIP models, an independent sigmoid.
    pub probability: f32,
    /// The cosine similarity.
    pub similarity: f32,
}

impl From<LabelScore> for Label {
    fn from(score: LabelScore) -> Label {
        Label {
            label: score.label,
            probability: score.probability,
            similarity: score.similarity,
        }
    }
}

/// A zero-shot classifier.
pub struct Classifier<'a> {
    model: &'a Model,
    zero_shot: ZeroShot,
}

impl<'a> Classifier<'a> {
    /// A classifier for these labels, each inserted into every template.
    ///
    /// # Errors
    /// Errors of the model, among them [`clip::Error::NoLabels`].
    pub fn new(model: &'a Model, labels: &[String], templates: &[Template]) -> Result<Self> {
        Ok(Classifier {
            model,
            zero_shot: ZeroShot::new(model, labels, templates)?,
        })
    }

    /// Classifies a picture.
    ///
    /// # Errors
    /// [`Error::Picture`], and errors of the model.
    pub fn picture(&self, picture: &PictureInput) -> Result<Classified> {
        let vector = picture.embed(self.model, "classify")?;
        Ok(self.of_vector(picture.to_string(), &vector))
    }

    /// Classifies the picture files of a listing, in order. Calls `failed` for unreadable pictures and returns their number.
    ///
    /// # Errors
    /// Errors of the listing and of the model.
    pub fn listing(
        &self,
        listing: &Listing,
        mut visit: impl FnMut(Classified),
        mut failed: impl FnMut(&Failure),
    ) -> Result<usize> {
        let without_captions = |record| NewRecord {
            captions: Vec::new(),
            ..new_record(record)
        };
        let records = listing.files();
        let records = records.map(|record| Ok::<_, Error>(without_captions(record?)));
        let mut failures = 0;
        search::embed(self.model, records, &Limits::default(), |embedded| {
            match embedded {
                Ok(it) => visit(self.of_vector(it.record.location, &it.image)),
                Err(failure) => {
                    failures += 1;
                    failed(&failure);
                }
            }
            Ok::<_, Error>(())
        })?;
        Ok(failures)
    }

    fn of_vector(&self, image: String, vector: &[f32]) -> Classified {
        let labels = self.zero_shot.classify(vector).into_iter();
        Classified {
            image,
            labels: labels.map(Label::from).collect(),
        }
    }
}

/// Trims labels.
///
/// # Errors
/// [`Error::Label`] for an empty or repeated label.
pub fn check_labels(given: &[String]) -> Result<Vec<String>> {
    let mut labels: Vec<String> = Vec::new();
    for label in given.iter().map(|label| label.trim().to_owned()) {
        let fault = if label.is_empty() {
            "is empty"
        } else if labels.contains(&label) {
            "is given twice"
        } else {
            labels.push(label);
            continue;
        };
        return Err(Error::Label { label, fault });
    }
    Ok(labels)
}
