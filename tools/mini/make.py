"""Makes the bundled model: features, training, export, evaluation. Called by make.sh."""

import argparse
from pathlib import Path

import torch

import class_names
import evaluate
import export
import picture_features
import reference
import text_features
import train
import vision
from export import Exported
from picture_features import Features

TRAIN_VIEWS, DEV_VIEWS = 4, 2


def text_means(cache: Path, name: str, texts: list[str]) -> torch.Tensor:
    path = cache / f"{name}-texts.pt"
    if not path.exists():
        torch.save(text_features.means(texts).half(), path)
    return torch.load(path).float()


def picture_views(data: Path, cache: Path, split: str, views: int, classifier) -> list[Features]:
    done = cache / f"{split}-{views}.done"
    if not done.exists():
        picture_features.extract(data, cache, split, views)
        done.touch()
    return [Features.load(cache, split, view, classifier) for view in range(views)]


def captions(data: Path, split: str) -> list[str]:
    by_picture = picture_features.read_captions(data / f"{split}.tsv")
    return [caption for captions in by_picture.values() for caption in captions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with train.tsv, dev.tsv and images/")
    parser.add_argument("cache", type=Path, help="folder for features")
    parser.add_argument("model", type=Path, help="output folder")
    parser.add_argument("reference", type=Path, help="output file with the Rust tests' reference vectors")
    arguments = parser.parse_args()
    data, cache = arguments.data, arguments.cache

    weights = vision.rounded(vision.load())
    classifier = weights["classifier.weight"], weights["classifier.bias"]
    prompts, _, _ = class_names.prompts()
    trainer = train.Trainer(
        train.Data(
            views=picture_views(data, cache, "train", TRAIN_VIEWS, classifier),
            captions=text_means(cache, "train", captions(data, "train")),
            prompts=text_means(cache, "prompts", prompts),
            classifier=classifier,
        ),
        train.Settings(),
    )
    heads = trainer.run()
    export.write(arguments.model, heads, trainer.class_names)
    exported = Exported(heads, trainer.class_names)
    reference.write(arguments.reference, exported)

    texts = exported.texts(text_means(cache, "dev", captions(data, "dev")))
    for view, features in enumerate(picture_views(data, cache, "dev", DEV_VIEWS, classifier)):
        to_image, to_text = evaluate.recalls(exported.pictures(features), texts)
        print(f"dev, {['as stored', 'stretched to 3:2 and cropped'][view]}")
        print(f"  text to image: {to_image}")
        print(f"  image to text: {to_text}")


if __name__ == "__main__":
    main()
