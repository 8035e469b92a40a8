"""The LeNet of the LCP experiment, whose layers the cost of FSSD is measured on as well."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import nn

LAYERS = ("relu1", "relu2", "relu3", "logits")
FILTERS, HIDDEN = (16, 32), 128


def lenet(X: np.ndarray, seed: int) -> nn.Sequential:
    """Two convolutions, a hidden layer and logits, for images on the scale of X."""
    torch.manual_seed(seed)
    mean, scale = float(X.mean()), float(X.std())
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["scale"] = _Scale(mean, scale)
    layers["conv1"], layers["relu1"] = nn.Conv2d(1, FILTERS[0], 5), nn.ReLU()
    layers["pool1"] = nn.MaxPool2d(2)
    layers["conv2"], layers["relu2"] = nn.Conv2d(*FILTERS, 5), nn.ReLU()
    layers["pool2"], layers["flatten"] = nn.MaxPool2d(2), nn.Flatten()
    layers["hidden"], layers["relu3"] = nn.Linear(16 * FILTERS[1], HIDDEN), nn.ReLU()
    layers["logits"] = nn.Linear(HIDDEN, 10)
    return nn.Sequential(layers)


class _Scale(nn.Module):
    """Pixels of mean 0 and variance 1."""

    def __init__(self, mean: float, scale: float) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return (batch - self.mean) / self.scale
