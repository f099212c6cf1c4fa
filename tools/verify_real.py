"""Compares the real openai/clip-vit-base-patch32 with published figures, and each precision with f32.

    python3 tools/verify_real.py CLIPSEEK [SOURCE] [--model MODEL]

Runs the program CLIPSEEK. Needs a network: the model (600 MB) comes from the Hugging Face hub into the shared cache, two
pictures from the sources of the figures. SOURCE is a set of pictures with captions for `clipseek eval`, by default the
demo's. Exits with 1 if a figure differs.

With another MODEL, which may be a directory, there are no published figures and nothing is fetched: it measures only the
precisions.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

MODEL = "openai/clip-vit-base-patch32"
DEMO = pathlib.Path(__file__).resolve().parents[1] / "demo/captions.csv"
TEXTS = ["a dog", "two children play football on the beach", "a red car in front of a house", "a photo of a cat"]
PRECISIONS = ("f32", "bf16", "int8")
LOWEST_COSINE = 0.999
# In percentage points at 10.
MOST_RECALL_LOST = 0.5
CATS = "http://images.cocodataset.org/val2017/000000039769.jpg"
DIAGRAM = "https://raw.githubusercontent.com/openai/CLIP/main/CLIP.png"


def run(*command):
    """The JSON that a command prints."""
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def classify(clipseek, picture, labels, template):
    """(cosine, probability) of each label."""
    (classified,) = run(clipseek, "classify", picture, "--labels", ",".join(labels), "--template", template, "--model", MODEL, "--format", "json")
    scores = {score["label"]: (score["similarity"], score["probability"]) for score in classified["labels"]}
    return [scores[label] for label in labels]


def compare(name, found, expected, tolerance):
    off = max(abs(one - other) for one, other in zip(found, expected))
    verdict = "ok" if off <= tolerance else "OFF"
    figures = ", ".join(f"{one:.4f} ({other:.4f})" for one, other in zip(found, expected))
    print(f"{verdict:>3}  {name}: {figures}; difference {off:.4f}, allowed {tolerance}")
    return off <= tolerance


def published(clipseek):
    """Whether the figures match the published ones."""
    subprocess.run([clipseek, "model", "pull", MODEL], check=True)
    info = run(clipseek, "model", "info", MODEL, "--json")
    scale = info["logit_scale"]
    with tempfile.TemporaryDirectory() as directory:
        pictures = {}
        for url in (CATS, DIAGRAM):
            pictures[url] = str(pathlib.Path(directory) / url.rsplit("/", 1)[1])
            urllib.request.urlretrieve(url, pictures[url])
        cats = classify(clipseek, pictures[CATS], ["cat", "dog"], "a photo of a {}")
        diagram = classify(clipseek, pictures[DIAGRAM], ["a diagram", "a dog", "a cat"], "{}")
    print("measured figures (and published ones):")
    return [
        # 100, the limit during training.
        compare("the scale of the logits", [scale], [100.0], 0.01),
        # https://github.com/huggingface/transformers/blob/main/tests/models/clip/test_modeling_clip.py
        compare("transformers' two cats, logits of cat and dog", [scale * cosine for cosine, _ in cats], [24.5701, 19.3049], 0.05),
        # https://github.com/openai/CLIP#usage
        compare("OpenAI's diagram, probabilities of diagram, dog and cat", [share for _, share in diagram], [0.9927937, 0.00421068, 0.00299572], 0.005),
    ]


def cosine(one, other):
    length = lambda vector: math.sqrt(sum(number * number for number in vector))
    return sum(a * b for a, b in zip(one, other, strict=True)) / length(one) / length(other)


def vectors(clipseek, source, model, precision):
    """Embeddings of the pictures of `source` by id, and of a few texts."""
    options = ["--model", model, "--device", "cpu", "--precision", precision]
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "vectors.jsonl"
        # Pictures that cannot be read are reported and do not matter here.
        embedded = subprocess.run([clipseek, "embed", source, "--to", str(path), *options])
        if embedded.returncode not in (0, 1):
            sys.exit(f"cannot embed {source}")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = {line["id"]: line["values"] for line in lines}
    return found, {text: run(clipseek, "embed", text, *options) for text in TEXTS}


def precisions(clipseek, source, model):
    """Whether each precision is close to f32: the lowest cosine of a picture and of a text, and the recall. The demo is too
    small to judge recall: a caption is more than a point.
    """
    judged = source != str(DEMO)
    evaluate = lambda name: run(clipseek, "eval", source, "--model", model, "--device", "cpu", "--precision", name, "--format", "json")
    exact, recall = vectors(clipseek, source, model, "f32"), {name: evaluate(name) for name in PRECISIONS}
    good = []
    print(f"precisions against f32 on {source}: lowest cosine of pictures and of texts; lost recall at 10 in points")
    for name in PRECISIONS[1:]:
        found = vectors(clipseek, source, model, name)
        lowest = [min(cosine(ours[key], vector) for key, vector in all.items()) for ours, all in zip(found, exact)]
        lost = [recall["f32"][way]["at_10"] - recall[name][way]["at_10"] for way in ("text_to_image", "image_to_text")]
        good.append(min(lowest) >= LOWEST_COSINE and (max(lost) <= MOST_RECALL_LOST or not judged))
        verdict = "ok" if good[-1] else "OFF"
        print(f"{verdict:>3}  {name}: {lowest[0]:.6f}, {lowest[1]:.6f}, of at least {LOWEST_COSINE}; "
              f"words to pictures {lost[0]:.2f}, pictures to words {lost[1]:.2f}" + (f", of at most {MOST_RECALL_LOST}" if judged else ""))
    print("recall at 1 and 10, words to pictures (published for Flickr30k: 58.8, 90.0):")
    for name, figures in recall.items():
        print(f"     {name}: {figures['text_to_image']['at_1']:.1f}, {figures['text_to_image']['at_10']:.1f}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clipseek")
    parser.add_argument("source", nargs="?", default=str(DEMO))
    parser.add_argument("--model", default=MODEL)
    arguments = parser.parse_args()
    good = published(arguments.clipseek) if arguments.model == MODEL else []
    good += precisions(arguments.clipseek, arguments.source, arguments.model)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
