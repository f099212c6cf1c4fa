#!/usr/bin/env bash
# Unpacks Debian's Rust compiler into DIR, with the standard libraries of this machine and of 64-bit ARM, and prints the
# compiler's path. For machines without access to rustup's server but to Debian's packages. Installs nothing.
#
#     tools/ci/debian_rust.sh DIR
set -euo pipefail
mkdir -p "$1"
folder=$(realpath "$1")
if [[ ! -x $folder/rustc ]]; then
    mkdir -p "$folder"/{lists,cache/archives}/partial "$folder/packages"
    cat > "$folder/apt.conf" <<END
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
Dir::State::Lists "$folder/lists";
Dir::Cache "$folder/cache";
END
    export APT_CONFIG=$folder/apt.conf
    apt-get update >&2
    # The packages' names contain versions.
    dependency() { apt-cache depends "$1:amd64" | grep -Eo "$2[0-9.]+" | head -n 1; }
    library=$(dependency libstd-rust-web-dev libstd-rust-web-)
    llvm=$(dependency "$library" libllvm)
    cd "$folder/packages"
    apt-get download rustc-web:amd64 "$library:amd64" "$llvm:amd64" libstd-rust-web-dev:{amd64,arm64} >&2
    for package in *.deb; do dpkg -x "$package" "$folder"; done
    cat > "$folder/rustc" <<END
#!/bin/sh
LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu exec $folder/usr/bin/rustc "\$@"
END
    chmod +x "$folder/rustc"
    rm -r "$folder"/{lists,cache,packages}
fi
echo "$folder/rustc"
