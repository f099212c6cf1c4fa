use std::path::PathBuf;

/// An error to inject into a response.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Respond with this status and these headers, without a body.
    Status(u16, Vec<(&'static str, String)>),
    /// Close the connection after this many bytes of the body.
    Cut(usize),
    /// Change the byte at this offset of the whole file.
    Corrupt(usize),
    /// Stop sending after this many bytes of the body.
    Stall(usize),
    /// Stop sending at this offset of the whole file, unless the response begins there or later.
    StallAt(usize),
    /// Stop after this many bytes of the body until a file exists at this path.
    Held(usize, PathBuf),
    /// Send nothing.
    Silence,
    /// Send the whole file in response to a range request.
    IgnoreRange,
    /// Send a range other than the requested one.
    OtherRange,
    /// Leave out this header.
    Without(&'static str),
    /// Set this header to this value.
    With(&'static str, String),
}

/// An error to inject, and the requests that it applies to.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) method: &'static str,
    pub(crate) path_part: String,
    pub(crate) trouble: Trouble,
    pub(crate) times: usize,
}
