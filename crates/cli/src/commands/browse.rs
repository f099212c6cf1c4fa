use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use clap::Args;
use clipseek::Clipseek;
use server::{Keys, ServerOptions};

use super::serve;
use crate::collection_argument::CollectionArgument;
use crate::exit::Outcome;
use crate::terminal::message;

/// Open a search page in the browser
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  clipseek browse
  clipseek browse photos
  clipseek browse --no-open --port 8080

Only this machine can reach the page. For other machines use `clipseek serve`.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    collection: CollectionArgument,

    /// Print the address without opening a browser
    #[arg(long)]
    no_open: bool,

    /// Listen on this port [default: any free port]
    #[arg(
        long,
        value_name = "PORT",
        default_value = "0",
        hide_default_value = true
    )]
    port: u16,
}

pub(crate) fn run(arguments: &Arguments, clipseek: Clipseek) -> Result<Outcome> {
    let collection = clipseek.collection(arguments.collection.name())?;
    let name = collection.name().to_owned();
    drop(collection);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let options = ServerOptions {
        only_page: true,
        ..ServerOptions::new(address, Keys::default())
    };
    serve::serve(options, clipseek, |server| {
        let url = format!("{}/?in={name}", server.url());
        message!("serving the page at {url}; press Ctrl-C to stop");
        if !arguments.no_open && open::that_detached(&url).is_err() {
            message!("note: could not open a browser; open the address yourself");
        }
    })
}
