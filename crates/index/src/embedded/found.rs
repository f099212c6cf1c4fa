/// A vector that a query found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) slot: i64,
    pub(super) score: f32,
}
