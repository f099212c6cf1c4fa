"""The trained heads, which compute embeddings from the frozen backbones' features."""

import torch
import torch.nn.functional as F
from torch import nn

from picture_features import Features

DIMENSION = 256
PICTURE_HIDDEN, TEXT_HIDDEN = 640, 640
FIRST_GAIN = 4.0  # relative to the perceptron, whose vectors have about unit length


class Perceptron(nn.Module):
    """Features standardised by the training data, then one hidden layer."""

    def __init__(self, examples: torch.Tensor, hidden: int, dropout: tuple[float, float]):
        """Standardises by `examples` (n, features); `dropout` of the features and of the hidden layer."""
        super().__init__()
        deviation = examples.std(dim=0) + 1e-3
        self.register_buffer("scale", 1 / deviation)
        self.register_buffer("shift", -examples.mean(dim=0) / deviation)
        self.inner = nn.Linear(examples.shape[1], hidden)
        self.outer = nn.Linear(hidden, DIMENSION)
        self.feature_dropout, self.hidden_dropout = (nn.Dropout(share) for share in dropout)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        hidden = F.gelu(self.inner(self.feature_dropout(features * self.scale + self.shift)))
        return self.outer(self.hidden_dropout(hidden))


class PictureHead(nn.Module):
    """Features of pictures → unit vectors.

    For object names, the mean of the class vectors, weighted by the classifier's probabilities, is added
    to the perceptron's vector.
    """

    def __init__(self, examples: torch.Tensor, dropout: tuple[float, float]):
        super().__init__()
        self.perceptron = Perceptron(examples, PICTURE_HIDDEN, dropout)
        self.gain = nn.Parameter(torch.tensor(FIRST_GAIN))

    def forward(self, features: Features, classes: torch.Tensor) -> torch.Tensor:
        """`classes` (classes, dimension) are the text head's embeddings of their names."""
        return F.normalize(self.perceptron(features.seen) + self.gain * features.probabilities @ classes, dim=1)


class TextHead(nn.Module):
    """Means of tokens (n, layers, width) → unit vectors."""

    def __init__(self, examples: torch.Tensor, dropout: tuple[float, float]):
        super().__init__()
        self.perceptron = Perceptron(examples.flatten(1), TEXT_HIDDEN, dropout)

    def forward(self, means: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.perceptron(means.flatten(1)), dim=1)
