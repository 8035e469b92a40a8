"""Small torch modules of many kinds for the tests. Import it where torch is installed."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def images(n: int = 50, seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).normal(size=(n, 1, 12, 12)).astype(np.float32)


def sequences(n: int = 20, steps: int = 5, seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).normal(size=(n, steps, 8)).astype(np.float32)


def seeded(make, seed=0):
    """The module that a function makes, with the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def lenet() -> nn.Sequential:
    """A classifier in training mode, with activations in place and dropout."""

    def layers():
        return OrderedDict(
            conv1=nn.Conv2d(1, 4, 3),
            norm=nn.BatchNorm2d(4),
            relu1=nn.ReLU(inplace=True),
            conv2=nn.Conv2d(4, 6, 3),
            relu2=nn.ReLU(inplace=True),
            pool=nn.AdaptiveAvgPool2d(2),
            flatten=nn.Flatten(),
            hidden=nn.Linear(24, 9),
            relu3=nn.ReLU(inplace=True),
            dropout=nn.Dropout(),
            logits=nn.Linear(9, 3),
        )

    return seeded(lambda: nn.Sequential(layers()))


class FunctionalNet(nn.Module):
    """A net whose activations and pooling are functions, not modules."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Linear(4, 3)  # defined first, called last
        self.conv = nn.Conv2d(1, 4, 3)
        self.scale = nn.Parameter(torch.ones(1))  # the whole has a parameter of its own

    def forward(self, x):
        return self.logits(torch.relu(self.conv(x) * self.scale).mean((2, 3)))


class Sequences(nn.Module):
    """A recurrent layer and a transformer on (n, steps, 8), with the batch first or second."""

    def __init__(self, batch_first=True):
        super().__init__()
        self.batch_first = batch_first
        options = {"batch_first": batch_first}
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, **options)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.lstm = nn.LSTM(8, 3, num_layers=2, bidirectional=True, **options)
        self.logits = nn.Linear(6, 2)

    def forward(self, x):
        if not self.batch_first:
            x = x.transpose(0, 1)
        steps, _ = self.lstm(self.encoder(x))
        return self.logits(steps.mean(1 if self.batch_first else 0))


class Shared(nn.Module):
    """A net with one layer under two names, called three times a pass, and one never called."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.alias = self.first
        self.idle = nn.Linear(4, 4)

    def forward(self, x):
        return self.alias(torch.tanh(self.first(torch.tanh(self.first(x)))))


class Named(nn.Module):
    """Takes inputs by name and gives a dict."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, tokens, mask=None):
        hidden = self.embedding(tokens)
        if mask is not None:
            hidden = hidden * mask[..., None]
        return {"logits": self.head(hidden.mean(1)), "hidden": hidden}


class Failing(nn.Module):
    """Raises a given error after its layer was called."""

    def __init__(self, error):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.error = error

    def forward(self, x):
        result = self.layer(x)
        if len(x) > 3 and self.error is not None:
            raise self.error
        return result


def pooled(*layers):
    """A classifier of rows of any width into three classes, without weights."""
    return nn.Sequential(nn.AdaptiveAvgPool1d(5), *layers, nn.AdaptiveAvgPool1d(3))


def state_of(net):
    """The state of a module that a call could change."""
    return [
        (name, part.training, list(part._forward_hooks), list(part._forward_pre_hooks))
        for name, part in net.named_modules()
    ] + [
        (name, p.device, p.dtype, p.requires_grad, p.grad is None, p.detach().sum().item())
        for name, p in (*net.named_parameters(), *net.named_buffers())
    ]
