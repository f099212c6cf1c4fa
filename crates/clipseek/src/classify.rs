//! Saying what pictures show, among labels (zero-shot classification).

use clip::{LabelScore, Model, Template, ZeroShot};
use dataset::Listing;
use picture::Limits;
use search::{Failure, NewRecord};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::picture_input::PictureInput;
use crate::sources::new_record;

/// What a picture shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classified {
    /// The picture: its path, or what it is called.
    pub image: String,
    /// The labels, the most probable first.
    pub labels: Vec<Label>,
}

/// A label of a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// The label.
    pub label: String,
    /// The softmax of the cosines by the model's scale; of models of the SigLIP kind, a sigmoid of its own.
    pub probability: f32,
    /// The cosine.
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

/// Labels, and the model that tells them apart.
pub struct Classifier<'a> {
    model: &'a Model,
    zero_shot: ZeroShot,
}

impl<'a> Classifier<'a> {
    /// A classifier for these labels, each put into all of the templates.
    ///
    /// # Errors
    /// Those of the model, [`clip::Error::NoLabels`] among them.
    pub fn new(model: &'a Model, labels: &[String], templates: &[Template]) -> Result<Self> {
        Ok(Classifier {
            model,
            zero_shot: ZeroShot::new(model, labels, templates)?,
        })
    }

    /// What a picture shows.
    ///
    /// # Errors
    /// [`Error::Picture`], and those of the model.
    pub fn picture(&self, picture: &PictureInput) -> Result<Classified> {
        let vector = picture.embed(self.model, "classified")?;
        Ok(self.of_vector(picture.to_string(), &vector))
    }

    /// What the pictures of a listing show that are files, in order. Those that cannot be read are handed to `failed`;
    /// gives how many these were.
    ///
    /// # Errors
    /// Those of the listing and of the model.
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

/// The labels without blanks around them.
///
/// # Errors
/// [`Error::Label`] for one that says nothing, or nothing that another does not say.
pub fn check_labels(given: &[String]) -> Result<Vec<String>> {
    let mut labels: Vec<String> = Vec::new();
    for label in given.iter().map(|label| label.trim().to_owned()) {
        let fault = if label.is_empty() {
            "is empty"
        } else if labels.contains(&label) {
            "is there twice"
        } else {
            labels.push(label);
            continue;
        };
        return Err(Error::Label { label, fault });
    }
    Ok(labels)
}
