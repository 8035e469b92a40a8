"""Finds the places of the features in a module in one small forward pass."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from .._validation import parameter_error
from ._forward_watch import ForwardWatch, Side
from ._layouts import Layout, LayoutTracker

PENULTIMATE, OUTPUT = "penultimate", "output"


@dataclass(frozen=True)
class Tap:
    """One group of features: the output or input of a layer in one of its calls."""

    group: str
    layer: str  # a name in `named_modules`
    side: Side
    call: int  # in a forward pass, counted from 1; 0 is the last
    layout: Layout


@dataclass(frozen=True)
class _Wanted:
    group: str
    layer: str
    required: bool  # given by name, not by a glob


def find_taps(
    owner: object,
    module: nn.Module,
    layers: str | Sequence[str],
    forward: Callable[[int], Any],
) -> list[Tap]:
    """Find the calls of layers for names and globs.

    The taps are in the order of `layers`, and for a glob in the order of definition. A layer that
    is called several times has a tap for each call. `forward` calls the module on a batch with a
    given number of samples.
    """
    wanted = _wanted_layers(owner, module, layers)
    # If another axis has as many entries as the batch, a batch of another size separates them.
    taps = _taps_in(owner, module, wanted, forward, 3)
    if any(tap.layout.ambiguous for tap in taps):
        taps = _taps_in(owner, module, wanted, forward, 2)
    if not taps:
        allowed = "names or globs of layers that the forward pass calls"
        raise parameter_error(owner, "layers", allowed, layers)
    return taps


def _taps_in(
    owner: object,
    module: nn.Module,
    wanted: list[_Wanted],
    forward: Callable[[int], Any],
    n_rows: int,
) -> list[Tap]:
    observer = _LayoutObserver(module, n_rows)
    parts = list(module.modules())
    with ForwardWatch(module, parts, parts, observer.observe) as watch:
        watch.run(lambda: forward(n_rows))
    taps: list[Tap] = []
    for want in wanted:
        layer_taps = _taps_of(module, want, observer)
        if not layer_taps and want.required:
            allowed = (
                "names of layers that the forward pass calls (not one that is compiled, or only "
                "lends its weights)"
            )
            raise parameter_error(owner, "layers", allowed, want.group)
        taps += layer_taps
    return taps


def _taps_of(module: nn.Module, want: _Wanted, observer: _LayoutObserver) -> list[Tap]:
    if want.group == PENULTIMATE and want.layer == "":
        last_layer = observer.last_layer
        if last_layer is not None:
            name = next(n for n, part in module.named_modules() if part is last_layer)
            return [Tap(PENULTIMATE, name, "input", 0, observer.last_layout)]
        if any(True for _ in module.parameters()):
            return []  # no call of their layer was observed
        return [Tap(PENULTIMATE, "", "output", 0, observer.outputs[id(module)][-1])]
    layouts = observer.outputs.get(id(module.get_submodule(want.layer)), [])
    names = [want.group, *(f"{want.group}@{call}" for call in range(2, len(layouts) + 1))]
    return [
        Tap(name, want.layer, "output", call, layout)
        for call, (name, layout) in enumerate(zip(names, layouts, strict=False), start=1)
    ]


class _LayoutObserver:
    """Observes a forward pass: the layouts of all outputs and of the last layer's input."""

    def __init__(self, module: nn.Module, n_rows: int) -> None:
        self._tracker = LayoutTracker(n_rows)
        self._helpers = {
            id(part) for name, part in module.named_modules() if "parametrizations" in name
        }
        self.outputs: dict[int, list[Layout]] = {}
        self.last_layer: nn.Module | None = None
        self.last_layout: Layout = Layout()

    def observe(self, module: nn.Module, side: Side, value: Any) -> None:
        if side == "output":
            self.outputs.setdefault(id(module), []).append(self._tracker.of_output(module, value))
        elif self._has_weights(module):
            # Layers are ordered by the start of their calls, so that a whole module with a
            # parameter of its own (a class token, say) comes before its last layer.
            self.last_layer = module
            self.last_layout = self._tracker.of_input(module, value)

    def _has_weights(self, module: nn.Module) -> bool:
        if id(module) in self._helpers:
            return False
        has_parameters = any(True for _ in module.parameters(recurse=False))
        return has_parameters or hasattr(module, "parametrizations")


def _wanted_layers(owner: object, module: nn.Module, layers: str | Sequence[str]) -> list[_Wanted]:
    patterns = [layers] if isinstance(layers, str) else layers
    if not isinstance(patterns, Sequence) or not all(isinstance(p, str) for p in patterns):
        raise parameter_error(owner, "layers", "a str or a sequence of str", layers)
    if not patterns:
        raise parameter_error(owner, "layers", "a str or a sequence of one or more str", layers)
    # A module with several names can be given by each, but is taken once.
    parts = {name: part for name, part in module.named_modules(remove_duplicate=False) if name}
    wanted: dict[Any, _Wanted] = {}
    for pattern in patterns:
        for want in _match(owner, pattern, list(parts)):
            # "penultimate" and the module itself both have the name "".
            key = id(parts[want.layer]) if want.layer else want.group
            wanted.setdefault(key, want)
    return list(wanted.values())


def _match(owner: object, pattern: str, names: list[str]) -> list[_Wanted]:
    if pattern in names:
        return [_Wanted(pattern, pattern, required=True)]
    if pattern in (PENULTIMATE, OUTPUT):
        return [_Wanted(pattern, "", required=True)]
    matches = [name for name in names if fnmatchcase(name, pattern)]
    if not matches:
        near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.4) or names[:3]
        hint = f" (nearest: {', '.join(map(repr, near))})" if near else ""
        allowed = f"'penultimate', 'output', or names or globs of layers in the module{hint}"
        raise parameter_error(owner, "layers", allowed, pattern)
    return [_Wanted(name, name, required=False) for name in matches]
