//! Serves a folder like the Hub: `cargo run -p hub-double --example serve -- FOLDER [PORT]`.
//!
//! FOLDER/owner/name has the files of the model `owner/name`. Prints the address, then each request. Ends
//! with standard input.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use hub_double::{HubDouble, Repository};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let port = arguments.next().and_then(|port| port.parse().ok());
    let double = HubDouble::start_at(port.unwrap_or(0));
    for owner in folders(Path::new(&folder))? {
        for name in folders(&Path::new(&folder).join(&owner))? {
            let id = format!("{owner}/{name}");
            let model = Repository::model(&id).files_of(&Path::new(&folder).join(&id))?;
            double.add(model);
        }
    }
    println!("{}", double.endpoint());
    io::stdin().read_to_end(&mut Vec::new())?;
    for request in double.requests() {
        let range = request.header("range").unwrap_or_default();
        println!(
            "{:?} {} {} {range}",
            request.server, request.method, request.path
        );
    }
    Ok(())
}

fn folders(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
