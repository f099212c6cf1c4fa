use std::path::PathBuf;

/// What goes wrong with an answer.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The answer is this status with these headers, and no body.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection is closed after so many bytes of the body.
    Cut(usize),
    /// The byte at this place of the whole file is changed.
    Corrupt(usize),
    /// Nothing more comes after so many bytes of the body.
    Stall(usize),
    /// Nothing comes from this place of the whole file on, unless the answer begins there or later.
    StallAt(usize),
    /// What follows so many bytes of the body comes once there is a file at this path.
    Held(usize, PathBuf),
    /// Nothing comes at all.
    Silence,
    /// The whole file comes, though a range was asked for.
    IgnoreRange,
    /// The range comes, but another one than was asked for.
    OtherRange,
    /// The answer has no such header.
    Without(&'static str),
    /// This header has this value.
    With(&'static str, String),
}

/// A trouble, and which requests it is for.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) method: &'static str,
    pub(crate) path_part: String,
    pub(crate) trouble: Trouble,
    pub(crate) times: usize,
}
