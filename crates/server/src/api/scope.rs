use std::sync::Arc;

use search::{Collection, Embedder};

use super::problem::Problem;
use crate::view::View;
use crate::workspace::Scope;

impl Scope {
    /// Runs work that reads a collection, once there is a permit.
    pub(super) async fn read_in<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&View<'_>, &Collection<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.read(in_collection(name.to_owned(), work)).await?
    }

    /// Runs work on a collection immediately, without a permit: for work that is short or waits.
    pub(super) async fn look_in<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&View<'_>, &Collection<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.run(in_collection(name.to_owned(), work)).await?
    }

    /// Loads the model of a collection.
    pub(super) async fn embedder(&self, name: &str) -> Result<Arc<Embedder>, Problem> {
        let name = name.to_owned();
        let work = move |view: &View<'_>| {
            let identity = view.info(&name)?.model;
            Ok::<_, Problem>(view.embedder(&identity)?)
        };
        self.run(work).await?
    }
}

/// Work on the collection `name`.
fn in_collection<T>(
    name: String,
    work: impl FnOnce(&View<'_>, &Collection<'_>) -> Result<T, Problem>,
) -> impl FnOnce(&View<'_>) -> Result<T, Problem> {
    move |view| work(view, &view.collection(&name)?)
}
