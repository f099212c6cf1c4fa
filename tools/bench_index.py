#!/usr/bin/env python3
"""Compares the embedded engine with faiss on the same vectors, one after the other, on one core.

    just bench index [--base VECTORS.npy] [--count 1000000] [--hnsw 1000000] [--folder FOLDER]

There are two sets of 512-d unit vectors:

- `photographs`: random rows of VECTORS.npy (by default the bundled model's embeddings of the demo's
  pictures), zero-padded to 512 dimensions, rotated by a fixed random rotation, plus normal noise of
  half their length. So each picture has COUNT / rows near relatives with cosines of about 0.8.
- `uniform`: uniform on the sphere. This is the worst case, because all vectors are about equally far
  from a query.

Queries are generated the same way and are not in the set. Recall is relative to exhaustive f32 search
with NumPy: a match counts if its score is at least that of the last true one, less 1e-6. FOLDER needs
about 6 GB for a million vectors, and is empty afterwards.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

try:
    import faiss
    import numpy as np
except ImportError as error:
    sys.exit(f"error: {error}\nhint: python3 -m pip install faiss-cpu numpy, in a virtual environment")

DIMENSION = 512
QUERIES = 51
BATCH = 50_000
FILTERS = {"top 10": 100, "1 %": 1, "10 %": 10, "50 %": 50}


def normalised(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Photographs:
    def __init__(self, base, random):
        self.base = np.zeros((len(base), DIMENSION), np.float32)
        self.base[:, : base.shape[1]] = base
        self.base = normalised(self.base)
        rotation, _ = np.linalg.qr(random.standard_normal((DIMENSION, DIMENSION)))
        self.base = (self.base @ rotation).astype(np.float32)

    def draw(self, random, count):
        rows = self.base[random.integers(len(self.base), size=count)]
        noise = random.standard_normal((count, DIMENSION), np.float32)
        return normalised(rows + noise * np.float32(0.5 / DIMENSION**0.5))


class Uniform:
    def draw(self, random, count):
        return normalised(random.standard_normal((count, DIMENSION), np.float32))


def write(path, kind, random, count):
    rows = np.lib.format.open_memmap(path, mode="w+", dtype="<f4", shape=(count, DIMENSION))
    for first in range(0, count, BATCH):
        rows[first : first + BATCH] = kind.draw(random, min(BATCH, count - first))
    rows.flush()


def selected(count, percent):
    """The indices of vectors that pass the engine's filter."""
    numbers = np.arange(count, dtype=np.int64)
    return numbers[numbers * 7919 % 100 < percent]


def plain(vectors, queries, top_k, members):
    """The score of the last of the best matches, by exhaustive search."""
    best = np.full((len(queries), top_k), -2, np.float32)
    for first in range(0, len(members), BATCH):
        scores = queries @ vectors[members[first : first + BATCH]].T
        best = np.sort(np.concatenate([best, scores], axis=1), axis=1)[:, -top_k:]
    return best[:, 0]


def true_matches(vectors, queries):
    """For each filter, the lowest score of a true match of each query."""
    filters = FILTERS.values()
    return {p: plain(vectors, queries, 10, selected(len(vectors), p)) for p in filters}


def recall(vectors, queries, found, last):
    right = total = 0
    for query, numbers, score in zip(queries, found, last):
        numbers = [number for number in numbers if number >= 0]
        right += int(np.sum(vectors[numbers] @ query >= score - 1e-6))
        total += len(found[0])
    return right / total


