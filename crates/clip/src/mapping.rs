#![expect(unsafe_code, reason = "mapping a file into memory")]

use std::{fs::File, io};

use memmap2::Mmap;

/// Maps `file` read-only, so that only what is used is read.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only ever read, and every use checks them (the safetensors header, lengths, types).
    // Another process that shortens the file while it is mapped ends this one with SIGBUS: checkpoints are written
    // once and replaced by renaming, never changed in place, by this project as by the Hugging Face cache.
    unsafe { Mmap::map(file) }
}
