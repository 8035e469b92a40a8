"""The features of a network during its training, in three rows of panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error
from ._axes import finish, new_figure
from .looks import looks

_TITLES = {
    "distances": "distance to F*",
    "movements": "movement",
    "kernel": "change of the kernel",
}


class TrainingTraceDisplay:
    """Distances to the singularity, movements and changes of the kernel over a training.

    Each layer is a column of panels. Lines are medians over the samples of a kind. Bands hold the
    middle half of them.

    Parameters
    ----------
    steps : sequence of int
        The steps of the checkpoints.
    distances : dict of str to dict of str to ndarray of shape (n_checkpoints, n)
        For each layer and kind, distances to the singularity.
    movements : dict of str to dict of str to ndarray of shape (n_checkpoints, n)
        For each layer and kind, distances from the first features.
    kernel : dict of str to ndarray of shape (n_checkpoints,), optional
        For each layer, the change of the kernel since the checkpoint before.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        The panels that `plot` has drawn on, a row for each quantity and a column for each layer.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.plots import TrainingTraceDisplay
    >>> grown = np.outer([0.0, 1.0, 2.0], [1.0, 1.5])
    >>> display = TrainingTraceDisplay(
    ...     [0, 10, 100], {"hidden": {"known": grown}}, {"hidden": {"known": grown}}
    ... )
    >>> list(display.distances)
    ['hidden']
    """

    def __init__(
        self,
        steps: Sequence[int],
        distances: Mapping[str, Mapping[str, NDArray]],
        movements: Mapping[str, Mapping[str, NDArray]],
        kernel: Mapping[str, NDArray] | None = None,
    ) -> None:
        self.steps = list(steps)
        self.distances, self.movements = dict(distances), dict(movements)
        self.kernel = dict(kernel or {})

    @classmethod
    def from_trace(cls, trace: Any, *, ax: Any = None) -> Self:
        """Take the quantities of a trace, and draw.

        Parameters
        ----------
        trace : skood.deep.TrainingTrace
            A trace with two checkpoints or more.
        ax : array of matplotlib Axes or None, default=None
            Axes to draw on, a row for each quantity and a column for each layer; None makes a
            figure.

        Returns
        -------
        TrainingTraceDisplay
            The display, drawn.
        """
        if len(getattr(trace, "steps_", ())) < 2:
            allowed = "a TrainingTrace with two checkpoints or more"
            raise parameter_error("TrainingTraceDisplay", "trace", allowed, trace)
        distances, movements = (
            {layer: {kind: get(kind, layer) for kind in trace.kinds_} for layer in trace.layers_}
            for get in (trace.distances, trace.movements)
        )
        kernel = {layer: trace.kernel_changes(layer) for layer in trace.kernels_}
        return cls(trace.steps_, distances, movements, kernel).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the panels, over steps on a logarithmic axis that begins at 0.

        Parameters
        ----------
        ax : array of matplotlib Axes or None, default=None
            Axes to draw on, a row for each quantity and a column for each layer; None makes a
            figure.

        Returns
        -------
        self : object
            With `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        rows = ["distances", "movements", *(["kernel"] if self.kernel else [])]
        layers = list(self.distances)
        if ax is None:
            size = (1.2 + 2.6 * len(layers), 0.6 + 2.1 * len(rows))
            figure = new_figure(self, size)
            ax = figure.subplots(len(rows), len(layers), sharex=True, squeeze=False)
        ax = np.asarray(ax, dtype=object).reshape(len(rows), len(layers))
        for column, layer in enumerate(layers):
            ax[0, column].set_title(layer)
            ax[-1, column].set_xlabel("step")
            for row, quantity in enumerate(rows):
                panel = ax[row, column]
                if quantity == "kernel":
                    panel.plot(self.steps[1:], self.kernel[layer][1:], color="black", marker=".")
                else:
                    self._draw_kinds(panel, getattr(self, quantity)[layer])
                panel.set_xscale("symlog", linthresh=max(1, min(s for s in self.steps if s)))
                panel.set_ylim(bottom=0)
                panel.set_ylabel(_TITLES[quantity] if column == 0 else "")
        handles, names = ax[0, 0].get_legend_handles_labels()
        ax[0, -1].legend(handles, names, frameon=False, fontsize="small")
        finish(ax.ravel())
        self.ax_, self.figure_ = ax, ax[0, 0].figure
        return self

    def _draw_kinds(self, panel: Any, kinds: Mapping[str, NDArray]) -> None:
        for (kind, values), look in zip(kinds.items(), looks(len(kinds)), strict=True):
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=1)
            panel.plot(self.steps, middle, color=look.colour, linestyle=look.dashes, label=kind)
            panel.fill_between(self.steps, low, high, color=look.colour, alpha=0.15, linewidth=0)
