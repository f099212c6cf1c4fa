use std::f64::consts::PI;

use clip::Tower;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How often each picture is seen.
    pub epochs: usize,
    /// Pairs in a step: each is compared with all others of its batch.
    pub batch: usize,
    /// Pairs that go through the towers at a time. Memory grows with it; results don't depend on it, up to rounding.
    pub micro_batch: usize,
    /// The highest step width.
    pub learning_rate: f64,
    /// The part of a weight that a step of width 1 takes away; biases and norms keep theirs.
    pub weight_decay: f64,
    /// The part of all steps in which the step width rises from 0. Then it falls as a cosine.
    pub warm_up: f64,
    /// The greatest length of the gradient; a longer one is scaled down.
    pub clip_gradient: f64,
    /// The least part of a picture's area that a random crop keeps: 1 for no crops.
    pub least_crop: f64,
    /// The tower that stays as it is, if any
    /// ([locked-image tuning, Zhai et al. 2021](https://arxiv.org/abs/2111.07991)).
    #[serde(with = "locked")]
    pub lock: Option<Tower>,
    /// Begins the random numbers.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch: 256,
            micro_batch: 16,
            learning_rate: 1e-5,
            weight_decay: 0.1,
            warm_up: 0.1,
            clip_gradient: 1.0,
            least_crop: 0.9,
            lock: None,
            seed: 0,
        }
    }
}

impl Settings {
    /// Refuses settings, and a `share` of trained weights, that make no sense.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self, share: f64) -> Result<()> {
        let expect = |holds: bool, setting, found: String, expected| {
            if holds {
                Ok(())
            } else {
                Err(Error::Setting {
                    setting,
                    found,
                    expected,
                })
            }
        };
        let number = |holds, setting, found: f64, expected| {
            expect(holds, setting, found.to_string(), expected)
        };
        let count = |least, setting, found: usize, expected| {
            expect(found >= least, setting, found.to_string(), expected)
        };
        let shares = 0.0..=1.0;
        number(
            shares.contains(&share),
            "share of trained weights",
            share,
            "0 to 1",
        )?;
        count(1, "epochs", self.epochs, "1 or more")?;
        count(2, "batch", self.batch, "2 or more")?;
        count(1, "micro-batch", self.micro_batch, "1 or more")?;
        let rate = self.learning_rate;
        number(
            rate > 0.0 && rate <= 1.0,
            "learning rate",
            rate,
            "above 0, up to 1",
        )?;
        let decay = self.weight_decay;
        number(
            (0.0..=1.0).contains(&decay),
            "weight decay",
            decay,
            "0 to 1",
        )?;
        let warm_up = self.warm_up;
        number((0.0..1.0).contains(&warm_up), "warm-up", warm_up, "0 to 1")?;
        let clip = self.clip_gradient;
        number(clip > 0.0, "length of the gradient", clip, "above 0")?;
        let crop = self.least_crop;
        number(
            crop > 0.0 && crop <= 1.0,
            "least crop",
            crop,
            "above 0, up to 1",
        )
    }

    /// The step width at `step`, counted from 0, of `steps`.
    pub fn learning_rate_at(&self, step: usize, steps: usize) -> f64 {
        let rising = (self.warm_up * steps as f64).ceil() as usize;
        if step < rising {
            return self.learning_rate * (step + 1) as f64 / rising as f64;
        }
        let passed = (step - rising) as f64 / (steps - rising).max(1) as f64;
        self.learning_rate * 0.5 * (1.0 + (PI * passed).cos())
    }
}

/// A tower as its name.
mod locked {
    use clip::Tower;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(lock: &Option<Tower>, to: S) -> Result<S::Ok, S::Error> {
        match lock {
            None => to.serialize_none(),
            Some(Tower::Vision) => to.serialize_some("vision"),
            Some(Tower::Text) => to.serialize_some("text"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Tower>, D::Error> {
        match Option::<String>::deserialize(from)?.as_deref() {
            None => Ok(None),
            Some("vision") => Ok(Some(Tower::Vision)),
            Some("text") => Ok(Some(Tower::Text)),
            Some(other) => Err(D::Error::custom(format!("no tower `{other}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_width_rises_and_falls() {
        let settings = Settings {
            learning_rate: 1.0,
            warm_up: 0.25,
            ..Settings::default()
        };
        let widths: Vec<f64> = (0..8)
            .map(|step| settings.learning_rate_at(step, 8))
            .collect();
        assert_eq!(widths[..3], [0.5, 1.0, 1.0]);
        assert!(widths[2..].is_sorted_by(|one, next| one > next));
        assert!(widths[7] > 0.0);
    }

    #[test]
    fn settings_are_kept_as_json() {
        let settings = Settings {
            lock: Some(Tower::Text),
            ..Settings::default()
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check(1.0).unwrap_err().to_string()
        };
        assert_eq!(refused(|it| it.batch = 1), "batch is 1, expected 2 or more");
        assert_eq!(
            refused(|it| it.learning_rate = f64::NAN),
            "learning rate is NaN, expected above 0, up to 1"
        );
        Settings::default().check(1.0).unwrap();
    }
}
