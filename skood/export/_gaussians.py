"""Mahalanobis distances; a copy of a training row is left out of means and covariance."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rows.rounded import random_directions
from ._graph import Graph, Value, where
from ._inputs import bounded, of_length_one, without_nan

_EPS = float(np.finfo(np.float64).eps)


def gaussian_scores(detector: Any, x: Value, rounding: float) -> Value:
    """Scores by a `MahalanobisOutlierDetector`."""
    rows = of_length_one(x) if detector.normalize else x
    bad, rows = without_nan(rows)
    x = where(bad.with_axis(1), 0.0, x)
    own_class = _OwnClass(detector, x.graph, rounding).of(x)
    nearest = _distances(detector._gaussians, rows, own_class).smallest()
    if detector._background is None:
        return where(bad, np.nan, -nearest)
    overall = own_class.least(0)
    overall.row_shape = ()
    distance = _distances(detector._background, rows, overall).smallest()
    return where(bad, np.nan, (distance - nearest) * (distance + nearest))


class _OwnClass:
    """Recognises training rows by their coordinates in a few directions."""

    def __init__(self, detector: Any, graph: Graph, rounding: float) -> None:
        self.is_needed = detector._gaussians.shrinkage is not None
        points = detector._fingerprints._rounded.points
        self.directions = random_directions(detector.n_features_in_)
        size = np.abs(points - np.median(points, axis=0)).max(axis=1)
        dot_error = 16 * np.sqrt(detector.n_features_in_) * _EPS
        self.limit = rounding * float(np.median(size)) + dot_error * float(
            np.median(np.abs(points).max(axis=1))
        )
        if self.is_needed:
            self.points = graph.constant(points)
            self.first = graph.constant(points[:, 0].copy())
            self.classes = graph.constant(detector._row_classes.astype(np.int64))

    def of(self, x: Value) -> Value:
        """The class of the training row that each row equals, -1 for none, (m,)."""
        if not self.is_needed:
            none = (x * 0.0).sum().cast(np.int64) - 1
            none.row_shape = ()
            return none

        def write(point: Value) -> list[Value]:
            graph = point.graph
            gaps = (self.first - point.columns(0, 1, 0)).abs()
            nearest = graph.op("ArgMin", gaps, axis=0, keepdims=0, dtype=np.int64)
            gap = (self.points.taken(nearest) - point).abs().largest()
            return [where(gap <= self.limit, self.classes.taken(nearest), np.int64(-1))]

        (own,) = x.graph.over_rows(write, bounded(x @ self.directions), shapes=[()])
        return own


def _distances(gaussians: Any, rows: Value, own_class: Value) -> Value:
    """Distance of each row from each class, (m, n_classes), as `ClassGaussians.distances`."""
    graph = rows.graph
    centre = gaussians.location.mean(axis=0)
    means = (gaussians.location - centre) / gaussians.scale
    whitening = gaussians.whitening
    scaled = bounded((rows - centre) / gaussians.scale)
    white = scaled @ whitening
    centres = graph.constant(means @ whitening)
    left_out = None if gaussians.shrinkage is None else _LeftOut(gaussians, graph, means, centres)

    def write(row: Value, white_row: Value, own: Value) -> list[Value]:
        differences = white_row - centres

        def plain() -> Value:
            return differences.squares()

        if left_out is None:
            return [plain()]
        least = own.most(0)
        return [graph.choose(own >= 0, lambda: left_out.squares(row, white_row, least), plain)]

    (squares,) = graph.over_rows(write, scaled, white, own_class, shapes=[(len(means),)])
    return squares.sqrt()


class _LeftOut:
    """Squared distances of a training row that is left out of the estimates.

    The formulas are those of `skood.measures.left_out_mahalanobis_distance`.
    """

    def __init__(self, gaussians: Any, graph: Graph, means: Any, centres: Value) -> None:
        self.graph, self.centres = graph, centres
        counts = gaussians.counts
        self.n = int(counts.sum())
        growth = counts / np.maximum(counts - 1, 1)
        self.shrinkage = float(gaussians.shrinkage)
        self.growth = graph.constant(growth)
        self.a = graph.constant(np.where(counts > 1, (1.0 - self.shrinkage) * growth / self.n, 0.0))
        self.alone = graph.constant(counts <= 1)
        self.means = graph.constant(means)
        self.inverse_eigenvalues = np.einsum("ij,ij->j", gaussians.whitening, gaussians.whitening)
        self.tiny = max(self.n, len(gaussians.whitening)) * _EPS
        self.total = float(self.n * (gaussians.n_varying or means.shape[1]))
        self.places = np.arange(len(counts))

    def squares(self, row: Value, white_row: Value, own: Value) -> Value:
        """Of one row of the class `own`, from each class, (n_classes,)."""
        growth, a = self.growth.taken(own), self.a.taken(own)
        lost = (row - self.means.taken(own)).squares() * growth / self.total
        shrunk = lost * (self.shrinkage * self.inverse_eigenvalues)
        weights = 1.0 / (1.0 - shrunk).most(self.tiny)
        white = white_row - self.centres.taken(own)
        weighted = weights * white
        squared = (weighted * white).sum()
        remaining = (1.0 - a * squared).most(self.tiny)
        others = white_row - self.centres
        cross = (weighted * others).sum()
        squares = (weights * others * others).sum() + a / remaining * cross * cross
        in_own = growth * growth * squared / remaining
        in_own = where(self.alone.taken(own), np.inf, in_own)
        is_own = self.graph.constant(self.places).equals(own)
        return where(is_own, in_own, squares) * ((self.n - 1) / self.n)
