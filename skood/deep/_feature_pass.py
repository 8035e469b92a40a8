"""Features of samples, and their gradients in the samples, by a module with hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset

from .._validation import parameter_error
from ._batches import InputMaker, Inputs, open_batches
from ._collector import BatchProgress, RowCollector
from ._extraction import side_by_side, write_side_by_side
from ._gradient import differentiable, gradient_in

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class FeaturePass:
    """The calls of a `TorchFeatureTransformer` while its module has hooks, in evaluation mode.

    `features` gives the features of a batch, padded to a number of samples: an open `Extraction`.
    """

    def __init__(
        self,
        owner: Any,
        module: nn.Module,
        device: torch.device,
        features: Callable[[Inputs, int | None], list[torch.Tensor]],
    ) -> None:
        self._owner = owner
        self._name = type(owner).__name__
        self._module, self._device = module, device
        self._features = features
        self._make_inputs = InputMaker(module, DTYPES[owner.dtype], owner.input_shape, device)

    def transform(self, X: Any) -> NDArray:
        """As `TorchFeatureTransformer.transform`."""

        def write_features(batch: Any, n_full: int | None, collector: RowCollector) -> None:
            layers = self._features(self._make_inputs(batch), n_full)
            self._check_widths(layers)
            width = sum(rows.shape[1] for rows in layers)
            write_side_by_side(layers, collector.block((len(layers[0]), width)))

        with torch.no_grad():
            return collected(self._owner, X, self._name, write_features)

    def gradient(self, X: Any, objective: Callable[[torch.Tensor], torch.Tensor]) -> NDArray:
        """As `TorchFeatureTransformer.gradient`."""
        if self._owner.output == "sign":
            raise parameter_error(self._owner, "output", "'activation' for a gradient", "sign")

        def write_slopes(batch: Any, n_full: int | None, collector: RowCollector) -> None:
            slope = gradient_in(
                self._make_inputs(batch),
                lambda inputs: objective(side_by_side(self._features(inputs, n_full))),
            )
            torch.from_numpy(collector.block(slope.shape)).copy_(slope)

        with differentiable(self._module, self._device):
            slopes = collected(self._owner, X, f"{self._name} gradient", write_slopes)
        return slopes if isinstance(X, Dataset | DataLoader) else slopes.reshape(np.shape(X))

    def _check_widths(self, layers: list[torch.Tensor]) -> None:
        """Raise unless each layer gives as many features as in `fit`."""
        groups = self._owner.feature_groups_.items()
        for (group, columns), rows in zip(groups, layers, strict=True):
            width = columns.stop - columns.start
            if rows.shape[1] != width:
                raise ValueError(
                    f"Layer {group!r} gives {rows.shape[1]} features, but gave {width} when "
                    f"{self._name} was fitted on samples of shape {self._owner.input_shape_}."
                )


def collected(
    owner: Any, X: Any, what: str, write: Callable[[Any, int | None, RowCollector], None]
) -> NDArray[Any]:
    """One array of the rows that `write` makes of each batch of X, padded unless `pad_batches`."""
    batches = open_batches(owner, X, owner.batch_size, reset=False)
    n_full = batches.n_full if getattr(owner, "pad_batches", True) else None
    collector = RowCollector(batches.n_rows, owner.dtype)
    with BatchProgress(what, batches.n_rows, quiet=not owner.verbose) as progress:
        for batch in batches.make():
            write(batch, n_full, collector)
            progress.update(collector.n_written)
    return collector.result()
