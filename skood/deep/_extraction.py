"""Features of one batch after another, with the module put back as it was at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from ._batches import Inputs, filled_up, n_samples
from ._evaluation_mode import evaluation_mode
from ._forward_watch import ForwardWatch, Side
from ._reduce import LayerError, Reduce, first_tensor, to_rows
from ._taps import Tap

# What torch and modules raise on inputs of a shape or type that they don't take.
_MISFITS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


def forward(module: nn.Module, inputs: Inputs) -> Any:
    """Call a module; an error of it names what it was called with.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    inputs : torch.Tensor or dict of str to torch.Tensor
        The batch.

    Returns
    -------
    object
        What the module gives.
    """
    try:
        return module(**inputs) if isinstance(inputs, dict) else module(inputs)
    except LayerError:
        raise
    except Exception as error:
        message = f"{type(module).__name__} fails on {_described(inputs)}"
        if type(error) in _MISFITS:
            raise ValueError(f"{message}: {error}") from error
        error.add_note(message)
        raise


def _described(inputs: Inputs) -> str:
    if isinstance(inputs, dict):
        return ", ".join(f"{name!r}: {_described(value)}" for name, value in inputs.items())
    kind = str(inputs.dtype).removeprefix("torch.")
    return f"samples of shape {tuple(inputs.shape[1:])} ({len(inputs)} of them, {kind})"


class Extraction:
    """Takes the features of batches out of a module's layers, all in one forward pass.

    Parameters
    ----------
    owner : object
        The estimator, which errors name.
    module : torch.nn.Module
        The module, where it is to be computed.
    taps : sequence of Tap
        Where the features are.
    reduce : str or callable
        See `to_rows`.
    sign : bool
        Whether the features are the signs of the activations.
    """

    def __init__(
        self, owner: object, module: nn.Module, taps: Sequence[Tap], reduce: Reduce, *, sign: bool
    ) -> None:
        self._owner = type(owner).__name__
        self._module = module
        self._taps = taps
        self._reduce = reduce
        self._sign = sign
        self._parts = {tap.layer: module.get_submodule(tap.layer) for tap in taps}
        self._n_rows = 0
        self._n_calls: dict[tuple[int, Side], int] = {}
        self._found: dict[Tap, torch.Tensor] = {}

    @contextmanager
    def opened(self) -> Iterator[Callable[[Inputs, int | None], list[torch.Tensor]]]:
        """Evaluation mode and hooks for a block, which gets `features` of this extraction."""
        sides = {side: self._watched(side) for side in ("input", "output")}
        with (
            evaluation_mode(self._module),
            ForwardWatch(self._module, sides["input"], sides["output"], self._observe) as watch,
        ):
            yield lambda inputs, n_full: self._features(watch, inputs, n_full)

    def _watched(self, side: str) -> list[nn.Module]:
        parts = [self._parts[tap.layer] for tap in self._taps if tap.side == side]
        return list({id(part): part for part in parts}.values())

    def _features(
        self, watch: ForwardWatch, inputs: Inputs, n_full: int | None
    ) -> list[torch.Tensor]:
        """The rows of each tap, of a batch that is filled up to n_full samples."""
        n_rows = n_samples(inputs)
        if n_full is not None and n_rows < n_full:
            inputs = filled_up(inputs, n_full)
        self._n_rows = n_samples(inputs)
        self._n_calls.clear()
        self._found.clear()
        watch.run(lambda: forward(self._module, inputs))
        for tap in self._taps:
            if tap not in self._found:
                raise ValueError(
                    f"Layer {tap.group!r} was not called on {_described(inputs)}, but "
                    f"was when {self._owner} was fitted."
                )
        return [self._found[tap][:n_rows] for tap in self._taps]

    def _observe(self, module: nn.Module, side: Side, value: Any) -> None:
        call = self._n_calls[id(module), side] = self._n_calls.get((id(module), side), 0) + 1
        for tap in self._taps:
            if self._parts[tap.layer] is module and tap.side == side and tap.call in (0, call):
                self._found[tap] = self._rows(tap, module, value)

    def _rows(self, tap: Tap, module: nn.Module, value: Any) -> torch.Tensor:
        if tap.side == "input":
            value = first_tensor(value)
        recurrent = module if isinstance(module, nn.RNNBase) and tap.side == "output" else None
        try:
            rows = to_rows(
                value,
                self._reduce,
                n_rows=self._n_rows,
                recurrent=recurrent,
                batch_axis=tap.layout.batch_axis,
                channels_first=tap.layout.channels_first,
            )
        except LayerError as error:
            raise LayerError(f"Layer {tap.group!r} {error}.") from error.__cause__
        return torch.sign(rows) if self._sign else rows


def side_by_side(found: Sequence[torch.Tensor]) -> torch.Tensor:
    """The rows of several layers as one matrix."""
    return torch.cat(list(found), dim=1) if len(found) > 1 else found[0]


def write_side_by_side(found: Sequence[torch.Tensor], block: NDArray) -> None:
    """Write the rows of several layers to an array of their number and their width together."""
    if found[0].device.type != "cpu":
        found = [side_by_side(found)]  # brought here in one go
    start = 0
    for rows in found:
        end = start + rows.shape[1]
        torch.from_numpy(block[:, start:end]).copy_(rows)
        start = end
