"""Features of the frozen text backbone: the mean of a text's tokens after each of the last layers."""

from functools import cache

import torch

import text

BATCH = 128
MEANS = 3  # the last layers, which the head uses


@cache
def backbone() -> text.MiniLM:
    return text.MiniLM(text.rounded(text.load()))


@torch.inference_mode()
def means(texts: list[str]) -> torch.Tensor:
    """(texts, MEANS, width), computed in batches of similar length."""
    words = text.Words()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found = torch.empty(len(texts), MEANS, text.WIDTH)
    for start in range(0, len(texts), BATCH):
        batch = order[start : start + BATCH]
        ids, mask = words([texts[index] for index in batch])
        count = mask.sum(dim=1, keepdim=True)
        for layer, states in enumerate(backbone()(ids, mask)[-MEANS:]):
            found[batch, layer] = (states * mask[:, :, None]).sum(dim=1) / count
    return found
