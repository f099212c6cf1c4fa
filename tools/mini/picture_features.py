"""Features of the frozen picture backbone for every view of every photograph, cached on disk.

The stored photographs were squashed to squares. A view stretches one back to a plausible
shape, crops a random square and perhaps mirrors it; view 0 is the photograph as stored.
"""

import csv
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

import vision

TRAIN_VIEWS = 10
SHAPES = [1.0, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 3 / 4, 2 / 3]
LARGEST_ZOOM = 1.35
WIDTHS = {"middle": 112, "last": 320, "pooled": 1280}
MEAN, DEVIATION = 127.0, 128.0


def read_captions(table: Path) -> dict[str, list[str]]:
    """Captions by picture, in the table's order."""
    captions: dict[str, list[str]] = {}
    with table.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            captions.setdefault(row["image"], []).append(row["caption"])
    return captions


def square(picture: Image.Image, shape: float, zoom: float, place: tuple[float, float]) -> Image.Image:
    """Stretches `picture` to `shape` (width / height), and crops the 224x224 at `place`."""
    size = vision.IMAGE_SIZE
    shortest = round(size * zoom)
    width, height = round(shortest * max(shape, 1)), round(shortest * max(1 / shape, 1))
    left, top = round((width - size) * place[0]), round((height - size) * place[1])
    return picture.resize((width, height), Image.BICUBIC).crop((left, top, left + size, top + size))


def train_view(picture: Image.Image, name: str, view: int) -> Image.Image:
    """View 0 is `picture` itself and 1 its mirror image; the others are random but deterministic."""
    if view >= 2:
        chance = random.Random(f"{name} {view}")
        place = (chance.random(), chance.random())
        picture = square(picture, chance.choice(SHAPES), chance.uniform(1, LARGEST_ZOOM), place)
    return picture.transpose(Image.FLIP_LEFT_RIGHT) if view % 2 == 1 else picture


def dev_view(picture: Image.Image, _name: str, view: int) -> Image.Image:
    """View 0 as stored; 1 a centre crop of the photograph stretched to 3:2."""
    return picture if view == 0 else square(picture, 3 / 2, 1, (0.5, 0.5))


def to_pixels(picture: Image.Image | np.ndarray) -> np.ndarray:
    """(1, 3, height, width)"""
    values = (np.asarray(picture, dtype=np.float32) - MEAN) / DEVIATION
    return values.transpose(2, 0, 1)[None]


def session(network: Path) -> onnxruntime.InferenceSession:
    """One thread a process and one picture at a time, so that activations stay in the cache."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])


def extract_part(network: Path, data: Path, output: Path, split: str, views: int, part: slice) -> None:
    """Fills the rows `part` of the arrays of every view of the split."""
    backbone, view_of = session(network), train_view if split == "train" else dev_view
    names = list(read_captions(data / f"{split}.tsv"))
    for view in range(views):
        arrays = [np.load(output / f"{split}-{view}-{name}.npy", mmap_mode="r+") for name in WIDTHS]
        for row in range(len(names))[part]:
            with Image.open(data / names[row]) as picture:
                prepared = to_pixels(view_of(picture.convert("RGB"), names[row], view))
            for array, features in zip(arrays, backbone.run(list(WIDTHS), {"pixels": prepared})):
                array[row] = features[0]
        print(f"{split}: view {view + 1} of {views}", flush=True)


def export_backbone(network: Path) -> None:
    backbone = vision.EfficientNetLite0(vision.rounded(vision.load()))
    example = torch.zeros(1, 3, vision.IMAGE_SIZE, vision.IMAGE_SIZE)
    names = {"input_names": ["pixels"], "output_names": list(WIDTHS)}
    torch.onnx.export(backbone, (example,), str(network), dynamo=False, **names)


def extract(data: Path, output: Path, split: str, views: int, workers: int = 2) -> None:
    network = output / "backbone.onnx"
    export_backbone(network)
    count = len(read_captions(data / f"{split}.tsv"))
    for view in range(views):
        for name, width in WIDTHS.items():
            path = output / f"{split}-{view}-{name}.npy"
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(count, width))
    parts = [slice(start, None, workers) for start in range(workers)]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(extract_part, network, data, output, split, views), parts))


@dataclass
class Features:
    """The head's inputs for each of n pictures."""

    seen: torch.Tensor  # (n, widths), the three means in order
    probabilities: torch.Tensor  # (n, classes)

    def __len__(self) -> int:
        return len(self.seen)

    def __getitem__(self, rows) -> "Features":
        return Features(self.seen[rows], self.probabilities[rows])

    @classmethod
    def of(cls, seen: torch.Tensor, classifier: tuple[torch.Tensor, torch.Tensor]) -> "Features":
        """Adds the probabilities of the classifier (weight, bias), which uses the last of the means."""
        logits = torch.nn.functional.linear(seen[:, -WIDTHS["pooled"] :], *classifier)
        return cls(seen, logits.softmax(dim=1))

    @classmethod
    def load(cls, folder: Path, split: str, view: int, classifier: tuple[torch.Tensor, torch.Tensor]) -> "Features":
        arrays = [np.load(folder / f"{split}-{view}-{name}.npy").astype(np.float32) for name in WIDTHS]
        return cls.of(torch.from_numpy(np.concatenate(arrays, axis=1)), classifier)
