//! JSON Lines: an object a line.
//!
//! Each line's columns are its own, so each finds its own path, caption and id. A caption is a
//! string or a list of strings. Of the metadata strings, numbers, booleans and lists of strings are
//! kept; `null`, objects, other and empty lists are left out.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value};

use crate::columns::{Columns, Role, Roles};
use crate::row::{Row, Take};
use crate::text_stream::TextStream;
use crate::{Error, ProblemReason, Result, encoding, value};

const LONGEST_LINE: u64 = 64 << 20;

/// Hands the rows of the table at `path` to `take`.
pub(crate) fn read(path: &Path, columns: &Columns, take: &mut Take<'_>) -> Result<()> {
    let read_error = Error::read(path);
    let mut text = TextStream::open(path)?;
    if encoding::is_utf16(text.start()) {
        return Err(Error::Utf16 {
            path: path.to_owned(),
        });
    }
    if text.start().starts_with(encoding::UTF8_MARK) {
        text.skip(encoding::UTF8_MARK.len());
    }
    let mut text = BufReader::new(text);
    let mut objects = Objects::new(columns);
    let mut bytes = Vec::new();
    for line in 1_u64.. {
        bytes.clear();
        let is_whole = read_line(&mut text, &mut bytes).map_err(&read_error)?;
        if bytes.is_empty() {
            break;
        }
        if is_whole && bytes.trim_ascii().is_empty() {
            continue;
        }
        let row = match is_whole {
            true => objects.row(&bytes),
            false => Err(ProblemReason::LineTooLong {
                limit: LONGEST_LINE,
            }),
        };
        if take(line, row).is_break() {
            return Ok(());
        }
    }
    objects.require_columns(path)
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

/// The parser counts lines too, of which it sees one.
fn invalid(error: &serde_json::Error) -> ProblemReason {
    let message = error
        .to_string()
        .replace(" at line 1 column ", " at column ");
    ProblemReason::InvalidJson { message }
}

/// The objects of a table, and what was learnt about its columns from them.
struct Objects<'a> {
    columns: &'a Columns,
    /// The columns of the latest object, and their roles.
    names: Vec<String>,
    roles: Roles,
    /// Columns of any object.
    all_names: Vec<String>,
    /// Roles that any object has a column for.
    found: Vec<Role>,
}

impl<'a> Objects<'a> {
    fn new(columns: &'a Columns) -> Self {
        Self {
            columns,
            names: Vec::new(),
            roles: Roles::default(),
            all_names: Vec::new(),
            found: Vec::new(),
        }
    }

    fn row(&mut self, line: &[u8]) -> Result<Row, ProblemReason> {
        let value =
            serde_json::from_slice(line.trim_ascii_end()).map_err(|error| invalid(&error))?;
        let Value::Object(object) = value else {
            return Err(ProblemReason::NotAnObject);
        };
        let roles = self.roles(&object);
        let mut row = Row::default();
        for (index, (name, value)) in object.into_iter().enumerate() {
            if roles.has(index) {
                row.set(&roles, index, value);
            } else if value::is_unfit(&value) {
                row.left_out.push(name);
            } else if let Some(value) = value::for_metadata(value) {
                row.metadata.insert(name, value);
            }
        }
        Ok(row)
    }

    /// Which columns of `object` have which role. Most objects have the columns of the one before.
    fn roles(&mut self, object: &Map<String, Value>) -> Roles {
        if !object.keys().eq(&self.names) {
            self.names = object.keys().cloned().collect();
            self.remember_names();
            self.roles = Roles {
                path: self.find(Role::Path),
                caption: self.find(Role::Caption),
                id: self.find(Role::Id),
            };
        }
        self.roles
    }

    fn find(&mut self, role: Role) -> Option<usize> {
        let index = role.find(self.columns, self.names.iter().map(String::as_str));
        if index.is_some() && !self.found.contains(&role) {
            self.found.push(role);
        }
        index
    }

    /// Keeps names of columns for the message that one is missing.
    fn remember_names(&mut self) {
        const ENOUGH: usize = 100;
        for name in &self.names {
            if self.all_names.len() < ENOUGH && !self.all_names.contains(name) {
                self.all_names.push(name.clone());
            }
        }
    }

    /// An error when objects were read and none had a column that is needed.
    fn require_columns(&self, path: &Path) -> Result<()> {
        for role in [Role::Path, Role::Caption, Role::Id] {
            if !self.found.contains(&role) && !self.all_names.is_empty() {
                role.missing(self.columns, path, &self.all_names)?;
            }
        }
        Ok(())
    }
}
