use candle_core::Tensor;
use nn::ragged;
use serde::Deserialize;

use crate::{Result, config::Settings};

/// How the vectors of a text's tokens are pooled, equal to sentence-transformers'
/// [`Pooling`](https://github.com/huggingface/sentence-transformers/blob/main/sentence_transformers/sentence_transformer/modules/pooling.py).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The first token.
    Class,
    /// The maximum of each dimension.
    Maximum,
    Mean,
    /// The sum divided by the square root of the number of tokens.
    MeanOverRoot,
    /// The mean with the weights 1, 2, 3, …
    Weighted,
    /// The last token.
    Last,
}

impl Pooling {
    /// The modes in the order of concatenation, with their names and the names of the corresponding settings in older
    /// files.
    const NAMES: [(&'static str, &'static str, Self); 6] = [
        ("cls", "pooling_mode_cls_token", Self::Class),
        ("max", "pooling_mode_max_tokens", Self::Maximum),
        ("mean", "pooling_mode_mean_tokens", Self::Mean),
        (
            "mean_sqrt_len_tokens",
            "pooling_mode_mean_sqrt_len_tokens",
            Self::MeanOverRoot,
        ),
        (
            "weightedmean",
            "pooling_mode_weightedmean_tokens",
            Self::Weighted,
        ),
        ("lasttoken", "pooling_mode_lasttoken", Self::Last),
    ];

    /// Pools every text: (tokens, width) → (texts, width).
    pub(crate) fn forward(self, hidden: &Tensor, lengths: &[usize]) -> nn::Result<Tensor> {
        ragged::pool(hidden, lengths, |tokens| self.pool(tokens))
    }

    /// (tokens, width) → (width)
    fn pool(self, tokens: &Tensor) -> candle_core::Result<Tensor> {
        let count = tokens.dim(0)?;
        match self {
            Self::Class => tokens.get(0),
            Self::Maximum => tokens.max(0),
            Self::Mean => tokens.mean(0),
            Self::MeanOverRoot => tokens.sum(0)? / (count as f64).sqrt(),
            Self::Weighted => {
                let weights: Vec<f32> = (1..=count).map(|place| place as f32).collect();
                let sum: f32 = weights.iter().sum();
                let weights = Tensor::from_vec(weights, (count, 1), tokens.device())?;
                tokens.broadcast_mul(&weights)?.sum(0)? / f64::from(sum)
            }
            Self::Last => tokens.get(count - 1),
        }
    }
}

/// `config.json` of the module: older files have a setting for each mode, newer ones a list of modes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PoolingJson {
    pooling_mode: Option<Modes>,
    #[serde(flatten)]
    settings: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Modes {
    One(String),
    Several(Vec<String>),
}

impl PoolingJson {
    /// Returns at least one mode.
    pub(crate) fn resolve(self, settings: &Settings) -> Result<Vec<Pooling>> {
        let modes = match self.pooling_mode {
            None => self.older(settings)?,
            Some(Modes::One(mode)) => vec![named(&mode, settings)?],
            Some(Modes::Several(modes)) => modes
                .iter()
                .map(|mode| named(mode, settings))
                .collect::<Result<_>>()?,
        };
        if modes.is_empty() {
            Err(settings.refuse("pooling_mode", "an empty list", &names()))
        } else {
            Ok(modes)
        }
    }

    fn older(&self, settings: &Settings) -> Result<Vec<Pooling>> {
        let is_on = |(_, value): &(&String, &serde_json::Value)| value.as_bool() == Some(true);
        let chosen = self.settings.iter().filter(is_on).map(|(name, _)| name);
        let chosen: Vec<&String> = chosen.filter(|name| is_mode(name)).collect();
        let known = |name: &str| {
            Pooling::NAMES
                .iter()
                .any(|(_, setting, _)| *setting == name)
        };
        if let Some(name) = chosen.iter().find(|name| !known(name)) {
            return Err(settings.refuse(name, true, "false"));
        }
        let modes = Pooling::NAMES.iter();
        let modes = modes.filter(|(_, setting, _)| chosen.iter().any(|name| name == setting));
        let modes: Vec<Pooling> = modes.map(|(_, _, mode)| *mode).collect();
        if modes.is_empty() {
            // sentence-transformers' default.
            Ok(vec![Pooling::Mean])
        } else {
            Ok(modes)
        }
    }
}

fn is_mode(setting: &str) -> bool {
    setting.starts_with("pooling_mode_")
}

fn named(mode: &str, settings: &Settings) -> Result<Pooling> {
    let known = Pooling::NAMES.iter().find(|(name, _, _)| *name == mode);
    known
        .map(|(_, _, pooling)| *pooling)
        .ok_or_else(|| settings.refuse("pooling_mode", format!("`{mode}`"), &names()))
}

fn names() -> String {
    let names = Pooling::NAMES.map(|(name, _, _)| format!("`{name}`"));
    format!("one or several of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn resolve(json: &str) -> Result<Vec<Pooling>> {
        let json: PoolingJson = serde_json::from_str(json).unwrap();
        json.resolve(&Settings {
            file: "config.json".to_owned(),
        })
    }

    /// Pools hidden vectors 1, 2 and 4 of a text of three tokens, and 8 of a text of one.
    #[track_caller]
    fn case(pooling: Pooling, expected: [f32; 2]) {
        let hidden = Tensor::new(&[[1.0_f32], [2.0], [4.0], [8.0]], &Device::Cpu).unwrap();
        let pooled = pooling.forward(&hidden, &[3, 1]).unwrap();
        let found = pooled.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let close = |(found, expected): (&f32, f32)| (found - expected).abs() < 1e-6;
        assert!(
            found.iter().zip(expected).all(close),
            "{pooling:?}: {found:?} is not {expected:?}"
        );
    }

    #[test]
    fn tokens_become_one_vector() {
        case(Pooling::Class, [1.0, 8.0]);
        case(Pooling::Maximum, [4.0, 8.0]);
        case(Pooling::Mean, [7.0 / 3.0, 8.0]);
        case(Pooling::MeanOverRoot, [7.0 / 3.0_f32.sqrt(), 8.0]);
        case(Pooling::Weighted, [17.0 / 6.0, 8.0]);
        case(Pooling::Last, [4.0, 8.0]);
    }

    #[test]
    fn modes_are_read_from_files_of_every_age() {
        assert_eq!(
            resolve(r#"{"word_embedding_dimension": 4, "pooling_mode_max_tokens": true, "pooling_mode_cls_token": true}"#)
                .unwrap(),
            [Pooling::Class, Pooling::Maximum]
        );
        assert_eq!(resolve("{}").unwrap(), [Pooling::Mean]);
        assert_eq!(
            resolve(r#"{"pooling_mode": ["lasttoken", "cls"]}"#).unwrap(),
            [Pooling::Last, Pooling::Class]
        );
        let error = resolve(r#"{"pooling_mode": "attention"}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`pooling_mode` in `config.json` is `attention`, expected one or several of `cls`, `max`, `mean`, \
             `mean_sqrt_len_tokens`, `weightedmean`, `lasttoken`"
        );
        let error = resolve(r#"{"pooling_mode_median_tokens": true}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`pooling_mode_median_tokens` in `config.json` is true, expected false"
        );
        assert!(resolve(r#"{"pooling_mode": []}"#).is_err());
    }
}
