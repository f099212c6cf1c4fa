"""The towers of a CLIP ViT-B/32 as ONNX graphs, for benchmarks with ONNX Runtime."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from random_clip import CONTEXT, DIMENSION, IMAGE, PATCH, TEXT, VISION


class Graph:
    """An ONNX graph of one tower, as exporters write it: products, LayerNormalization, Softmax, Sigmoid."""

    def __init__(self, tensors):
        self.tensors, self.nodes, self.initializers, self.count = tensors, [], {}, 0

    def add(self, kind, *inputs, **attributes):
        self.count += 1
        output = f"t{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value, name=None):
        name = name or f"c{len(self.initializers)}"
        self.initializers[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def linear(self, name, hidden):
        weight = self.constant(np.ascontiguousarray(self.tensors[f"{name}.weight"].T), f"{name}.weight")
        product = self.add("MatMul", hidden, weight)
        bias = self.tensors.get(f"{name}.bias")
        return product if bias is None else self.add("Add", product, self.constant(bias, f"{name}.bias"))

    def norm(self, name, hidden):
        names = [self.constant(self.tensors[f"{name}.{part}"], f"{name}.{part}") for part in ("weight", "bias")]
        return self.add("LayerNormalization", hidden, *names, axis=-1, epsilon=1e-5)

    def encoder(self, tower, size, hidden, mask=None):
        head = size["width"] // size["heads"]
        shape = self.constant(np.array([0, 0, size["heads"], head], np.int64))
        back = self.constant(np.array([0, 0, size["width"]], np.int64))
        scale = self.constant(np.float32(head**-0.5))
        slope = self.constant(np.float32(1.702))
        for layer in range(size["layers"]):
            prefix = f"{tower}.encoder.layers.{layer}"
            normed = self.norm(f"{prefix}.layer_norm1", hidden)
            query, key, value = (
                self.add("Reshape", self.linear(f"{prefix}.self_attn.{part}_proj", normed), shape) for part in "qkv"
            )
            query = self.add("Transpose", self.add("Mul", query, scale), perm=[0, 2, 1, 3])
            key = self.add("Transpose", key, perm=[0, 2, 3, 1])
            value = self.add("Transpose", value, perm=[0, 2, 1, 3])
            scores = self.add("MatMul", query, key)
            if mask:
                scores = self.add("Add", scores, mask)
            mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), value)
            mixed = self.add("Reshape", self.add("Transpose", mixed, perm=[0, 2, 1, 3]), back)
            hidden = self.add("Add", hidden, self.linear(f"{prefix}.self_attn.out_proj", mixed))
            inner = self.linear(f"{prefix}.mlp.fc1", self.norm(f"{prefix}.layer_norm2", hidden))
            inner = self.add("Mul", inner, self.add("Sigmoid", self.add("Mul", inner, slope)))
            hidden = self.add("Add", hidden, self.linear(f"{prefix}.mlp.fc2", inner))
        return hidden

    def save(self, path, inputs, output):
        output_info = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", DIMENSION])
        graph = helper.make_graph(self.nodes, "tower", inputs, [output_info], list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, path)


def vision_graph(tensors, path):
    graph = Graph(tensors)
    weight = graph.constant(tensors["vision_model.embeddings.patch_embedding.weight"], "patches")
    patches = graph.add("Conv", "pixels", weight, kernel_shape=[PATCH, PATCH], strides=[PATCH, PATCH])
    shape = graph.constant(np.array([0, VISION["width"], -1], np.int64))
    patches = graph.add("Transpose", graph.add("Reshape", patches, shape), perm=[0, 2, 1])
    # The class token is a zero patch in front; its embedding is added to the position.
    pads = graph.constant(np.array([0, 1, 0, 0, 0, 0], np.int64))
    positions = tensors["vision_model.embeddings.position_embedding.weight"].copy()
    positions[0] += tensors["vision_model.embeddings.class_embedding"]
    hidden = graph.add("Add", graph.add("Pad", patches, pads), graph.constant(positions, "positions"))
    hidden = graph.encoder("vision_model", VISION, graph.norm("vision_model.pre_layrnorm", hidden))
    first = graph.add("Gather", hidden, graph.constant(np.int64(0)), axis=1)
    output = graph.linear("visual_projection", graph.norm("vision_model.post_layernorm", first))
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, IMAGE, IMAGE])
    graph.save(path, [pixels], output)


def text_graph(tensors, path):
    graph = Graph(tensors)
    table = graph.constant(tensors["text_model.embeddings.token_embedding.weight"], "tokens")
    hidden = graph.add("Gather", table, "ids", axis=0)
    positions = graph.constant(tensors["text_model.embeddings.position_embedding.weight"], "positions")
    length = graph.add("Gather", graph.add("Shape", "ids"), graph.constant(np.array([1], np.int64)), axis=0)
    zero, axis = graph.constant(np.array([0], np.int64)), graph.constant(np.array([0], np.int64))
    hidden = graph.add("Add", hidden, graph.add("Slice", positions, zero, length, axis))
    mask = graph.constant(np.triu(np.full((CONTEXT, CONTEXT), -1e9, np.float32), 1), "mask")
    mask = graph.add("Slice", mask, zero, length, axis)
    mask = graph.add("Slice", mask, zero, length, graph.constant(np.array([1], np.int64)))
    hidden = graph.encoder("text_model", TEXT, hidden, mask)
    hidden = graph.norm("text_model.final_layer_norm", hidden)
    place = graph.add("ArgMax", "ids", axis=1, keepdims=0)
    count = graph.add("Squeeze", graph.add("Gather", graph.add("Shape", "ids"), zero, axis=0))
    rows = graph.add("Range", graph.constant(np.int64(0)), count, graph.constant(np.int64(1)))
    flat = graph.add("Reshape", hidden, graph.constant(np.array([-1, TEXT["width"]], np.int64)))
    rows = graph.add("Add", graph.add("Mul", rows, graph.add("Squeeze", length)), place)
    pooled = graph.add("Gather", flat, rows, axis=0)
    output = graph.linear("text_projection", pooled)
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "length"])
    graph.save(path, [ids], output)
