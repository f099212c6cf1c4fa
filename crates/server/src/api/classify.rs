use axum::Json;

use clipseek::{Classifier, Label, PictureInput, Template, check_labels};
use serde::{Deserialize, Serialize};

use super::extractors::RequestBody;
use super::problem::Problem;
use super::query_terms::GivenImage;
use crate::view::View;
use crate::workspace::Scope;

/// The default template, as in the CLIP paper.
const TEMPLATE: &str = "a photo of a {label}";

/// The maximum number of labels.
const MOST: usize = 1000;

/// `POST /classify`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassifyBody {
    /// The collection whose model classifies.
    collection: String,
    labels: Vec<String>,
    template: Option<String>,
    image: Option<GivenImage>,
    /// The id of a picture of the collection.
    like: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Classified {
    labels: Vec<Label>,
}

pub(super) async fn classify(
    scope: Scope,
    body: RequestBody<ClassifyBody>,
) -> Result<Json<Classified>, Problem> {
    let RequestBody { request, pictures } = body;
    let labels = check_labels(&request.labels)?;
    if labels.is_empty() || labels.len() > MOST {
        let given = labels.len();
        return Err(Problem::invalid(format!(
            "`labels` has {given} entries, expected 1 to {MOST}"
        )));
    }
    let template = request.template.as_deref().unwrap_or(TEMPLATE);
    let template = Template::new(template).map_err(clipseek::Error::from)?;
    let embedder = scope.embedder(&request.collection).await?;
    let (image, like) = (request.image, request.like);
    let picture = scope.look_in(&request.collection, move |view, collection| {
        match (image, like, pictures.into_iter().next()) {
            (Some(image), None, None) => image.read(view, &[]),
            (None, Some(id), None) => Ok(PictureInput::File(
                collection.record(&id)?.path().to_owned(),
            )),
            (None, None, Some(upload)) => Ok(upload.into()),
            _ => Err(Problem::invalid(
                "expected exactly one picture: `image`, `like` or a form part",
            )),
        }
    });
    let picture = picture.await?;
    let classified = scope.embed(move |_: &View<'_>| {
        let classifier = Classifier::new(embedder.model(), &labels, &[template])?;
        Ok::<_, clipseek::Error>(classifier.picture(&picture)?.labels)
    });
    let labels = classified.await??;
    Ok(Json(Classified { labels }))
}
