"""Batches of inputs from arrays, dicts of arrays, frames, tensors, datasets and loaders."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from .._validation import check_inputs, forget_columns, is_dict, refuse_masked_cells
from ..measures.blocks import slices

Inputs = torch.Tensor | dict[str, torch.Tensor]

_TOKENS = (torch.int32, torch.int64)
_LABELS = ("label", "labels", "target", "targets", "y")
_SHUFFLING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


@dataclass(frozen=True)
class Batches:
    """Samples in batches: `make` starts a pass over them, in the type of the input.

    `n_rows` is None if it is known only at the end, and `n_full` if batches may have any number.
    `take` gives the batches of the samples at some positions.
    """

    n_rows: int | None
    n_full: int | None
    make: Callable[[], Iterator[Any]]
    take: Callable[[NDArray[np.intp]], Batches] | None = None


def open_batches(estimator: Any, X: Any, batch_size: int, *, reset: bool) -> Batches:
    """Batches of an array, frame, tensor, dataset or loader; a DataLoader keeps its own batches.

    The estimator stores the width and column names of X (`reset`), or checks them.
    """
    X = _without_texts(X)
    if isinstance(X, torch.Tensor | Dataset | DataLoader) or is_dict(X):
        if reset:
            forget_columns(estimator)
        if is_dict(X):
            shapes = getattr(estimator, "input_shape_", None)
            needed = shapes if isinstance(shapes, dict) else getattr(estimator, "_input_names", ())
            return _dict_batches(_checked_dict(estimator, X, () if reset else needed), batch_size)
        if isinstance(X, DataLoader):
            return Batches(None, X.batch_size, lambda: iter(_in_order(X)))
        if isinstance(X, Dataset):
            return _of_dataset(X, batch_size)
        if X.ndim < 2 or len(X) == 0:
            raise ValueError(
                f"X must have one or more samples, each of one or more values. Got a tensor of "
                f"shape {tuple(X.shape)} instead."
            )
    else:
        X = check_inputs(estimator, X, reset=reset)
    return row_batches(X, batch_size)


def _without_texts(X: Any) -> Any:
    """A list of samples by name as a dict of inputs; texts are refused."""
    first = X[0] if isinstance(X, list | tuple) and X else None
    if isinstance(first, str) or getattr(getattr(X, "dtype", None), "kind", "") == "U":
        raise ValueError("X must be numbers. Got texts: give them to the model's tokeniser first.")
    if first is None or not is_dict(first):
        return X
    names = first.keys()
    if any(not is_dict(sample) or sample.keys() != names for sample in X):
        raise ValueError(f"X must have the inputs {', '.join(map(repr, names))} in each sample.")
    return {name: [np.asarray(sample[name]) for sample in X] for name in names}


def row_batches(rows: Any, batch_size: int) -> Batches:
    """Batches of the rows of an array or tensor."""
    return Batches(
        len(rows),
        batch_size,
        lambda: (rows[part] for part in slices(len(rows), batch_size)),
        lambda positions: row_batches(rows[positions], batch_size),
    )


def _checked_dict(estimator: Any, X: Mapping[str, Any], needed: Collection[str]) -> dict[str, Any]:
    """Inputs by name as arrays and tensors of one length, with all names that `fit` took."""
    inputs: dict[str, Any] = {}
    for name, value in X.items():
        refuse_masked_cells(estimator, value)
        try:
            inputs[name] = value if isinstance(value, torch.Tensor) else np.asarray(value)
        except ValueError as error:
            raise ValueError(
                f"The input {name!r} in X must have samples of one length: pad them."
            ) from error
    lengths = {name: len(value) if value.ndim else 0 for name, value in inputs.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        listed = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise ValueError(
            "X must be a dict of inputs with the same number of samples, one or more. Got "
            f"{listed or 'an empty dict'} instead."
        )
    if not set(needed) <= inputs.keys():
        taken, given = (", ".join(map(repr, names)) for names in (needed, inputs))
        raise ValueError(f"X must have the inputs of `fit`, {taken}. Got {given} instead.")
    return inputs


def _dict_batches(inputs: dict[str, Any], batch_size: int) -> Batches:
    def selected(rows: slice | NDArray[np.intp]) -> dict[str, Any]:
        return {name: value[rows] for name, value in inputs.items()}

    n_rows = len(next(iter(inputs.values())))
    return Batches(
        n_rows,
        batch_size,
        lambda: (selected(part) for part in slices(n_rows, batch_size)),
        lambda positions: _dict_batches(selected(positions), batch_size),
    )


def _of_dataset(dataset: Dataset, batch_size: int) -> Batches:
    sized = not isinstance(dataset, IterableDataset) and hasattr(dataset, "__len__")
    if sized and len(dataset) == 0:  # type: ignore[arg-type]
        raise ValueError("X must have one or more samples. Got an empty Dataset instead.")
    # By default, a loader draws a seed from torch's global generator.
    loader = DataLoader(dataset, batch_size=batch_size, generator=torch.Generator())
    if not sized:
        return Batches(None, batch_size, lambda: iter(loader))
    return Batches(
        len(dataset),  # type: ignore[arg-type]
        batch_size,
        lambda: iter(loader),
        lambda positions: _of_dataset(Subset(dataset, positions.tolist()), batch_size),
    )


def _in_order(loader: DataLoader) -> DataLoader:
    samplers = (loader.sampler, getattr(loader.batch_sampler, "sampler", None))
    if any(isinstance(sampler, _SHUFFLING) for sampler in samplers):
        raise ValueError(
            "X must be a DataLoader with shuffle=False, so that the result has the order of its "
            "dataset. Got a DataLoader that shuffles instead."
        )
    return loader


class InputMaker:
    """Makes the inputs of a module from batches.

    Floats and whole numbers get the type of the module's weights, or `float_type` without weights.
    Whole numbers in a dict, and those of 32 or 64 bits for a module with an embedding, are tokens
    and keep their type. `input_shape` is the shape of a sample if the batch has flat rows.
    """

    def __init__(
        self,
        module: nn.Module,
        float_type: torch.dtype,
        input_shape: tuple[int, ...] | None,
        device: torch.device,
    ) -> None:
        tensors = chain(module.parameters(), module.buffers())
        weights = (t.dtype for t in tensors if t.is_floating_point())
        self._float_type = next(weights, float_type)
        self._keeps_tokens = any(
            isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules()
        )
        self._module = module
        self._input_shape = input_shape
        self._device = device

    def __call__(self, batch: Any) -> Inputs:
        """Inputs on the device; they share no memory with the batch."""
        while isinstance(batch, tuple | list) and len(batch) > 0:
            batch = batch[0]  # labels may follow
        if isinstance(batch, Mapping):
            named = self._arguments(batch)
            if isinstance(named, dict):
                return {name: self._tensor(value, named=True) for name, value in named.items()}
            batch = named
        return self._tensor(batch)

    def _arguments(self, batch: Mapping[str, Any]) -> dict[str, Any] | Any:
        """The inputs that the forward takes by name, or else the only input."""
        parameters = inspect.signature(self._module.forward).parameters
        names, by_name = inputs_taken(self._module, batch)
        if not names:
            allowed, keys = (", ".join(map(repr, known)) for known in (parameters, batch))
            raise ValueError(
                f"X must have dicts with inputs of the module as items: {allowed}. "
                f"Got the keys {keys} instead."
            )
        return {name: batch[name] for name in names} if by_name else batch[names[0]]

    def _tensor(self, values: Any, *, named: bool = False) -> torch.Tensor:
        borrowed = isinstance(values, torch.Tensor)
        if not borrowed:
            values = _from_numpy(np.asarray(values))
        tokens = named or (self._keeps_tokens and values.dtype in _TOKENS)
        if not values.is_complex() and (values.is_floating_point() or not tokens):
            values = values.to(self._float_type)
            _check_finite(values)
        # A copy: the module may change its inputs in place.
        values = values.detach().to(self._device, copy=borrowed)
        return values if named else self._shaped(values)

    def _shaped(self, values: torch.Tensor) -> torch.Tensor:
        shape = self._input_shape
        if shape is None or values.shape[1:] == shape:
            return values
        if values.ndim == 2 and values.shape[1] == math.prod(shape):
            return values.reshape(-1, *shape)
        raise ValueError(
            f"X must have samples of shape {shape}, the 'input_shape', or of {math.prod(shape)} "
            f"values. Got samples of shape {tuple(values.shape[1:])} instead."
        )


def inputs_taken(module: nn.Module, names: Iterable[str]) -> tuple[list[str], bool]:
    """The names of the inputs that a module takes, and whether it takes them by name."""
    parameters = inspect.signature(module.forward).parameters
    named = [name for name in names if name not in _LABELS]
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return named, True
    arguments = [name for name in named if name in parameters]
    return (named, False) if not arguments and len(named) == 1 else (arguments, True)


def n_samples(inputs: Inputs) -> int:
    """Number of samples in a batch."""
    return len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)


def filled_up(inputs: Inputs, n_full: int) -> Inputs:
    """A batch of n_full samples: with copies of the first sample, or cut to the first samples."""
    if isinstance(inputs, dict):
        return {
            name: _filled_up(value, n_full) if value.ndim else value
            for name, value in inputs.items()
        }
    return _filled_up(inputs, n_full)


def _filled_up(values: torch.Tensor, n_full: int) -> torch.Tensor:
    missing = n_full - len(values)
    if missing <= 0:
        return values[:n_full]
    return torch.cat([values, values[:1].expand(missing, *values.shape[1:])])


def _from_numpy(values: np.ndarray) -> torch.Tensor:
    """A copy. Torch refuses foreign byte orders and warns about read-only memory."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "iu":
        name = "int64" if size >= 4 else "float32"
    else:
        name = "bool" if kind == "b" else "float64" if kind == "f" and size >= 8 else "float32"
    return torch.from_numpy(np.array(values, dtype=name, order="C"))


def _check_finite(values: torch.Tensor) -> None:
    # A finite sum, the usual case, needs no second array.
    if math.isfinite(values.sum().item()) or torch.isfinite(values).all():
        return
    if values.isnan().any():
        raise ValueError("Input X contains NaN.")
    name = str(values.dtype).removeprefix("torch.")
    raise ValueError(f"Input X contains infinity or a value too large for {name}.")
