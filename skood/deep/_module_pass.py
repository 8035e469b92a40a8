"""Forward passes of a classifier over batches of raw inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .._validation import check_int, parameter_error
from ._batches import InputMaker, Inputs, filled_up, n_samples
from ._extraction import forward
from ._placement import device_for, on_device, plain_module
from ._reduce import first_tensor


def check_pass_parameters(owner: Any) -> None:
    """Raise unless the parameters of a pass over batches that an estimator has are valid."""
    check_int(owner, "batch_size", owner.batch_size, 1)
    shape = owner.input_shape
    if shape is not None and not (
        isinstance(shape, tuple) and all(isinstance(size, int) and size > 0 for size in shape)
    ):
        raise parameter_error(owner, "input_shape", "a tuple of positive ints or None", shape)
    for name in ("pad_batches", "verbose"):
        value = getattr(owner, name, False)
        if not isinstance(value, bool | np.bool_):
            raise parameter_error(owner, name, "True or False", value)


class ModulePass:
    """A classifier on the device to compute on, with the conversion of its inputs and outputs."""

    def __init__(self, owner: Any, module: nn.Module) -> None:
        module = plain_module(owner, module)
        self.device = device_for(owner, owner.device, module)
        self.module = on_device(module, self.device)
        self._make = InputMaker(self.module, torch.float32, owner.input_shape, self.device)
        self._owner = type(owner).__name__

    def inputs(self, batch: Any, n_full: int | None) -> tuple[Inputs, int]:
        """The inputs of a batch, padded to n_full samples, and the number of its samples.

        Rounding depends on the size of a batch. Padding makes a row's score independent of it.
        """
        inputs = self._make(batch)
        n_rows = n_samples(inputs)
        if n_full is not None and n_rows < n_full:
            inputs = filled_up(inputs, n_full)
        return inputs, n_rows

    def logits(self, inputs: Inputs) -> torch.Tensor:
        """The module's logits, a row for each sample. The module may change the inputs in place."""
        output = forward(self.module, inputs)
        logits = first_tensor(output)
        n_rows = n_samples(inputs)
        if logits is None or logits.ndim != 2 or len(logits) != n_rows or logits.shape[1] < 2:
            shape = type(output).__name__ if logits is None else f"shape {tuple(logits.shape)}"
            raise ValueError(
                f"{type(self.module).__name__} must give {self._owner} an output of shape "
                f"({n_rows}, n_classes) for {n_rows} samples, of two or more classes. "
                f"Got {shape} instead."
            )
        return logits

    def read(self, logits: torch.Tensor, n_rows: int) -> NDArray[np.float64]:
        """The first rows of logits as an array. They must be finite."""
        rows = logits[:n_rows].detach().to("cpu", torch.float64).numpy()
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"{type(self.module).__name__} must give {self._owner} finite outputs. "
                f"Got NaN or infinity for {len(rows) - finite.sum()} of {len(rows)} samples."
            )
        return rows
