"""Axes to draw on: given axes, or new ones. The rest of matplotlib's state stays unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._optional import import_optional


def axes_for(display: Any, ax: Any, figsize: tuple[float, float]) -> Any:
    """The given axes, or the axes of a new figure of `figsize` inches."""
    if ax is not None:
        return ax
    return new_figure(display, figsize).add_subplot()


def new_figure(display: Any, figsize: tuple[float, float]) -> Any:
    """A figure that pyplot knows of, so that ``pyplot.show()`` shows it."""
    pyplot = import_optional("matplotlib.pyplot", "plots", needed_by=type(display).__name__)
    return pyplot.figure(figsize=figsize, layout="constrained")


def finish(axes: Sequence[Any]) -> None:
    """Hide the upper and the right line of each panel."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
