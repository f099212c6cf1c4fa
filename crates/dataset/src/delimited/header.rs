use std::path::Path;

use csv::ByteRecord;

use super::cell::{cell, trimmed};
use super::dialect::{self, Dialect};
use crate::column_types::{CellType, ColumnTypes};
use crate::columns::{Columns, Role, Roles};
use crate::row::Row;
use crate::{Address, Error, ProblemReason, Result, folder};

/// The columns of a table.
pub(super) struct Header {
    names: Vec<String>,
    roles: Roles,
    types: Vec<CellType>,
    dialect: Dialect,
    kind: Kind,
    /// Whether paths end with the caption's number, `dog.jpg#0`. Known after the first row.
    is_numbered: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Named,
    /// There is no header: the first line is a row.
    Row,
}

impl Header {
    pub(super) fn new(
        path: &Path,
        columns: &Columns,
        cells: &ByteRecord,
        dialect: Dialect,
    ) -> Result<Self> {
        let names = names(cells, dialect).ok_or_else(|| Error::HeaderNotUtf8 {
            path: path.to_owned(),
        })?;
        let unnamed = unnamed_roles(columns, &names);
        let (kind, roles, names) = match unnamed {
            Some(roles) => {
                let numbers = 1..=names.len();
                let names = numbers.map(|number| format!("column{number}")).collect();
                (Kind::Row, roles, names)
            }
            None => {
                let roles = Roles::of_header(columns, path, &names)?;
                require_unique(path, &names)?;
                (Kind::Named, roles, names)
            }
        };
        Ok(Self {
            roles,
            types: vec![CellType::default(); names.len()],
            names,
            dialect,
            kind,
            is_numbered: None,
        })
    }

    /// Whether there is no header.
    pub(super) fn is_a_row(&self) -> bool {
        self.kind == Kind::Row
    }

    /// Whether the row repeats the header, where tables were joined.
    pub(super) fn is_repeated_by(&self, cells: &ByteRecord) -> bool {
        self.kind == Kind::Named
            && cells.len() == self.names.len()
            && names(cells, self.dialect).is_some_and(|names| names == self.names)
    }

    pub(super) fn row(&mut self, cells: &ByteRecord) -> Result<Row, ProblemReason> {
        self.check_length(cells)?;
        let mut row = Row::default();
        for (index, name) in self.names.iter().enumerate() {
            let cell = cell(cells, index, self.dialect);
            let text = std::str::from_utf8(&cell).map_err(|_| ProblemReason::TextNotUtf8 {
                column: name.clone(),
            })?;
            let text = trimmed(text);
            if self.roles.has(index) {
                row.set(&self.roles, index, text.into());
            } else if !text.is_empty() && !name.is_empty() {
                self.types[index].include(text);
                row.metadata.insert(name.clone(), text.into());
            }
        }
        self.take_number_off(&mut row);
        Ok(row)
    }

    /// Checks the number of cells. Empty cells after the last column are ignored.
    fn check_length(&self, cells: &ByteRecord) -> Result<(), ProblemReason> {
        let (got, expected) = (cells.len(), self.names.len());
        let mut more = cells.iter().skip(expected);
        if got >= expected && more.all(|cell| cell.trim_ascii().is_empty()) {
            Ok(())
        } else {
            Err(ProblemReason::UnequalLength { got, expected })
        }
    }

    fn take_number_off(&mut self, row: &mut Row) {
        let path = dialect::without_number(&row.path);
        let is_first_numbered = || path.len() < row.path.len() && folder::is_picture_name(path);
        if *self.is_numbered.get_or_insert_with(is_first_numbered) {
            row.path.truncate(path.len());
        }
    }

    pub(super) fn into_types(self) -> ColumnTypes {
        self.names.into_iter().zip(self.types).collect()
    }
}

/// The cells as column names; `None` if one isn't valid UTF-8.
fn names(cells: &ByteRecord, dialect: Dialect) -> Option<Vec<String>> {
    let names = (0..cells.len()).map(|index| {
        let cell = cell(cells, index, dialect);
        let name = std::str::from_utf8(&cell).ok()?;
        Some(name.trim().to_owned())
    });
    names.collect()
}

/// Checks that no two columns have the same name: one would hide the other.
fn require_unique(path: &Path, names: &[String]) -> Result<()> {
    let mut sorted: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::RepeatedColumn {
            path: path.to_owned(),
            column: pair[0].clone(),
        }),
        None => Ok(()),
    }
}

/// The roles of the columns of a table without a header, such as Conceptual Captions (caption, tab, URL) and
/// Flickr8k (path, tab, caption). It's recognised by a picture instead of a column name.
fn unnamed_roles(columns: &Columns, cells: &[String]) -> Option<Roles> {
    if !columns.are_any() {
        return None;
    }
    let is_header = Role::Path
        .find(columns, cells.iter().map(String::as_str))
        .is_some();
    let url = cells
        .iter()
        .position(|cell| Address::is_meant_in_a_table(cell));
    let file = || cells.iter().position(|cell| dialect::names_picture(cell));
    let path = url.or_else(|| file().filter(|_| !is_header))?;
    let is_words = |cell: &str| !cell.is_empty() && cell.parse::<f64>().is_err();
    let caption = (0..cells.len()).find(|&column| column != path && is_words(&cells[column]));
    Some(Roles {
        path: Some(path),
        caption,
        id: None,
    })
}
