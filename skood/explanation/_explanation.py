"""The result of `explain`: shares of the features, their values, neighbours, scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from .._validation import check_int, parameter_error
from ._neighbors import ExplainedNeighbors
from ._reasons import in_words, is_missing
from .dates import DAYS, iso_date
from .expected import ExpectedValues

_SHOWN_ROWS, _SHOWN_FEATURES = 5, 3
_LEAST = 0.005  # a smaller share is no reason


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Each feature's share of the scores of some rows, and the neighbours behind the scores.

    A share is the contribution of a feature to the anomaly score: the feature with the largest
    share contributes most. Up to rounding,

    ``scores == base - shares.sum(axis=1)``.

    An index or slice gives the explanation of a part of the rows: ``explanation[3]`` explains one
    row, in arrays that still have two axes.

    Attributes
    ----------
    scores : ndarray of shape (n_samples,)
        The scores by `score_samples`: higher = more in-distribution.
    shares : ndarray of shape (n_samples, n_features)
        The share of each feature.
    feature_names : ndarray of shape (n_features,)
        Names of the features; ``"x0"``, ``"x1"``, ... for features without names.
    base : ndarray of shape (n_samples,)
        The part of the score that belongs to no feature; the detector's `explain` defines it.
    neighbors : ExplainedNeighbors or None
        The training rows behind the score; None for detectors without neighbours.
    nearest_class : ndarray of shape (n_samples,) or None
        For the Mahalanobis distance with class labels: the class whose mean is nearest.
    group_shares : dict of str to ndarray of shape (n_samples,), or None
        The share of each group of features, such as the layers of a network.
    layers : dict of str to Explanation, or None
        For a `LayerEnsemble`: the explanation of each layer's score, with its neighbours.
    values : ndarray of shape (n_samples, n_features) or None
        The values of the rows, in the units of X.
    expected : ExpectedValues or None
        The values of the training rows behind the score: median and range, or shares of categories.
    units : dict of str to str, or None
        The units of features with a unit, by their names; dates have the unit "days since 1970".

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> explanation = KNNOutlierDetector(n_neighbors=5).fit(X).explain([[0.1, 7.0, -0.2]])
    >>> explanation
    Explanation of 1 row by 3 features
      0: score -4.78
         x1 = 7, expected 2 to 2.55 (98 %)
         x0 = 0.1, expected -0.831 to 0.136 (1 %)
         x2 = -0.2, expected -0.787 to 0.189 (1 %)
    >>> bool(np.isclose(explanation.scores[0], -explanation.shares[0].sum()))
    True
    >>> explanation.neighbors.indices.shape
    (1, 5)
    """

    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    feature_names: NDArray[Any]
    base: NDArray[np.float64]
    neighbors: ExplainedNeighbors | None = None
    nearest_class: NDArray[Any] | None = None
    group_shares: Mapping[str, NDArray[np.float64]] | None = None
    layers: Mapping[str, Explanation] | None = None
    values: NDArray[Any] | None = None
    expected: ExpectedValues | None = None
    units: Mapping[str, str] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Any) -> Explanation:
        if isinstance(rows, Integral):
            position = range(len(self))[rows]  # counts from the end too, and raises an IndexError
            rows = slice(position, position + 1)
        groups, layers = self.group_shares, self.layers
        return Explanation(
            self.scores[rows],
            self.shares[rows],
            self.feature_names,
            self.base[rows],
            None if self.neighbors is None else self.neighbors[rows],
            None if self.nearest_class is None else self.nearest_class[rows],
            None if groups is None else {name: part[rows] for name, part in groups.items()},
            None if layers is None else {name: part[rows] for name, part in layers.items()},
            None if self.values is None else self.values[rows],
            None if self.expected is None else self.expected[rows],
            self.units,
        )

    def by_group(self, groups: Mapping[str, Any] | None = None) -> Explanation:
        """Add up the shares of features that belong together.

        Parameters
        ----------
        groups : dict or None, default=None
            The features of each group: slices, positions, masks or names. None: the layers, if the
            features come from a network (from `TorchFeatureTransformer` in a Pipeline, or from a
            `LayerEnsemble`).

        Returns
        -------
        Explanation
            With the groups as features.

        Raises
        ------
        ValueError
            If no groups are given and none are known, or if a group has an unknown feature.
        """
        if groups is None:
            if self.group_shares is None:
                allowed = "given if the features come without groups"
                raise parameter_error("by_group", "groups", allowed, None)
            shares = dict(self.group_shares)
        else:
            shares = {
                str(name): self.shares[:, self._columns(name, chosen)].sum(axis=1)
                for name, chosen in groups.items()
            }
        return Explanation(
            self.scores,
            np.column_stack(list(shares.values())),
            np.array(list(shares), dtype=object),
            self.base,
            self.neighbors,
            self.nearest_class,
            None,
            self.layers,
        )

    def to_frame(self) -> Any:
        """Make a table with one line for each feature of each row.

        Returns
        -------
        pandas.DataFrame
            With the columns ``row`` (position among the explained rows), ``feature``, ``value``,
            ``expected_low``, ``expected_median``, ``expected_high`` (see `ExpectedValues`; for
            categories the median is the most frequent one) and ``share``. Dates are ISO texts.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "io", needed_by="Explanation.to_frame")
        n, d = self.shares.shape
        unknown = np.full((n, d), np.nan)
        expected = self.expected
        medians = unknown if expected is None else expected.median
        if expected is not None and expected.categories:
            medians = medians.astype(object)
            for j, known in expected.categories.items():
                labels = np.array(known.labels, dtype=object)
                medians[:, j] = labels[known.shares[:, : len(labels)].argmax(axis=1)]
        table = {
            "row": np.repeat(np.arange(n), d),
            "feature": np.tile(self.feature_names, n),
            "value": self._dated(unknown if self.values is None else self.values).ravel(),
            "expected_low": self._dated(unknown if expected is None else expected.low).ravel(),
            "expected_median": self._dated(medians).ravel(),
            "expected_high": self._dated(unknown if expected is None else expected.high).ravel(),
            "share": self.shares.ravel(),
        }
        return pandas.DataFrame(table)

    def reasons(self, n_features: int = 3) -> list[list[str]]:
        """The reasons for the score of each row, in words.

        Parameters
        ----------
        n_features : int, default=3
            The largest number of features for each row.

        Returns
        -------
        list of list of str
            For each row the features with the largest shares, the largest first: the value of the
            row, the range from 5 to 95 % of the training rows behind the score, and the share in
            percent of all positive shares. Features below 0.5 % are left out.

        Raises
        ------
        ValueError
            If `n_features` is not valid.
        """
        check_int("Explanation.reasons", "n_features", n_features, 1)
        d = self.shares.shape[1]
        totals = np.maximum(self.shares, 0.0).sum(axis=1)
        order = np.argsort(-self.shares, axis=1, kind="stable")[:, : min(n_features, d)]
        return [
            [self._reason(i, j, totals[i]) for j in top if self.shares[i, j] > _LEAST * totals[i]]
            for i, top in enumerate(order.tolist())
        ]

    def _reason(self, i: int, j: int, total: float) -> str:
        name, percent = str(self.feature_names[j]), 100 * float(self.shares[i, j] / total)
        expected = self.expected
        if self.values is None:
            return f"{name} ({percent:.0f} %)"
        ends = categories = None
        if expected is not None:
            ends = (expected.low[i, j], expected.median[i, j], expected.high[i, j])
            categories = expected.categories.get(j)
        unit = (self.units or {}).get(name, "")
        return in_words(name, self.values[i, j], ends, categories, i, percent, unit)

    def __repr__(self) -> str:
        n, d = self.shares.shape
        lines = [f"{type(self).__name__} of {n} row{'s' * (n != 1)} by {d} feature{'s' * (d != 1)}"]
        for i, reasons in enumerate(self[:_SHOWN_ROWS].reasons(_SHOWN_FEATURES)):
            lines.append(f"  {i}: score {self.scores[i]:.3g}")
            lines += [f"     {reason}" for reason in reasons]
        return "\n".join([*lines, "  ..."] if n > _SHOWN_ROWS else lines)

    def _dated(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values with dates as ISO texts, and None for missing ones."""
        units = self.units or {}
        dates = [j for j, name in enumerate(self.feature_names) if units.get(str(name)) == DAYS]
        values = values.astype(object) if dates else values
        for j in dates:
            values[:, j] = [None if is_missing(days) else iso_date(days) for days in values[:, j]]
        return values

    def _columns(self, name: Any, chosen: Any) -> NDArray[np.intp]:
        """Positions of the features of one group."""
        d = len(self.feature_names)
        if not isinstance(chosen, slice):
            chosen = np.asarray(chosen)
            if chosen.dtype.kind in "UOT":
                place = {str(feature): j for j, feature in enumerate(self.feature_names)}
                chosen = np.array([place.get(str(feature), d) for feature in chosen], dtype=np.intp)
        try:
            return np.arange(d)[chosen]
        except IndexError:
            allowed = f"features that exist among the {d}"
            raise parameter_error("by_group", "groups", allowed, {name: chosen}) from None


def numbered_names(n: int) -> NDArray[Any]:
    """Names for features without names, as in scikit-learn.

    Parameters
    ----------
    n : int
        Number of features.

    Returns
    -------
    ndarray of str of shape (n,)
        ``"x0"``, ``"x1"``, ...
    """
    return np.array([f"x{j}" for j in range(n)], dtype=object)
