//! The bundled model: EfficientNet-Lite0 and MiniLM-L6, each with a head trained to meet the other. `models/mini` has
//! the recipe's figures and describes the files.

mod config;
mod perceptron;
mod picture_head;
mod quantised;
mod text;
mod vision;

pub(crate) use config::MiniConfig;
pub(crate) use text::TextTower;
pub(crate) use vision::VisionTower;
