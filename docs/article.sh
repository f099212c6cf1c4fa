#!/bin/sh
# Creates an index step by step, fills it with the vectors and metadata of pictures, queries it with words and
# with a picture, updates it and drops it.
#
#   sh docs/article.sh               on this machine
#   sh docs/article.sh pinecone      at Pinecone; needs PINECONE_API_KEY. PINECONE_CONTROLLER_HOST sets another
#                                    address, such as that of `clipseek serve`
#
# Run it in the root of this repository, which has the folder `demo`. Standard output is the same with both engines.
set -eu
engine=${1:-embedded}
index=clip-image-search
vectors=$(mktemp -d)
trap 'rm -rf "$vectors"' EXIT
on_index() { command=$1; shift; clipseek index "$command" --engine "$engine" "$@"; }

# Embed the pictures of a table: one line of JSON for each, with id, values and metadata.
clipseek embed demo/captions.csv --model mini --to "$vectors/pictures.jsonl"

# Create an index of that dimension with cosine similarity.
on_index create "$index" --dimension 256 --metric cosine > "$vectors/made.json"
on_index stats "$index"

# Write the vectors, and check that they are there.
on_index upsert "$index" "$vectors/pictures.jsonl"
on_index stats "$index"

# Search with words,
clipseek embed "a bird on a branch" --model mini |
    on_index query "$index" --vector - --top-k 4 --include-metadata
# with a picture,
clipseek embed --image demo/pictures/astronaut.jpg --model mini |
    on_index query "$index" --vector - --top-k 4 --include-metadata
# and with a filter.
clipseek embed "a bird on a branch" --model mini |
    on_index query "$index" --vector - --top-k 4 --filter '{"licence": {"$in": ["CC0-1.0", "public-domain"]}}'

# List ids, change the metadata of one, and find it by them.
on_index ids "$index" --limit 5
id=$(on_index ids "$index" --limit 1 | sed -n 's/.*"id": "\(.*\)".*/\1/p')
on_index update "$index" "$id" --metadata '{"seen": true}'
on_index fetch "$index" --filter '{"seen": true}'

# Delete that vector, then the whole index.
on_index delete "$index" "$id"
on_index stats "$index"
on_index drop "$index"
