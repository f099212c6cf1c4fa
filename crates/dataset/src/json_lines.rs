//! JSON Lines: an object a line.
//!
//! Each line's columns are its own, so each finds its own path, caption and id. A caption is a
//! string or a list of strings. Of the metadata strings, numbers, booleans and lists of strings are
//! kept; `null`, objects, other and empty lists are left out.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value};

use crate::columns::{Columns, Role, Roles};
use crate::gathering::{Gathering, Row};
use crate::{Error, Listing, ProblemReason, Result, value};

const LONGEST_LINE: u64 = 64 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the table at `path` into `gathering`.
pub(crate) fn read(
    path: &Path,
    columns: &Columns,
    mut gathering: Gathering<'_>,
) -> Result<Listing> {
    let read_error = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(read_error)?);
    let mut objects = Objects {
        columns,
        found: Vec::new(),
        names: BTreeSet::new(),
    };
    let mut bytes = Vec::new();
    for line in 1_u64.. {
        bytes.clear();
        let is_whole = read_line(&mut file, &mut bytes).map_err(read_error)?;
        if bytes.is_empty() {
            break;
        }
        if line == 1 && (bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")) {
            return Err(Error::Utf16 {
                path: path.to_owned(),
            });
        }
        let text = match line {
            1 => bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes),
            _ => &bytes,
        };
        if !is_whole {
            gathering.add(
                line,
                Err(ProblemReason::LineTooLong {
                    limit: LONGEST_LINE,
                }),
            );
        } else if !text.trim_ascii().is_empty() {
            gathering.add(line, objects.row(text));
        }
    }
    objects.require_columns(path)?;
    Ok(gathering.finish())
}

/// Reads the next line, or as much of it as is allowed: then the rest is skipped, and the answer is
/// `false`.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    file.take(LONGEST_LINE).read_until(b'\n', line)?;
    if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
        file.skip_until(b'\n')?;
        return Ok(false);
    }
    Ok(true)
}

/// The objects of a table, and what was learnt about its columns from them.
struct Objects<'a> {
    columns: &'a Columns,
    /// Roles that some object has a column for.
    found: Vec<Role>,
    names: BTreeSet<String>,
}

impl Objects<'_> {
    fn row(&mut self, line: &[u8]) -> Result<Row, ProblemReason> {
        let value =
            serde_json::from_slice(line).map_err(|source| ProblemReason::InvalidJson { source })?;
        let Value::Object(object) = value else {
            return Err(ProblemReason::NotAnObject);
        };
        let roles = Roles {
            path: self.find(Role::Path, &object),
            caption: self.find(Role::Caption, &object),
            id: self.find(Role::Id, &object),
        };
        let mut row = Row::default();
        for (index, (name, value)) in object.into_iter().enumerate() {
            if roles.has(index) {
                row.set(&roles, index, value);
            } else if let Some(value) = value::for_metadata(value) {
                row.metadata.insert(name, value);
            }
        }
        Ok(row)
    }

    /// The position in `object` of the column with this role.
    fn find(&mut self, role: Role, object: &Map<String, Value>) -> Option<usize> {
        let index = role.find(self.columns, object.keys().map(String::as_str));
        if !self.found.contains(&role) {
            match index {
                Some(_) => self.found.push(role),
                None => self.remember_names(object),
            }
        }
        index
    }

    /// Keeps a column's names for the message that one is missing.
    fn remember_names(&mut self, object: &Map<String, Value>) {
        const ENOUGH: usize = 100;
        for name in object.keys() {
            if self.names.len() < ENOUGH {
                self.names.insert(name.clone());
            }
        }
    }

    /// An error when objects were read and none had a column that is needed.
    fn require_columns(&self, path: &Path) -> Result<()> {
        let names: Vec<String> = self.names.iter().cloned().collect();
        for role in [Role::Path, Role::Caption, Role::Id] {
            if !self.found.contains(&role) && !names.is_empty() {
                role.require(self.columns, path, &names)?;
            }
        }
        Ok(())
    }
}
