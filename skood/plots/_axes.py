"""Axes to draw on: given ones, or new ones. Nothing else of matplotlib's state is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._optional import import_optional


def axes_for(display: Any, ax: Any, figsize: tuple[float, float]) -> Any:
    """The axes given; or those of a new figure of `figsize` inches."""
    if ax is not None:
        return ax
    return new_figure(display, figsize).add_subplot()


def new_figure(display: Any, figsize: tuple[float, float]) -> Any:
    """A figure that pyplot knows of, so that ``pyplot.show()`` shows it."""
    pyplot = import_optional("matplotlib.pyplot", "plots", needed_by=type(display).__name__)
    return pyplot.figure(figsize=figsize, layout="constrained")


def finish(axes: Sequence[Any]) -> None:
    """Take off the lines above and to the right, which say nothing."""
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
