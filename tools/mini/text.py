"""MiniLM-L6 (a six-layer BERT) and the pruned vocabulary, in the export's form.

Reference: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
"""

import json
import tempfile
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from all_minilm_l6_v2 import extract_model
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

from quantise import from_int4, from_int8, int4, int8

LAYERS, HEADS, WIDTH, INTERMEDIATE, NORM_EPSILON = 6, 12, 384, 1536, 1e-12
POSITIONS = 128
LAST_LATIN = 0x24F  # the end of Unicode's Latin Extended-B
PARTS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "up": "intermediate.dense",
    "down": "output.dense",
}
NORMS = {"attention_norm": "attention.output.LayerNorm", "perceptron_norm": "output.LayerNorm"}


def settings(vocabulary: int) -> dict:
    return {
        "model_type": "bert",
        "vocab_size": vocabulary,
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INTERMEDIATE,
        "hidden_act": "gelu",
        "layer_norm_eps": NORM_EPSILON,
        "max_position_embeddings": POSITIONS,
    }


@cache
def source() -> tuple[dict[str, torch.Tensor], dict]:
    """The published weights and tokenizer."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(extract_model(folder))
        return load_file(model / "model.safetensors"), json.loads((model / "tokenizer.json").read_text())


def is_kept(token: str) -> bool:
    return not token.startswith("[unused") and all(ord(character) <= LAST_LATIN for character in token)


def tokenizer() -> tuple[dict, list[int]]:
    """The tokenizer for Latin scripts only, and the published id for each of its ids."""
    _, published = source()
    vocabulary = published["model"]["vocab"]
    kept = [token for token in sorted(vocabulary, key=vocabulary.get) if is_kept(token)]
    pruned = json.loads(json.dumps(published))
    pruned["model"]["vocab"] = {token: index for index, token in enumerate(kept)}
    for added in pruned["added_tokens"]:
        added["id"] = pruned["model"]["vocab"][added["content"]]
    for name, special in pruned["post_processor"]["special_tokens"].items():
        special["ids"] = [pruned["model"]["vocab"][name]]
    pruned["truncation"]["max_length"] = POSITIONS
    pruned["padding"] = None
    return pruned, [vocabulary[token] for token in kept]


def load() -> dict[str, torch.Tensor]:
    """The published weights under the export's names, with the pruned rows, in full precision.

    Adds the only token type embedding in use to the positions.
    """
    weights, _ = source()
    _, kept = tokenizer()
    positions = weights["embeddings.position_embeddings.weight"][:POSITIONS]
    tensors = {
        "embeddings.word.weight": weights["embeddings.word_embeddings.weight"][kept],
        "embeddings.position.weight": positions + weights["embeddings.token_type_embeddings.weight"][0],
        "embeddings.norm.weight": weights["embeddings.LayerNorm.weight"],
        "embeddings.norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    for layer in range(LAYERS):
        for name, published in (PARTS | NORMS).items():
            for kind in ("weight", "bias"):
                tensors[f"layers.{layer}.{name}.{kind}"] = weights[f"encoder.layer.{layer}.{published}.{kind}"]
    return tensors


def is_matrix(name: str) -> bool:
    return name.startswith("layers.") and name.endswith(tuple(f"{part}.weight" for part in PARTS))


def rounded(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights after the export's rounding: words in int4, matrices in int8, the rest in f16."""
    left = {}
    for name, tensor in tensors.items():
        if name == "embeddings.word.weight":
            left[name] = from_int4(*int4(tensor))
        else:
            left[name] = from_int8(*int8(tensor)) if is_matrix(name) else tensor.half().float()
    return left


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, tensors: dict[str, torch.Tensor]):
        super().__init__()
        self.tensors = nn.ParameterDict({name.replace(".", "_"): tensor for name, tensor in tensors.items()})

    def linear(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(hidden, self.tensors[f"{name}_weight"], self.tensors[f"{name}_bias"])

    def norm(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        weight, bias = self.tensors[f"{name}_weight"], self.tensors[f"{name}_bias"]
        return F.layer_norm(hidden, (WIDTH,), weight, bias, NORM_EPSILON)

    def heads(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        return self.linear(name, hidden).unflatten(2, (HEADS, -1)).transpose(1, 2)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`hidden` (n, tokens, width); `mask` (n, tokens) is true at tokens."""
        query, key, value = (self.heads(name, hidden) for name in ("query", "key", "value"))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        hidden = self.norm("attention_norm", hidden + self.linear("output", mixed.transpose(1, 2).flatten(2)))
        return self.norm("perceptron_norm", hidden + self.linear("down", F.gelu(self.linear("up", hidden))))


class MiniLM(nn.Module):
    """Token ids (n, tokens) → the hidden states after the embeddings and after every layer."""

    def __init__(self, tensors: dict[str, torch.Tensor]):
        super().__init__()
        self.embeddings = {name: tensor for name, tensor in tensors.items() if name.startswith("embeddings.")}
        self.layers = nn.ModuleList(Layer(self.part(tensors, f"layers.{index}.")) for index in range(LAYERS))

    @staticmethod
    def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        words = self.embeddings["embeddings.word.weight"][ids]
        positions = self.embeddings["embeddings.position.weight"][: ids.shape[1]]
        weight, bias = self.embeddings["embeddings.norm.weight"], self.embeddings["embeddings.norm.bias"]
        return F.layer_norm(words + positions, (WIDTH,), weight, bias, NORM_EPSILON)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        states = [self.embed(ids)]
        for layer in self.layers:
            states.append(layer(states[-1], mask))
        return states


class Words:
    """Texts → padded ids and their mask."""

    def __init__(self):
        pruned, _ = tokenizer()
        self.tokenizer = Tokenizer.from_str(json.dumps(pruned))
        self.tokenizer.enable_padding()

    def __call__(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        encodings = self.tokenizer.encode_batch(texts)
        ids = torch.tensor([encoding.ids for encoding in encodings])
        return ids, torch.tensor([encoding.attention_mask for encoding in encodings]).bool()
