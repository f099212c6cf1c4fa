//! Generates the code of `vector_service.proto`: the server's, and a client's for the tests. `just protocol` runs it. With
//! `--check`, as in `just check-protocol`, it only checks that the existing code is up to date.

use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let server = here.join("../../crates/server");
    let is_check = std::env::args().any(|argument| argument == "--check");
    let made = tempfile::tempdir()?;
    for (folder, is_server) in [("src/pinecone/data_plane/grpc", true), ("tests/server/grpc", false)] {
        make(here, made.path(), is_server)?;
        // The output's name for a file without a package.
        let code = std::fs::read(made.path().join("_.rs"))?;
        let kept = server.join(folder).join("generated.rs");
        if !is_check {
            std::fs::write(&kept, code)?;
        } else if std::fs::read(&kept)? != code {
            let kept = kept.display();
            return Err(format!(
                "{kept} is out of date: run `just protocol`"
            )
            .into());
        }
    }
    Ok(())
}

/// Generates the code of the messages, and of a server or a client, in `folder`.
fn make(here: &Path, folder: &Path, server: bool) -> Result<()> {
    let messages = protox::compile(["vector_service.proto"], [here])?;
    tonic_prost_build::configure()
        .build_server(server)
        .build_client(!server)
        .build_transport(false)
        .btree_map(".")
        .out_dir(folder)
        .compile_fds(messages)?;
    Ok(())
}
