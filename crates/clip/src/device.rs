use crate::{Error, Result};

/// Where a model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor, on all its cores.
    #[default]
    Cpu,
    /// The first NVIDIA graphics card; in builds with the feature `cuda`.
    Cuda,
    /// Apple's graphics processor; in builds with the feature `metal`.
    Metal,
}

impl Device {
    /// The quickest that this build and this machine have.
    pub fn best() -> Self {
        let there = |device: &Self| device.open().is_ok();
        [Self::Cuda, Self::Metal]
            .into_iter()
            .find(there)
            .unwrap_or(Self::Cpu)
    }

    /// What to call it.
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
