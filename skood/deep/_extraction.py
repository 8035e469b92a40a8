"""Features of one batch after another, by a module that is restored at the end."""

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

# The errors of torch and of modules for inputs of a wrong shape or type.
_MISFITS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


def forward(module: nn.Module, inputs: Inputs) -> Any:
    """Call a module, and describe the inputs in its errors."""
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
    """Takes the features of batches from a module's layers in one forward pass.

    The module is on the device to compute on. With `sign` the features are the signs of the
    activations. `reduce` is as in `to_rows`.
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
        self._used: torch.Tensor | None = None
        self._n_calls: dict[tuple[int, Side], int] = {}
        self._rows_of: dict[Tap, torch.Tensor] = {}

    @contextmanager
    def opened(self) -> Iterator[Callable[[Inputs, int | None], list[torch.Tensor]]]:
        """Evaluation mode and hooks for a block that gets a function of inputs to features."""
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
        """The rows of each tap, from a pass of a batch padded to n_full samples."""
        n_rows = n_samples(inputs)
        if n_full is not None and n_rows < n_full:
            inputs = filled_up(inputs, n_full)
        self._n_rows = n_samples(inputs)
        self._used = _token_mask(inputs)
        self._n_calls.clear()
        self._rows_of.clear()
        watch.run(lambda: forward(self._module, inputs))
        for tap in self._taps:
            if tap not in self._rows_of:
                raise ValueError(
                    f"The module did not call layer {tap.group!r} on {_described(inputs)}, but "
                    f"did when {self._owner} was fitted."
                )
        return [self._rows_of[tap][:n_rows] for tap in self._taps]

    def _observe(self, module: nn.Module, side: Side, value: Any) -> None:
        call = self._n_calls[id(module), side] = self._n_calls.get((id(module), side), 0) + 1
        for tap in self._taps:
            if self._parts[tap.layer] is module and tap.side == side and tap.call in (0, call):
                self._rows_of[tap] = self._rows(tap, module, value)

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
                used=self._used,
            )
        except LayerError as error:
            raise LayerError(f"Layer {tap.group!r} {error}.") from error.__cause__
        return torch.sign(rows) if self._sign else rows


def _token_mask(inputs: Inputs) -> torch.Tensor | None:
    """The mask of a tokeniser: True for tokens, and for all places of a sample without a mask."""
    mask = inputs.get("attention_mask") if isinstance(inputs, dict) else None
    if mask is None or mask.ndim != 2:
        return None
    used = mask != 0
    return used | ~used.any(1, keepdim=True)


def side_by_side(layers: Sequence[torch.Tensor]) -> torch.Tensor:
    """The rows of several layers as one matrix."""
    return torch.cat(list(layers), dim=1) if len(layers) > 1 else layers[0]


def write_side_by_side(layers: Sequence[torch.Tensor], block: NDArray) -> None:
    """Write the rows of several layers to an array of their joint width."""
    if layers[0].device.type != "cpu":
        layers = [side_by_side(layers)]  # one transfer to the host
    start = 0
    for rows in layers:
        end = start + rows.shape[1]
        torch.from_numpy(block[:, start:end]).copy_(rows)
        start = end
