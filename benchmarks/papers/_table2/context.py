"""One trained net with the rows that are scored, and the features that several methods share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from _table2.tasks import Data, Task
from skood.deep import TorchFeatureTransformer

VALIDATION_ROWS = 500  # of each kind; never among those reported
BATCH = 100  # maps of more images leave the processor's cache: twice the time


@dataclass(frozen=True)
class Split:
    """Which rows are reported, and which ones only the tuned methods see."""

    reported: dict[str, np.ndarray]  # "" is the in-distribution set
    validation: np.ndarray
    validation_ood: np.ndarray


def split_rows(data: Data, most_rows: int | None) -> Split:
    """The same rows for all nets and methods."""
    rng = np.random.default_rng(0)
    sets = {"": data.test, **data.ood}
    shuffled = {name: rows[rng.permutation(len(rows))] for name, rows in sets.items()}
    validation, shuffled[""] = np.split(shuffled[""], [VALIDATION_ROWS])
    if data.tuning_ood is None:
        first = next(iter(data.ood))
        outside, shuffled[first] = np.split(shuffled[first], [VALIDATION_ROWS])
    else:
        outside = data.tuning_ood[rng.permutation(len(data.tuning_ood))[:VALIDATION_ROWS]]
    reported = {name: rows[:most_rows] for name, rows in shuffled.items()}
    return Split(reported, validation, outside)


class Context:
    """A net of one seed. Features are extracted once, when a method first asks for them."""

    def __init__(
        self, task: Task, data: Data, split: Split, nets: Sequence[nn.Module], seed: int
    ) -> None:
        self.task, self.data, self.split = task, data, split
        self.nets, self.seed, self.net = nets, seed, nets[seed]

    def extractor(
        self, layers: Sequence[str] | None = None, reduce: str = "mean"
    ) -> TorchFeatureTransformer:
        """A new transformer for layers of this net; maps are taken by their mean, or whole."""
        chosen = list(self.task.layers if layers is None else layers)
        return TorchFeatureTransformer(self.net, chosen, reduce=reduce, batch_size=BATCH)

    @cached_property
    def groups(self) -> dict[str, slice]:
        return dict(self._fitted.feature_groups_)

    @cached_property
    def train(self) -> np.ndarray:
        """Features of all layers of the training rows."""
        return self._fitted.transform(self.data.X)

    @cached_property
    def reported(self) -> dict[str, np.ndarray]:
        """Features of all layers of each set that is reported."""
        return {name: self._fitted.transform(rows) for name, rows in self.split.reported.items()}

    @cached_property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        rows = self.split.validation, self.split.validation_ood
        return self._fitted.transform(rows[0]), self._fitted.transform(rows[1])

    @cached_property
    def _fitted(self) -> TorchFeatureTransformer:
        layers = [*self.task.layers]
        if self.task.penultimate not in layers:
            layers.append(self.task.penultimate)
        return self.extractor(layers).fit(self.data.X[:BATCH])

    def scores(self, scorer: Any) -> dict[str, np.ndarray]:
        """Scores of each reported set by a scorer of raw inputs."""
        return {name: scorer.score_samples(rows) for name, rows in self.split.reported.items()}

    def logits(self, features: np.ndarray) -> np.ndarray:
        return features[:, self.groups["logits"]]

    def penultimate(self, features: np.ndarray) -> np.ndarray:
        """The input of the last linear layer."""
        return features[:, self.groups[self.task.penultimate]]

    def layers(self, features: np.ndarray) -> np.ndarray:
        """The columns of the task's layers, one after the other."""
        return np.hstack([features[:, self.groups[name]] for name in self.task.layers])

    @property
    def widths(self) -> list[int]:
        return [self.groups[name].stop - self.groups[name].start for name in self.task.layers]

    @property
    def head(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and bias of the last linear layer."""
        linear = self.net.get_submodule("logits")
        return linear.weight.detach().numpy(), linear.bias.detach().numpy()

    @torch.inference_mode()
    def accuracy(self) -> float:
        predicted = [
            self.net(batch).argmax(dim=1) for batch in torch.from_numpy(self.data.test).split(BATCH)
        ]
        return 100 * float((torch.cat(predicted).numpy() == self.data.test_labels).mean())
