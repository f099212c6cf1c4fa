use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use lru::LruCache;
use search::{CollectionState, is_gone};

/// The size limit of the cache, in bytes.
const MOST: usize = 32 << 20;

/// The size limit of a cached answer, in bytes.
const LARGEST: usize = 1 << 20;

/// A cache of search results, valid until the collection changes.
pub(super) struct Answers(Mutex<Cache>);

struct Cache {
    answers: LruCache<String, Arc<Answer>>,
    bytes: usize,
}

/// A search result, and what it depends on.
pub(super) struct Answer {
    /// The state of the collection before the search.
    pub(super) state: CollectionState,
    /// The files of its pictures, which existed.
    pub(super) files: Vec<PathBuf>,
    pub(super) json: Bytes,
}

impl Default for Answers {
    fn default() -> Self {
        Self(Mutex::new(Cache {
            answers: LruCache::unbounded(),
            bytes: 0,
        }))
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl Answers {
    /// The JSON of the answer to a question, if it is cached and still valid.
    pub(super) fn get(&self, question: &str, state: CollectionState) -> Option<Bytes> {
        let answer = self.with(|cache| cache.answers.get(question).map(Arc::clone))?;
        let is_valid = answer.state == state && !answer.files.iter().any(|file| is_gone(file));
        is_valid.then(|| answer.json.clone())
    }

    /// Caches an answer. The least recently used ones are evicted.
    pub(super) fn insert(&self, question: String, answer: Answer) {
        let size = answer.size(&question);
        if size > LARGEST {
            return;
        }
        self.with(|cache| {
            cache.bytes += size;
            let before = cache.answers.push(question, Arc::new(answer));
            cache.bytes -= before.map_or(0, |(question, answer)| answer.size(&question));
            while cache.bytes > MOST
                && let Some((question, answer)) = cache.answers.pop_lru()
            {
                cache.bytes -= answer.size(&question);
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Answer {
    /// Its size in memory including the question, in bytes.
    fn size(&self, question: &str) -> usize {
        let files = self.files.iter().map(|file| file.as_os_str().len());
        let parts = files.map(|length| length + size_of::<PathBuf>());
        question.len() + self.json.len() + parts.sum::<usize>() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str, files: &[PathBuf]) -> Answer {
        Answer {
            state: CollectionState::default(),
            files: files.to_vec(),
            json: Bytes::from(json.to_owned()),
        }
    }

    #[test]
    fn an_answer_is_given_again_while_its_files_are_there() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.jpg");
        std::fs::write(&file, "a").unwrap();
        let answers = Answers::default();
        let state = CollectionState::default();
        assert_eq!(answers.get("a", state), None);
        answers.insert("a".into(), answer("{}", std::slice::from_ref(&file)));
        assert_eq!(answers.get("a", state), Some(Bytes::from("{}")));
        assert_eq!(answers.get("b", state), None);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(answers.get("a", state), None);
    }

    #[test]
    fn the_memory_of_answers_is_bounded() {
        let answers = Answers::default();
        let long = "x".repeat(LARGEST / 2);
        for n in 0..200 {
            answers.insert(format!("{}", n % 100), answer(&long, &[]));
        }
        answers.insert("too long".into(), answer(&long.repeat(3), &[]));
        let bytes = answers.with(|cache| {
            let sizes = cache.answers.iter().map(|(key, answer)| answer.size(key));
            assert_eq!(sizes.sum::<usize>(), cache.bytes);
            cache.bytes
        });
        assert!(bytes > MOST / 2 && bytes <= MOST, "{bytes}");
        let state = CollectionState::default();
        assert_eq!(answers.get("too long", state), None);
        assert_eq!(answers.get("0", state), None);
        assert_eq!(answers.get("99", state), Some(Bytes::from(long)));
    }
}
