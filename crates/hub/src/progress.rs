use std::time::Duration;

/// The progress of a pull. Files arrive in any order, several at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A file's download starts.
    Started {
        /// The file.
        name: &'a str,
        /// Its size in bytes.
        size: u64,
        /// The number of bytes from an earlier download.
        present: u64,
    },
    /// Further bytes of a file arrived.
    Received {
        /// The file.
        name: &'a str,
        /// The number of further bytes.
        bytes: u64,
    },
    /// The downloaded bytes are unusable: the file's download starts over.
    StartedOver {
        /// The file.
        name: &'a str,
    },
    /// The download waits.
    Waiting {
        /// The file; `None` for the repository's listing.
        name: Option<&'a str>,
        /// What it waits for.
        for_what: Waiting,
    },
    /// The file is verified and in its snapshot.
    Finished {
        /// The file.
        name: &'a str,
    },
}

/// What a download waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Another process that is downloading the same file.
    OtherProcess,
    /// A retry after this time.
    NextAttempt(Duration),
}
