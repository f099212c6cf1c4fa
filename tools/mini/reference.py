"""Embeddings of a few texts and drawn pictures, as references for the Rust tests."""

import json
from pathlib import Path

import numpy as np
import torch

import picture_features
import text
import text_features
import vision
from export import Exported
from picture_features import Features

TEXTS = [
    "a dog",
    "A black dog is running after a white dog in the snow .",
    "a photo of a sports car",
    "Two girls play on a skateboard in a courtyard, while a man (in red) looks on!",
    "café au lait, naïve façade; 東京 ☃ 1987",
    "",
]
PATTERNS = ["waves", "checks", "noise"]


def pattern(name: str) -> np.ndarray:
    """(224, 224, 3) of u8; the tests draw the same."""
    y, x, channel = np.mgrid[0 : vision.IMAGE_SIZE, 0 : vision.IMAGE_SIZE, 0:3]
    if name == "waves":
        return (((x * (3 + channel) + y * (5 - channel)) // 4) % 256).astype(np.uint8)
    if name == "checks":
        return (30 + 190 * ((x // 28 + y // 28 + channel) % 2)).astype(np.uint8)
    values, state = [], 1
    for _ in range(x.size):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        values.append(state >> 24)
    return np.array(values, dtype=np.uint8).reshape(x.shape)


@torch.inference_mode()
def picture_vectors(exported: Exported, names: list[str]) -> torch.Tensor:
    weights = vision.rounded(vision.load())
    pixels = np.concatenate([picture_features.to_pixels(pattern(name)) for name in names])
    seen = torch.cat(vision.EfficientNetLite0(weights)(torch.from_numpy(pixels)), dim=1)
    return exported.pictures(Features.of(seen, (weights["classifier.weight"], weights["classifier.bias"])))


def rounded(vector: torch.Tensor) -> list[float]:
    return [round(value, 6) for value in vector.tolist()]


def write(path: Path, exported: Exported) -> None:
    words = text.Words()
    texts = exported.texts(text_features.means(TEXTS))
    pictures = picture_vectors(exported, PATTERNS)
    content = {
        "texts": [
            {"text": line, "ids": words.tokenizer.encode(line).ids, "vector": rounded(vector)}
            for line, vector in zip(TEXTS, texts)
        ],
        "pictures": [{"pattern": name, "vector": rounded(vector)} for name, vector in zip(PATTERNS, pictures)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n")
