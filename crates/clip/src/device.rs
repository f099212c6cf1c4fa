use crate::{Error, Result};

/// The device that computes a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// All cores of the CPU.
    #[default]
    Cpu,
    /// The first NVIDIA GPU, in builds with the feature `cuda`.
    Cuda,
    /// The Apple GPU, in builds with the feature `metal`.
    Metal,
}

impl Device {
    /// The fastest device that this build and this machine have.
    pub fn best() -> Self {
        let there = |device: &Self| device.open().is_ok();
        [Self::Cuda, Self::Metal]
            .into_iter()
            .find(there)
            .unwrap_or(Self::Cpu)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }

    pub(crate) fn open(self) -> Result<candle_core::Device> {
        let compiled = match self {
            Self::Cpu => return Ok(candle_core::Device::Cpu),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Metal => cfg!(feature = "metal"),
        };
        if !compiled {
            return Err(Error::DeviceNotBuilt {
                device: self.name(),
            });
        }
        let device = match self {
            Self::Metal => candle_core::Device::new_metal(0),
            _ => candle_core::Device::new_cuda(0),
        };
        device.map_err(|source| Error::Device {
            device: self.name(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    fn what_is_not_built_in_is_refused() {
        let error = Device::Cuda.open().unwrap_err();
        assert_eq!(error.to_string(), "this build cannot compute on `cuda`");
        assert_eq!(Device::best(), Device::Cpu);
    }
}
