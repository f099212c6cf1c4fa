"""The towers of the bundled model as ONNX graphs, for `tools/bench_encoder.py`.

The weights are those of models/mini/model.safetensors, dequantised to f32. The picture tower has channels before rows and
columns, like exported convolutional networks. The text tower takes texts of one length and needs no mask.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {"I8": np.int8, "U8": np.uint8, "F16": np.float16, "F32": np.float32}


def weights(directory):
    """All tensors in f32."""
    with open(directory / "model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    stored = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            stored[name] = np.frombuffer(data[start:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    tensors = {}
    for name, tensor in stored.items():
        scale = stored.get(name.removesuffix("weight") + "scale")
        if tensor.dtype == np.int8:
            tensors[name] = tensor.astype(np.float32) * scale[:, None]
        elif tensor.dtype == np.uint8:
            values = np.stack([tensor & 15, tensor >> 4], 2).reshape(*scale.shape, -1).astype(np.float32) - 8
            tensors[name] = (values * scale.astype(np.float32)[:, :, None]).reshape(len(tensor), -1)
        else:
            tensors[name] = tensor.astype(np.float32)
    return tensors


class Graph:
    def __init__(self, tensors):
        self.tensors, self.nodes, self.initializers, self.count = tensors, [], {}, 0

    def add(self, kind, *inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [f"t{self.count}"], **attributes))
        return f"t{self.count}"

    def constant(self, value, name=None):
        name = name or f"c{len(self.initializers)}"
        self.initializers[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def tensor(self, name):
        return self.constant(self.tensors[name], name)

    def linear(self, name, hidden):
        weight = self.constant(np.ascontiguousarray(self.tensors[f"{name}.weight"].T), f"{name}.weight")
        return self.add("Add", self.add("MatMul", hidden, weight), self.tensor(f"{name}.bias"))

    def norm(self, name, hidden, epsilon):
        learned = [self.tensor(f"{name}.{part}") for part in ("weight", "bias")]
        return self.add("LayerNormalization", hidden, *learned, axis=-1, epsilon=epsilon)

    def gelu(self, hidden):
        erf = self.add("Erf", self.add("Div", hidden, self.constant(np.float32(2**0.5))))
        one = self.add("Add", erf, self.constant(np.float32(1)))
        return self.add("Mul", self.add("Mul", hidden, one), self.constant(np.float32(0.5)))

    def perceptron(self, name, features):
        scaled = self.add("Mul", features, self.tensor(f"{name}.scale"))
        scaled = self.add("Add", scaled, self.tensor(f"{name}.shift"))
        return self.linear(f"{name}.outer", self.gelu(self.linear(f"{name}.inner", scaled)))

    def save(self, path, inputs, output, dimension):
        output_info = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", dimension])
        graph = helper.make_graph(self.nodes, "tower", inputs, [output_info], list(self.initializers.values()))
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


class Pictures(Graph):
    """EfficientNet-Lite0 and its head."""

    def convolution(self, name, hidden, side, kernel=1, stride=1):
        weight = self.tensors[f"{name}.weight"]
        groups = 1
        if name.endswith("depthwise"):
            groups = weight.shape[1]
            weight = weight.T.reshape(groups, 1, kernel, kernel)
        else:
            weight = weight.reshape(len(weight), kernel, kernel, -1).transpose(0, 3, 1, 2)
        weight = self.constant(np.ascontiguousarray(weight), f"{name}.weight")
        # TensorFlow's SAME: an odd pixel of padding goes below and to the right.
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads = [total // 2] * 2 + [total - total // 2] * 2
        return self.add("Conv", hidden, weight, self.tensor(f"{name}.bias"), kernel_shape=[kernel] * 2,
                        strides=[stride] * 2, pads=pads, group=groups)

    def relu6(self, hidden):
        return self.add("Clip", hidden, self.constant(np.float32(0)), self.constant(np.float32(6)))

    def average(self, hidden):
        return self.add("Flatten", self.add("GlobalAveragePool", hidden))

    def write(self, config, path):
        vision = config["vision_config"]
        stem, side = vision["stem"], vision["image_size"]
        hidden = self.convolution("vision.stem", "pixels", side, stem["kernel_size"], stem["stride"])
        hidden, side = self.relu6(hidden), -(-side // stem["stride"])
        for index, block in enumerate(vision["blocks"]):
            name, before = f"vision.blocks.{index}", hidden
            if block["expansion"] != 1:
                hidden = self.relu6(self.convolution(f"{name}.expand", hidden, side))
            size, stride = block["kernel_size"], block["stride"]
            hidden = self.relu6(self.convolution(f"{name}.depthwise", hidden, side, size, stride))
            side = -(-side // stride)
            hidden = self.convolution(f"{name}.project", hidden, side)
            if stride == 1 and block["input_channels"] == block["output_channels"]:
                hidden = self.add("Add", hidden, before)
            if index == vision["middle_block"]:
                middle = self.average(hidden)
        features = self.average(self.relu6(self.convolution("vision.head", hidden, side)))
        seen = self.add("Concat", middle, self.average(hidden), features, axis=1)
        probabilities = self.add("Softmax", self.linear("vision.classifier", features), axis=-1)
        classes = self.constant(np.ascontiguousarray(self.tensors["vision.classes.weight"].T), "classes")
        vector = self.add("Add", self.perceptron("vision.perceptron", seen), self.add("MatMul", probabilities, classes))
        size = vision["image_size"]
        pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, size, size])
        self.save(path, [pixels], vector, config["projection_dim"])


class Texts(Graph):
    """MiniLM-L6 and its head."""

    def write(self, config, path):
        text = config["text_config"]
        width, heads, epsilon = text["hidden_size"], text["num_attention_heads"], text["layer_norm_eps"]
        words = self.add("Gather", self.tensor("text.embeddings.word.weight"), "ids", axis=0)
        zero, axis = self.constant(np.array([0], np.int64)), self.constant(np.array([0], np.int64))
        length = self.add("Gather", self.add("Shape", "ids"), self.constant(np.array([1], np.int64)), axis=0)
        positions = self.add("Slice", self.tensor("text.embeddings.position.weight"), zero, length, axis)
        hidden = self.norm("text.embeddings.norm", self.add("Add", words, positions), epsilon)
        shape = self.constant(np.array([0, 0, heads, width // heads], np.int64))
        back = self.constant(np.array([0, 0, width], np.int64))
        root = self.constant(np.float32((width // heads) ** 0.5))
        means = []
        for layer in range(text["num_hidden_layers"]):
            name = f"text.layers.{layer}"
            query, key, value = (
                self.add("Reshape", self.linear(f"{name}.{part}", hidden), shape) for part in ("query", "key", "value")
            )
            query = self.add("Transpose", query, perm=[0, 2, 1, 3])
            key = self.add("Transpose", key, perm=[0, 2, 3, 1])
            value = self.add("Transpose", value, perm=[0, 2, 1, 3])
            scores = self.add("Softmax", self.add("Div", self.add("MatMul", query, key), root), axis=-1)
            mixed = self.add("Transpose", self.add("MatMul", scores, value), perm=[0, 2, 1, 3])
            mixed = self.linear(f"{name}.output", self.add("Reshape", mixed, back))
            hidden = self.norm(f"{name}.attention_norm", self.add("Add", mixed, hidden), epsilon)
            inner = self.linear(f"{name}.down", self.gelu(self.linear(f"{name}.up", hidden)))
            hidden = self.norm(f"{name}.perceptron_norm", self.add("Add", inner, hidden), epsilon)
            if layer + text["mean_layers"] >= text["num_hidden_layers"]:
                means.append(self.add("ReduceMean", hidden, axes=[1], keepdims=0))
        vector = self.perceptron("text.perceptron", self.add("Concat", *means, axis=1))
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "length"])
        self.save(path, [ids], vector, config["projection_dim"])


def write(directory: Path, pictures: Path, texts: Path):
    """The graphs of the model in `directory`."""
    config, tensors = json.loads((directory / "config.json").read_text()), weights(directory)
    Pictures(tensors).write(config, pictures)
    Texts(tensors).write(config, texts)


def ends(directory: Path):
    """The ids of the beginning and the end of a text."""
    vocabulary = json.loads((directory / "tokenizer.json").read_text())["model"]["vocab"]
    return vocabulary["[CLS]"], vocabulary["[SEP]"]
