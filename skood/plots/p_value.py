"""A picture of p-values, against uniform numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from .._validation import last_step, parameter_error
from ._axes import axes_for, finish
from ._input import by_label, checked_sets, checked_values, name_of
from .looks import GUIDE, INK, looks

_LEVELS = 401


class PValueDisplay:
    """Share of the rows with a p-value of at most the level, for every level, against uniform.

    If the p-values are valid, the curve of in-distribution rows lies on the diagonal or below, up
    to chance: at the level alpha, expect up to a share alpha of false alarms. The curve of
    out-of-distribution rows should lie above.

    Parameters
    ----------
    p_values : dict of str to array-like of shape (n_rows,)
        The p-values of each set, by its name; in-distribution rows first.
    alpha : float or None, default=None
        The level of the decisions.
    name : str or None, default=None
        Name of the detector, for the title.

    Attributes
    ----------
    p_values : dict of str to ndarray of shape (n_rows,)
        The p-values of each set, rising.
    alpha : float or None
        The level of the decisions.
    name : str or None
        Name of the detector.
    ax_ : matplotlib Axes
        The axes that `plot` has drawn on.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> from skood.plots import PValueDisplay
    >>> display = PValueDisplay.from_predictions([1, 1, 1, -1], [0.9, 0.1, 0.5, 0.01], alpha=0.05)
    >>> display.p_values["ID"]
    array([0.1, 0.5, 0.9])
    """

    def __init__(
        self,
        p_values: Mapping[str, ArrayLike],
        *,
        alpha: float | None = None,
        name: str | None = None,
    ) -> None:
        sets = checked_sets("PValueDisplay", "p_values", p_values)
        for key, values in sets.items():
            if values.min() < 0 or values.max() > 1:
                raise parameter_error("PValueDisplay", "p_values", "in [0, 1]", {key: values})
        self.p_values = {key: np.sort(values) for key, values in sets.items()}
        self.alpha = alpha
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        name: str | None = None,
        ax: Any = None,
        **plot: Any,
    ) -> Self:
        """Take the p-values of rows, and draw.

        Parameters
        ----------
        estimator : estimator
            A fitted detector with `p_values`, such as `ConformalOutlierDetector`.
        X : array-like of shape (n_samples, n_features), or raw inputs
            The rows.
        y : array-like of shape (n_samples,) or None, default=None
            +1 for in-distribution, -1 for out-of-distribution rows; None: all are +1.
        name : str or None, default=None
            Name of the detector; None: the name of its class.
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot
            Further arguments of `plot`.

        Returns
        -------
        PValueDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the estimator gives no p-values.
        """
        if not hasattr(estimator, "p_values"):
            allowed = "a detector with `p_values`, such as ConformalOutlierDetector"
            raise parameter_error(cls.__name__, "estimator", allowed, estimator)
        values = estimator.p_values(X)
        return cls.from_predictions(
            np.ones(len(values), dtype=int) if y is None else y,
            values,
            alpha=getattr(last_step(estimator), "alpha", None),
            name=name_of(estimator) if name is None else name,
        ).plot(ax, **plot)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        p_values: ArrayLike,
        *,
        alpha: float | None = None,
        name: str | None = None,
    ) -> Self:
        """Keep known p-values; `plot` draws them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution rows. One kind may be missing.
        p_values : array-like of shape (n_samples,)
            The p-values.
        alpha : float or None, default=None
            The level of the decisions.
        name : str or None, default=None
            Name of the detector.

        Returns
        -------
        PValueDisplay
            The display, not drawn.
        """
        values = checked_values(cls.__name__, "p_values", p_values)
        return cls(by_label(cls.__name__, y_true, values), alpha=alpha, name=name)

    def plot(self, ax: Any = None) -> Self:
        r"""Draw the shares, and a band for as many uniform numbers as the first set has rows.

        At each level the band holds the share of independent uniform numbers with a probability of
        95 %. Conformal p-values from one set of n calibration rows rise and fall together, so their
        share may be further away, by about :math:`\sqrt{\alpha (1 - \alpha) / n}` more.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        self : object
            With `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_for(self, ax, (4.8, 4.8))
        n = len(next(iter(self.p_values.values())))
        levels = np.linspace(0.0, 1.0, _LEVELS)
        low, high = (100 * binom.ppf(q, n, levels) / n for q in (0.025, 0.975))
        label = f"95 % of {n:,} uniform p-values"
        ax.fill_between(100 * levels, low, high, color=GUIDE, alpha=0.3, linewidth=0, label=label)
        ax.plot([0, 100], [0, 100], color=GUIDE, linewidth=1.0, linestyle=":")
        for (name, values), look in zip(
            self.p_values.items(), looks(len(self.p_values)), strict=True
        ):
            ax.step(
                *self._steps(values), where="post", color=look.colour, linestyle=look.dashes,
                linewidth=1.6, label=self._label(name, values),
            )  # fmt: skip
        if self.alpha is not None:
            label = f"alpha = {100 * self.alpha:g} %"
            ax.axvline(100 * self.alpha, color=INK, linewidth=0.8, linestyle="--", label=label)
        ax.set(xlabel="level, %", ylabel="rows with a p-value of at most this, %")
        ax.set(xlim=(0, 100), ylim=(0, 102))
        ax.set_aspect("equal", adjustable="box")
        ax.set_title(self.name or "", loc="left", fontsize="medium")
        finish([ax])
        ax.legend(frameon=False, fontsize="small", loc="lower right")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, name: str, values: Any) -> str:
        if self.alpha is None:
            return name
        share = 100 * np.mean(values <= self.alpha)
        return f"{name}: {share:.1f} % at alpha"

    @staticmethod
    def _steps(values: Any) -> tuple[Any, Any]:
        """Corners of the empirical distribution, in percent."""
        shares = np.arange(len(values) + 1) / len(values)
        places = np.concatenate([[0.0], values, [1.0]])
        return 100 * places, 100 * np.append(shares, 1.0)
