use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Checkpoint, Error, Result, checkpoint::OPEN_CLIP_CONFIG};

/// The largest accepted size, so that products of several sizes do not overflow.
const LARGEST: usize = 1 << 20;

/// An object in `open_clip_config.json` whose settings are taken out one by one.
///
/// [`end`](Self::end) rejects the remaining ones, because an unknown setting may change the result.
pub(super) struct Section {
    file: String,
    path: String,
    settings: Map<String, Value>,
}

impl Section {
    /// The top-level object `name` of the file.
    pub(super) fn of_file(checkpoint: &Checkpoint, name: &str) -> Result<Self> {
        let mut file: Map<String, Value> = checkpoint.require_json(OPEN_CLIP_CONFIG)?;
        let mut section = Self {
            file: checkpoint.path_of(OPEN_CLIP_CONFIG),
            path: String::new(),
            settings: Map::new(),
        };
        if let Some(value) = file.remove(name) {
            section.settings.insert(name.to_owned(), value);
        }
        section.below(name)
    }

    /// The object `name` in this one; empty if absent.
    pub(super) fn below(&mut self, name: &str) -> Result<Self> {
        let settings = self.optional(name)?.unwrap_or_default();
        Ok(Self {
            file: self.file.clone(),
            path: self.path(name),
            settings,
        })
    }

    /// The setting `name`; `None` if absent or `null`.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        match self.settings.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|error| {
                    let error = error.to_string();
                    let expected = error.rsplit("expected ").next().unwrap_or_default();
                    let expected = match expected {
                        "usize" | "u32" | "u8" => "a whole number in range",
                        "f64" => "a number",
                        other => other,
                    };
                    self.refuse(name, value, expected)
                }),
        }
    }

    /// Whether the setting `name`, not taken yet, is `null`, which is not always its default.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.settings.get(name).is_some_and(Value::is_null)
    }

    /// A size above 0.
    pub(super) fn size(&mut self, name: &str, default: Option<usize>) -> Result<usize> {
        match self.optional::<usize>(name)?.or(default) {
            Some(found) => self.check_size(name, found),
            None => Err(self.refuse(name, "missing", "a number above 0")),
        }
    }

    /// Checks that `found` can be a size.
    pub(super) fn check_size(&self, name: &str, found: usize) -> Result<usize> {
        match found {
            1..=LARGEST => Ok(found),
            _ => Err(self.refuse(name, found, &format!("a number from 1 to {LARGEST}"))),
        }
    }

    /// `width` times the ratio `name`, rounded as in open_clip.
    pub(super) fn multiple(&mut self, name: &str, width: usize) -> Result<usize> {
        let ratio: f64 = self.optional(name)?.unwrap_or(4.0);
        let found = width as f64 * ratio;
        if (1.0..=LARGEST as f64).contains(&found) {
            Ok(found as usize)
        } else {
            Err(self.refuse(name, ratio, "a ratio that gives a width above 0"))
        }
    }

    /// A switch, off by default.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool> {
        Ok(self.optional(name)?.unwrap_or(false))
    }

    /// Ignores settings that do not affect embeddings.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.settings.remove(*name);
        }
    }

    /// Checks that switches are off or absent.
    pub(super) fn off(&mut self, names: &[&str]) -> Result<()> {
        for name in names {
            let off = match self.settings.remove(*name) {
                None | Some(Value::Null | Value::Bool(false)) => continue,
                Some(value) => value,
            };
            return Err(self.refuse(name, off, "false"));
        }
        Ok(())
    }

    /// Rejects settings that were not taken.
    pub(super) fn end(mut self) -> Result<()> {
        self.settings.retain(|_, value| !value.is_null());
        match self.settings.iter().next() {
            Some((name, value)) => {
                Err(self.refuse(name, value, "no such setting, because it is unknown"))
            }
            None => Ok(()),
        }
    }

    /// The error for an unsupported value.
    pub(super) fn refuse(&self, name: &str, found: impl Display, expected: &str) -> Error {
        Error::setting(&self.file, &self.path(name), found, expected)
    }

    fn path(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}
