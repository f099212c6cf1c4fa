//! Makes the code of `vector_service.proto`: the server's, and a client's for the tests. `just protocol` runs it.

use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let server = here.join("../../crates/server");
    make(here, &server.join("src/grpc"), true)?;
    make(here, &server.join("tests/grpc"), false)
}

/// Writes the code of the messages, and of a server or a client, as `generated.rs` in `folder`.
fn make(here: &Path, folder: &Path, server: bool) -> Result<()> {
    let messages = protox::compile(["vector_service.proto"], [here])?;
    tonic_prost_build::configure()
        .build_server(server)
        .build_client(!server)
        .build_transport(false)
        .btree_map(".")
        .out_dir(folder)
        .compile_fds(messages)?;
    // Named so for what has no package.
    std::fs::rename(folder.join("_.rs"), folder.join("generated.rs"))?;
    Ok(())
}
