//! Adding uploaded pictures and pictures at URLs to a collection.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clipseek::PictureInput;
use clipseek::picture::{ContentHash, Format};
use search::{AddEvent, AddOptions, Embedder, NewRecord};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::sync::watch;

use super::extractors::{InPath, RequestBody, Upload};
use super::jobs::{FailedPicture, Job, JobState};
use super::problem::Problem;
use super::query_terms::GivenImage;
use super::state::ApiState;
use crate::view::View;
use crate::workspace::Scope;

/// The maximum number of pictures of a request.
const MOST: usize = 256;

/// `POST …/pictures`; files are parts of the form.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PicturesBody {
    /// The URL of a picture.
    url: Option<String>,
    /// The caption of all pictures.
    caption: Option<String>,
}

/// A picture to add.
enum NewPicture {
    Uploaded(Upload),
    At(String),
}

pub(super) async fn add(
    State(state): State<Arc<ApiState>>,
    scope: Scope,
    InPath(collection): InPath<String>,
    body: RequestBody<PicturesBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let RequestBody { request, pictures } = body;
    let uploads = pictures.into_iter().map(NewPicture::Uploaded);
    let wanted: Vec<NewPicture> = uploads.chain(request.url.map(NewPicture::At)).collect();
    if wanted.is_empty() || wanted.len() > MOST {
        let given = wanted.len();
        return Err(Problem::invalid(format!(
            "{given} pictures, expected 1 to {MOST}: a form with parts `image`, or a `url`"
        )));
    }
    let embedder = scope.embedder(&collection).await?;
    let job = state.jobs.begin(collection.clone(), wanted.len());
    let number = job.borrow().job().to_owned();
    let captions = request.caption.into_iter().collect();
    tokio::spawn(run(scope, collection, embedder, wanted, captions, job));
    Ok((StatusCode::ACCEPTED, Json(json!({"job": number}))))
}

async fn run(
    scope: Scope,
    collection: String,
    embedder: Arc<Embedder>,
    wanted: Vec<NewPicture>,
    captions: Vec<String>,
    job: watch::Sender<Job>,
) {
    // Waiting for other servers must not block changes of the store.
    let kept = scope.run({
        let (job, collection) = (job.clone(), collection.clone());
        move |view| {
            let folder = view.uploads(&collection)?;
            Ok::<_, search::Error>(keep_all(view, &folder, wanted, &captions, &job))
        }
    });
    let records = match kept.await {
        Ok(Ok(records)) => records,
        _ => Vec::new(),
    };
    let progress = job.clone();
    let work = scope.write(move |view| index(view, &collection, &embedder, records, &progress));
    let outcome = work.await;
    job.send_modify(|job| match outcome {
        Ok(Ok(())) => job.state = JobState::Done,
        Ok(Err(error)) => job.fail(error.to_string()),
        Err(panicked) => job.fail(panicked.to_string()),
    });
}

impl Job {
    fn fail(&mut self, why: String) {
        self.state = JobState::Failed;
        self.error = Some(why);
    }

    fn refuse(&mut self, name: String, reason: String) {
        self.done += 1;
        self.failed.push(FailedPicture { name, reason });
    }
}

/// Stores the files in the folder for uploads. Returns the records of those that are pictures.
fn keep_all(
    view: &View<'_>,
    folder: &Path,
    wanted: Vec<NewPicture>,
    captions: &[String],
    job: &watch::Sender<Job>,
) -> Vec<NewRecord> {
    let records = wanted.into_iter().filter_map(|wanted| {
        let name = match &wanted {
            NewPicture::Uploaded(upload) => upload.name.clone(),
            NewPicture::At(url) => url.clone(),
        };
        match keep_one(view, folder, wanted) {
            Ok(record) => Some(NewRecord {
                source: folder.to_str().map(str::to_owned),
                captions: captions.to_vec(),
                ..record
            }),
            Err(reason) => {
                job.send_modify(|job| job.refuse(name, reason));
                None
            }
        }
    });
    records.collect()
}

fn keep_one(view: &View<'_>, folder: &Path, wanted: NewPicture) -> Result<NewRecord, String> {
    let (name, bytes, url) = match wanted {
        NewPicture::Uploaded(upload) => (upload.name, upload.bytes, None),
        NewPicture::At(url) => {
            let image = GivenImage::at(url.clone());
            let picture = image.read(view, &[]);
            let picture = picture.map_err(|problem| problem.detail().to_owned())?;
            let PictureInput::Bytes { name, bytes } = picture else {
                return Err("not an http or https URL".to_owned());
            };
            (name, bytes, Some(url))
        }
    };
    let format = Format::of(&bytes).ok_or("not a picture")?;
    let path = folder.join(file_name(&name, format, &bytes));
    keep(&path, &bytes).map_err(|error| format!("could not store the file: {error}"))?;
    let path = path
        .to_str()
        .ok_or("the store's path is not valid Unicode")?
        .to_owned();
    Ok(match url {
        Some(url) => NewRecord {
            location: url,
            file: Some(path),
            ..NewRecord::default()
        },
        None => NewRecord {
            location: path,
            ..NewRecord::default()
        },
    })
}

/// A file name from the name of the upload in safe characters, and a part of its hash.
fn file_name(name: &str, format: Format, bytes: &[u8]) -> PathBuf {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let letters = stem.chars().map(|letter| match letter {
        letter if letter.is_alphanumeric() || "-_ ".contains(letter) => letter,
        _ => '-',
    });
    let stem: String = letters.take(60).collect();
    let hash = ContentHash::of(bytes).to_string();
    let extension = format.extensions()[0];
    PathBuf::from(format!("{}-{}.{extension}", stem.trim(), &hash[..8]))
}

fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| there.len() == bytes.len() as u64) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn index(
    view: &View<'_>,
    collection: &str,
    embedder: &Embedder,
    records: Vec<NewRecord>,
    job: &watch::Sender<Job>,
) -> Result<(), search::Error> {
    if records.is_empty() {
        return Ok(());
    }
    let refused = job.borrow().done;
    let files: Vec<PathBuf> = records
        .iter()
        .map(NewRecord::path)
        .map(Path::to_owned)
        .collect();
    let (name, collection) = (collection, view.collection(collection)?);
    let records = records.into_iter().map(Ok::<_, search::Error>);
    let options = AddOptions::default();
    let added = collection.add(embedder.model(), records, &options, |event| match event {
        AddEvent::Progress(report) => job.send_modify(|job| {
            job.done = refused + report.done();
            job.added = report.written();
        }),
        AddEvent::Failed(failure) => job.send_modify(|job| {
            let name = Path::new(&failure.location).file_name().unwrap_or_default();
            job.failed.push(FailedPicture {
                name: name.to_string_lossy().into_owned(),
                reason: failure.reason.clone(),
            });
        }),
    })?;
    job.send_modify(|job| {
        job.done = job.total;
        job.added = added.written();
    });
    if added.failed > 0 {
        // What became no picture of the collection is kept for nobody.
        for file in files {
            view.remove_upload(name, &file)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        for (name, start) in [
            ("beach.JPG", "beach-"),
            ("../../etc/passwd", "passwd-"),
            ("C:\\x\\ü b.tar.gz", "ü b-tar-"),
            ("..", "-"),
            ("", "-"),
        ] {
            let named = file_name(name, Format::Png, b"x");
            let named = named.to_str().unwrap();
            assert!(
                named.starts_with(start) && named.ends_with(".png"),
                "{named}"
            );
            assert_eq!(Path::new(named).components().count(), 1);
        }
    }
}
