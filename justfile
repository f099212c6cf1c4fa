# All recipes of the project. `just ci` must pass before a commit.

set positional-arguments

# List the recipes
default:
    @just --list

# Check format, spelling, dependencies, lints, tests and documentation
ci: fmt spelling dependencies lint test doc

# Check the format
fmt:
    cargo fmt --all --check

# Find misspelt words; needs `pip install typos`
spelling:
    typos

# Check the licences of all dependencies, and that duplicate versions have a documented reason
dependencies:
    python3 tools/ci/dependencies.py

# Lint; warnings are errors
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Run the tests; needs only the toolchain
test:
    cargo test

# Build the programs for checks with the same features as the tests
[private]
programs:
    cargo test --workspace --no-run --quiet

# Build the documentation; warnings are errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Type-check the feature `cuda`, without CUDA by a stand-in for its compiler
check-cuda:
    NVCC="$(command -v nvcc || echo "$PWD/tools/ci/nvcc")" CUDA_COMPUTE_CAP=80 CUDARC_CUDA_VERSION=13000 \
        cargo check -p clip --features cuda

# Type-check the feature `metal` on any machine, without C code
check-metal:
    CC_aarch64_apple_darwin=true CXX_aarch64_apple_darwin=true AR_aarch64_apple_darwin=true \
        cargo check -p clip --features metal --target aarch64-apple-darwin

# Run the tests of `nn` under emulation: AVX2 without AVX-512, portable code, NEON; needs Debian's qemu-user and gcc-aarch64-linux-gnu
check-neon:
    #!/usr/bin/env bash
    set -euo pipefail
    # qemu's `max` has AVX2 but not AVX-512.
    for processor in max Nehalem; do
        echo "emulated: $processor"
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="qemu-x86_64 -cpu $processor" cargo test -p nn --lib
    done
    echo "emulated: 64-bit ARM"
    # The standard library comes from rustup or, without rustup or a network, from Debian.
    target="${CARGO_TARGET_DIR:-target}"
    if ! rustup target add aarch64-unknown-linux-gnu; then
        RUSTC=$(tools/ci/debian_rust.sh "$target/debian-rust")
        export RUSTC CARGO_TARGET_DIR="$target/neon"
    fi
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        cargo test -p nn --lib --target aarch64-unknown-linux-gnu

# Run the demo: index the bundled pictures, search twice, write a page
demo:
    cargo run --release -- demo

# Measure recall: `just eval SOURCE --model mini`
eval *ARGS:
    cargo run --release --quiet -- eval "$@"