def timed(search, queries):
    times, found = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(search(query[None]).tolist()[0])
        times.append(1000 * (time.perf_counter() - start))
    return sorted(times)[len(times) // 2], found


def measure_faiss(name, index, parameters, vectors, queries, last):
    for title, percent in FILTERS.items():
        members = selected(index.ntotal, percent)
        options = parameters() if parameters else faiss.SearchParameters()
        if percent < 100:
            options.sel = faiss.IDSelectorBitmap(bitmap(index.ntotal, members))
        median, found = timed(lambda query: index.search(query, 10, params=options)[1], queries)
        share = recall(vectors, queries, found, last[percent])
        print(f"{name:14} {title:8} {median:8.1f} ms, recall {share:.4f}", flush=True)


def bitmap(count, members):
    bits = np.zeros(count, bool)
    bits[members] = True
    return np.packbits(bits, bitorder="little")


def hnsw_parameters():
    return faiss.SearchParametersHNSW(efSearch=128)


def compare(name, kind, arguments, folder, random):
    print(f"\n{name}: {arguments.count} vectors, {DIMENSION}-d", flush=True)
    vectors_file, queries_file = folder / "vectors.npy", folder / "queries.npy"
    write(vectors_file, kind, random, arguments.count)
    write(queries_file, kind, random, QUERIES)
    results = folder / "results.json"
    command = [arguments.measure, folder / "engine", vectors_file, queries_file, results]
    # Filled with all cores, measured with one.
    subprocess.run(command, check=True)
    print("on one core, in a new process:", flush=True)
    subprocess.run(command, check=True, env={**os.environ, "RAYON_NUM_THREADS": "1"})
    shutil.rmtree(folder / "engine")

    vectors, queries = np.load(vectors_file, mmap_mode="r"), np.load(queries_file)
    vectors = np.ascontiguousarray(vectors)
    last = true_matches(vectors, queries)
    found = json.loads(results.read_text())
    for (title, percent), matches in zip(FILTERS.items(), found):
        numbers = [[int(match["id"]) for match in each] for each in matches]
        print(f"{'clipseek':14} {title:8} recall {recall(vectors, queries, numbers, last[percent]):.4f}")

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(vectors)
    measure_faiss("faiss Flat", flat, None, vectors, queries, last)
    del flat
    if arguments.hnsw:
        hnsw = faiss.IndexHNSWFlat(DIMENSION, 32, faiss.METRIC_INNER_PRODUCT)
        hnsw.hnsw.efConstruction = 64
        faiss.omp_set_num_threads(os.cpu_count())
        start = time.perf_counter()
        hnsw.add(vectors[: arguments.hnsw])
        print(f"faiss HNSW32   of {hnsw.ntotal}, efSearch 128; built in {time.perf_counter() - start:.0f} s")
        faiss.omp_set_num_threads(1)
        some = vectors[: arguments.hnsw]
        measure_faiss("faiss HNSW32", hnsw, hnsw_parameters, some, queries, true_matches(some, queries))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"memory of this process, with faiss: at most {peak} MB")
    for file in (vectors_file, queries_file, results):
        file.unlink()


def demo_vectors(clipseek, folder):
    base = folder / "base.npy"
    pictures = Path(__file__).parent.parent / "demo" / "pictures"
    command = [clipseek, "--store", folder / "store", "embed", pictures, "--model", "mini", "--to", base]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return base


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", help="the example `measure` of the crate `index`")
    parser.add_argument("clipseek", help="the binary, for the demo's embeddings")
    parser.add_argument("--base", type=Path, help="a .npy file with picture embeddings")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--hnsw", type=int, default=1_000_000, help="number of vectors for HNSW; 0 for none")
    sets = ["photographs", "uniform"]
    parser.add_argument("--sets", nargs="+", choices=sets, default=sets)
    parser.add_argument("--folder", type=Path, help="working folder; temporary by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        folder = Path(folder)
        base = np.load(arguments.base or demo_vectors(arguments.clipseek, folder))
        print(f"faiss {faiss.__version__}; {len(base)} base vectors of {base.shape[1]} dimensions")
        random = np.random.default_rng(7)
        kinds = {"photographs": Photographs(base, random), "uniform": Uniform()}
        for name in arguments.sets:
            compare(name, kinds[name], arguments, folder, random)


if __name__ == "__main__":
    main()
