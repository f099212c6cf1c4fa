use std::io::{self, Read};
use std::path::Path;

use crate::text_stream::{self, Compression};
use crate::{delimited, encoding, json_array, paths};

/// The format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Delimited,
    /// JSON Lines or a JSON array.
    JsonLines,
    Parquet,
}

impl Form {
    /// The format by the file's name.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        match paths::extension(&Compression::uncompressed_name(path)).as_str() {
            "csv" | "tsv" | "tab" => Some(Self::Delimited),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The format by the file's content, for an extension without meaning: Flickr8k's captions, for example,
    /// are CSV in `captions.txt`.
    pub(crate) fn of_content(path: &Path) -> io::Result<Option<Self>> {
        let mut start = Vec::new();
        text_stream::decompressed(path)?
            .take(4096)
            .read_to_end(&mut start)?;
        if encoding::is_utf16(&start) {
            // The delimited reader then refuses it with a clear error.
            return Ok(Some(Self::Delimited));
        }
        let text = encoding::without_mark(&start).trim_ascii_start();
        let line = text.split(|&byte| byte == b'\n').next();
        let line = line.unwrap_or_default();
        let is_text = !line
            .iter()
            .any(|&byte| byte.is_ascii_control() && !b"\t\r".contains(&byte));
        Ok(match text {
            _ if text.starts_with(b"PAR1") => Some(Self::Parquet),
            _ if text.starts_with(b"{") || json_array::is_meant(text) => Some(Self::JsonLines),
            _ if is_text && line.iter().any(|byte| b",;\t|".contains(byte)) => {
                Some(Self::Delimited)
            }
            _ if is_text && delimited::is_list(text) => Some(Self::Delimited),
            _ => None,
        })
    }
}
