//! Which model is meant: the options that say so.

use clap::{Args, ValueEnum};
use clip::{Device, Precision};
use clipseek::{ModelChoice, PrecisionChoice};

/// The choice of a model.
#[derive(Args, Debug)]
pub(crate) struct ModelArguments {
    /// The model: `mini` (bundled, for trying out), a directory with a model's files, or an id of the Hugging Face
    /// hub, OWNER/NAME or OWNER/NAME@REVISION, which is downloaded once [default: the one that made the collection,
    /// else CLIPSEEK_MODEL, else openai/clip-vit-base-patch32]
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// The model of the words and captions, where that is another than MODEL: one of many languages over its space
    #[arg(long, value_name = "MODEL")]
    pub(crate) text_model: Option<String>,

    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,

    /// In what numbers the processor computes; fewer bits are quicker, and change similarities slightly [default: that of
    /// the collection, else f32]
    #[arg(long, value_enum)]
    precision: Option<NamedPrecision>,
}

/// In what numbers to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NamedPrecision {
    /// That of the collection; of a new one bf16 where the processor has instructions for it, else f32
    Auto,
    /// As the model's weights are
    F32,
    /// 8 bits of mantissa
    Bf16,
    /// Bytes, with scales
    Int8,
}

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The quickest there is
    #[default]
    Auto,
    /// The processor, on all its cores
    Cpu,
    /// NVIDIA's, in builds with --features cuda
    Cuda,
    /// Apple's, in builds with --features metal
    Metal,
}

impl DeviceChoice {
    /// The device; `None` for the quickest there is.
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
