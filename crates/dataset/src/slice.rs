use std::ops::ControlFlow;

/// The rows of a table to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// The number of rows to skip.
    pub offset: u64,
    /// The maximum number of rows to read.
    pub limit: Option<u64>,
    /// The number of rows to sample from those, keeping their order. Deterministic for the same number of
    /// rows.
    pub sample: Option<u64>,
}

impl Slice {
    /// Whether all rows are read.
    pub(crate) fn is_all(self) -> bool {
        self == Slice::default()
    }

    /// The cursor over the rows to read. Calls `count` only if the total number matters.
    pub(crate) fn cursor<E>(self, count: impl FnOnce() -> Result<u64, E>) -> Result<Cursor, E> {
        let end = self
            .limit
            .map_or(u64::MAX, |limit| self.offset.saturating_add(limit));
        let rows = match self.sample {
            None => Rows::Between(self.offset, end),
            Some(sample) => {
                let end = end.min(count()?);
                Rows::These(draw(self.offset, end.max(self.offset), sample))
            }
        };
        Ok(Cursor { rows, next: 0 })
    }
}

/// Samples `many` numbers from `start` to `end`, ascending (R. W. Floyd's algorithm: J. Bentley, "Programming
/// Pearls: a sample of brilliance", 1987).
fn draw(start: u64, end: u64, many: u64) -> Vec<u64> {
    let count = end - start;
    let mut state = 0x636c_6970_7365_656b;
    let mut drawn = std::collections::BTreeSet::new();
    for last in count.saturating_sub(many)..count {
        state = next(state);
        // The high half of a product is a number below one of its factors.
        let number = (u128::from(mix(state)) * u128::from(last + 1)) >> 64;
        let number = u64::try_from(number).unwrap_or(last);
        if !drawn.insert(number) {
            drawn.insert(last);
        }
    }
    drawn.into_iter().map(|number| start + number).collect()
}

/// A step of `splitmix64`: the state's next value.
fn next(state: u64) -> u64 {
    state.wrapping_add(0x9e37_79b9_7f4a_7c15)
}

fn mix(state: u64) -> u64 {
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[derive(Debug)]
enum Rows {
    /// From the first of these numbers, up to the other.
    Between(u64, u64),
    /// These numbers, ascending.
    These(Vec<u64>),
}

/// Iterates over the rows of one or several tables and selects the wanted ones.
#[derive(Debug)]
pub(crate) struct Cursor {
    rows: Rows,
    /// The number of the next row.
    next: u64,
}

impl Cursor {
    /// Whether the next row is wanted. Breaks if no further row is.
    pub(crate) fn take(&mut self) -> ControlFlow<(), bool> {
        let row = self.next;
        self.next += 1;
        if self.is_past(row) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(self.has_any(row, row + 1))
    }

    /// Skips the next `count` rows if none of them is wanted.
    pub(crate) fn skip(&mut self, count: u64) -> bool {
        let end = self.next.saturating_add(count);
        let is_wanted = self.has_any(self.next, end);
        if !is_wanted {
            self.next = end;
        }
        !is_wanted
    }

    /// Whether no further row is wanted.
    pub(crate) fn is_done(&self) -> bool {
        self.is_past(self.next)
    }

    fn is_past(&self, row: u64) -> bool {
        match &self.rows {
            Rows::Between(_, end) => row >= *end,
            Rows::These(rows) => rows.last().is_none_or(|&last| row > last),
        }
    }

    fn has_any(&self, start: u64, end: u64) -> bool {
        match &self.rows {
            Rows::Between(first, past) => start.max(*first) < end.min(*past),
            Rows::These(rows) => {
                let at = rows.partition_point(|&row| row < start);
                rows.get(at).is_some_and(|&row| row < end)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(slice: Slice, count: u64) -> Vec<u64> {
        let mut cursor = slice.cursor(|| Ok::<_, ()>(count)).unwrap();
        let mut rows = Vec::new();
        for row in 0..count {
            match cursor.take() {
                ControlFlow::Continue(true) => rows.push(row),
                ControlFlow::Continue(false) => {}
                ControlFlow::Break(()) => break,
            }
        }
        rows
    }

    #[test]
    fn offset_and_limit() {
        assert_eq!(wanted(Slice::default(), 3), [0, 1, 2]);
        let slice = Slice {
            offset: 2,
            limit: Some(3),
            sample: None,
        };
        assert_eq!(wanted(slice, 10), [2, 3, 4]);
        assert_eq!(wanted(slice, 3), [2]);
        let mut cursor = slice.cursor(|| Ok::<_, ()>(0)).unwrap();
        assert!(cursor.skip(2) && !cursor.skip(1) && !cursor.is_done());
        assert!(!cursor.skip(4));
        for _ in 0..3 {
            assert_eq!(cursor.take(), ControlFlow::Continue(true));
        }
        assert!(cursor.is_done() && cursor.skip(100));
    }

    #[test]
    fn a_sample_is_spread_over_all_rows() {
        let slice = |offset, limit, sample| Slice {
            offset,
            limit,
            sample: Some(sample),
        };
        let rows = wanted(slice(0, None, 100), 1000);
        assert_eq!(rows.len(), 100);
        assert!(
            rows.is_sorted() && rows[0] < 100 && rows[99] > 900,
            "{rows:?}"
        );
        assert_eq!(rows, wanted(slice(0, None, 100), 1000));
        assert_eq!(wanted(slice(3, Some(4), 10), 1000), [3, 4, 5, 6]);
        assert!(wanted(slice(5, None, 3), 5).is_empty());
        let few = wanted(slice(90, None, 3), 100);
        assert!(few.len() == 3 && few.iter().all(|row| (90..100).contains(row)));
    }
}
