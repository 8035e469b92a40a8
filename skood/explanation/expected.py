"""The values of the training rows behind a score in each feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ._linear_map import LinearMap

_ARRAYS = ("low", "median", "high", "mean")
_LOW, _HIGH = 0.05, 0.95
_DEVIATIONS = 1.6448536269514722  # of a normal distribution, to its 5 % and 95 % points


class Categories(NamedTuple):
    """Categories of a feature, and their shares among the training rows."""

    labels: tuple[Any, ...]
    """None stands for missing values."""
    shares: NDArray[np.float64]
    """(n_samples, n_labels)"""


@dataclass(frozen=True, eq=False)
class ExpectedValues:
    """The values of the training rows behind the score of each row.

    These rows are the neighbours. For the Mahalanobis distance they are the nearest class, by its
    normal distribution.

    Attributes
    ----------
    low, median, high : ndarray of shape (n_samples, n_features)
        5 %, 50 % and 95 % of these rows have at most this value, which one of them has. NaN for
        categories, and if the detector has not kept the values.
    categories : dict of int to Categories
        By the position of the feature: the share of each category.
    """

    low: NDArray[np.float64]
    median: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64] = field(repr=False)
    categories: dict[int, Categories] = field(default_factory=dict)

    @classmethod
    def of_rows(cls, rows: NDArray[Any]) -> Self:
        """From training rows (m, k, d) of the features with shares."""
        rows = rows.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            # values that rows have: then a curve between the units changes nothing
            ends = np.quantile(rows, (_LOW, 0.5, _HIGH), axis=1, method="nearest")
            return cls(ends[0], ends[1], ends[2], rows.mean(axis=1))

    @classmethod
    def of_normal(
        cls,
        means: NDArray[np.float64],
        lengths: NDArray[np.float64] | float,
        scale: NDArray[np.float64],
        covariance: NDArray[np.float64],
        linear_map: LinearMap | None,
    ) -> Self:
        """From normal distributions with means (m, d) and this covariance in units of `scale`.

        `lengths` (m, 1) multiply both.
        """
        linear_map = linear_map or LinearMap()
        unit = scale.max()
        matrix = linear_map.differences(np.diag(scale / unit))
        with np.errstate(over="ignore", invalid="ignore"):
            deviations = unit * np.sqrt(np.maximum((matrix * (covariance @ matrix)).sum(axis=0), 0))
            half = _DEVIATIONS * lengths * (deviations if linear_map.is_affine else np.nan)
            means = linear_map.rows(means * lengths)
            return cls(means - half, means, means + half, means)

    def __getitem__(self, rows: Any) -> ExpectedValues:
        categories = {
            j: Categories(known.labels, known.shares[rows]) for j, known in self.categories.items()
        }
        return self._each(lambda part: part[rows], categories)

    def of_features(self, chosen: Sequence[int] | NDArray[np.intp]) -> ExpectedValues:
        """For some features, in this order."""
        categories = {i: self.categories[j] for i, j in enumerate(chosen) if j in self.categories}
        return self._each(lambda part: part[:, chosen], categories)

    def mapped(self, back: Callable[[NDArray[Any]], NDArray[Any]]) -> ExpectedValues:
        """Mapped back through a transformer that maps each column separately, and rising."""
        return self._each(back, dict(self.categories))

    def _each(
        self, change: Callable[[NDArray[Any]], NDArray[Any]], categories: dict[int, Categories]
    ) -> ExpectedValues:
        low, median, high, mean = (
            np.asarray(change(getattr(self, name)), dtype=np.float64) for name in _ARRAYS
        )
        return ExpectedValues(low, median, high, mean, categories)


def joined(parts: Sequence[ExpectedValues]) -> ExpectedValues:
    """The values of several blocks of rows of numbers together."""
    low, median, high, mean = (
        np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS
    )
    return ExpectedValues(low, median, high, mean)


def merged(
    parts: Sequence[tuple[Any, ExpectedValues | None]], n_features: int
) -> ExpectedValues | None:
    """The values of parts of the features, each with its columns. The first known value counts.

    None if a part has no known values.
    """
    known_parts = [(columns, expected) for columns, expected in parts if expected is not None]
    if len(known_parts) < len(parts):
        return None
    whole = {name: np.full((len(known_parts[0][1].low), n_features), np.nan) for name in _ARRAYS}
    categories: dict[int, Categories] = {}
    for columns, expected in known_parts:
        for name, into in whole.items():
            known = into[:, columns]
            into[:, columns] = np.where(np.isnan(known), getattr(expected, name), known)
        place = np.arange(n_features)[columns]
        categories |= {int(place[j]): shown for j, shown in expected.categories.items()}
    low, median, high, mean = (whole[name] for name in _ARRAYS)
    return ExpectedValues(low, median, high, mean, categories)
