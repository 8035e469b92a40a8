"""The networks of Table 2: each a chain of named stages, so that its layers have names."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

BASES = 4  # A, C, G, T


def lenet(n_classes: int = 10) -> nn.Sequential:
    """The FSSD authors' net for grey images of 28 × 28: two convolutions and two linear layers."""
    return _chain(
        scale=Scale(mean=(0.286,), deviation=(0.353,)),
        conv1=nn.Conv2d(1, 32, 3),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(32, 64, 3),
        relu2=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        dropout1=nn.Dropout2d(0.25),
        flatten=_FlattenAsStored(),
        linear=nn.Linear(64 * 12 * 12, 128),
        hidden=nn.ReLU(),
        dropout2=nn.Dropout(0.5),
        logits=nn.Linear(128, n_classes),
    )


def resnet(blocks: tuple[int, ...], width: int, n_classes: int = 10) -> nn.Sequential:
    """A residual net for colour images of 32 × 32.

    `blocks` holds the number of blocks in each stage; a block has two convolutions. Each stage
    after the first halves the maps and doubles the channels. (3, 4, 6, 3) with a width of 64 is
    ResNet34.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    stages["scale"] = Scale(mean=(0.491, 0.482, 0.447), deviation=(0.245, 0.243, 0.261))
    stages["stem"] = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )
    before = width
    for i, n in enumerate(blocks):
        channels, stride = width * 2**i, 1 if i == 0 else 2
        units = [_Residual(before, channels, stride)]
        units += [_Residual(channels, channels, 1) for _ in range(n - 1)]
        stages[f"stage{i + 1}"] = nn.Sequential(*units)
        before = channels
    stages["pool"], stages["penultimate"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    stages["dropout"] = nn.Dropout(0.1)
    stages["logits"] = nn.Linear(before, n_classes)
    return nn.Sequential(stages)


def sequence_net(n_classes: int = 6, width: int = 128) -> nn.Sequential:
    """An LSTM over words of a read, an array (length, 4) with a column for each base."""
    return _chain(
        words=_Words(width),
        lstm=_Recurrent(width),
        penultimate=_MeanOverSteps(),
        dropout=nn.Dropout(0.3),
        logits=nn.Linear(2 * width, n_classes),
    )


class Scale(nn.Module):
    """Channels of mean 0 and variance 1."""

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(-1, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images - self.mean) / self.deviation


class _FlattenAsStored(nn.Module):
    """Flattens maps in their order in memory, without a copy.

    That saves a fifth of the training. The net sees the same features in another order.
    """

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.permute(0, 2, 3, 1).flatten(1)


class _Residual(nn.Module):
    """Two convolutions and a shortcut (the basic block of He et al. 2016)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            straight = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
            self.around = nn.Sequential(straight, nn.BatchNorm2d(n_out))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.norm1(self.conv1(maps)))
        return torch.relu(self.norm2(self.conv2(inner)) + self.around(maps))


class _Words(nn.Module):
    """Overlapping words of twelve bases, one at every fourth base: a fourth of the steps.

    (n, length, 4) to (n, steps, width).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(BASES, width, kernel_size=12, stride=4)

    def forward(self, reads: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.convolution(reads.transpose(1, 2))).transpose(1, 2)


class _Recurrent(nn.Module):
    """Hidden states of an LSTM that reads both ways, at every step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.lstm(words)[0]


class _MeanOverSteps(nn.Module):
    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states.mean(dim=1)


def _chain(**stages: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(stages))
