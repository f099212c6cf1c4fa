use std::time::Duration;

/// How a pull gets on. Files come in any order, several at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A file is being fetched.
    Started {
        /// The file.
        name: &'a str,
        /// Its bytes.
        size: u64,
        /// The bytes of it that are here already.
        present: u64,
    },
    /// More of it is here.
    Received {
        /// The file.
        name: &'a str,
        /// How many bytes more.
        bytes: u64,
    },
    /// What is here of it is of no use: it is fetched from its beginning.
    StartedOver {
        /// The file.
        name: &'a str,
    },
    /// It goes on later.
    Waiting {
        /// The file; none for the repository's listing.
        name: Option<&'a str>,
        /// What for.
        for_what: Waiting,
    },
    /// It is verified and in its place.
    Finished {
        /// The file.
        name: &'a str,
    },
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Another process that fetches the same file.
    OtherProcess,
    /// The next attempt, in this time.
    NextAttempt(Duration),
}
