"""Synthetic pictures of objects: features that the classifier assigns to a class.

The features of a photograph are moved in the direction that raises the class's logit most for the
distance from the photographs' distribution: the covariance of the features times the class's row of
weights. Features that the classifier does not use move along by their covariance.
"""

import numpy as np
import torch

import class_names
from picture_features import WIDTHS, Features

LARGEST_MARGIN = 5.0  # of the class's logit over all others
CORRECTIONS = 4


class Objects:
    def __init__(self, seen: torch.Tensor, classifier: tuple[torch.Tensor, torch.Tensor]):
        """Of the features `seen`, the classifier (weight, bias) uses the last."""
        self.classifier = classifier
        weight, _ = classifier
        centred_features, centred_weight = seen - seen.mean(dim=0), weight - weight.mean(dim=0)
        covariance = centred_features.T @ centred_features[:, -weight.shape[1] :] / len(seen)
        self.direction = centred_weight @ covariance.T
        self.gain = (self.direction[:, -weight.shape[1] :] * centred_weight).sum(dim=1)

    def lack(self, seen: torch.Tensor, classes: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
        """How much the logits of `classes` lack to exceed all others by `margin`."""
        weight, bias = self.classifier
        logits = seen[:, -weight.shape[1] :] @ weight.T + bias
        own = logits.gather(1, classes[:, None]).squeeze(1)
        others = logits.scatter(1, classes[:, None], -torch.inf).logsumexp(dim=1)
        return others + margin - own

    def moved(self, seen: torch.Tensor, classes: torch.Tensor, margin: torch.Tensor) -> Features:
        """Moves `seen`, one picture a class, until their classes win by `margin`."""
        distance = torch.zeros(len(classes))
        moved = seen
        for _ in range(CORRECTIONS):
            distance += self.lack(moved, classes, margin).clamp(-20, 40) / self.gain[classes]
            moved = seen + distance[:, None] * self.direction[classes]
            moved[:, -WIDTHS["pooled"] :].clamp_(0, 6)
        return Features.of(moved, self.classifier)


class Prompts:
    """The prompts of class names, and the classes that each of them fits."""

    def __init__(self):
        texts, classes, names = class_names.prompts()
        self.texts = texts
        self.by_class = [np.flatnonzero(np.array(classes) == index) for index in range(max(classes) + 1)]
        by_name: dict[str, set[int]] = {}
        for name, index in zip(names, classes):
            by_name.setdefault(name.lower(), set()).add(index)
        self.fits = [by_name[name.lower()] for name in names]

    def sample(self, classes: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """One prompt for each of `classes`."""
        return np.array([chance.choice(self.by_class[index]) for index in classes])

    def of_classes(self, means: torch.Tensor) -> torch.Tensor:
        """For each class, the average of `means` over the prompts of its clearest name."""
        count = len(class_names.TEMPLATES)
        return torch.stack([means[rows[:count]].mean(dim=0) for rows in self.by_class])

    def matches(self, prompts: np.ndarray, classes: np.ndarray) -> torch.Tensor:
        """1 where the prompt (row) fits the class (column): broad names fit many."""
        return torch.tensor([[float(index in self.fits[prompt]) for index in classes] for prompt in prompts])
