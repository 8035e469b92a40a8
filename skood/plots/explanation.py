"""A picture of an explanation: the reasons for the score of one sample."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .._validation import check_int, parameter_error, select_rows
from ..explanation import Explanation, explain, reaches_inputs
from ._axes import new_figure
from ._explanation_panels import draw_bars, draw_neighbor, draw_pixels, draw_weights
from ._images import as_image, draw_image, share_image


class ExplanationDisplay:
    """Shares of the features in the score of one sample, and its nearest neighbours.

    If the sample is an image, `plot` draws the image and its neighbours. If the features are the
    pixels, it also draws the shares as an image; otherwise the largest shares are bars.

    Parameters
    ----------
    explanation : Explanation
        The explanation of one sample, such as ``explain(detector, X)[3]``.
    sample : array-like of shape (height, width[, channels]) or (channels, height, width), optional
        The sample, if it is an image. It may have 1, 3 or 4 channels.
    neighbor_samples : array-like of shape (k, ...), optional
        The neighbours of the sample, nearest first, if they are images.
    pixels : bool or None, default=None
        Whether the features are the values of the image. None: if the image has one value for each
        feature.
    name : str or None, default=None
        Name of the detector, for the title.

    Attributes
    ----------
    explanation : Explanation
        The explanation of the sample.
    sample : ndarray of shape (height, width[, channels]) or None
        The image.
    neighbor_samples : list of ndarray
        Images of the neighbours; empty without images.
    pixel_shares : ndarray of shape (height, width) or None
        The shares as an image, summed over channels, if the features are the values of the image.
    name : str or None
        Name of the detector.
    ax_ : matplotlib Axes
        The axes of the shares.
    axes_ : dict of str to matplotlib Axes
        All axes that `plot` has drawn on: ``"shares"`` and, if drawn, ``"sample"``,
        ``"neighbors"`` (their weights) or ``"neighbor 0"``, ``"neighbor 1"``, ... (as images).
    figure_ : matplotlib Figure
        The figure of `axes_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> from skood.plots import ExplanationDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> explanation = KNNOutlierDetector().fit(X).explain([[0.0, 7.0, 0.0]])
    >>> ExplanationDisplay(explanation).top(2)
    ([('x1', 4.79...)], 0.21...)
    """

    def __init__(
        self,
        explanation: Explanation,
        *,
        sample: Any = None,
        neighbor_samples: Any = None,
        pixels: bool | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(explanation, Explanation) or len(explanation) != 1:
            allowed = "the Explanation of one sample, such as explain(detector, X)[3]"
            raise parameter_error("ExplanationDisplay", "explanation", allowed, explanation)
        self.explanation = explanation
        self.sample = None if sample is None else as_image(sample)
        self.pixel_shares = None
        if sample is not None and pixels is not False:
            self.pixel_shares = share_image(explanation.shares[0], np.shape(sample))
        images = [] if neighbor_samples is None else neighbor_samples
        self.neighbor_samples = [as_image(image) for image in images]
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        row: int = 0,
        *,
        X_train: Any = None,
        image_shape: tuple[int, ...] | None = None,
        name: str | None = None,
        ax: Any = None,
        **plot: Any,
    ) -> Self:
        """Explain the score of one sample, and draw.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator that `skood.explain` takes.
        X : array-like of shape (n_samples, n_features), or raw inputs
            The samples.
        row : int, default=0
            The position in X of the sample to explain.
        X_train : array-like of the kind of X, optional
            The training samples of the estimator. If samples are images, they show the neighbours.
        image_shape : tuple of int or None, default=None
            The shape of an image, if X holds images as flat rows. None: samples with two or three
            axes are images, flat rows are not.
        name : str or None, default=None
            Name of the detector, for the title.
        ax : matplotlib Axes or None, default=None
            Axes of a grid, whose area is divided; None makes a figure.
        **plot
            Further arguments of `plot`.

        Returns
        -------
        ExplanationDisplay
            The display, drawn.
        """
        position = range(len(X))[row]
        chosen = select_rows(X, np.array([position]))
        explanation = explain(estimator, chosen)
        shape = _shape_of_image(chosen, image_shape)
        sample = neighbor_samples = None
        if shape is not None:
            sample = np.asarray(chosen).reshape(shape)
            if X_train is not None and explanation.neighbors is not None:
                near = select_rows(X_train, explanation.neighbors.indices[0])
                neighbor_samples = np.asarray(near).reshape(-1, *shape)
        return cls(
            explanation,
            sample=sample,
            neighbor_samples=neighbor_samples,
            # Shares of a trace are no shares of pixels, even if their numbers agree.
            pixels=reaches_inputs(estimator),
            name=name,
        ).plot(ax, **plot)

    def top(self, n: int) -> tuple[list[tuple[str, float]], float]:
        """The features with the largest shares.

        Parameters
        ----------
        n : int
            The largest number of lines. If there are more features, the last line is for all
            others.

        Returns
        -------
        features : list of (str, float)
            Names and shares of the features with the largest absolute shares, in falling order.
        others : float
            Sum of the shares of all other features.
        """
        shares, names = self.explanation.shares[0], self.explanation.feature_names
        kept = len(shares) if len(shares) <= n else max(n - 1, 1)
        chosen = np.argsort(-np.abs(shares), kind="stable")[:kept]
        chosen = chosen[np.argsort(-shares[chosen], kind="stable")]
        others = np.delete(shares, chosen).sum()
        return [(str(names[j]), float(shares[j])) for j in chosen], float(others)

    def plot(self, ax: Any = None, *, n_features: int = 10, n_neighbors: int = 5) -> Self:
        """Draw the shares and the neighbours.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes of a grid, whose area is divided; None makes a figure.
        n_features : int, default=10
            The largest number of bars. If there are more features, the last bar is for all others.
        n_neighbors : int, default=5
            The largest number of neighbours to draw.

        Returns
        -------
        self : object
            With `ax_`, `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        owner = "ExplanationDisplay.plot"
        check_int(owner, "n_features", n_features, 2)
        check_int(owner, "n_neighbors", n_neighbors, 0)
        self.axes_ = self._layout(ax, n_neighbors)
        self.ax_ = self.axes_["shares"]
        self.figure_ = self.ax_.figure
        near = self.explanation.neighbors
        if self.sample is not None:
            draw_image(self.axes_["sample"], self.sample)
        if self.pixel_shares is None:
            features, others = self.top(n_features)
            n_others = len(self.explanation.feature_names) - len(features)
            draw_bars(self.ax_, features, others, n_others)
        else:
            draw_pixels(self.ax_, self.pixel_shares)
        for i, image in enumerate(self.neighbor_samples):
            if f"neighbor {i}" in self.axes_:
                draw_neighbor(self.axes_[f"neighbor {i}"], image, near, i)
        if "neighbors" in self.axes_ and near is not None:
            draw_weights(self.axes_["neighbors"], near, n_neighbors)
        self._add_title()
        return self

    def _layout(self, ax: Any, n_neighbors: int) -> dict[str, Any]:
        """New axes by the names of their panels."""
        k = min(n_neighbors, len(self.neighbor_samples)) if self.sample is not None else 0
        weights = not k and n_neighbors and self.explanation.neighbors is not None
        with_sample = self.sample is not None
        n_upper = 1 + with_sample + bool(weights)
        if ax is None:
            size = (3.6 * n_upper, 3.4 + 1.6 * bool(k))
            figure = new_figure(self, size)
            place = figure.add_gridspec(1, 1)[0]
        else:
            figure, place = ax.figure, ax.get_subplotspec()
            if place is None:
                allowed = "None or Axes of a grid, as by subplots"
                raise parameter_error("ExplanationDisplay.plot", "ax", allowed, ax)
            ax.set_axis_off()
        lines = place.subgridspec(1 + bool(k), 1, height_ratios=[2.2, 1][: 1 + bool(k)])
        shares_width = 1.3 if self.pixel_shares is None else 1.0  # as large as the sample
        widths = [1.0] * with_sample + [shares_width] + [0.8] * bool(weights)
        upper = lines[0].subgridspec(1, n_upper, width_ratios=widths)
        keys = ["sample"] * with_sample + ["shares"] + ["neighbors"] * bool(weights)
        axes = {key: figure.add_subplot(upper[i]) for i, key in enumerate(keys)}
        if k:
            lower = lines[1].subgridspec(1, k)
            axes |= {f"neighbor {i}": figure.add_subplot(lower[i]) for i in range(k)}
        return axes

    def _add_title(self) -> None:
        """Write the detector's name and the score above the first panel."""
        score, base = float(self.explanation.scores[0]), float(self.explanation.base[0])
        lines = [self.name, f"score {score:.4g}"]
        if base:
            lines.append(f"(without the shares {base:.4g})")
        first = next(iter(self.axes_.values()))
        lines.append(first.get_title("left"))
        first.set_title("\n".join(filter(None, lines)), loc="left", fontsize="medium")


def _shape_of_image(chosen: Any, image_shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The shape of a sample as an image; None if the sample is no image."""
    if image_shape is not None:
        return tuple(image_shape)
    shape = np.shape(chosen)[1:]
    return shape if len(shape) in (2, 3) else None
