#!/bin/sh
# An index by hand, step by step: made, filled with the vectors of pictures and what is known of them, asked
# with words and with a picture, changed and dropped.
#
#   sh docs/article.sh               on this machine
#   sh docs/article.sh pinecone      at Pinecone: PINECONE_API_KEY is the key, and PINECONE_CONTROLLER_HOST
#                                    another address, such as that of `clipseek serve`
#
# Run it where the demo's pictures are, in `demo`. On standard output it prints the same with either engine.
set -eu
engine=${1:-embedded}
index=clip-image-search
vectors=$(mktemp -d)
trap 'rm -rf "$vectors"' EXIT
on_index() { command=$1; shift; clipseek index "$command" --engine "$engine" "$@"; }

# Embed the pictures of a table: a line of JSON each, with id, values and metadata.
clipseek embed demo/captions.csv --model mini --to "$vectors/pictures.jsonl"

# Make an index of that dimension, which pictures are compared in by cosine.
on_index create "$index" --dimension 256 --metric cosine > "$vectors/made.json"
on_index stats "$index"

# Write the vectors, and see that they are there.
on_index upsert "$index" "$vectors/pictures.jsonl"
on_index stats "$index"

# Find pictures with words,
clipseek embed "a bird on a branch" --model mini |
    on_index query "$index" --vector - --top-k 4 --include-metadata
# with a picture,
clipseek embed --image demo/pictures/astronaut.jpg --model mini |
    on_index query "$index" --vector - --top-k 4 --include-metadata
# and only among some.
clipseek embed "a bird on a branch" --model mini |
    on_index query "$index" --vector - --top-k 4 --filter '{"licence": {"$in": ["CC0-1.0", "public-domain"]}}'

# See what ids there are, what one of them holds, and change it.
on_index ids "$index" --limit 5
id=$(on_index ids "$index" --limit 1 | sed -n 's/.*"id": "\(.*\)".*/\1/p')
on_index update "$index" "$id" --metadata '{"seen": true}'
on_index fetch "$index" --filter '{"seen": true}'

# Take it out again, and then all.
on_index delete "$index" "$id"
on_index stats "$index"
on_index drop "$index"