# Measure speed: index (with faiss-cpu and numpy), ingest FOLDER [COUNT], picture [FILE…], clip MODEL_DIR, encoder (with ONNX Runtime and OpenVINO), pipeline [FOLDER] (with Pillow and ONNX Runtime), cold [MODEL…], download (with img2dataset), serve [--beyond], page STORE (with Chromium)
bench WHAT *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    shift
    case {{ quote(WHAT) }} in
        index)   cargo build --release --quiet && cargo build --release --quiet -p index --example measure
                 programs="${CARGO_TARGET_DIR:-target}/release"
                 python3 tools/bench_index.py "$programs/examples/measure" "$programs/clipseek" "$@" ;;
        ingest)  cargo run --release --quiet -p search --example ingest_rate -- "$@" ;;
        picture) cargo run --release --quiet -p picture --example speed -- "$@" ;;
        clip)    cargo run --release --quiet -p clip --example throughput -- "$@" ;;
        encoder) cargo build --release --quiet -p clip --example throughput
                 peers=$(mktemp -d) && trap 'rm -rf "$peers"' EXIT
                 python3 -m venv "$peers" && "$peers/bin/pip" install --quiet -r tools/fixtures/clip/encoder.txt
                 "$peers/bin/python" tools/bench_encoder.py "${CARGO_TARGET_DIR:-target}/release/examples/throughput" "$@" ;;
        pipeline) cargo build --release --quiet
                 peers=$(mktemp -d) && trap 'rm -rf "$peers"' EXIT
                 python3 -m venv "$peers" && "$peers/bin/pip" install --quiet -r tools/fixtures/clip/pipeline.txt
                 "$peers/bin/python" tools/bench_pipeline.py "${CARGO_TARGET_DIR:-target}/release/clipseek" "$@" ;;
        cold)    cargo build --release --quiet
                 if [[ $# -eq 0 ]]; then
                     models=$(mktemp -d) && trap 'rm -rf "$models"' EXIT
                     python3 -m venv "$models/python" && "$models/python/bin/pip" install --quiet numpy==2.4.6
                     "$models/python/bin/pip" download --quiet --no-deps --dest "$models" open_clip_torch==3.3.0
                     "$models/python/bin/python" tools/random_clip.py "$models/ViT-B-32" "$models"/*.whl
                     set -- mini "$models/ViT-B-32"
                 fi
                 python3 tools/cold_start.py "${CARGO_TARGET_DIR:-target}/release/clipseek" "$@" ;;
        download) cargo build --release --quiet && python3 tools/bench_download.py "${CARGO_TARGET_DIR:-target}/release/clipseek" "$@" ;;
        serve)   cargo build --release --quiet --workspace --bin clipseek --example load
                 programs="${CARGO_TARGET_DIR:-target}/release"
                 [[ " $* " == *" --beyond "* ]] || "$programs/examples/load" words "$programs/clipseek" "$@"
                 "$programs/examples/load" vectors "$programs/clipseek" "$@" ;;
        page)    cargo build --release --quiet
                 store=$1
                 folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
                 cp tools/page/package.json tools/page/bench.mjs "$folder"
                 npm install --silent --no-audit --no-fund --prefix "$folder"
                 python3 tools/fixtures/server/serving.py "${CARGO_TARGET_DIR:-target}/release/clipseek" --store "$store" \
                     node "$folder/bench.mjs" ;;
        duplicates) cargo build --release --quiet && python3 tools/bench_duplicates.py "${CARGO_TARGET_DIR:-target}/release/clipseek" "$@" ;;
        *)       echo "expected index, ingest, picture, clip, encoder, pipeline, cold, download, serve, page, duplicates" >&2; exit 2 ;;
    esac

# Check the README's `cargo run`
check-run: programs
    cargo run --quiet -- --version

# Check that pandas, pyarrow and NumPy read exported embeddings (tools/fixtures/dataset/requirements.txt)
check-export: programs
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    clipseek() { "${CARGO_TARGET_DIR:-target}/debug/clipseek" --store "$folder/store" "$@"; }
    printf 'image,caption\n%s,a fish\n%s,two fish\n%s,\n' \
        "$PWD"/demo/pictures/{two-perch,two-perch,orange-hammer}.jpg > "$folder/table.csv"
    clipseek embed "$folder/table.csv" --model mini --to "$folder/embedded.parquet"
    clipseek embed "$folder/table.csv" --model mini --to "$folder/embedded.npy"
    clipseek add "$folder/table.csv" --model mini
    clipseek collection export --to "$folder/exported.parquet"
    clipseek collection export --to "$folder/exported.npy"
    check() { python3 tools/fixtures/dataset/check_export.py --dimension 256 --rows "$@"; }
    check 3 "$folder/embedded.parquet"
    check 3 "$folder/exported.parquet"
    check 2 "$folder/embedded.npy"
    check 2 "$folder/exported.npy"

# Check the library's examples: index the bundled pictures, search them, classify one
check-examples: programs
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    examples="${CARGO_TARGET_DIR:-target}/debug/examples"
    "$examples/ingest" "$folder" demo/captions.csv | sed -n '$p' | grep '^added 82 '
    "$examples/search" "$folder" "a bird on a branch" | sed -n 1p | grep shrike-on-a-twig
    "$examples/classify" demo/pictures/two-perch.jpg fish car | sed -n 1p | grep fish

# Check sharing a cache with Python's huggingface_hub, in both directions (tools/fixtures/hub/requirements.txt)
check-hub: programs
    #!/usr/bin/env bash
    set -euo pipefail
    programs="${CARGO_TARGET_DIR:-target}/debug"
    python3 tools/fixtures/hub/check_cache.py "$programs/examples/serve" "$programs/examples/pull"

# Check Pinecone's clients with `clipseek serve`: three releases of Python's with Haystack, LlamaIndex and LangChain (tools/fixtures/server/requirements*.txt), two of JavaScript's (Node.js 20)
check-sdk: programs
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    fixtures=tools/fixtures/server
    with_server() { python3 "$fixtures/serving.py" "${CARGO_TARGET_DIR:-target}/debug/clipseek" "$@"; }
    # Install older clients while the newest is checked.
    installing=()
    for release in 7 9; do
        python3 -m venv "$folder/$release"
        "$folder/$release/bin/pip" install --quiet -r "$fixtures/requirements-$release.txt" &
        installing+=($!)
    done
    cp "$fixtures"/{package.json,check_sdk.mjs,check_sdk_5.mjs} "$folder"
    npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder" &
    installing+=($!)
    with_server python3 "$fixtures/check_sdk.py"
    with_server python3 "$fixtures/check_sdk.py" --grpc
    with_server python3 "$fixtures/check_stores.py" haystack
    with_server --add demo/captions.csv python3 "$fixtures/check_records.py"
    for one in "${installing[@]}"; do wait "$one"; done
    with_server "$folder/9/bin/python" "$fixtures/check_sdk.py"
    with_server "$folder/9/bin/python" "$fixtures/check_stores.py" llama_index
    with_server "$folder/7/bin/python" "$fixtures/check_sdk.py"
    with_server "$folder/7/bin/python" "$fixtures/check_stores.py" langchain
    with_server node "$folder/check_sdk.mjs"
    with_server node "$folder/check_sdk_5.mjs"

# Test the web page in Debian's chromium with the bundled pictures; FOLDER keeps Node's packages
check-page FOLDER="": programs
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$1
    if [[ -z $folder ]]; then
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
    fi
    cp tools/page/package.json tools/page/page.test.mjs "$folder"
    (cd "$folder" && npm install --silent --no-audit --no-fund)
    drive() { CLIPSEEK_COLLECTION=default CLIPSEEK_WORD=bird CLIPSEEK_URL=$1 node --test "$folder/page.test.mjs"; }
    export -f drive
    folder="$folder" python3 tools/fixtures/server/serving.py "${CARGO_TARGET_DIR:-target}/debug/clipseek" \
        --add demo/captions.csv bash -c 'drive "$1"' drive

# Check that transformers loads the output of `clipseek train` (tools/fixtures/clip/requirements.txt)
check-train: programs
    python3 tools/fixtures/train/check.py "${CARGO_TARGET_DIR:-target}/debug/clipseek"

# Take the README's screenshots of the web page and the terminal (Debian's chromium, xterm, xvfb, imagemagick, fonts-dejavu-core)
screenshot: programs
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    cp tools/page/package.json tools/page/screenshot.mjs "$folder"
    npm install --silent --no-audit --no-fund --prefix "$folder"
    python3 tools/fixtures/server/serving.py "${CARGO_TARGET_DIR:-target}/debug/clipseek" --add demo/captions.csv \
        node "$folder/screenshot.mjs" docs/page.jpg
    tools/terminal/screenshot.sh "${CARGO_TARGET_DIR:-target}/debug/clipseek" docs/terminal.jpg

# Send valid and invalid requests by docs/openapi.yaml and /api/v1/openapi.json to `clipseek serve`, and embed with OpenAI's client (tools/fixtures/server/requirements-api.txt)
check-api: programs
    #!/usr/bin/env bash
    set -euo pipefail
    fixtures=tools/fixtures/server
    with_server() { python3 "$fixtures/serving.py" "${CARGO_TARGET_DIR:-target}/debug/clipseek" "$@"; }
    with_server python3 "$fixtures/check_api.py"
    with_server --add demo/captions.csv --as demo python3 "$fixtures/check_json_api.py"
    with_server python3 "$fixtures/check_openai.py"

# Regenerate the gRPC code from tools/protocol/vector_service.proto
protocol:
    cd tools/protocol && cargo run --quiet

# Check that the gRPC code matches tools/protocol/vector_service.proto
check-protocol:
    cd tools/protocol && cargo run --quiet -- --check

# Check that groff reports no warnings about the man pages
check-man: programs
    #!/usr/bin/env bash
    set -euo pipefail
    pages=$(mktemp -d)
    trap 'rm -r "$pages"' EXIT
    "${CARGO_TARGET_DIR:-target}/debug/clipseek" man --to "$pages"
    for page in "$pages"/*.1; do
        warnings=$(groff -man -ww -Tutf8 -z "$page" 2>&1)
        [ -z "$warnings" ] || { echo "$warnings"; exit 1; }
    done

# Allocated but untouched memory costs nothing, so a single allocation may exceed the limit on all memory.
# RUSTC_BOOTSTRAP=1 replaces nightly Rust.
# Fuzz all parsers of untrusted bytes, each target for SECONDS; needs nightly Rust and `cargo install cargo-fuzz`
fuzz SECONDS="600":
    #!/usr/bin/env bash
    set -euo pipefail
    if [[ -z ${RUSTC_BOOTSTRAP:-} ]]; then
        rustc +nightly --version >/dev/null || {
            echo "nightly Rust is missing: rustup toolchain install nightly, or set RUSTC_BOOTSTRAP=1" >&2
            exit 2
        }
        export RUSTUP_TOOLCHAIN=nightly
    fi
    cargo fuzz --version >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 2; }
    failed=()
    for target in filter tokenizer table weights picture metadata; do
        fuzz/seeds.sh "$target" "fuzz/corpus/$target"
        cargo fuzz run --target-dir "${CARGO_TARGET_DIR:-fuzz/target}" "$target" "fuzz/corpus/$target" -- \
            -max_total_time="$1" -rss_limit_mb=1024 -malloc_limit_mb=4096 -timeout=10 -print_final_stats=1 \
            || failed+=("$target")
    done
    [[ ${#failed[@]} -eq 0 ]] || { echo "failed targets: ${failed[*]}; see fuzz/artifacts" >&2; exit 1; }

# Generate hostile pictures and tables of every format in DIR, read them, and check the outcomes
corpus DIR="":
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$1
    if [[ -z $folder ]]; then
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
    fi
    python3 tools/corpus/make.py "$folder/pictures"
    python3 tools/corpus/tables.py "$folder/tables"
    cargo run --release --quiet -p picture --example corpus -- "$folder/pictures"
    cargo run --release --quiet -p dataset --example tables -- "$folder/tables"

# `just parity WHEEL [FAMILY…]`; families are b32, l14, rn50, siglip, siglip2.
# Compare full-size models with Python's; needs tools/fixtures/clip/requirements.txt and open_clip_torch's wheel
parity WHEEL *FAMILY:
    #!/usr/bin/env bash
    set -euo pipefail
    wheel=$1
    shift
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    [[ $# -gt 0 ]] || set -- b32 l14 rn50 siglip siglip2
    for family in "$@"; do
        case $family in
            b32)     recipe=(make.py --full) ;;
            l14)     recipe=(make.py --size L14 --full) ;;
            rn50)    recipe=(open_clip_form.py --full) ;;
            siglip)  recipe=(siglip.py --full) ;;
            siglip2) recipe=(siglip.py --full2) ;;
            *)       echo "expected b32, l14, rn50, siglip, siglip2" >&2; exit 2 ;;
        esac
        python3 "tools/fixtures/clip/${recipe[0]}" "${recipe[@]:1}" "$folder/$family" "$wheel"
    done
    cargo run --release --quiet -p clip --example parity -- "$folder"/*

# `just verify-real [SOURCE]`; with `--model DIR`, measures only the precisions of another model, without a network.
# Compare openai/clip-vit-base-patch32 with published figures, and each precision with f32; needs a network
verify-real *SOURCE:
    cargo build --release
    python3 tools/verify_real.py "${CARGO_TARGET_DIR:-target}/release/clipseek" "$@"

# Search objects by name with the bundled model; DATA is a folder with Flickr8k's dev.tsv
objects DATA:
    cargo build --release
    python3 tools/mini/name_objects.py "$1"

# Train and export the bundled model; DATA is a folder with Flickr8k's train.tsv and dev.tsv
mini DATA:
    tools/mini/make.sh "$1"
