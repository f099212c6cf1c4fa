use serde::Deserialize;

use crate::{
    Checkpoint, Error, Result,
    bert::{BertConfig, TokenizerWishes},
    checkpoint::{CONFIG, MODULES, Module, SENTENCE_CONFIG},
    config::Settings,
    modules::reject_prompts,
    sentence::{
        dense::{DenseConfig, DenseJson},
        pooling::{Pooling, PoolingJson},
    },
};

/// The settings from the files of a sentence-transformers checkpoint.
pub(crate) struct SentenceConfig {
    pub(crate) transformer: BertConfig,
    pub(crate) tokenizer: TokenizerWishes,
    pub(crate) pooling: Vec<Pooling>,
    pub(crate) steps: Vec<Step>,
    /// Length of the embeddings after the last step.
    pub(crate) dimension: usize,
}

/// A step after pooling.
pub(crate) enum Step {
    Dense(DenseConfig),
    /// Scales to unit length.
    Normalize,
}

/// The settings file beside the transformer's `config.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SentenceJson {
    max_seq_length: Option<usize>,
    do_lower_case: Option<bool>,
}

/// The supported modules, for error messages.
const KINDS: &str = "`Transformer`, then `Pooling`, then any of `Dense` and `Normalize`";

impl SentenceConfig {
    /// Reads `modules.json` and the modules' files, around `transformer`.
    pub(crate) fn read(checkpoint: &Checkpoint, transformer: BertConfig) -> Result<Self> {
        reject_prompts(checkpoint)?;
        let (pooling, steps) = match checkpoint.modules() {
            [] => return Err(checkpoint.missing(MODULES)),
            [transformer, ..] if transformer.kind() != Some("Transformer") => {
                return Err(checkpoint.unsupported_module(transformer, KINDS));
            }
            [_, pooling, steps @ ..] if pooling.kind() == Some("Pooling") => (pooling, steps),
            [_, other, ..] => return Err(checkpoint.unsupported_module(other, KINDS)),
            [_] => {
                let (file, expected) = (checkpoint.path_of(MODULES), KINDS);
                return Err(Error::setting(
                    &file,
                    "type",
                    "`Transformer` alone",
                    expected,
                ));
            }
        };
        let json: PoolingJson = module_config(checkpoint, pooling)?;
        let pooling = json.resolve(&settings(checkpoint, pooling))?;
        let mut dimension = transformer.encoder.width.saturating_mul(pooling.len());
        let mut resolved = Vec::with_capacity(steps.len());
        for module in steps {
            let step = Step::read(checkpoint, module, dimension)?;
            if let Step::Dense(dense) = &step {
                dimension = dense.outputs;
            }
            resolved.push(step);
        }
        Ok(Self {
            tokenizer: wishes(checkpoint)?,
            transformer,
            pooling,
            steps: resolved,
            dimension,
        })
    }

    /// The context length in tokens.
    pub(crate) fn context(&self) -> usize {
        let limit = self.tokenizer.limit.unwrap_or(usize::MAX);
        limit.min(self.transformer.context)
    }
}

impl Step {
    fn read(checkpoint: &Checkpoint, module: &Module, inputs: usize) -> Result<Self> {
        match module.kind() {
            Some("Dense") => {
                let json: DenseJson = module_config(checkpoint, module)?;
                let settings = settings(checkpoint, module);
                json.resolve(&settings, &module.path, inputs)
                    .map(Self::Dense)
            }
            Some("Normalize") => Ok(Self::Normalize),
            _ => Err(checkpoint.unsupported_module(module, KINDS)),
        }
    }
}

fn module_config<T: serde::de::DeserializeOwned>(
    checkpoint: &Checkpoint,
    module: &Module,
) -> Result<T> {
    if module.path.is_empty() {
        // In the root folder, its file would be the transformer's.
        let expected = "the name of a subfolder";
        return Err(Error::setting(
            &checkpoint.path_of(MODULES),
            "path",
            "empty",
            expected,
        ));
    }
    checkpoint.require_json(&module.file(CONFIG))
}

fn settings(checkpoint: &Checkpoint, module: &Module) -> Settings {
    Settings {
        file: checkpoint.path_of(&module.file(CONFIG)),
    }
}

fn wishes(checkpoint: &Checkpoint) -> Result<TokenizerWishes> {
    let json: SentenceJson = checkpoint.json(SENTENCE_CONFIG)?.unwrap_or_default();
    Ok(TokenizerWishes {
        limit: json.max_seq_length,
        lowercase: json.do_lower_case.unwrap_or_default(),
    })
}
