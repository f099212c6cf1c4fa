"""A CLIP ViT-B/32 with random weights, for benchmarks.

    python3 tools/random_clip.py DIRECTORY WHEEL

Writes it with CLIP's tokenizer from open_clip_torch's WHEEL. Needs NumPy.
"""

import json
import sys
from pathlib import Path

import numpy as np

IMAGE, PATCH, DIMENSION, VOCABULARY, CONTEXT = 224, 32, 512, 49408, 77
VISION = {"width": 768, "inner": 3072, "heads": 12, "layers": 12}
TEXT = {"width": 512, "inner": 2048, "heads": 8, "layers": 12}


def weights(random):
    """The weights of a CLIP ViT-B/32 with transformers' names."""
    tensors = {"logit_scale": np.array(4.6, np.float32)}

    def normal(name, *shape, scale):
        tensors[name] = (random.standard_normal(shape, np.float32) * scale).astype(np.float32)

    def norm(name, width):
        tensors[f"{name}.weight"] = (1 + 0.1 * random.standard_normal(width, np.float32)).astype(np.float32)
        normal(f"{name}.bias", width, scale=0.1)

    def linear(name, outputs, inputs):
        normal(f"{name}.weight", outputs, inputs, scale=inputs**-0.5)
        normal(f"{name}.bias", outputs, scale=0.02)

    for tower, size in (("vision_model", VISION), ("text_model", TEXT)):
        for layer in range(size["layers"]):
            prefix = f"{tower}.encoder.layers.{layer}"
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                linear(f"{prefix}.self_attn.{part}", size["width"], size["width"])
            norm(f"{prefix}.layer_norm1", size["width"])
            norm(f"{prefix}.layer_norm2", size["width"])
            linear(f"{prefix}.mlp.fc1", size["inner"], size["width"])
            linear(f"{prefix}.mlp.fc2", size["width"], size["inner"])
    width = VISION["width"]
    normal("vision_model.embeddings.class_embedding", width, scale=0.5)
    normal("vision_model.embeddings.patch_embedding.weight", width, 3, PATCH, PATCH, scale=0.02)
    tokens = 1 + (IMAGE // PATCH) ** 2
    normal("vision_model.embeddings.position_embedding.weight", tokens, width, scale=0.3)
    norm("vision_model.pre_layrnorm", width)
    norm("vision_model.post_layernorm", width)
    normal("visual_projection.weight", DIMENSION, width, scale=width**-0.5)
    normal("text_model.embeddings.token_embedding.weight", VOCABULARY, TEXT["width"], scale=0.3)
    normal("text_model.embeddings.position_embedding.weight", CONTEXT, TEXT["width"], scale=0.1)
    norm("text_model.final_layer_norm", TEXT["width"])
    normal("text_projection.weight", DIMENSION, TEXT["width"], scale=0.04)
    return tensors


def write_checkpoint(directory, tensors):
    """Writes the model in Hugging Face form, without the tokenizer's files."""
    config = {
        "model_type": "clip",
        "projection_dim": DIMENSION,
        "vision_config": {
            "hidden_size": VISION["width"],
            "intermediate_size": VISION["inner"],
            "num_hidden_layers": VISION["layers"],
            "num_attention_heads": VISION["heads"],
            "image_size": IMAGE,
            "patch_size": PATCH,
            "hidden_act": "quick_gelu",
        },
        "text_config": {
            "hidden_size": TEXT["width"],
            "intermediate_size": TEXT["inner"],
            "num_hidden_layers": TEXT["layers"],
            "num_attention_heads": TEXT["heads"],
            "hidden_act": "quick_gelu",
            "vocab_size": VOCABULARY,
            "max_position_embeddings": CONTEXT,
            "eos_token_id": 49407,
        },
    }
    (directory / "config.json").write_text(json.dumps(config))
    preprocessor = {"crop_size": IMAGE, "size": IMAGE, "do_center_crop": True, "do_resize": True, "resample": 3,
                    "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (directory / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    header, data, start = {}, [], 0
    for name, tensor in tensors.items():
        data.append(np.ascontiguousarray(tensor).tobytes())
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, start + len(data[-1])]}
        start += len(data[-1])
    text = json.dumps(header).encode()
    with open(directory / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(data))


def write_empty_tokenizer(directory):
    """For benchmarks that pass token ids, or no texts."""
    (directory / "vocab.json").write_text(json.dumps({"<|startoftext|>": 49406, "<|endoftext|>": 49407}))
    (directory / "merges.txt").write_text("#version: 0.2\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    directory, wheel = map(Path, sys.argv[1:])
    sys.path.insert(0, str(Path(__file__).parent / "fixtures/clip"))
    from vocabulary import vocabulary, write_tokenizer, write_vocabulary

    directory.mkdir(parents=True, exist_ok=True)
    write_checkpoint(directory, weights(np.random.default_rng(7)))
    tokens, merges = vocabulary(wheel, VOCABULARY)
    write_vocabulary(directory, tokens, merges, CONTEXT)
    write_tokenizer(directory, tokens, merges, CONTEXT)


if __name__ == "__main__":
    main()
