//! The options that choose a model.

use clap::{Args, ValueEnum};
use clip::{Device, Precision};
use clipseek::{ModelChoice, PrecisionChoice};

/// The choice of a model.
#[derive(Args, Debug)]
pub(crate) struct ModelArguments {
    /// Embed with this model: `mini`, a directory or OWNER/NAME
    ///
    /// `mini` is bundled and small, for trying clipseek out. A directory holds the files of a model. OWNER/NAME or
    /// OWNER/NAME@REVISION names a model on the Hugging Face hub, which is downloaded once. The default is the model of
    /// the collection, else CLIPSEEK_MODEL, else openai/clip-vit-base-patch32.
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Embed words and captions with this model instead
    ///
    /// It must share the vector space of --model, like the multilingual CLIP text models of sentence-transformers.
    #[arg(long, value_name = "MODEL", hide_short_help = true)]
    pub(crate) text_model: Option<String>,

    /// Compute on this device
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,

    /// Compute in this number format
    ///
    /// Fewer bits are faster and change similarities slightly. The default is the format of the collection, else f32.
    #[arg(long, value_enum, hide_short_help = true)]
    precision: Option<NamedPrecision>,
}

/// The number format to compute in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NamedPrecision {
    /// The collection's format; for a new collection bf16 if the processor supports it, else f32
    Auto,
    /// 32-bit floating point
    F32,
    /// bfloat16: 8 bits of precision
    Bf16,
    /// 8-bit integers with scales
    Int8,
}

/// The device to compute on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The fastest available device
    #[default]
    Auto,
    /// All cores of the processor
    Cpu,
    /// An NVIDIA GPU, in builds with --features cuda
    Cuda,
    /// An Apple GPU, in builds with --features metal
    Metal,
}

impl DeviceChoice {
    /// The device; `None` for the fastest available.
    pub(crate) fn device(self) -> Option<Device> {
        match self {
            DeviceChoice::Auto => None,
            DeviceChoice::Cpu => Some(Device::Cpu),
            DeviceChoice::Cuda => Some(Device::Cuda),
            DeviceChoice::Metal => Some(Device::Metal),
        }
    }
}

impl ModelArguments {
    pub(crate) fn choice(&self) -> ModelChoice {
        ModelChoice {
            model: self.model.clone(),
            text_model: self.text_model.clone(),
            device: self.device.device(),
            precision: self.precision.map(|precision| match precision {
                NamedPrecision::Auto => PrecisionChoice::Auto,
                NamedPrecision::F32 => PrecisionChoice::Of(Precision::F32),
                NamedPrecision::Bf16 => PrecisionChoice::Of(Precision::Bf16),
                NamedPrecision::Int8 => PrecisionChoice::Of(Precision::Int8),
            }),
        }
    }
}
