"""The training loop of an autoencoder: epochs, early stopping, and interruptions."""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

# The patience counts a loss as better if it is lower by this share. Otherwise the training on a
# large data set, whose loss falls by ever smaller steps, would not end.
_NOTABLE = 0.01
_VALIDATION_ROWS = 256  # in each batch


@dataclass(frozen=True)
class TrainingPlan:
    """The settings of the training.

    It stops after `patience` epochs without a notably lower loss. With None it does not, and the
    weights of the last epoch are kept, not those of the best. `denoising` is the standard deviation
    of the noise in the inputs; the target has no noise.
    """

    epochs: int
    learning_rate: float
    batch_size: int
    patience: int | None
    denoising: float
    verbose: bool


class Kept(NamedTuple):
    """An epoch (from 1), its loss, and the module's state after it."""

    epoch: int
    loss: float
    weights: dict[str, Any]


@dataclass
class History:
    """The losses of a training, and the kept weights (None before the end of the first epoch).

    `losses` has for each epoch the mean training loss during it, and the validation loss after it.
    The notable epoch is the last with a notably lower loss than before.
    """

    losses: list[tuple[float, float | None]] = field(default_factory=list)
    kept: Kept | None = None
    notable_epoch: int = 0
    notable_loss: float = math.inf

    @property
    def best_epoch(self) -> int:
        """The epoch of the kept weights, counted from 1; 0 before the end of the first."""
        return 0 if self.kept is None else self.kept.epoch

    def curves(self) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Training losses, and validation losses or None, of all epochs."""
        training, validation = zip(*self.losses, strict=True)
        return np.array(training), None if validation[0] is None else np.array(validation)


def train(
    model: nn.Module,
    rows: torch.Tensor,
    n_held_out: int,
    plan: TrainingPlan,
    generator: torch.Generator,
) -> History:
    """Train a module by Adam to reconstruct its input in mean squared error.

    It gets the best weights. The loss of `n_held_out` randomly drawn rows decides which epoch is
    best; with 0, the training loss. An interruption after the first epoch becomes a warning that
    names the epoch of the kept weights. A loss that is not finite is an error.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    # One kernel for a step, if available: the steps of small networks are mostly overhead.
    fused = all(w.is_floating_point() and w.device.type in ("cpu", "cuda") for w in weights)
    optimiser = torch.optim.Adam(weights, lr=plan.learning_rate, fused=fused)
    history = History()
    order = torch.randperm(len(rows), generator=generator, device="cpu")
    held_out, training = order[:n_held_out], order[n_held_out:]
    try:
        for epoch in range(1, plan.epochs + 1):
            loss = _train_one_epoch(model, rows, training, optimiser, plan, generator)
            validation_loss = _mean_loss(model, rows, held_out) if n_held_out else None
            _check_finite(loss, validation_loss, epoch, plan)
            _note_epoch(history, model, loss, validation_loss, plan)
            if plan.patience and epoch - history.notable_epoch >= plan.patience:
                break
    except KeyboardInterrupt:
        if history.kept is None:
            raise
        warnings.warn(
            f"Training was interrupted after epoch {len(history.losses)} of {plan.epochs}. The "
            f"weights of epoch {history.kept.epoch} are kept.",
            UserWarning,
            stacklevel=3,
        )
    if history.kept is not None:
        model.load_state_dict(history.kept.weights)
    return history


def _train_one_epoch(
    model: nn.Module,
    rows: torch.Tensor,
    training: torch.Tensor,
    optimiser: torch.optim.Optimizer,
    plan: TrainingPlan,
    generator: torch.Generator,
) -> float:
    """Pass over the training rows in a new order, and return the mean loss of the batches."""
    model.train()
    device = _device_of(model)
    losses = []
    order = torch.randperm(len(training), generator=generator, device="cpu")
    for chosen in training[order].split(plan.batch_size):
        target = batch = rows[chosen]
        if plan.denoising:
            noise = torch.empty_like(target).normal_(generator=generator)
            batch = target + plan.denoising * noise
        loss = nn.functional.mse_loss(model(batch.to(device)), target.to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach() * (len(chosen) / len(training)))
    # Summed at the end: reading each loss would make the device wait.
    return float(torch.stack(losses).cpu().double().sum())


@torch.no_grad()
def _mean_loss(model: nn.Module, rows: torch.Tensor, held_out: torch.Tensor) -> float:
    """Mean squared error over the held-out rows, without noise."""
    model.eval()
    device = _device_of(model)
    total = 0.0
    for chosen in held_out.split(_VALIDATION_ROWS):
        target = rows[chosen].to(device)
        total += float(nn.functional.mse_loss(model(target), target)) * len(chosen)
    return total / len(held_out)


def _device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _check_finite(
    loss: float, validation_loss: float | None, epoch: int, plan: TrainingPlan
) -> None:
    for name, value in (("training", loss), ("validation", validation_loss)):
        if value is not None and not math.isfinite(value):
            raise ValueError(
                f"The {name} loss became {value} in epoch {epoch} with "
                f"learning_rate={plan.learning_rate!r}: the training diverged. A lower "
                "learning_rate may help."
            )


def _note_epoch(
    history: History,
    model: nn.Module,
    loss: float,
    validation_loss: float | None,
    plan: TrainingPlan,
) -> None:
    """Keep the losses, and the weights if they are the best so far."""
    epoch = len(history.losses) + 1
    watched = loss if validation_loss is None else validation_loss
    kept = history.kept
    if kept is None or plan.patience is None or watched < kept.loss:
        kept = Kept(epoch, watched, copy.deepcopy(model.state_dict()))
    if watched < history.notable_loss * (1 - _NOTABLE):
        history.notable_loss, history.notable_epoch = watched, epoch
    history.losses.append((loss, validation_loss))
    history.kept = kept  # one assignment: an interruption leaves the old state or the new
    if plan.verbose:
        losses = f"training loss {loss:.6g}"
        if validation_loss is not None:
            losses += f", validation loss {validation_loss:.6g}"
        print(f"epoch {epoch}/{plan.epochs}: {losses}", flush=True)
