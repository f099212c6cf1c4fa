use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use search::Embedder;
use tokio::sync::oneshot;

use super::problem::Problem;
use crate::workspace::Scope;

/// The number of cached vectors.
const KEPT: NonZeroUsize = NonZeroUsize::new(4096).expect("not 0");

/// The number of texts embedded together.
const AT_ONCE: usize = 64;

/// The longest text to cache, in bytes.
const LONGEST_KEPT: usize = 1024;

/// The vectors of query texts: a cache of the last ones, and a queue that embeds simultaneous texts together.
pub(crate) struct Words {
    kept: Mutex<LruCache<Key, Vector>>,
    waiting: Mutex<Vec<Waiting>>,
}

type Vector = Arc<[f32]>;

/// The fingerprint and precision of a model, and the text.
type Key = (String, String);

struct Waiting {
    key: Key,
    embedder: Arc<Embedder>,
    answer: oneshot::Sender<Result<Vector, String>>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            kept: Mutex::new(LruCache::new(KEPT)),
            waiting: Mutex::default(),
        }
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

impl Words {
    /// The vector of `words` with a model.
    pub(crate) async fn vector(
        &self,
        scope: &Scope,
        embedder: &Arc<Embedder>,
        words: &str,
    ) -> Result<Vector, Problem> {
        let model = embedder.model();
        let space = format!("{} {}", model.text_fingerprint(), model.precision().name());
        let key = (space, words.to_owned());
        if let Some(vector) = locked(&self.kept).get(&key) {
            return Ok(Arc::clone(vector));
        }
        let (answer, mut answered) = oneshot::channel();
        locked(&self.waiting).push(Waiting {
            key: key.clone(),
            embedder: Arc::clone(embedder),
            answer,
        });
        // The first request with a permit embeds for all that are waiting; the others get its results.
        let answered = loop {
            tokio::select! {
                biased;
                answered = &mut answered => break answered,
                permit = scope.permit_to_embed() => {
                    let batch = self.next_batch();
                    if !batch.is_empty() {
                        scope.run_with(permit, |_| embed(batch)).await?;
                    }
                }
            }
        };
        let vector = answered.map_err(|_| Problem::internal("could not embed words"))?;
        let vector = vector.map_err(Problem::invalid)?;
        if words.len() <= LONGEST_KEPT {
            locked(&self.kept).put(key, Arc::clone(&vector));
        }
        Ok(vector)
    }

    /// The first waiting texts with the same model, at most [`AT_ONCE`].
    fn next_batch(&self) -> Vec<Waiting> {
        let mut waiting = locked(&self.waiting);
        waiting.retain(|one| !one.answer.is_closed());
        let Some(space) = waiting.first().map(|first| first.key.0.clone()) else {
            return Vec::new();
        };
        let mut left = AT_ONCE;
        let of_batch = |one: &mut Waiting| {
            let is_taken = left > 0 && one.key.0 == space;
            left -= usize::from(is_taken);
            is_taken
        };
        waiting.extract_if(.., of_batch).collect()
    }
}

/// Embeds a batch and sends the results. If that fails, embeds the texts one by one.
fn embed(batch: Vec<Waiting>) {
    let Some(first) = batch.first() else { return };
    let words: Vec<&str> = batch.iter().map(|one| one.key.1.as_str()).collect();
    let together = first.embedder.model().embed_texts(&words);
    let vectors: Vec<Result<Vec<f32>, String>> = match together {
        Ok(vectors) => vectors.into_iter().map(Ok).collect(),
        Err(_) => words
            .iter()
            .map(|words| alone(&first.embedder, words))
            .collect(),
    };
    for (one, vector) in batch.into_iter().zip(vectors) {
        // A client that has disconnected needs no answer.
        let _ = one.answer.send(vector.map(Arc::from));
    }
}

fn alone(embedder: &Embedder, words: &str) -> Result<Vec<f32>, String> {
    embedder.text(words).map_err(|error| error.to_string())
}

fn locked<T>(it: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
