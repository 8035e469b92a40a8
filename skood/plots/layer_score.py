"""A picture of the scores of each layer for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import parameter_error, pipeline_steps
from ._axes import axes_for
from ._input import ID, OOD, by_label

_LOWEST_SHOWN = 0.01  # share of the scores below the darkest shade
_MOST_ROWS_HIGH = 14  # the figure grows with the number of layers up to this number
_MOST_COLUMNS = 500  # more columns cannot be told apart


class LayerScoreDisplay:
    """Heat map of the scores of layers: a line for each layer, a column for each sample.

    Parameters
    ----------
    layer_scores : array-like of shape (n_samples, n_layers)
        Score of each sample in each layer, as `LayerEnsemble.layer_scores` gives them: higher =
        more in-distribution, 0 for the mean training row.
    layer_names : sequence of str or None, default=None
        Names of the layers; None: ``"layer0"``, ``"layer1"``, ...
    y_true : array-like of shape (n_samples,) or None, default=None
        +1 for in-distribution, -1 for out-of-distribution samples; `plot` separates the two.

    Attributes
    ----------
    layer_scores : ndarray of shape (n_samples, n_layers)
        The scores, in the given order.
    layer_names : list of str
        Names of the layers.
    y_true : ndarray of shape (n_samples,) or None
        The labels.
    ax_ : matplotlib Axes
        The axes that `plot` has drawn on.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector, LayerEnsemble
    >>> from skood.plots import LayerScoreDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> ensemble = LayerEnsemble(KNNOutlierDetector(), groups={"first": [0, 1], "last": [2, 3]})
    >>> ensemble.fit(X[:150])
    LayerEnsemble(detector=KNNOutlierDetector(),
                  groups={'first': [0, 1], 'last': [2, 3]})
    >>> display = LayerScoreDisplay(ensemble.layer_scores(X[150:]), ensemble.layer_names_)
    >>> display.layer_scores.shape, display.layer_names
    ((50, 2), ['first', 'last'])
    """

    def __init__(
        self,
        layer_scores: ArrayLike,
        layer_names: Sequence[str] | None = None,
        *,
        y_true: ArrayLike | None = None,
    ) -> None:
        scores = np.asarray(layer_scores, dtype=np.float64)
        if scores.ndim != 2 or not scores.size or not np.isfinite(scores).all():
            allowed = "finite numbers of shape (n_samples, n_layers)"
            raise parameter_error(type(self).__name__, "layer_scores", allowed, layer_scores)
        n_layers = scores.shape[1]
        names = [f"layer{i}" for i in range(n_layers)] if layer_names is None else layer_names
        if len(names) != n_layers:
            allowed = f"{n_layers} names or None"
            raise parameter_error(type(self).__name__, "layer_names", allowed, layer_names)
        self.layer_scores = scores
        self.layer_names = [str(name) for name in names]
        self.y_true = None if y_true is None else np.asarray(y_true)
        if y_true is not None:
            by_label(type(self).__name__, self.y_true, np.arange(len(scores)))

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, ax: Any = None, **plot: Any
    ) -> Self:
        """Score samples in each layer, and draw.

        Parameters
        ----------
        estimator : LayerEnsemble, or Pipeline that ends in one
            The fitted ensemble, or any estimator with `layer_scores` and `layer_names_`.
        X : array-like of shape (n_samples, n_features), or raw inputs
            The samples.
        y : array-like of shape (n_samples,) or None, default=None
            +1 for in-distribution, -1 for out-of-distribution samples.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot
            Further arguments of `plot`.

        Returns
        -------
        LayerScoreDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the estimator has no scores of layers.
        """
        transformers, ensemble = pipeline_steps(estimator)
        if not hasattr(ensemble, "layer_scores"):
            allowed = "a LayerEnsemble or a Pipeline that ends in one"
            raise parameter_error(cls.__name__, "estimator", allowed, estimator)
        for transformer in transformers:
            X = transformer.transform(X)
        return cls(ensemble.layer_scores(X), ensemble.layer_names_, y_true=y).plot(ax, **plot)

    def plot(self, ax: Any = None, *, sort: bool = True, cmap: Any = "cividis") -> Self:
        """Draw the heat map, dark for out-of-distribution.

        The lowest hundredth of the scores has the darkest shade. With more than about 500 samples,
        a column is the mean of several adjacent samples.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        sort : bool, default=True
            Whether to sort the samples by their mean score, the highest to the left. False keeps
            the order of X. With labels, in-distribution samples always come first.
        cmap : str or matplotlib Colormap, default="cividis"
            The colours. The default grows brighter from end to end.

        Returns
        -------
        self : object
            With `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n, n_layers = self.layer_scores.shape
        ax = axes_for(self, ax, (7.2, 1.8 + 0.35 * min(n_layers, _MOST_ROWS_HIGH)))
        order, n_id = self._order(sort=sort)
        edges = _columns(n, n_id)
        low = float(np.quantile(self.layer_scores, _LOWEST_SHOWN))
        cut = bool(low > self.layer_scores.min())
        totals = np.add.reduceat(self.layer_scores[order], edges[:-1], axis=0)
        means = totals / np.diff(edges)[:, np.newaxis]
        lines = np.arange(n_layers + 1) - 0.5
        image = ax.pcolormesh(edges, lines, means.T, cmap=cmap, vmin=low, rasterized=True)
        ax.invert_yaxis()
        bar = ax.figure.colorbar(image, ax=ax, extend="min" if cut else "neither", pad=0.02)
        bar.set_label("layer score\n(low = OoD)")
        ax.set_yticks(range(n_layers), self.layer_names)
        ordered = "ordered by mean score" if sort else "in the order given"
        ax.set(xlabel=f"samples, {ordered}", ylabel="layer")
        ax.set_xticks([])
        if n_id is not None:
            _name_kinds(ax, n_id, n)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _order(self, *, sort: bool) -> tuple[NDArray[np.intp], int | None]:
        """Positions of the samples from left to right, and the number of in-distribution ones."""
        keys = -self.layer_scores.mean(axis=1) if sort else np.zeros(len(self.layer_scores))
        if self.y_true is None:
            return np.argsort(keys, kind="stable"), None
        return np.lexsort((keys, -self.y_true)), int((self.y_true == 1).sum())


def _columns(n: int, n_id: int | None) -> NDArray[np.intp]:
    """The edges of the columns; no column mixes in-distribution and other samples."""
    middle = n if n_id is None else n_id
    m = min(n, _MOST_COLUMNS)
    parts = [np.linspace(0, middle, round(m * middle / n) + 1) if middle else np.zeros(1)]
    if middle < n:
        parts.append(np.linspace(middle, n, max(1, round(m * (n - middle) / n)) + 1))
    return np.unique(np.concatenate(parts).round().astype(np.intp))


def _name_kinds(ax: Any, n_id: int, n: int) -> None:
    """Name the two kinds of samples above the map, and draw a line between them."""
    for name, start, end in ((ID, 0, n_id), (OOD, n_id, n)):
        if end > start:
            ax.annotate(
                f"{name} ({end - start})", (0.5 * (start + end) / n, 1.0), (0, 3),
                xycoords="axes fraction", textcoords="offset points", ha="center", va="bottom",
            )  # fmt: skip
    if 0 < n_id < n:
        # White on black shows on any shade.
        ax.axvline(n_id, color="black", linewidth=3.0)
        ax.axvline(n_id, color="white", linewidth=1.0)
