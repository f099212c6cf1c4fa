use clip::Model;
use serde::Serialize;

/// The model of a collection, stored so that vectors of two models are never mixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelIdentity {
    /// How to find the model again: `mini`, a directory, or an id on the Hugging Face Hub.
    pub reference: String,
    /// [`Model::fingerprint`].
    pub fingerprint: String,
    /// The name of the precision in which it computes.
    pub precision: String,
    /// The dimension of its vectors.
    pub dimension: usize,
    /// The model of the captions, if it's another one ([`Model::with_text`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextIdentity>,
}

/// The model of a collection's captions, if it isn't the model of its pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextIdentity {
    /// How to find the model again.
    pub reference: String,
    /// [`Model::text_fingerprint`].
    pub fingerprint: String,
}

#[cfg(test)]
impl ModelIdentity {
    /// A made-up model.
    pub(crate) fn for_tests(dimension: usize) -> ModelIdentity {
        ModelIdentity {
            reference: "mini".to_owned(),
            fingerprint: "abc".to_owned(),
            precision: "f32".to_owned(),
            dimension,
            text: None,
        }
    }
}

impl ModelIdentity {
    /// The identity of `model`, which is found at `reference`.
    pub fn of(model: &Model, reference: &str) -> ModelIdentity {
        ModelIdentity {
            reference: reference.to_owned(),
            fingerprint: model.fingerprint().to_owned(),
            precision: model.precision().name().to_owned(),
            dimension: model.dimension(),
            text: None,
        }
    }

    /// Sets the text model: that of `model`, which is found at `reference`.
    #[must_use]
    pub fn with_text(mut self, model: &Model, reference: &str) -> ModelIdentity {
        let fingerprint = model.text_fingerprint().to_owned();
        self.text = (fingerprint != self.fingerprint).then(|| TextIdentity {
            reference: reference.to_owned(),
            fingerprint,
        });
        self
    }

    /// Where the text model is found.
    pub fn text_reference(&self) -> &str {
        self.text
            .as_ref()
            .map_or(&self.reference, |text| &text.reference)
    }

    /// The fingerprint of the text model.
    pub(crate) fn text_fingerprint(&self) -> &str {
        self.text
            .as_ref()
            .map_or(&self.fingerprint, |text| &text.fingerprint)
    }
}
