use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use clipseek::picture::{Limits, Picture, decoding_cost};
use tempfile::NamedTempFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// The available lengths of the longer side, in pixels.
const SIDES: [u32; 3] = [320, 640, 1280];

/// The quality of the JPEG files.
const QUALITY: u8 = 82;

/// The size limit on disk, in bytes.
const MOST_BYTES: u64 = 512 << 20;

/// The size after the oldest have been removed.
const KEPT_BYTES: u64 = 384 << 20;

/// The memory for decoding in parallel, in MiB. A picture that needs more is decoded alone.
const MEMORY: u32 = 1024;

/// The memory for files that are decoded or wait for it, in MiB; at least one file of the largest size fits.
const FILES: u32 = 256;

/// Thumbnails, stored in a folder of the store by the hash of the picture file.
#[derive(Debug)]
pub(super) struct Thumbnails {
    folder: PathBuf,
    memory: Arc<Semaphore>,
    files: Arc<Semaphore>,
    /// The size of the folder in bytes, once it has been measured.
    bytes: Mutex<Option<u64>>,
}

/// The side of thumbnails that are shown `width` pixels wide.
pub(super) fn side_for(width: u32) -> u32 {
    let fitting = SIDES.into_iter().find(|side| *side >= width);
    fitting.unwrap_or(SIDES[SIDES.len() - 1])
}

/// Waits for `bytes` of a memory of `most` MiB, at most for all of it.
async fn room(memory: &Arc<Semaphore>, bytes: u64, most: u32) -> OwnedSemaphorePermit {
    let cost = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(most);
    let room = Arc::clone(memory).acquire_many_owned(cost.clamp(1, most));
    room.await.expect("nobody closes the semaphore")
}

impl Thumbnails {
    /// The thumbnails of the store in a directory.
    pub(super) fn new(store: &Path) -> Self {
        Self {
            folder: store.join("thumbnails"),
            memory: Arc::new(Semaphore::new(MEMORY as usize)),
            files: Arc::new(Semaphore::new(FILES as usize)),
            bytes: Mutex::new(None),
        }
    }

    /// The stored JPEG of the picture with this hash, at most `side` pixels wide and high.
    pub(super) fn kept(&self, hash: &str, side: u32) -> Option<Vec<u8>> {
        fs::read(self.path(hash, side)).ok()
    }

    /// Creates and stores the thumbnail of a picture from its bytes.
    pub(super) fn made(&self, hash: &str, side: u32, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
        let limits = Limits::default();
        let picture = Picture::decode_reduced(bytes, &limits, 2 * side);
        let picture = picture.map_err(|error| {
            Problem::not_found(format!("the picture can no longer be read: {error}"))
        })?;
        let small = picture.picture.thumbnail(side, side).to_jpeg(QUALITY);
        // A thumbnail that cannot be stored is created again.
        if let Ok(()) = self.keep(&self.path(hash, side), &small) {
            self.bound(small.len() as u64);
        }
        Ok(small)
    }

    /// Waits until there is memory for a file of `bytes`.
    pub(super) async fn room_for_file(&self, bytes: u64) -> OwnedSemaphorePermit {
        room(&self.files, bytes, FILES).await
    }

    /// Waits until there is memory to decode a picture.
    pub(super) async fn room(&self, bytes: &[u8], side: u32) -> OwnedSemaphorePermit {
        let cost = decoding_cost(bytes, &Limits::default(), 2 * side);
        room(&self.memory, cost, MEMORY).await
    }

    fn path(&self, hash: &str, side: u32) -> PathBuf {
        let (first, rest) = hash.split_at(2.min(hash.len()));
        self.folder.join(first).join(format!("{rest}-{side}.jpg"))
    }

    fn keep(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut file, bytes)?;
        file.persist(path)?;
        Ok(())
    }

    /// Removes the oldest thumbnails above the size limit.
    fn bound(&self, added: u64) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let total = match *bytes {
            Some(bytes) => bytes + added,
            None => self.files().iter().map(|(_, _, bytes)| bytes).sum(),
        };
        *bytes = Some(if total > MOST_BYTES {
            self.remove_oldest(total)
        } else {
            total
        });
    }

    fn remove_oldest(&self, mut total: u64) -> u64 {
        let mut files = self.files();
        files.sort();
        for (_, path, bytes) in files {
            if total <= KEPT_BYTES {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= bytes;
            }
        }
        total
    }

    /// The time, path and size of each thumbnail.
    fn files(&self) -> Vec<(SystemTime, PathBuf, u64)> {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries(&self.folder).flat_map(|folder| entries(&folder.path()));
        let files = files.filter_map(|file| {
            let about = file.metadata().ok()?;
            Some((about.modified().ok()?, file.path(), about.len()))
        });
        files.collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_small_picture_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::new(directory.path());
        let bytes = Picture::from_rgb(900, 300, vec![90; 810_000])
            .unwrap()
            .to_png();
        assert_eq!(thumbnails.kept("abcd", 320), None);
        let made = thumbnails.made("abcd", 320, &bytes).unwrap();
        let small = Picture::decode(&made, &Limits::default()).unwrap();
        assert_eq!((small.width(), small.height()), (320, 107));
        assert_eq!(thumbnails.kept("abcd", 320), Some(made));
        assert!(thumbnails.made("ef", 320, b"no picture").is_err());
    }

    #[test]
    fn files_wait_for_memory() {
        let directory = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::new(directory.path());
        let largest = Limits::default().bytes;
        let wait = || thumbnails.room_for_file(largest).now_or_never();
        let (one, other) = (wait(), wait());
        assert!(one.is_some() && other.is_some() && wait().is_none());
        drop(one);
        assert!(wait().is_some());
        drop(other);
        // One that is larger than all is let in alone.
        let alone = thumbnails.room_for_file(u64::MAX).now_or_never();
        assert!(alone.is_some() && thumbnails.room_for_file(1).now_or_never().is_none());
    }

    #[test]
    fn the_oldest_go() {
        let directory = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::new(directory.path());
        for (n, hash) in ["aa1", "bb2", "cc3"].into_iter().enumerate() {
            let path = thumbnails.path(hash, 320);
            thumbnails.keep(&path, b"12345").unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n as u64 + 1);
            fs::File::options()
                .append(true)
                .open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        assert_eq!(thumbnails.remove_oldest(KEPT_BYTES + 8), KEPT_BYTES - 2);
        let kept = ["aa1", "bb2", "cc3"].map(|hash| thumbnails.kept(hash, 320).is_some());
        assert_eq!(kept, [false, false, true]);
    }

    #[test]
    fn sides_are_few() {
        assert_eq!([1, 320, 321, 9999].map(side_for), [320, 320, 640, 1280]);
    }
}
