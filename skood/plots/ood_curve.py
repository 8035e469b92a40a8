"""How well detectors separate in-distribution from out-of-distribution rows, at every threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._validation import check_option
from ..metrics import aupr_in, auroc, fpr_at_tpr
from ..metrics.check import check_labels_and_scores
from ..metrics.thresholding import roc_points
from ._axes import finish, new_figure
from ._input import name_of
from .looks import GUIDE, looks

_CURVES = ("both", "roc", "pr")
_TPR = 0.95


class OODCurve(NamedTuple):
    """The curves of one detector, and their metrics. In-distribution rows are the positives."""

    fpr: NDArray[np.float64]
    """Share of the out-of-distribution rows that pass, at every threshold from the highest on."""
    tpr: NDArray[np.float64]
    """Share of the in-distribution rows that pass: also the recall."""
    precision: NDArray[np.float64]
    """Share of in-distribution rows among the rows that pass; 1 if no row passes."""
    auroc: float
    """Area under the ROC curve."""
    aupr_in: float
    """Area under the precision-recall curve."""
    fpr95: float
    """Share of the out-of-distribution rows that pass if 95 % of the in-distribution rows pass."""


class OODCurveDisplay:
    """ROC and precision-recall curves of one or several detectors, with FPR95 marked.

    Parameters
    ----------
    curves : dict of str to OODCurve
        The curves of each detector, by its name.

    Attributes
    ----------
    curves : dict of str to OODCurve
        The curves of each detector.
    ax_ : matplotlib Axes, or tuple of two
        The axes that `plot` has drawn on: the ROC curves, then the precision-recall curves.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> from skood.plots import OODCurveDisplay
    >>> y = [1, 1, 1, -1, -1]
    >>> display = OODCurveDisplay.from_predictions(
    ...     y, {"first": [5.0, 4.0, 3.0, 2.0, 1.0], "second": [5.0, 4.0, 1.0, 3.0, 2.0]}
    ... )
    >>> {name: round(curve.auroc, 3) for name, curve in display.curves.items()}
    {'first': 1.0, 'second': 0.667}
    >>> display.curves["second"].fpr95
    1.0
    """

    def __init__(self, curves: Mapping[str, OODCurve]) -> None:
        self.curves = dict(curves)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, name: str | None = None, ax: Any = None, **plot: Any
    ) -> Self:
        """Score rows with fitted detectors, and draw.

        Parameters
        ----------
        estimator : estimator, or dict of str to estimator
            A fitted detector or Pipeline, or a dict of several by their names.
        X : array-like of shape (n_samples, n_features), or raw inputs
            The rows.
        y : array-like of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution rows.
        name : str or None, default=None
            Name of a single detector; None: the name of its class.
        ax : matplotlib Axes, sequence of two, or None, default=None
            Axes to draw on; None makes a figure.
        **plot
            Further arguments of `plot`.

        Returns
        -------
        OODCurveDisplay
            The display, drawn.
        """
        if not isinstance(estimator, Mapping):
            estimator = {name_of(estimator) if name is None else name: estimator}
        scores = {key: detector.score_samples(X) for key, detector in estimator.items()}
        return cls.from_predictions(y, scores).plot(ax, **plot)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        scores: ArrayLike | Mapping[str, ArrayLike],
        *,
        name: str | None = None,
    ) -> Self:
        """Make the curves of known scores; `plot` draws them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution rows, at least one of each.
        scores : array-like of shape (n_samples,), or dict of str to such
            Scores, higher = more in-distribution, of one detector or of several by their names.
        name : str or None, default=None
            Name of a single detector.

        Returns
        -------
        OODCurveDisplay
            The display, not drawn.

        Raises
        ------
        ValueError
            If labels or scores are not valid.
        """
        if not isinstance(scores, Mapping):
            scores = {"detector" if name is None else name: scores}
        return cls({str(key): _curve(y_true, of_one) for key, of_one in scores.items()})

    def plot(self, ax: Any = None, *, curve: str = "both") -> Self:
        """Draw the curves; a marker on each ROC curve shows FPR95.

        Parameters
        ----------
        ax : matplotlib Axes, sequence of two, or None, default=None
            Axes to draw on, two for both curves; None makes a figure.
        curve : {"both", "roc", "pr"}, default="both"
            Which curves to draw.

        Returns
        -------
        self : object
            With `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_option("OODCurveDisplay.plot", "curve", curve, _CURVES)
        axes = self._axes(ax, 2 if curve == "both" else 1)
        if curve != "pr":
            self._draw_roc(axes[0])
        if curve != "roc":
            self._draw_pr(axes[-1])
        finish(axes)
        self.ax_ = tuple(axes) if curve == "both" else axes[0]
        self.figure_ = axes[0].figure
        return self

    def _axes(self, ax: Any, n: int) -> list[Any]:
        if ax is None:
            figure = new_figure(self, (5.2 * n, 5.0))
            return [figure.add_subplot(1, n, i + 1) for i in range(n)]
        axes = list(np.ravel(ax))
        if len(axes) != n:
            raise ValueError(
                f"The 'ax' parameter of OODCurveDisplay.plot must be {n} Axes for these curves. "
                f"Got {len(axes)} instead."
            )
        return axes

    def _draw_roc(self, ax: Any) -> None:
        level = 100 * _TPR
        ax.plot([0, 100], [0, 100], color=GUIDE, linewidth=0.8, linestyle=":")
        ax.axhline(level, color=GUIDE, linewidth=0.8)
        ax.annotate(
            f"{level:.0f} %", (100, level), xytext=(3, 0), textcoords="offset points",
            va="center", color=GUIDE, fontsize="small",
        )  # fmt: skip
        entries = {}
        for (name, curve), look in zip(self.curves.items(), looks(len(self.curves)), strict=True):
            (line,) = ax.plot(
                *(100 * curve.fpr, 100 * curve.tpr), color=look.colour, linestyle=look.dashes,
                linewidth=1.6,
            )  # fmt: skip
            # The marker of a good detector lies on the frame, which must not clip it.
            (point,) = ax.plot(
                100 * curve.fpr95, level, color=look.colour, marker=look.marker, markersize=7,
                markeredgecolor="black", linestyle="none", clip_on=False, zorder=3,
            )  # fmt: skip
            label = f"{name}: AUROC {100 * curve.auroc:.1f} %, FPR95 {100 * curve.fpr95:.1f} %"
            entries[label] = (line, point)  # the marker lies on the line in the legend
        ax.set(xlabel="OoD rows that pass, %", ylabel="ID rows that pass, %")
        ax.set_title("ROC; markers at FPR95", loc="left", fontsize="medium")
        _in_percent(ax)
        ax.legend(
            entries.values(), entries.keys(), frameon=False, loc="lower right", fontsize="small",
            handlelength=3.0,
        )  # fmt: skip

    def _draw_pr(self, ax: Any) -> None:
        for (name, curve), look in zip(self.curves.items(), looks(len(self.curves)), strict=True):
            ax.plot(
                *(100 * curve.tpr, 100 * curve.precision), color=look.colour, linestyle=look.dashes,
                linewidth=1.6, label=f"{name}: AUPR {100 * curve.aupr_in:.1f} %",
                drawstyle="steps-pre",
            )  # fmt: skip
        ax.set(xlabel="ID rows that pass (recall), %", ylabel="ID among rows that pass, %")
        ax.set_title("Precision and recall of ID rows", loc="left", fontsize="medium")
        _in_percent(ax)
        ax.legend(frameon=False, loc="lower left", fontsize="small", handlelength=3.0)


def _curve(y_true: ArrayLike, scores: ArrayLike) -> OODCurve:
    is_in, ranks = check_labels_and_scores(
        y_true, scores, pos_label=None, caller="OODCurveDisplay.from_predictions"
    )
    fpr, tpr = roc_points(is_in, ranks)
    n_in = int(is_in.sum())
    inside, outside = tpr * n_in, fpr * (len(is_in) - n_in)
    passing = inside + outside
    precision = np.divide(inside, passing, out=np.ones_like(inside), where=passing > 0)
    return OODCurve(
        fpr,
        tpr,
        precision,
        auroc(y_true, scores),
        aupr_in(y_true, scores),
        fpr_at_tpr(y_true, scores, tpr=_TPR),
    )


def _in_percent(ax: Any) -> None:
    ax.set(xlim=(0, 100), ylim=(0, 102))
    ax.set_aspect("equal", adjustable="box")
