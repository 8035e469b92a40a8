"""A picture of the distributions of in-distribution and out-of-distribution scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import check_int
from ._axes import axes_for, finish
from ._input import by_label, checked_sets, checked_values, name_of, threshold_of
from .looks import Look, looks

_LOWEST_SHOWN = 0.01  # share of a set below the range of the picture: it may lie far away


class ScoreDistributionDisplay:
    """Histograms of the scores of sets of rows, and the threshold.

    Parameters
    ----------
    scores : dict of str to array-like of shape (n_rows,)
        The scores of each set, by its name: higher = more in-distribution. The title takes the part
        of a name before a colon, as in ``"near OoD: digits 8 and 9"``.
    threshold : float or None, default=None
        The score below which rows are flagged.
    name : str or None, default=None
        Name of the detector, for the title.

    Attributes
    ----------
    scores : dict of str to ndarray of shape (n_rows,)
        The scores of each set.
    threshold : float or None
        The score below which rows are flagged.
    flagged : dict of str to float
        The flagged share of each set; empty without threshold.
    name : str or None
        Name of the detector.
    ax_ : matplotlib Axes
        The axes that `plot` has drawn on.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> from skood.plots import ScoreDistributionDisplay
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> detector = KNNOutlierDetector().fit(X[:200])
    >>> X[250:] += 8.0
    >>> y = np.repeat([1, -1], [250, 50])
    >>> display = ScoreDistributionDisplay.from_predictions(
    ...     y, detector.score_samples(X), threshold=detector.offset_
    ... )
    >>> display.flagged["OoD"]
    1.0
    """

    def __init__(
        self,
        scores: Mapping[str, ArrayLike],
        *,
        threshold: float | None = None,
        name: str | None = None,
    ) -> None:
        self.scores = checked_sets("ScoreDistributionDisplay", "scores", scores)
        self.threshold = threshold
        self.name = name
        self.flagged: dict[str, float] = {}
        if threshold is not None:
            self.flagged = {key: float(np.mean(s < threshold)) for key, s in self.scores.items()}

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, name: str | None = None, ax: Any = None, **plot: Any
    ) -> Self:
        """Score rows with a fitted detector, and draw.

        Parameters
        ----------
        estimator : estimator
            A fitted detector, or a Pipeline that ends in one. Its `offset_` is the threshold.
        X : array-like of shape (n_samples, n_features), or raw inputs
            The rows.
        y : array-like of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution rows.
        name : str or None, default=None
            Name of the detector; None: the name of its class.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot
            Further arguments of `plot`.

        Returns
        -------
        ScoreDistributionDisplay
            The display, drawn.
        """
        name = name_of(estimator) if name is None else name
        return cls.from_predictions(
            y,
            estimator.score_samples(X),
            threshold=threshold_of(estimator),
            name=name,
        ).plot(ax, **plot)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        scores: ArrayLike,
        *,
        threshold: float | None = None,
        name: str | None = None,
    ) -> Self:
        """Keep known scores; `plot` draws them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution rows. One kind may be missing.
        scores : array-like of shape (n_samples,)
            Scores, higher = more in-distribution.
        threshold : float or None, default=None
            The score below which rows are flagged.
        name : str or None, default=None
            Name of the detector.

        Returns
        -------
        ScoreDistributionDisplay
            The display, not drawn.
        """
        values = checked_values(cls.__name__, "scores", scores)
        return cls(by_label(cls.__name__, y_true, values), threshold=threshold, name=name)

    def plot(self, ax: Any = None, *, bins: int = 60, legend: bool = True) -> Self:
        """Draw the histograms, each in percent of the rows of its own set.

        The outermost bins also count scores beyond the range of the picture, such as the lowest
        hundredth of a set.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        bins : int, default=60
            Number of bins over the range of all scores.
        legend : bool, default=True
            Whether to name the sets within the axes.

        Returns
        -------
        self : object
            With `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_int("ScoreDistributionDisplay.plot", "bins", bins, 1)
        ax = axes_for(self, ax, (6.8, 3.6))
        edges = np.linspace(*self._range(), bins + 1)
        for (name, scores), look in zip(self.scores.items(), looks(len(self.scores)), strict=True):
            counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
            _draw_set(ax, edges, 100 * counts / len(scores), look, name)
        if self.threshold is not None and np.isfinite(self.threshold):
            label = "threshold: flagged to its left"
            ax.axvline(self.threshold, color="black", linestyle="--", label=label)
        ax.set_title(self._title(), loc="left", fontsize="medium")
        ax.set(xlabel="score (higher = more in-distribution)", ylabel="% of the set's rows")
        finish([ax])
        if legend:
            ax.legend(framealpha=0.85, edgecolor="none")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _title(self) -> str:
        flagged = ", ".join(
            f"{100 * share:.1f} % of {key.partition(':')[0]}" for key, share in self.flagged.items()
        )
        return ": ".join(part for part in (self.name, flagged and f"flags {flagged}") if part)

    def _range(self) -> tuple[float, float]:
        """The range of the scores without the lowest of each set, and of the threshold."""
        finite = [scores[np.isfinite(scores)] for scores in self.scores.values()]
        shown = [part for part in finite if part.size]
        ends = [float(np.quantile(part, _LOWEST_SHOWN)) for part in shown]
        ends += [float(part.max()) for part in shown]
        if self.threshold is not None and np.isfinite(self.threshold):
            ends.append(self.threshold)
        low, high = (min(ends), max(ends)) if ends else (0.0, 0.0)
        return (low, high) if low < high else (low - 0.5, high + 0.5)


def _draw_set(
    ax: Any, edges: NDArray[np.float64], percents: NDArray[np.float64], look: Look, name: str
) -> None:
    ax.stairs(
        percents,
        edges,
        fill=True,
        facecolor=(look.colour, 0.35),
        edgecolor=look.colour,
        hatch=look.hatch or None,
        linewidth=0.0,
        label=name,
    )
    ax.stairs(percents, edges, color=look.colour, linewidth=1.2)
