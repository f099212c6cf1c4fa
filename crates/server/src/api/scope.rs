use std::sync::Arc;

use search::{Collection, Embedder};

use super::problem::Problem;
use crate::view::View;
use crate::workspace::Scope;

impl Scope {
    /// What reads a collection, once there is a permit.
    pub(super) async fn read_in<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&View<'_>, &Collection<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.read(in_collection(name.to_owned(), work)).await?
    }

    /// The same at once, without a permit: for what takes little, or waits.
    pub(super) async fn look_in<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&View<'_>, &Collection<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.run(in_collection(name.to_owned(), work)).await?
    }

    /// The model of a collection, loaded.
    pub(super) async fn embedder(&self, name: &str) -> Result<Arc<Embedder>, Problem> {
        let name = name.to_owned();
        let work = move |view: &View<'_>| {
            let identity = view.info(&name)?.model;
            Ok::<_, Problem>(view.embedder(&identity)?)
        };
        self.run(work).await?
    }
}

/// The work on the collection of that name.
fn in_collection<T>(
    name: String,
    work: impl FnOnce(&View<'_>, &Collection<'_>) -> Result<T, Problem>,
) -> impl FnOnce(&View<'_>) -> Result<T, Problem> {
    move |view| work(view, &view.collection(&name)?)
}
