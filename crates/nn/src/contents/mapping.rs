#![expect(unsafe_code, reason = "mapping a file into memory")]

use std::{fs::File, io};

use memmap2::Mmap;

/// Maps `file` read-only and without read-ahead.
///
/// By default the system reads up to megabytes around each access, which is most of the file when only single tensors
/// and samples are wanted. [`will_need`] asks for larger parts.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only read, and every use checks them (the safetensors header, lengths, types). A process
    // that shortens the mapped file kills this one with SIGBUS. This project and the Hugging Face cache write a
    // checkpoint once and replace it by renaming, never in place.
    let map = unsafe { Mmap::map(file) }?;
    #[cfg(unix)]
    if !map.is_empty() {
        // Only advice: if the system ignores it, it reads more than necessary.
        let _ = map.advise(memmap2::Advice::Random);
    }
    Ok(map)
}

/// Has the system read `part`, a part of `map`, in large pieces.
pub(crate) fn will_need(map: &Mmap, part: &[u8]) {
    #[cfg(unix)]
    {
        let start = part.as_ptr().addr() - map.as_ptr().addr();
        // Only advice: without it, the system reads the same bytes page by page.
        let _ = map.advise_range(memmap2::Advice::WillNeed, start, part.len());
    }
    #[cfg(not(unix))]
    let _ = (map, part);
}

/// Removes `part`, a part of `map`, from this process's memory. The system may keep it in its cache.
pub(crate) fn release(map: &Mmap, part: &[u8]) {
    #[cfg(unix)]
    {
        let start = part.as_ptr().addr() - map.as_ptr().addr();
        // SAFETY: the map is of a file and only read, so a page that is read again has the same bytes. Only advice:
        // without it, the part stays in memory.
        let _ = unsafe {
            map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, part.len())
        };
    }
    #[cfg(not(unix))]
    let _ = (map, part);
}
