"""Searches objects by name with the bundled model, and checks the captions of the results.

    cargo build --release
    python3 tools/mini/name_objects.py DATA

Indexes DATA/dev.tsv (Flickr8k's dev split) in a temporary store and searches "a NAME" for each name below. Counts how
often the first photograph, and how many of the first five, have a caption with one of the name's words.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CLIPSEEK = Path(__file__).resolve().parents[2] / "target/release/clipseek"

# A name, and the words in a caption that confirm it.
NAMES = {
    "dog": "dog puppy dogs",
    "bicycle": "bicycle bike bikes bicyclist cyclist biker",
    "car": "car cars vehicle",
    "sports car": "car cars",
    "horse": "horse horses",
    "soccer ball": "soccer",
    "guitar": "guitar guitars",
    "motorcycle": "motorcycle dirtbike motorbike motorcycles motocross bike",
    "boat": "boat canoe kayak boats ship",
    "snowboard": "snowboard snowboarder snowboarding snowboards",
    "skateboard": "skateboard skateboarder skateboarding skateboards",
    "tent": "tent tents",
    "umbrella": "umbrella umbrellas",
    "bus": "bus",
    "train": "train",
    "bench": "bench",
    "swing": "swing swinging swings",
    "kayak": "kayak kayaker canoe kayaking raft kayaks",
    "surfboard": "surfboard surfer surfing surf surfs",
    "mountain": "mountain mountains mountainside",
    "tennis racket": "tennis racket",
    "football helmet": "football",
    "swimming pool": "pool swimming",
    "basketball": "basketball",
    "bird": "bird birds geese seagulls ducks duck",
    "beach": "beach sand ocean",
    "cat": "cat cats",
    "microphone": "microphone singing sings singer",
    "sunglasses": "sunglasses glasses shades",
    "fountain": "fountain water",
    "rock climbing": "climbing climber climbs rock",
    "sled": "sled sledding sleds",
    "baseball": "baseball bat",
    "bathtub": "bath tub bathtub",
    "truck": "truck",
    "ice hockey": "hockey",
    "race car": "race car racing",
    "stone wall": "wall",
}


def search(store: str, name: str) -> list[set[str]]:
    """The words in the captions of the five best photographs."""
    query = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    command = [CLIPSEEK, "--store", store, "search", query, "--top-k", "5", "--format", "json"]
    hits = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["hits"]
    return [set(re.findall("[a-z]+", " ".join(hit["captions"]).lower())) for hit in hits]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as store:
        table = Path(sys.argv[1]) / "dev.tsv"
        subprocess.run([CLIPSEEK, "--store", store, "add", table, "--model", "mini"], check=True)
        first = in_five = 0
        for name, words in NAMES.items():
            right = [bool(found & set(words.split())) for found in search(store, name)]
            first += right[0]
            in_five += sum(right)
            print(f"{name:16} {' '.join('x' if it else '-' for it in right)}")
    print(f"first right: {first} of {len(NAMES)}; of the first five: {100 * in_five / 5 / len(NAMES):.0f} %")


if __name__ == "__main__":
    main()
