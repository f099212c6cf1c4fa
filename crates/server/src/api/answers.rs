use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use lru::LruCache;
use search::{CollectionState, is_gone};

/// The memory of all answers that are kept, in bytes.
const MOST: usize = 32 << 20;

/// That of one.
const LARGEST: usize = 1 << 20;

/// The answers to the last searches, for whoever asks the same again before the collection changes.
pub(super) struct Answers(Mutex<Kept>);

struct Kept {
    answers: LruCache<String, Arc<Answer>>,
    bytes: usize,
}

/// An answer, and what it depends on beside the question.
pub(super) struct Answer {
    /// The collection's when the question came.
    pub(super) state: CollectionState,
    /// Those of its pictures, which were there.
    pub(super) files: Vec<PathBuf>,
    pub(super) json: Bytes,
}

impl Default for Answers {
    fn default() -> Self {
        Self(Mutex::new(Kept {
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
    /// The JSON of the answer to a question, if it is known and still right.
    pub(super) fn get(&self, question: &str, state: CollectionState) -> Option<Bytes> {
        let answer = self.with(|kept| kept.answers.get(question).map(Arc::clone))?;
        let is_right = answer.state == state && !answer.files.iter().any(|file| is_gone(file));
        is_right.then(|| answer.json.clone())
    }

    /// Keeps an answer. The longest unused ones make room for it.
    pub(super) fn keep(&self, question: String, answer: Answer) {
        let size = answer.size(&question);
        if size > LARGEST {
            return;
        }
        self.with(|kept| {
            kept.bytes += size;
            let before = kept.answers.push(question, Arc::new(answer));
            kept.bytes -= before.map_or(0, |(question, answer)| answer.size(&question));
            while kept.bytes > MOST
                && let Some((question, answer)) = kept.answers.pop_lru()
            {
                kept.bytes -= answer.size(&question);
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Answer {
    /// The memory that it takes with its question, in bytes.
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
        answers.keep("a".into(), answer("{}", std::slice::from_ref(&file)));
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
            answers.keep(format!("{}", n % 100), answer(&long, &[]));
        }
        answers.keep("too long".into(), answer(&long.repeat(3), &[]));
        let bytes = answers.with(|kept| {
            let sizes = kept.answers.iter().map(|(key, answer)| answer.size(key));
            assert_eq!(sizes.sum::<usize>(), kept.bytes);
            kept.bytes
        });
        assert!(bytes > MOST / 2 && bytes <= MOST, "{bytes}");
        let state = CollectionState::default();
        assert_eq!(answers.get("too long", state), None);
        assert_eq!(answers.get("0", state), None);
        assert_eq!(answers.get("99", state), Some(Bytes::from(long)));
    }
}
