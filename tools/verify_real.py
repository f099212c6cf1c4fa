"""Check the real openai/clip-vit-base-patch32 against what others have published of it.

    python3 tools/verify_real.py CLIPSEEK [SOURCE]

runs the program CLIPSEEK. It needs a network: the model (600 MB) comes from the Hugging Face hub into the shared cache,
two pictures from where the figures were taken. SOURCE is a set of pictures with captions for `clipseek eval`; without
one the demo's serves. Exit status 1 when a figure is off.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

MODEL = "openai/clip-vit-base-patch32"
DEMO = pathlib.Path(__file__).resolve().parents[1] / "demo/captions.csv"
CATS = "http://images.cocodataset.org/val2017/000000039769.jpg"
DIAGRAM = "https://raw.githubusercontent.com/openai/CLIP/main/CLIP.png"


def classify(clipseek, picture, labels, template):
    """(cosine, probability) of each label."""
    command = [clipseek, "classify", picture, "--labels", ",".join(labels), "--template", template, "--model", MODEL, "--format", "json"]
    (classified,) = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    scores = {score["label"]: (score["similarity"], score["probability"]) for score in classified["labels"]}
    return [scores[label] for label in labels]


def compare(name, found, expected, tolerance):
    off = max(abs(one - other) for one, other in zip(found, expected))
    verdict = "ok" if off <= tolerance else "OFF"
    figures = ", ".join(f"{one:.4f} ({other:.4f})" for one, other in zip(found, expected))
    print(f"{verdict:>3}  {name}: {figures}; off by {off:.4f}, allowed {tolerance}")
    return off <= tolerance


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    clipseek, source = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else str(DEMO)
    subprocess.run([clipseek, "model", "pull", MODEL], check=True)
    info = json.loads(subprocess.run([clipseek, "model", "info", MODEL, "--json"], check=True, stdout=subprocess.PIPE).stdout)
    scale = info["logit_scale"]
    with tempfile.TemporaryDirectory() as directory:
        pictures = {}
        for url in (CATS, DIAGRAM):
            pictures[url] = str(pathlib.Path(directory) / url.rsplit("/", 1)[1])
            urllib.request.urlretrieve(url, pictures[url])
        cats = classify(clipseek, pictures[CATS], ["cat", "dog"], "a photo of a {}")
        diagram = classify(clipseek, pictures[DIAGRAM], ["a diagram", "a dog", "a cat"], "{}")
    print("figures found (and published):")
    good = [
        # 100, to which training was held.
        compare("the scale of the logits", [scale], [100.0], 0.01),
        # https://github.com/huggingface/transformers/blob/main/tests/models/clip/test_modeling_clip.py
        compare("transformers' two cats, logits of cat and dog", [scale * cosine for cosine, _ in cats], [24.5701, 19.3049], 0.05),
        # https://github.com/openai/CLIP#usage
        compare("OpenAI's diagram, probabilities of diagram, dog and cat", [share for _, share in diagram], [0.9927937, 0.00421068, 0.00299572], 0.005),
    ]
    print(f"recall on {source} (published for Flickr30k: words to pictures R@1 58.8, R@10 90.0):", flush=True)
    subprocess.run([clipseek, "eval", source, "--model", MODEL], check=True)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
