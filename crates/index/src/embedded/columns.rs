//! An inverted index of a segment's metadata, used directly from the mapped file.
//!
//! A *column* holds the values of one type of one field. Its sorted distinct values, the *keys*, each have
//! the *ordinals* of the vectors with that value, ascending. The ordinals of all keys are consecutive, so a
//! range of keys is a range of ordinals, and a comparison is two binary searches. Everything except text and
//! ordinals is a `u64`, and every part begins at a multiple of 8 bytes:
//!
//! ```text
//! column    = kind  name-length  key-count  text-length  ordinal-count  name  keys  ends  text  ordinals
//! kind      = 0 strings | 1 numbers | 2 booleans | 3 none (empty lists: ordinals without a key)
//! keys      = where each string ends in the text | an f64, mapped to keep its order | 0 or 1
//! ends      = where each key's ordinals end
//! ordinals  = u32 …
//! ```

mod builder;

use std::collections::BTreeMap;
use std::ops::Range;

pub(super) use self::builder::ColumnsBuilder;
use super::bitset::Bitset;
use crate::filter::{Comparison, Condition, Scalar, Test};

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Strings,
    Numbers,
    Booleans,
    None,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Strings, Self::Numbers, Self::Booleans, Self::None];
}

/// The positions of a segment's columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    fields: BTreeMap<String, Vec<Column>>,
}

/// The positions of a column's parts in the segment's bytes.
#[derive(Debug)]
struct Column {
    kind: Kind,
    keys: Range<usize>,
    ends: Range<usize>,
    text: Range<usize>,
    ordinals: Range<usize>,
}

impl Columns {
    /// Locates the columns in `bytes`; `None` if they're invalid.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut columns = Self::default();
        let mut reader = Reader { bytes, position: 0 };
        while reader.position < bytes.len() {
            let (name, column) = reader.column()?;
            columns.fields.entry(name).or_default().push(column);
        }
        Some(columns)
    }

    /// The vectors among `count` that match `condition`.
    pub(super) fn select(&self, bytes: &[u8], condition: &Condition, count: usize) -> Bitset {
        let select = |condition| self.select(bytes, condition, count);
        match condition {
            Condition::And(conditions) => {
                conditions
                    .iter()
                    .map(select)
                    .fold(Bitset::full(count), |mut all, each| {
                        all.intersect(&each);
                        all
                    })
            }
            Condition::Or(conditions) => {
                conditions
                    .iter()
                    .map(select)
                    .fold(Bitset::empty(count), |mut any, each| {
                        any.unite(&each);
                        any
                    })
            }
            Condition::Not(condition) => {
                let mut set = select(condition);
                set.complement();
                set
            }
            Condition::Field { field, test } => {
                let mut set = Bitset::empty(count);
                for column in self.fields.get(field).into_iter().flatten() {
                    column.select(bytes, test, &mut set);
                }
                set
            }
        }
    }
}

impl Column {
    fn select(&self, bytes: &[u8], test: &Test, set: &mut Bitset) {
        match test {
            Test::Exists => insert(set, words(bytes, &self.ordinals)),
            Test::Compare(comparison, operand) if self.kind == Kind::Numbers => {
                insert(
                    set,
                    self.postings(bytes, self.compared(bytes, *comparison, *operand)),
                );
            }
            Test::Compare(..) => {}
            Test::Among(scalars) => {
                for key in scalars.iter().filter_map(|scalar| self.find(bytes, scalar)) {
                    insert(set, self.postings(bytes, key..key + 1));
                }
            }
        }
    }

    /// The keys that compare with `operand` as requested.
    fn compared(&self, bytes: &[u8], comparison: Comparison, operand: f64) -> Range<usize> {
        let keys = longs(bytes, &self.keys);
        let operand = to_ordered(operand);
        let below = keys.partition_point(|&key| key < operand);
        let through = keys.partition_point(|&key| key <= operand);
        match comparison {
            Comparison::Greater => through..keys.len(),
            Comparison::GreaterOrEqual => below..keys.len(),
            Comparison::Less => 0..below,
            Comparison::LessOrEqual => 0..through,
        }
    }

    /// The key that equals `scalar`.
    fn find(&self, bytes: &[u8], scalar: &Scalar) -> Option<usize> {
        let keys = longs(bytes, &self.keys);
        match (self.kind, scalar) {
            (Kind::Strings, Scalar::String(text)) => {
                let (mut low, mut high) = (0, keys.len());
                while low < high {
                    let middle = low.midpoint(high);
                    match self.string(bytes, middle).cmp(text.as_bytes()) {
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Equal => return Some(middle),
                        std::cmp::Ordering::Greater => high = middle,
                    }
                }
                None
            }
            (Kind::Numbers, Scalar::Number(number)) => {
                keys.binary_search(&to_ordered(*number)).ok()
            }
            (Kind::Booleans, Scalar::Boolean(boolean)) => {
                keys.binary_search(&u64::from(*boolean)).ok()
            }
            _ => None,
        }
    }

    fn string<'a>(&self, bytes: &'a [u8], key: usize) -> &'a [u8] {
        let range = nth(longs(bytes, &self.keys), key..key + 1);
        bytes[self.text.clone()].get(range).unwrap_or_default()
    }

    /// The ordinals of a range of keys.
    fn postings<'a>(&self, bytes: &'a [u8], keys: Range<usize>) -> &'a [u32] {
        let range = nth(longs(bytes, &self.ends), keys);
        words(bytes, &self.ordinals).get(range).unwrap_or_default()
    }
}

/// The range from the end of the part before `range` to the end of its last part.
fn nth(ends: &[u64], range: Range<usize>) -> Range<usize> {
    let end = |count: usize| match count.checked_sub(1) {
        Some(last) => ends.get(last).map_or(0, |&end| end as usize),
        None => 0,
    };
    end(range.start)..end(range.end)
}

fn insert(set: &mut Bitset, ordinals: &[u32]) {
    for &ordinal in ordinals {
        set.insert(ordinal as usize);
    }
}

fn longs<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u64] {
    bytemuck::cast_slice(&bytes[range.clone()])
}

fn words<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u32] {
    bytemuck::cast_slice(&bytes[range.clone()])
}

/// Maps a number to an integer that sorts the same; both zeros are equal.
fn to_ordered(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// Reads columns one after another.
struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn column(&mut self) -> Option<(String, Column)> {
        let kind = Kind::ALL.get(self.long()?)?;
        let (name, keys) = (self.long()?, self.long()?);
        let (text, ordinals) = (self.long()?, self.long()?);
        let name = self.take(name, 1)?;
        let name = std::str::from_utf8(&self.bytes[name]).ok()?.to_owned();
        Some((
            name,
            Column {
                kind: *kind,
                keys: self.take(keys, 8)?,
                ends: self.take(keys, 8)?,
                text: self.take(text, 1)?,
                ordinals: self.take(ordinals, 4)?,
            },
        ))
    }

    fn long(&mut self) -> Option<usize> {
        let range = self.take(1, 8)?;
        usize::try_from(*longs(self.bytes, &range).first()?).ok()
    }

    /// `count` elements of `size` bytes, and the padding after them.
    fn take(&mut self, count: usize, size: usize) -> Option<Range<usize>> {
        let range = self.position..self.position.checked_add(count.checked_mul(size)?)?;
        let next = range.end.checked_next_multiple_of(8)?;
        if next > self.bytes.len() {
            return None;
        }
        self.position = next;
        Some(range)
    }
}
