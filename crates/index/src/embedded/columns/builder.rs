use std::collections::BTreeMap;

use serde_json::Value;

use super::{Columns, Kind, longs, to_ordered, words};
use crate::Metadata;

/// Builds the columns of a segment.
#[derive(Debug, Default)]
pub(in crate::embedded) struct ColumnsBuilder {
    fields: BTreeMap<String, FieldBuilder>,
}

type Postings<Key> = BTreeMap<Key, Vec<u32>>;

#[derive(Debug, Default)]
struct FieldBuilder {
    strings: Postings<Box<str>>,
    numbers: Postings<u64>,
    booleans: Postings<u64>,
    none: Vec<u32>,
}

impl ColumnsBuilder {
    /// Adds the metadata of the vector `ordinal`, which is higher than any before.
    pub(in crate::embedded) fn push(&mut self, ordinal: u32, metadata: &Metadata) {
        for (name, value) in metadata {
            self.field(name).push(ordinal, value);
        }
    }

    /// Adds the columns of another segment. `ordinals` maps its vectors to new ordinals, or to `None` to
    /// leave them out.
    pub(in crate::embedded) fn append(
        &mut self,
        bytes: &[u8],
        columns: &Columns,
        ordinals: &[Option<u32>],
    ) {
        let renumber = |old: &[u32]| -> Vec<u32> {
            let new = old
                .iter()
                .filter_map(|&ordinal| *ordinals.get(ordinal as usize)?);
            new.collect()
        };
        for (name, columns) in &columns.fields {
            for column in columns {
                let field = self.field(name);
                if column.kind == Kind::None {
                    field.none.extend(renumber(words(bytes, &column.ordinals)));
                }
                for (position, &key) in longs(bytes, &column.keys).iter().enumerate() {
                    let new = renumber(column.postings(bytes, position..position + 1));
                    match column.kind {
                        _ if new.is_empty() => {}
                        Kind::Strings => {
                            let text = String::from_utf8_lossy(column.string(bytes, position));
                            postings(&mut field.strings, &text).extend(new);
                        }
                        Kind::Numbers => field.numbers.entry(key).or_default().extend(new),
                        Kind::Booleans => field.booleans.entry(key).or_default().extend(new),
                        Kind::None => {}
                    }
                }
            }
        }
    }

    fn field(&mut self, name: &str) -> &mut FieldBuilder {
        if !self.fields.contains_key(name) {
            self.fields.insert(name.to_owned(), FieldBuilder::default());
        }
        self.fields.entry(name.to_owned()).or_default()
    }

    /// The bytes that [`Columns::parse`] reads.
    pub(in crate::embedded) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, field) in &self.fields {
            field.encode(name, &mut bytes);
        }
        bytes
    }
}

/// The ordinals of `text`, copying the text only if it's new.
fn postings<'a>(strings: &'a mut Postings<Box<str>>, text: &str) -> &'a mut Vec<u32> {
    if !strings.contains_key(text) {
        strings.insert(text.into(), Vec::new());
    }
    strings.entry(text.into()).or_default()
}

impl FieldBuilder {
    fn push(&mut self, ordinal: u32, value: &Value) {
        let posting = match value {
            Value::Array(members) if members.is_empty() => &mut self.none,
            Value::Array(members) => {
                for member in members {
                    self.push(ordinal, member);
                }
                return;
            }
            Value::String(text) => postings(&mut self.strings, text),
            Value::Bool(boolean) => self.booleans.entry(u64::from(*boolean)).or_default(),
            Value::Number(number) => match number.as_f64() {
                Some(number) => self.numbers.entry(to_ordered(number)).or_default(),
                None => &mut self.none,
            },
            Value::Null | Value::Object(_) => &mut self.none,
        };
        // A list may contain an item twice.
        if posting.last() != Some(&ordinal) {
            posting.push(ordinal);
        }
    }

    fn encode(&self, name: &str, bytes: &mut Vec<u8>) {
        let (mut keys, mut text) = (Vec::new(), String::new());
        for string in self.strings.keys() {
            text.push_str(string);
            keys.push(text.len() as u64);
        }
        let strings: Vec<_> = self.strings.values().collect();
        encode_column(bytes, Kind::Strings, name, &keys, &text, &strings);
        for (kind, postings) in [
            (Kind::Numbers, &self.numbers),
            (Kind::Booleans, &self.booleans),
        ] {
            let (keys, postings): (Vec<_>, Vec<_>) = postings.iter().unzip();
            encode_column(bytes, kind, name, &keys, "", &postings);
        }
        encode_column(bytes, Kind::None, name, &[], "", &[&self.none]);
    }
}

fn encode_column(
    bytes: &mut Vec<u8>,
    kind: Kind,
    name: &str,
    keys: &[u64],
    text: &str,
    postings: &[&Vec<u32>],
) {
    let mut ends: Vec<u64> = Vec::with_capacity(postings.len());
    let mut count = 0;
    for ordinals in postings {
        count += ordinals.len() as u64;
        ends.push(count);
    }
    if count == 0 {
        return;
    }
    let head = [
        kind as u64,
        name.len() as u64,
        keys.len() as u64,
        text.len() as u64,
        count,
    ];
    put(bytes, bytemuck::cast_slice(&head));
    put(bytes, name.as_bytes());
    put(bytes, bytemuck::cast_slice(keys));
    put(bytes, bytemuck::cast_slice(&ends[..keys.len()]));
    put(bytes, text.as_bytes());
    for ordinals in postings {
        bytes.extend_from_slice(bytemuck::cast_slice(ordinals));
    }
    put(bytes, &[]);
}

/// Appends `part`, and zeros up to a multiple of 8.
fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(part);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}
