"""Trains the heads: pictures against their captions, and objects against their names."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from heads import PictureHead, TextHead
from objects import LARGEST_MARGIN, Objects, Prompts
from picture_features import Features


@dataclass
class Settings:
    epochs: int = 40
    pictures: int = 500  # in a step
    captions: int = 5  # of each of them
    objects: int = 250  # in a step
    object_share: float = 0.3  # weight of the loss on objects
    learning_rate: float = 1e-3
    warm_up: int = 20  # steps
    weight_decay: float = 0.2
    feature_dropout: float = 0.3
    hidden_dropout: float = 0.5
    average: float = 0.98  # decay of the moving average of the weights, which is the result
    first_scale: float = 20.0
    seed: int = 0


@dataclass
class Data:
    views: list[Features]  # of the training photographs
    captions: torch.Tensor  # (5 a photograph, means, width)
    prompts: torch.Tensor  # (prompts, means, width)
    classifier: tuple[torch.Tensor, torch.Tensor]


class Heads(nn.Module):
    def __init__(self, pictures: torch.Tensor, texts: torch.Tensor, settings: Settings):
        """The features of `pictures` and `texts` determine the standardisation."""
        super().__init__()
        dropout = settings.feature_dropout, settings.hidden_dropout
        self.picture, self.text = PictureHead(pictures, dropout), TextHead(texts, dropout)
        self.log_scale = nn.Parameter(torch.tensor(math.log(settings.first_scale)))

    def scale(self) -> torch.Tensor:
        return self.log_scale.exp().clamp(max=100)


def contrast(similarities: torch.Tensor, matches: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of both directions; `matches` is 1 where row and column belong together."""
    loss = 0.0
    for scores, wanted in [(similarities, matches), (similarities.T, matches.T)]:
        loss -= ((scores.log_softmax(dim=1) * wanted).sum(dim=1) / wanted.sum(dim=1)).mean() / 2
    return loss


class Trainer:
    def __init__(self, data: Data, settings: Settings):
        torch.manual_seed(settings.seed)
        self.chance = np.random.default_rng(settings.seed)
        self.data, self.settings = data, settings
        seen = torch.cat([view.seen for view in data.views])
        self.objects, self.prompts = Objects(seen, data.classifier), Prompts()
        self.class_names = self.prompts.of_classes(data.prompts)
        self.heads = Heads(seen, data.captions, settings)
        self.average = AveragedModel(self.heads, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
        matrices = [parameter for parameter in self.heads.parameters() if parameter.dim() > 1]
        others = [parameter for parameter in self.heads.parameters() if parameter.dim() < 2]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98))

    def photographs(self, rows: np.ndarray) -> Features:
        """Each in its own view."""
        views = self.chance.integers(len(self.data.views), size=len(rows))
        chosen = [self.data.views[view][int(row)] for view, row in zip(views, rows)]
        return Features(*(torch.stack([getattr(one, part) for one in chosen]) for part in ("seen", "probabilities")))

    def caption_loss(self, rows: np.ndarray, classes: torch.Tensor) -> torch.Tensor:
        settings = self.settings
        chosen = np.stack([self.chance.permutation(5)[: settings.captions] for _ in rows])
        captions = self.heads.text(self.data.captions[(rows[:, None] * 5 + chosen).reshape(-1)])
        pictures = self.heads.picture(self.photographs(rows), classes)
        matches = torch.eye(len(rows)).repeat_interleave(settings.captions, dim=0)
        return contrast(self.heads.scale() * captions @ pictures.T, matches)

    def object_loss(self, classes: torch.Tensor) -> torch.Tensor:
        count, photographs = self.settings.objects, len(self.data.views[0])
        chosen = self.chance.choice(len(self.prompts.by_class), count, replace=False)
        background = self.photographs(self.chance.integers(photographs, size=count))
        margin = torch.from_numpy(self.chance.uniform(0, LARGEST_MARGIN, size=count)).float()
        with torch.no_grad():
            shown = self.objects.moved(background.seen, torch.from_numpy(chosen), margin)
        prompts = self.prompts.sample(chosen, self.chance)
        names = self.heads.text(self.data.prompts[prompts])
        pictures = self.heads.picture(shown, classes)
        return contrast(self.heads.scale() * names @ pictures.T, self.prompts.matches(prompts, chosen))

    def step(self, rows: np.ndarray, progress: float, number: int) -> float:
        rate = self.settings.learning_rate * min(1, (number + 1) / self.settings.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * progress))
        classes = self.heads.text(self.class_names)
        loss = self.caption_loss(rows, classes) + self.settings.object_share * self.object_loss(classes)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.average.update_parameters(self.heads)
        return loss.item()

    def run(self) -> Heads:
        """The averaged heads after all epochs."""
        photographs, size = len(self.data.views[0]), self.settings.pictures
        steps = photographs // size * self.settings.epochs
        number = 0
        for epoch in range(self.settings.epochs):
            order = self.chance.permutation(photographs)
            for start in range(0, photographs - size + 1, size):
                loss = self.step(order[start : start + size], number / steps, number)
                number += 1
            print(f"epoch {epoch + 1} of {self.settings.epochs}: loss {loss:.3f}", flush=True)
        return self.average.module.eval()
