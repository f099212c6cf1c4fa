"""Compares the way from picture files to embeddings with Python's, on a random ViT-B/32.

`just bench pipeline [DATA]`, or `python3 tools/bench_pipeline.py PROGRAM [DATA] [options]`, where PROGRAM is `clipseek`
and DATA a folder of photographs, by default the bundled ones. The other side uses Pillow, which decodes JPEG at the
smallest sufficient scale (`draft`), and ONNX Runtime (tools/fixtures/clip/pipeline.txt). Both use two threads and take
turns; medians are reported. Rates exclude starting and loading: for clipseek, the time of a run on one picture.

The JPEGs are photographs, enlarged, with grain and the detail of another photograph, so that those of 12 megapixels have
3 to 6 MB, as from a camera. A run on the same pictures, resized and in BMP, shows how much of clipseek's time the encoder
takes. Finally, embeddings of pictures decoded at a reduced scale are compared with those of the same pictures decoded
whole and resized by Pillow.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from bench_encoder import THREADS, OnnxRuntime, cosine, dynamic, machine
from random_clip import IMAGE, weights, write_checkpoint, write_empty_tokenizer
from vit_graph import vision_graph

ROOT = Path(__file__).parent.parent
SMALL, LARGE = (500, 375), (4000, 3000)
# Sizes that are decoded at 1/8, 1/4, 3/8 and 1/2.
REDUCED = [LARGE, (6000, 4000), (2048, 1536), (1632, 1224), (1024, 768)]
BATCH = 4


def make_one(task):
    """A JPEG of `size`, of one photograph with the detail of another."""
    path, size, one, other, seed = task
    random = np.random.default_rng(seed)
    with Image.open(one) as opened:
        picture = opened.convert("RGB")
    if picture.height > picture.width:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    kept = random.uniform(0.85, 1)
    left, top = ((1 - kept) * random.uniform() * side for side in picture.size)
    box = (left, top, left + kept * picture.width, top + kept * picture.height)
    pixels = np.asarray(picture.resize(size, Image.Resampling.BICUBIC, box=box), np.float32)
    with Image.open(other) as opened:
        texture = np.asarray(opened.convert("L").resize((640, 480)), np.float32)
    repeats = (size[1] // 480 + 1, size[0] // 640 + 1)
    texture = np.tile(texture - texture.mean(), repeats)[: size[1], : size[0]]
    grain = random.standard_normal((512, 512), np.float32)
    grain = np.tile(grain, (size[1] // 512 + 1, size[0] // 512 + 1))[: size[1], : size[0]]
    pixels = pixels + (0.3 * texture + 5 * grain)[..., None]
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=92)


def make(photographs, folder, size, count):
    folder.mkdir(parents=True)
    tasks = [
        (folder / f"{n:04}.jpg", size, photographs[n % len(photographs)], photographs[(n * 7 + 3) % len(photographs)], n)
        for n in range(count)
    ]
    with ProcessPoolExecutor() as pool:
        list(pool.map(make_one, tasks, chunksize=4))
    sizes = [task[0].stat().st_size for task in tasks]
    print(f"{count} JPEGs of {size[0]}x{size[1]}: {min(sizes) / 1e6:.2f} to {max(sizes) / 1e6:.2f} MB", flush=True)


def fitted(picture):
    """Resized to the model's size on the shorter side, and centre-cropped."""
    scale = IMAGE / min(picture.size)
    width, height = (max(IMAGE, int(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - IMAGE) // 2, (height - IMAGE) // 2
    return picture.crop((left, top, left + IMAGE, top + IMAGE))


def peer(graph, folder):
    """The Python side, in its own process: each of two threads decodes a batch and embeds it."""
    model = OnnxRuntime([graph], threads=1)

    def prepare(path):
        with Image.open(path) as picture:
            picture.draft("RGB", (IMAGE, IMAGE))
            pixels = np.asarray(fitted(picture.convert("RGB")), np.float32)
        return pixels.transpose(2, 0, 1) * np.float32(2 / 255) - np.float32(1)

    def embed(paths):
        return model(0, np.stack([prepare(path) for path in paths]))

    paths = sorted(Path(folder).iterdir())
    batches = [paths[first : first + BATCH] for first in range(0, len(paths), BATCH)]
    embed(paths[:1])
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        vectors = np.concatenate(list(pool.map(embed, batches)))
    print(time.perf_counter() - start)
    np.save(Path(folder).parent / "peer.npy", vectors)


# A direct child of this process would report at least this process's memory: the peak survives `exec`.
MEASURED = """
import resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:]).returncode
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def run(command):
    """The program's standard output, seconds, and peak memory in MB."""
    environment = {**os.environ, "RAYON_NUM_THREADS": str(THREADS)}
    measured = [sys.executable, "-c", MEASURED, *map(str, command)]
    ran = subprocess.run(measured, capture_output=True, text=True, env=environment)
    if ran.returncode != 0:
        sys.exit(f"{command}: {ran.stderr}")
    seconds, memory = ran.stderr.splitlines()[-1].split()
    return ran.stdout, float(seconds), int(memory) * 1024 / 1e6


class Clipseek:
    def __init__(self, program, work):
        self.program, self.work = program, work

    def embed(self, source, model, precision="f32"):
        """The embeddings by file name, seconds and memory."""
        output = self.work / "vectors.npy"
        store = ["--store", self.work / "store"]
        command = [self.program, *store, "embed", source, "--model", model, "--precision", precision, "--to", output]
        _, seconds, memory = run([*command])
        names = [Path(json.loads(line)["image"]).name for line in open(f"{output}.jsonl")]
        vectors = dict(zip(names, np.load(output)))
        for written in (output, Path(f"{output}.jsonl")):
            written.unlink()
        return vectors, seconds, memory


def resize(folder):
    """Writes the pictures at the model's input size to a folder of BMPs."""
    resized = folder.parent / f"{folder.name}-resized"
    if not resized.exists():
        resized.mkdir()
        for path in folder.iterdir():
            with Image.open(path) as picture:
                fitted(picture.convert("RGB")).save(resized / f"{path.stem}.bmp")
    return resized


def compare(title, folder, rounds, clipseek, checkpoint, precision, graph):
    one, resized = folder.parent / f"{folder.name}-one", resize(folder)
    one.mkdir(exist_ok=True)
    first = min(folder.iterdir())
    if not (one / first.name).exists():
        os.link(first, one / first.name)
    count = len(list(folder.iterdir()))
    ours, encoding, theirs, memory, peer_memory = [], [], [], 0, 0
    for _ in range(rounds):
        output, _, most = run([sys.executable, __file__, "--peer", graph, folder])
        theirs.append(float(output))
        peer_memory = max(peer_memory, most)
        _, loading, _ = clipseek.embed(one, checkpoint, precision)
        vectors, seconds, most = clipseek.embed(folder, checkpoint, precision)
        ours.append(seconds - loading)
        memory = max(memory, most)
        encoding.append(clipseek.embed(resized, checkpoint, precision)[1] - loading)
    lowest = min(map(cosine, np.load(folder.parent / "peer.npy"), (vectors[name] for name in sorted(vectors))))
    mine, other, encoder = (count / statistics.median(times) for times in (ours, theirs, encoding))
    print(
        f"{title}, {precision:4}: clipseek {mine:6.1f}/s, {memory:4.0f} MB; Python with {graph.name} {other:6.1f}/s, "
        f"{peer_memory:4.0f} MB; ratio {mine / other:.2f}; of clipseek's time the encoder takes {100 * mine / encoder:.0f} %, "
        f"reading, decoding and resizing the rest; lowest cosine to Python's {lowest:.5f}",
        flush=True,
    )


def fidelity(photographs, work, count, clipseek, checkpoint):
    """Compares embeddings of pictures decoded at a reduced scale with those decoded whole."""
    for size in REDUCED:
        folder = work / f"reduced-{size[0]}"
        make(photographs, folder, size, count)
        whole = work / f"whole-{size[0]}"
        whole.mkdir()
        for path in folder.iterdir():
            with Image.open(path) as picture:
                fitted(picture.convert("RGB")).save(whole / f"{path.stem}.png")
        for name, model in (("mini", "mini"), ("ViT-B/32", checkpoint)):
            reduced, expected = clipseek.embed(folder, model)[0], clipseek.embed(whole, model)[0]
            lowest = min(cosine(vector, expected[f"{Path(name).stem}.png"]) for name, vector in reduced.items())
            print(f"  {name:9} lowest cosine to whole decoding {lowest:.6f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("data", nargs="?", default=ROOT / "demo" / "pictures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=500, help="number of JPEGs of 500x375")
    parser.add_argument("--large", type=int, default=200, help="number of JPEGs of 12 megapixels")
    parser.add_argument("--reduced", type=int, default=40, help="number of pictures of each size to compare with whole decoding")
    parser.add_argument("--work", help="folder for the pictures, which are reused")
    arguments = parser.parse_args()
    photographs = sorted(Path(arguments.data).rglob("*.jpg"))
    if not photographs:
        sys.exit(f"{arguments.data} contains no .jpg")
    print(machine())
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        work = Path(folder)
        kept = Path(arguments.work or folder)
        tensors = weights(np.random.default_rng(7))
        checkpoint = work / "model"
        checkpoint.mkdir()
        write_checkpoint(checkpoint, tensors)
        write_empty_tokenizer(checkpoint)
        graph = work / "vision.onnx"
        vision_graph(tensors, graph)
        clipseek = Clipseek(arguments.program, work)
        graphs = {"f32": graph, "int8": dynamic(work, [graph], None)[0], "bf16": graph}
        for name, size, count in (("small", SMALL, arguments.small), ("large", LARGE, arguments.large)):
            folder = kept / f"{name}-{count}"
            if count == 0:
                continue
            if not folder.exists():
                make(photographs, folder, size, count)
            for precision, graph in graphs.items():
                title = f"{count} of {size[0]}x{size[1]}"
                compare(title, folder, arguments.rounds, clipseek, checkpoint, precision, graph)
        if arguments.reduced:
            fidelity(photographs, work, arguments.reduced, clipseek, checkpoint)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--peer", graph, folder]:
            peer(Path(graph), folder)
        case _:
            main()
