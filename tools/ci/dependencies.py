"""Checks the dependencies: their licences must allow shipping a binary, and duplicate versions of a crate need a reason.

Reads `cargo metadata` and builds nothing.
"""

import json
import re
import subprocess
import sys

# Licences that require no more than NOTICE.
LICENCES = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "IJG",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}

# Crates with several versions, and the dependents of all but the newest.
SEVERAL = {
    "base64": "spm_precompiled (0.13), tonic (0.22)",
    "bit-set": "fancy-regex",
    "bit-vec": "fancy-regex, proptest",
    "getrandom": "ring (0.2), ahash and tokenizers (0.3)",
    "hashbrown": "safetensors",
    "miniz_oxide": "png",
    "num-bigint": "parquet",
    "pastey": "htmlize",
    "rand": "candle-core, tokenizers",
    "rand_core": "candle-core, tokenizers",
    "syn": "the macros of darling, derive_builder and maud",
    "synstructure": "the macros of yoke and zerofrom",
    "zerocopy": "re_rav1d",
    "zerocopy-derive": "re_rav1d",
}


def is_allowed(expression):
    """Whether an SPDX expression allows shipping: one of its licences, or all of those joined by AND."""
    tokens = re.findall(r"\(|\)|AND|OR|[^\s()/]+(?: WITH [^\s()]+)?", expression.replace("/", " OR "))
    words = [
        {"AND": "and", "OR": "or"}.get(token, token if token in "()" else str(token in LICENCES))
        for token in tokens
    ]
    return bool(words) and eval(" ".join(words), {"__builtins__": {}})  # noqa: S307: True, False, and, or, ()


def host():
    """The target platform."""
    said = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.search("^host: (.*)$", said, re.MULTILINE).group(1)


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host()]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages = [package for package in metadata["packages"] if package["id"] in used]
    faults = []
    versions = {}
    for package in packages:
        name, version, licence = package["name"], package["version"], package["license"]
        if not licence or not is_allowed(licence):
            faults.append(f"{name} {version}: the licence `{licence}` is none of those allowed")
        versions.setdefault(name, []).append(version)
    several = {name: sorted(found) for name, found in versions.items() if len(found) > 1}
    for name, found in sorted(several.items()):
        if name not in SEVERAL:
            faults.append(f"{name} is there in several versions: {', '.join(found)}")
    for name in sorted(set(SEVERAL) - set(several)):
        faults.append(f"{name} is no longer there in several versions: strike it from SEVERAL")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(packages)} packages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
