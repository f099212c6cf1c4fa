use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use clipseek::{
    AddRequest, Answer, Clipseek, GivenPicture, MINI, ModelChoice, NamedModel, SearchRequest, demo,
};

use super::add::summarise;
use crate::add_display::AddDisplay;
use crate::exit::Outcome;
use crate::interrupt;
use crate::output;
use crate::render;
use crate::sources::{SourceArguments, size};
use crate::terminal::{STRONG, message};

/// The collection that the demo makes.
const COLLECTION: &str = "demo";

/// The words that the demo searches for.
const WORDS: &str = "a bird on a branch";

/// The number of results that it shows.
const TOP_K: usize = 6;

/// Try clipseek offline with a bundled model and bundled pictures
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Write the result page to this file
    #[arg(long, value_name = "FILE", default_value = "clipseek-demo.html")]
    to: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let directory = clipseek.store()?.directory().join("demo");
    let mut adding = clipseek.adding(AddRequest {
        sources: vec![demo::unpack(&directory)?],
        collection: Some(COLLECTION.to_owned()),
        model: ModelChoice::named(MINI),
        ..AddRequest::default()
    })?;
    let (pictures, captions) = adding.size();
    message!(
        "adding {} that ship with clipseek",
        size(pictures, captions)
    );
    let display = AddDisplay::new(SourceArguments::default().skipped(), None)?;
    let report = adding.run(interrupt::flag()?, &|progress| display.show(&progress));
    let report = display.finish(report)?.report;
    summarise(&report.counts, report.skipped, report.took);
    if report.counts.stopped {
        return Ok(Outcome::Interrupted);
    }

    let picture = GivenPicture::At(directory.join(demo::PICTURE));
    let mut answers = Vec::new();
    for request in [SearchRequest::words(WORDS), SearchRequest::picture(picture)] {
        answers.push(ask(clipseek, adding.model(), request)?);
    }
    output::write(Some(&arguments.to), |out| {
        Ok(out.write_all(render::page(&answers).as_bytes())?)
    })?;
    print_next_steps(&arguments.to);
    Ok(Outcome::Done)
}

/// Searches, and prints the results.
fn ask(clipseek: &Clipseek, model: &NamedModel, request: SearchRequest) -> Result<Answer> {
    let start = Instant::now();
    let request = SearchRequest {
        collection: Some(COLLECTION.to_owned()),
        top_k: TOP_K,
        ..request
    };
    let answer = clipseek.search_with(model, &request)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    message!(
        "\n{STRONG}{}{STRONG:#}  ({milliseconds:.0} ms)",
        answer.query.title()
    );
    output::write_styled(None, |out| render::table(&answer, out))?;
    Ok(answer)
}

fn print_next_steps(page: &Path) {
    let url = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    message!(
        "
The pictures are in {page}; open {url} in a browser.

Try next:
  clipseek browse {COLLECTION}
  clipseek search \"flowers\" --collection {COLLECTION}
  clipseek search \"mountains\" --collection {COLLECTION} --to found.html
  clipseek add ~/Pictures --model mini
  clipseek search \"a dog on the beach\"

The bundled model `mini` is small and meant for trying clipseek out. To see the CLIP models you can use:
  clipseek model list",
        page = page.display(),
        url = url.display(),
    );
}
