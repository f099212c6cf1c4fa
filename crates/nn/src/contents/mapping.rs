#![expect(unsafe_code, reason = "mapping a file into memory")]

use std::{fs::File, io};

use memmap2::Mmap;

/// Maps `file` read-only, so that only what is used is read.
///
/// The system reads around what is touched, up to megabytes; of a file of which single tensors and samples are wanted that
/// would be most of it. So it is told not to, and [`will_need`] says what is wanted.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only ever read, and every use checks them (the safetensors header, lengths, types).
    // Another process that shortens the file while it is mapped ends this one with SIGBUS: checkpoints are written
    // once and replaced by renaming, never changed in place, by this project as by the Hugging Face cache.
    let map = unsafe { Mmap::map(file) }?;
    #[cfg(unix)]
    if !map.is_empty() {
        // It is advice: without it more is read than is asked for.
        let _ = map.advise(memmap2::Advice::Random);
    }
    Ok(map)
}

/// Has the system read `part`, which is a part of `map`, in large pieces.
pub(crate) fn will_need(map: &Mmap, part: &[u8]) {
    #[cfg(unix)]
    {
        let start = part.as_ptr().addr() - map.as_ptr().addr();
        // It is advice: without it the same bytes are read, page by page.
        let _ = map.advise_range(memmap2::Advice::WillNeed, start, part.len());
    }
    #[cfg(not(unix))]
    let _ = (map, part);
}

/// Takes `part`, which is a part of `map`, out of this process's memory. The system may keep it in its cache.
pub(crate) fn release(map: &Mmap, part: &[u8]) {
    #[cfg(unix)]
    {
        let start = part.as_ptr().addr() - map.as_ptr().addr();
        // SAFETY: the map is of a file and only read: who reads a page again finds the same bytes in it.
        // It is advice: without it the part stays in memory.
        let _ = unsafe {
            map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, part.len())
        };
    }
    #[cfg(not(unix))]
    let _ = (map, part);
}
