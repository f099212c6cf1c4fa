"""Recall of the heads on held-out pictures and captions."""

from dataclasses import dataclass

import torch

RANKS = (1, 5, 10)


@dataclass
class Recall:
    """Percent of queries with the answer among the best 1, 5 and 10, and the median rank."""

    at: tuple[float, float, float]
    median: int

    @classmethod
    def of(cls, ranks: torch.Tensor) -> "Recall":
        return cls(tuple(round(100 * (ranks < rank).float().mean().item(), 1) for rank in RANKS), int(ranks.median()) + 1)

    def __str__(self) -> str:
        values = ", ".join(f"R@{rank} {value:.1f}" for rank, value in zip(RANKS, self.at))
        return f"{values}, median rank {self.median}"


def recalls(pictures: torch.Tensor, captions: torch.Tensor) -> tuple[Recall, Recall]:
    """Text to image and image to text, for unit vectors with the same number of consecutive captions for each picture."""
    count, each = len(pictures), len(captions) // len(pictures)
    similarities = captions @ pictures.T
    own = similarities.gather(1, torch.arange(count).repeat_interleave(each)[:, None])
    to_image = (similarities > own).sum(dim=1)
    best_own = own.reshape(count, each).amax(dim=1)
    to_text = (similarities > best_own).sum(dim=0)
    return Recall.of(to_image), Recall.of(to_text)
