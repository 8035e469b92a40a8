"""Outlier exposure: nets that continue their training with outliers of no class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from _table2.context import BATCH, Context
from _table2.methods import Method, Scores
from _table2.training import Rows, trained
from skood.deep import MSPScorer, TorchFeatureTransformer

LEARNING_RATE = 5e-4


def exposed(folder: Path) -> list[Method]:
    """The trained net continues for some epochs, with as many outliers as rows in a batch."""

    def score(net: Context) -> Scores:
        data = net.data
        assert data.exposure is not None
        outliers = torch.from_numpy(data.exposure)
        rows = Rows(torch.from_numpy(data.X), torch.from_numpy(data.y), outliers)
        recipe = replace(
            net.task.recipe, epochs=net.task.exposure_epochs, optimiser=_gentle, schedule=_falling
        )
        path = folder / f"{net.task.key}-{net.seed}-exposed.pt"
        tuned = trained(recipe, rows, path, net.seed, start=net.net.state_dict())
        extractor = TorchFeatureTransformer(tuned, ["logits"], batch_size=BATCH).fit(data.X[:BATCH])
        scorer = MSPScorer().fit(extractor.transform(net.split.validation))
        return {
            name: scorer.score_samples(extractor.transform(rows))
            for name, rows in net.split.reported.items()
        }

    return [Method("OE: max softmax", score, "OE")]


def _gentle(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)


def _falling(optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=steps)
