"""The names of ImageNet's 1,000 classes and the prompts made of them."""

from pathlib import Path

TEMPLATES = ["{name}", "{article} {name}", "a photo of {article} {name}", "a picture of the {name}"]


def class_names() -> list[list[str]]:
    """For each class, its names: the clearest first, then synonyms, then broader words."""
    lines = Path(__file__).with_name("class_names.txt").read_text().splitlines()
    return [line.split("; ") for line in lines]


def prompts() -> tuple[list[str], list[int], list[str]]:
    """Every name in every template, with its class and the index of its name."""
    texts, classes, made_of = [], [], []
    for index, names in enumerate(class_names()):
        for name in names:
            article = "an" if name[0].lower() in "aeiou" else "a"
            texts += [template.format(name=name, article=article) for template in TEMPLATES]
            classes += [index] * len(TEMPLATES)
            made_of += [name] * len(TEMPLATES)
    return texts, classes, made_of
