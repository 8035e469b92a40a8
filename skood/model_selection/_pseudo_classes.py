"""Clusters of rows in place of classes, where there are no labels."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

_MOST_ROWS = 20_000


class PseudoClasses:
    """Clusters of rows, and to which of them a row belongs.

    Columns are standardised first, so that their units don't decide. The clusters are found on at
    most 20,000 rows. Rows are known again by their values: to ask for the nearest centre once more
    could give another answer, since a matrix product rounds differently in another batch.
    """

    def __init__(self, rows: NDArray, n_clusters: int, generator: np.random.RandomState) -> None:
        scaled = StandardScaler().fit_transform(rows)
        some = scaled
        if len(scaled) > _MOST_ROWS:
            some = scaled[generator.choice(len(scaled), _MOST_ROWS, replace=False)]
        keys = _keys(rows)
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        n_clusters = min(n_clusters, len(np.unique(_keys(some))))
        clusters = KMeans(n_clusters, n_init=1, random_state=generator).fit(some)
        labels = clusters.predict(scaled)[first]
        self.labels: NDArray[np.intp] = labels[inverse]
        self.counts = np.bincount(self.labels, minlength=n_clusters)
        self._label_of = dict(zip(keys[first].tolist(), labels.tolist(), strict=True))

    def find(self, X: Any) -> NDArray[np.intp]:
        """The cluster of each row."""
        keys = _keys(as_rows(X)).tolist()
        strange = sum(key not in self._label_of for key in keys)
        if strange:
            raise ValueError(
                f"{strange} of {len(keys)} test rows are not among the rows that LeaveClassesOut "
                "has divided: a search and ood_scorer have to be given the same splitter object, "
                "and what is scored has to be what was split."
            )
        return np.array([self._label_of[key] for key in keys], dtype=np.intp)


def _keys(rows: NDArray[np.float64]) -> NDArray[np.object_]:
    """A short key for the values of each row."""
    return np.array(
        [blake2b(row.tobytes(), digest_size=16).digest().hex() for row in rows + 0.0], dtype=object
    )


def as_rows(X: Any) -> NDArray[np.float64]:
    """Rows of numbers: images and other inputs of more dimensions are made flat."""
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "classes='kmeans' of LeaveClassesOut needs rows of numbers to find clusters in: "
            "encode the other columns first, or give class labels as y."
        ) from error
    rows = rows.reshape(len(rows), -1)
    if not np.isfinite(rows).all():
        raise ValueError(
            "classes='kmeans' of LeaveClassesOut needs rows without NaN and infinity. Got "
            f"{int((~np.isfinite(rows)).any(axis=1).sum())} row(s) with some."
        )
    return rows
