"""Writes the model's files: quantised weights, settings, tokenizer, preprocessing."""

import copy
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

import picture_features
import quantise
import text
import vision
from heads import DIMENSION, PICTURE_HIDDEN, TEXT_HIDDEN
from picture_features import Features
from text_features import MEANS
from train import Heads


def stored(tensors: dict[str, torch.Tensor], is_matrix) -> dict[str, torch.Tensor]:
    """Matrices as int8 `weight` and f32 `scale`, the rest as f16."""
    result = {}
    for name, tensor in tensors.items():
        if is_matrix(name):
            result[name], result[name.replace("weight", "scale")] = quantise.int8(tensor)
        else:
            result[name] = tensor.half()
    return result


def text_tensors() -> dict[str, torch.Tensor]:
    tensors = text.load()
    words = tensors.pop("embeddings.word.weight")
    result = stored(tensors, text.is_matrix)
    result["embeddings.word.weight"], result["embeddings.word.scale"] = quantise.int4(words)
    return result


def is_head_matrix(name: str) -> bool:
    return name in {f"perceptron.{part}.weight" for part in ("inner", "outer")} | {"classes.weight"}


@torch.inference_mode()
def head_tensors(heads: Heads, class_names: torch.Tensor) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights of both heads. The class vectors, times their gain, are exported like other matrices."""
    picture, words = dict(heads.picture.state_dict()), dict(heads.text.state_dict())
    picture["classes.weight"] = (picture.pop("gain") * heads.text(class_names)).T.contiguous()
    return picture, words


def rounded(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A head's weights after the export's rounding."""
    return {
        name: quantise.from_int8(*quantise.int8(tensor)) if is_head_matrix(name) else tensor.half().float()
        for name, tensor in tensors.items()
    }


class Exported:
    """The heads after the export's rounding, for evaluation."""

    def __init__(self, heads: Heads, class_names: torch.Tensor):
        picture, words = (rounded(part) for part in head_tensors(heads, class_names))
        self.classes = picture.pop("classes.weight").T
        self.heads = copy.deepcopy(heads).eval()
        self.heads.picture.load_state_dict(picture | {"gain": torch.tensor(1.0)})
        self.heads.text.load_state_dict(words)

    @torch.inference_mode()
    def pictures(self, features: Features) -> torch.Tensor:
        return self.heads.picture(features, self.classes)

    @torch.inference_mode()
    def texts(self, means: torch.Tensor) -> torch.Tensor:
        return self.heads.text(means)


def weights(heads: Heads, class_names: torch.Tensor) -> dict[str, torch.Tensor]:
    picture, words = head_tensors(heads, class_names)
    parts = {
        "vision": stored(vision.load(), vision.is_matrix) | stored(picture, is_head_matrix),
        "text": text_tensors() | stored(words, is_head_matrix),
    }
    named = {f"{tower}.{name}": tensor for tower, part in parts.items() for name, tensor in part.items()}
    return named | {"logit_scale": heads.scale().log().detach()}


def config(vocabulary: int) -> dict:
    return {
        "model_type": "clipseek-mini",
        "projection_dim": DIMENSION,
        "vision_config": vision.settings()
        | {
            "num_classes": vision.CLASSES,
            "middle_block": vision.MIDDLE_BLOCK,
            "perceptron_size": PICTURE_HIDDEN,
        },
        "text_config": text.settings(vocabulary)
        | {"mean_layers": MEANS, "perceptron_size": TEXT_HIDDEN},
        "quantization_config": {
            "matrices": {"bits": 8, "scale": "row"},
            "word_embeddings": {"bits": 4, "group_size": quantise.GROUP},
        },
    }


def preprocessor() -> dict:
    return {
        "do_resize": True,
        "size": {"shortest_edge": vision.IMAGE_SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": vision.IMAGE_SIZE, "width": vision.IMAGE_SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [picture_features.MEAN / 255] * 3,
        "image_std": [picture_features.DEVIATION / 255] * 3,
    }


def write(folder: Path, heads: Heads, class_names: torch.Tensor) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, kept = text.tokenizer()
    tensors = {name: tensor.contiguous() for name, tensor in weights(heads, class_names).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "clipseek-mini"})
    for name, content in {"config": config(len(kept)), "preprocessor_config": preprocessor()}.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")))
