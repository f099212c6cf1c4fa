use clip::Model;
use serde::Serialize;

/// What a collection remembers of its model, so that it never mixes vectors of two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelIdentity {
    /// How to find the model again: `mini`, a directory, or an id of the hub.
    pub reference: String,
    /// [`Model::fingerprint`].
    pub fingerprint: String,
    /// The name of the precision it computed in.
    pub precision: String,
    /// Numbers in a vector.
    pub dimension: usize,
    /// Whose texts they are, where they are another model's ([`Model::with_text`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextIdentity>,
}

/// What a collection remembers of the model of its captions, where that is not the model of its pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextIdentity {
    /// How to find the model again.
    pub reference: String,
    /// [`Model::text_fingerprint`].
    pub fingerprint: String,
}

#[cfg(test)]
impl ModelIdentity {
    /// That of a model that is nowhere.
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
    /// The identity of `model`, which `reference` leads to.
    pub fn of(model: &Model, reference: &str) -> ModelIdentity {
        ModelIdentity {
            reference: reference.to_owned(),
            fingerprint: model.fingerprint().to_owned(),
            precision: model.precision().name().to_owned(),
            dimension: model.dimension(),
            text: None,
        }
    }

    /// The same of a `model` whose texts are those of the model that `reference` leads to.
    #[must_use]
    pub fn with_text(mut self, model: &Model, reference: &str) -> ModelIdentity {
        let fingerprint = model.text_fingerprint().to_owned();
        self.text = (fingerprint != self.fingerprint).then(|| TextIdentity {
            reference: reference.to_owned(),
            fingerprint,
        });
        self
    }

    /// What leads to the model of the texts.
    pub fn text_reference(&self) -> &str {
        self.text
            .as_ref()
            .map_or(&self.reference, |text| &text.reference)
    }

    /// The fingerprint of the model of the texts.
    pub(crate) fn text_fingerprint(&self) -> &str {
        self.text
            .as_ref()
            .map_or(&self.fingerprint, |text| &text.fingerprint)
    }
}
