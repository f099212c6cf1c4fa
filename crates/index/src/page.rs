/// A part of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask with for the next page; none after the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit`, whose last one's id is where the next begins.
    pub(crate) fn of(items: Vec<T>, limit: usize, id: impl FnOnce(&T) -> &str) -> Self {
        let last = items.last().filter(|_| items.len() == limit);
        let next = last.map(|last| id(last).to_owned());
        Self { items, next }
    }
}
