//! The bundled model: EfficientNet-Lite0 and MiniLM-L6 with heads trained to align them. `models/mini/README.md`
//! describes its files and has the figures of its recipe.

mod config;
mod perceptron;
mod picture_head;
mod quantised;
mod text;
mod vision;

pub(crate) use config::MiniConfig;
pub(crate) use text::TextTower;
pub(crate) use vision::VisionTower;
