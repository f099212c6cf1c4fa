# Every recipe of the project. `just ci` is what continuous integration runs.

set positional-arguments

# List the recipes
default:
    @just --list

# Format, lint, test and document: what has to pass before a commit
ci: fmt lint test doc

# Check the format
fmt:
    cargo fmt --all --check

# Lint, warnings denied
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Test; needs nothing but the toolchain
test:
    cargo test --workspace

# Build the documentation, warnings denied
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Index the bundled pictures, search twice, write a page
demo:
    cargo run --release -- demo

# Read our Parquet and .npy files with pandas, pyarrow and numpy
check-export *ARGS:
    tools/fixtures/dataset/check.sh "$@"
