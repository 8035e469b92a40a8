"""From a layer's output to one row of features for each sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

Reduce = str | Callable[[Any], torch.Tensor]

REDUCTIONS = ("mean", "max", "flatten", "last")


class LayerError(ValueError):
    """The output of a layer makes no rows."""


def to_rows(
    value: Any,
    reduce: Reduce,
    *,
    n_rows: int,
    recurrent: nn.RNNBase | None = None,
    batch_axis: int = 0,
    channels_first: bool = True,
    used: torch.Tensor | None = None,
) -> torch.Tensor:
    """Make the output of a layer a matrix with a row for each sample.

    Of a tuple, list or dict the first tensor is taken. `reduce` acts on the axes other than the
    batch and the features; a callable gets the output unchanged. `recurrent` is the layer, if the
    value is its output. `used`, of shape (n, steps), is False at steps that are padding. The rows
    have memory of their own: the module may still change the value in place.
    """
    if callable(reduce):
        return _rows_by_callable(reduce, value, n_rows)
    if recurrent is not None and isinstance(value, tuple) and len(value) == 2:
        if reduce == "last":
            return _final_state(recurrent, value[1])
        if isinstance(value[0], PackedSequence):
            return _over_packed_steps(value[0], reduce)
    tensor = first_tensor(value)
    if tensor is None:
        raise LayerError(
            f"gives a {type(value).__name__} without a tensor; a callable 'reduce' can make one "
            "from it"
        )
    if tensor.is_complex():
        raise LayerError("gives complex numbers; a callable 'reduce' can make them real")
    if batch_axis == 1 and tensor.ndim > 1:
        tensor = tensor.transpose(0, 1)
    if tensor.ndim == 0 or len(tensor) != n_rows:
        raise LayerError(
            f"gives a tensor of shape {tuple(tensor.shape)} for a batch of {n_rows} rows: one of "
            "its first axes must be the batch (see batch_first of recurrent and attention layers)"
        )
    has_steps = tensor.ndim == 3 and not channels_first and reduce != "flatten"
    if used is not None and has_steps and tensor.shape[:2] == used.shape:
        return _over_used_steps(tensor, reduce, used)
    return _reduced(tensor, reduce, channels_first)


def first_tensor(value: Any) -> torch.Tensor | None:
    """The first tensor in nested tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return next((t for t in map(first_tensor, value) if t is not None), None)
    return None


def _reduced(tensor: torch.Tensor, reduce: str, channels_first: bool) -> torch.Tensor:
    if torch.is_grad_enabled():
        # A later change in place would break the gradient.
        tensor = tensor.clone()
    if tensor.ndim < 3 or reduce == "flatten":
        return tensor.reshape(len(tensor), -1).clone()
    axes = tuple(range(2, tensor.ndim)) if channels_first else tuple(range(1, tensor.ndim - 1))
    if reduce == "mean":
        wide = tensor.dtype in (torch.float32, torch.float64)
        return tensor.mean(axes, dtype=None if wide else torch.float32)
    if reduce == "max":
        return tensor.amax(axes)
    if len(axes) > 1:
        raise LayerError(
            f"gives a tensor of shape {tuple(tensor.shape)}, but reduce='last' needs a sequence, "
            "of shape (n, steps, features)"
        )
    return tensor.select(axes[0], -1).clone()


def _over_used_steps(tensor: torch.Tensor, reduce: str, used: torch.Tensor) -> torch.Tensor:
    if reduce == "last":
        steps = torch.arange(1, used.shape[1] + 1, device=used.device)
        return tensor[torch.arange(len(used), device=used.device), (steps * used).argmax(1)].clone()
    if reduce == "max":
        return tensor.masked_fill(~used[:, :, None], -torch.inf).amax(1)
    wide = tensor.dtype in (torch.float32, torch.float64)
    total = tensor.masked_fill(~used[:, :, None], 0).sum(1, dtype=None if wide else torch.float32)
    return total / used.sum(1, keepdim=True)


def _rows_by_callable(
    reduce: Callable[[Any], torch.Tensor], value: Any, n_rows: int
) -> torch.Tensor:
    try:
        rows = reduce(value)
    except Exception as error:
        raise LayerError(
            f"gives an output on which the 'reduce' callable fails: {error}"
        ) from error
    shape = tuple(rows.shape) if isinstance(rows, torch.Tensor) else None
    if shape is None or len(shape) not in (1, 2) or shape[0] != n_rows:
        got = f"a {type(rows).__name__}" if shape is None else f"a tensor of shape {shape}"
        raise LayerError(
            f"gives an output of which the 'reduce' callable makes {got}; it must return a tensor "
            f"of shape (n, d) or (n,), with n = {n_rows} in this batch"
        )
    return rows.reshape(n_rows, -1).clone()


def _final_state(module: nn.RNNBase, hidden: Any) -> torch.Tensor:
    """State of the last layer after the last step of each sequence, for all directions.

    The last step of the output is another state. Its backward half has seen only one step, and in a
    packed sequence it may lie beyond the end.
    """
    state = hidden[0] if isinstance(hidden, tuple) else hidden
    n_directions = 2 if module.bidirectional else 1
    return state[-n_directions:].transpose(0, 1).flatten(1).clone()


def _over_packed_steps(output: PackedSequence, reduce: str) -> torch.Tensor:
    if reduce == "flatten":
        raise LayerError(
            "gives sequences of several lengths, which reduce='flatten' cannot make equally wide"
        )
    fill = 0.0 if reduce == "mean" else -torch.inf
    steps, lengths = pad_packed_sequence(output, batch_first=True, padding_value=fill)
    if reduce == "max":
        return steps.amax(1)
    return steps.sum(1) / lengths.to(steps)[:, None]
