"""Trains a net, stores it after every epoch, and resumes a stopped run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from skood.rows.progress import Progress


@dataclass(frozen=True)
class Recipe:
    """How a net is trained. Each task has its own `build` and `augment`."""

    build: Callable[[], nn.Module]
    epochs: int
    batch_size: int
    optimiser: Callable[[nn.Module], torch.optim.Optimizer]
    # from the optimiser and the number of steps; one step of it for each batch
    schedule: Callable[[torch.optim.Optimizer, int], torch.optim.lr_scheduler.LRScheduler]
    augment: Callable[[torch.Tensor], torch.Tensor] = field(default=lambda batch: batch)
    half: bool = True  # products in bfloat16, which processors with AMX do many times faster
    before: Recipe | None = None  # trains the initial weights


@dataclass(frozen=True)
class Rows:
    """Training rows and labels, and outliers for an exposure."""

    X: torch.Tensor
    y: torch.Tensor
    outliers: torch.Tensor | None = None


def trained(
    recipe: Recipe, rows: Rows, path: Path, seed: int, *, start: dict[str, Any] | None = None
) -> nn.Module:
    """The net of one seed in evaluation mode, from `path` if it was trained before.

    `start` holds the initial weights. A stopped training resumes after its last epoch.
    """
    with torch.random.fork_rng(devices=_devices()):
        torch.manual_seed(seed)
        net = recipe.build()
        if path.exists():
            net.load_state_dict(torch.load(path, weights_only=True))
        else:
            if start is None and recipe.before is not None:
                before = trained(recipe.before, rows, path.with_suffix(".before.pt"), seed)
                start = before.state_dict()
            if start is not None:
                net.load_state_dict(start)
            _train(net.to(device(), memory_format=torch.channels_last), recipe, rows, path)
    return net.cpu().eval().to(memory_format=torch.channels_last)  # and so scored, for speed


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _devices() -> list[int]:
    return list(range(torch.cuda.device_count()))


def _train(net: nn.Module, recipe: Recipe, rows: Rows, path: Path) -> None:
    optimiser = recipe.optimiser(net)
    per_epoch = -(-len(rows.X) // recipe.batch_size)
    schedule = recipe.schedule(optimiser, recipe.epochs * per_epoch)
    parts = {"net": net, "optimiser": optimiser, "schedule": schedule}
    unfinished = path.with_suffix(".unfinished.pt")
    first = _resume(unfinished, parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    for epoch in range(first, recipe.epochs):
        name = f"{path.stem}, epoch {epoch + 1} of {recipe.epochs}"
        loss = _epoch(net, optimiser, schedule, recipe, rows, name)
        if not loss < float("inf"):
            raise FloatingPointError(f"The loss of {name} is {loss}; its checkpoint is kept.")
        state: dict[str, Any] = {key: part.state_dict() for key, part in parts.items()}
        _write({**state, "epoch": epoch + 1, "random": torch.get_rng_state()}, unfinished)
    _write(net.cpu().state_dict(), path)
    unfinished.unlink(missing_ok=True)


def _resume(path: Path, parts: dict[str, Any]) -> int:
    """Restore the parts after the last epoch; return the number of finished epochs."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location=device())
    for key, part in parts.items():
        part.load_state_dict(state[key])
    torch.set_rng_state(state["random"].cpu())
    return int(state["epoch"])


def _write(state: Any, path: Path) -> None:
    """Write a file, which gets its name once it is complete."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    torch.save(state, part)
    part.replace(path)


def _epoch(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    recipe: Recipe,
    rows: Rows,
    name: str,
) -> float:
    """One pass over the rows; the mean loss."""
    net.train()
    total = 0.0
    order = torch.randperm(len(rows.X))
    with _EpochProgress(name, len(order)) as progress:
        for chosen in order.split(recipe.batch_size):
            batch, labels = recipe.augment(rows.X[chosen]).to(device()), rows.y[chosen].to(device())
            with torch.autocast(device().type, torch.bfloat16, enabled=recipe.half):
                loss = _loss(net, batch, labels, rows, recipe)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
            progress.update(progress.done + len(chosen))
    return total / len(rows.X)


class _EpochProgress(Progress):
    def line(self) -> str:
        return f"{self.what}: {self.done:,} of {self.total:,} rows, {self.rate:,.0f} a second"

    def last_line(self) -> str:
        return f"{self.what}: {self.done:,} rows in {self.seconds:.0f} s"


def _loss(
    net: nn.Module, batch: torch.Tensor, labels: torch.Tensor, rows: Rows, recipe: Recipe
) -> torch.Tensor:
    if rows.outliers is None:
        return nn.functional.cross_entropy(net(_last(batch)).float(), labels)
    drawn = torch.randint(len(rows.outliers), (len(batch),))
    outliers = recipe.augment(rows.outliers[drawn]).to(batch.device)
    from skood.deep import outlier_exposure_loss

    logits = net(_last(torch.cat([batch, outliers]))).float()
    return outlier_exposure_loss(logits[: len(batch)], labels, logits[len(batch) :])


def _last(batch: torch.Tensor) -> torch.Tensor:
    """Images with their channels last in memory, the fastest order for convolutions."""
    if batch.ndim != 4:
        return batch
    return batch.contiguous(memory_format=torch.channels_last)
