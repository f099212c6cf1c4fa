"""Time `clipseek search` from a cold start, for each model directory given.

    python3 tools/cold_start.py CLIPSEEK MODEL_DIR…

indexes the demo's pictures with each model and asks them in words: with the model's files in the system's cache, and after
they were put out of it. Prints medians of 7 runs, and how much of the weights one query has read.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

DEMO = pathlib.Path(__file__).resolve().parents[1] / "demo/pictures"
WEIGHTS = (".safetensors", ".bin")


def evict(directory):
    for file in pathlib.Path(directory).iterdir():
        if file.is_file():
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def search(clipseek, store, model):
    start = time.perf_counter()
    subprocess.run([clipseek, "--store", store, "search", "a dog in snow", "-k", "1", "--model", model], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def resident(directory):
    """Megabytes of the weights in the system's cache, and of the weights."""
    pages, size = 0, 0
    for file in pathlib.Path(directory).iterdir():
        if file.suffix in WEIGHTS:
            output = subprocess.run(["fincore", "--bytes", "--noheadings", "--output", "RES", file], check=True, stdout=subprocess.PIPE).stdout
            pages += int(output)
            size += file.stat().st_size
    return pages / 1e6, size / 1e6


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    clipseek, *models = sys.argv[1:]
    for model in models:
        with tempfile.TemporaryDirectory() as store:
            subprocess.run([clipseek, "--store", store, "add", DEMO, "--model", model], check=True, stderr=subprocess.DEVNULL)
            warm = [search(clipseek, store, model) for _ in range(7)]
            cold = []
            for _ in range(7):
                evict(model)
                cold.append(search(clipseek, store, model))
            read, size = resident(model)
        print(f"{model}: {statistics.median(warm):.2f} s, {statistics.median(cold):.2f} s from disk, {read:.0f} of {size:.0f} MB of weights read")


if __name__ == "__main__":
    main()
