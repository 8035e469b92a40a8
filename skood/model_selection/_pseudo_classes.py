"""Clusters of rows in place of classes, for rows without labels."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

_MOST_ROWS = 20_000


class PseudoClasses:
    """Clusters of rows, and the cluster of each row.

    Columns are standardised first, so that their units do not decide. K-means runs on at most
    20,000 rows. `find` recognises rows by their values. A new search for the nearest centre could
    give another cluster, because a matrix product rounds differently in another batch.
    """

    def __init__(
        self, rows: NDArray[Any], n_clusters: int, generator: np.random.RandomState
    ) -> None:
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
        n_unknown = sum(key not in self._label_of for key in keys)
        if n_unknown:
            raise ValueError(
                f"{n_unknown} of {len(keys)} test rows are not among the rows that LeaveClassesOut "
                "has divided. Give the same splitter object to the search and to ood_scorer, and "
                "score the rows that were split."
            )
        return np.array([self._label_of[key] for key in keys], dtype=np.intp)


def _keys(rows: NDArray[np.float64]) -> NDArray[np.object_]:
    """A short key for the values of each row."""
    return np.array(
        [blake2b(row.tobytes(), digest_size=16).digest().hex() for row in rows + 0.0], dtype=object
    )


def as_rows(X: Any) -> NDArray[np.float64]:
    """Rows of numbers; images and other inputs with more axes become flat rows."""
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "classes='kmeans' of LeaveClassesOut needs rows of numbers: encode the other columns "
            "first, or give class labels as y."
        ) from error
    rows = rows.reshape(len(rows), -1)
    if not np.isfinite(rows).all():
        raise ValueError(
            "classes='kmeans' of LeaveClassesOut needs rows without NaN and infinity. Got "
            f"{int((~np.isfinite(rows)).any(axis=1).sum())} row(s) with NaN or infinity."
        )
    return rows
