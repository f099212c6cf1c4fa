#!/usr/bin/env bash
# Puts what a target begins with into DIR: `fuzz/seeds.sh TARGET DIR`.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=$1 seeds=$2
mkdir -p "$seeds"

# A file with a byte before it, which says of which kind it is.
with_kind() {
    local kind=$1 file=$2
    { printf "\\x$kind"; cat "$file"; } > "$seeds/$(basename "$(dirname "$file")")-$(basename "$file")"
}

case $target in
    picture)
        fixtures=$root/crates/picture/tests/fixtures
        find "$fixtures/formats" "$fixtures/cases" -type f ! -name '*.ppm' -exec cp {} "$seeds" \;
        ;;
    metadata)
        fixtures=$root/crates/picture/tests/fixtures
        find "$fixtures/metadata" "$fixtures/exif" -type f -exec cp {} "$seeds" \;
        ;;
    table)
        tables=$root/crates/dataset/tests/data
        for file in "$tables"/*.csv; do with_kind 00 "$file"; done
        for file in "$tables"/*.tsv; do with_kind 01 "$file"; done
        for file in "$tables"/*.jsonl; do with_kind 02 "$file"; done
        for file in "$tables"/*.parquet; do with_kind 03 "$file"; done
        printf '\1image\tcaption\na.png\t"two\nlines, ""a\tb"""\na.png\t" raw\n' > "$seeds/quoted.tsv"
        printf '\5%s' '[{"image": "a.png", "caption": ["x"]}, "a.png"]' > "$seeds/array.json"
        printf '\5%s' '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "caption": "x"}]}' \
            > "$seeds/coco.json"
        ;;
    filter)
        number=0
        while IFS=$'\t' read -r filter metadata; do
            number=$((number + 1))
            printf '%s\0%s' "$filter" "$metadata" > "$seeds/$number"
        done <<'SEEDS'
{"year": 2020}	{"year": 2020}
{"$and": [{"a": {"$gt": 1}}, {"$or": [{"b": {"$in": ["x", "y"]}}, {"c": {"$exists": true}}]}]}	{"a": 2, "b": ["x"], "c": null}
{"a": {"$ne": "x", "$nin": [1, 2.5, true], "$lte": 1e308}}	{"a": [1, "x"]}
SEEDS
        ;;
    tokenizer)
        printf 'A photo of a dog, 3 dogs; it'"'"'s naïve 🐕 犬\t\n<|endoftext|> don'"'"'t' > "$seeds/text"
        ;;
    weights)
        for file in "$root"/crates/clip/tests/fixtures/forms/*/*.bin; do with_kind 00 "$file"; done
        with_kind 01 "$root/crates/clip/tests/fixtures/quick-gelu/model.safetensors"
        ;;
    *)
        echo "there are: picture, metadata, table, filter, tokenizer, weights" >&2
        exit 2
        ;;
esac
