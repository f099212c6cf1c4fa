//! Downloads all files of a model: `pull OWNER/NAME [REVISION]`. Uses the environment variables of
//! `huggingface_hub`; offline, it only reads the cache. Prints the snapshot's folder, then the downloaded
//! size.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use hub::{Hub, Progress, Repository, Revision, Settings, Waiting};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let id = arguments.next().ok_or("pull OWNER/NAME [REVISION]")?;
    let repository = Repository::model(&id)?;
    let revision = arguments
        .next()
        .map_or(Ok(Revision::main()), |name| name.parse())?;
    let hub = Hub::new(Settings::from_variables(|name| std::env::var_os(name))?)?;
    let received = AtomicU64::new(0);
    let snapshot = if hub.settings().offline.is_some() {
        hub.cached(&repository, &revision)?
            .ok_or("it is not in the cache")?
    } else {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let progress = |progress: Progress<'_>| tell(progress, &received);
        runtime.block_on(async {
            let listing = hub.listing(&repository, &revision, &progress).await?;
            let names: Vec<&str> = listing.names().collect();
            hub.pull(&listing, &names, &progress).await
        })?
    };
    println!("{}", snapshot.directory.display());
    println!("{}", received.into_inner());
    Ok(())
}

fn tell(progress: Progress<'_>, received: &AtomicU64) {
    match progress {
        Progress::Received { bytes, .. } => {
            received.fetch_add(bytes, Ordering::Relaxed);
        }
        Progress::Waiting {
            for_what: Waiting::OtherProcess,
            ..
        } => eprintln!("waiting for another process"),
        _ => {}
    }
}
