"""A bounded number of rows that represent a stream."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from .._validation import (
    check_int,
    check_new_rows,
    check_option,
    check_training_rows,
    random_generator,
)
from ..measures.blocks import slices
from ..rows.sampling import priorities
from ._coreset import Coreset

_STRATEGIES = ("reservoir", "recent", "coreset")
_BLOCK_VALUES = 1 << 20


class ReferenceStore(BaseEstimator):
    """Hold a bounded number of rows of a stream, as training rows of a detector.

    Fit a detector, or a Pipeline that ends in one, on `rows_` after each part of the stream to keep
    it current. Memory and the cost of a fit are bounded.

    Parameters
    ----------
    max_samples : int, default=10_000
        The largest number of rows to hold.
    strategy : {"reservoir", "recent", "coreset"}, default="reservoir"
        Which rows to hold. "reservoir": a uniform random sample of all rows so far. "recent": the
        latest rows. "coreset": rows spread over the stream, so that every row so far is within
        `radius_` of one of them. It holds rare rows, but no frequencies: strange rows of the stream
        stay in it, and measures of density lose their meaning.
    random_state : int, RandomState instance or None, default=None
        Draws the reservoir.

    Attributes
    ----------
    rows_ : ndarray of shape (n_held, n_features)
        The held rows, in the order of the stream, in the float type of the first row.
    positions_ : ndarray of shape (n_held,)
        Their positions in the stream, from 0.
    n_seen_ : int
        Number of rows so far.
    radius_ : float
        For "coreset": each row so far is within this Euclidean distance of a held row. At most 12.5
        times the radius of the best choice of `max_samples` rows, and mostly several times the true
        radius. In many dimensions the held rows may be far fewer than `max_samples`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    The held rows do not depend on the division of the stream into calls. Memory: at most ``2 *
    max_samples`` rows and the rows of one call. Rows on disk are read block by block.

    References
    ----------
    Vitter (1985), Random sampling with a reservoir; here each row draws a number and those with the
    smallest stay, as in Efraimidis and Spirakis (2006), Weighted random sampling with a reservoir,
    with equal weights. Charikar, Chekuri, Feder and Motwani (2004), Incremental clustering and
    dynamic information retrieval, the doubling algorithm ("coreset"; with a factor of 1.25 in place
    of 2, which holds more rows and bounds the radius by 12.5 instead of 8 times the best).

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector, ReferenceStore
    >>> stream = np.random.default_rng(0).normal(size=(20, 50, 2))
    >>> store, detector = ReferenceStore(500, strategy="recent"), KNNOutlierDetector()
    >>> for batch in stream:
    ...     detector = detector.fit(store.partial_fit(batch).rows_)
    >>> detector.predict([[0.0, 0.0], [9.0, 9.0]])
    array([ 1, -1])
    >>> store.n_seen_, len(store.rows_)
    (1000, 500)
    """

    def __init__(
        self,
        max_samples: int = 10_000,
        *,
        strategy: str = "reservoir",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.max_samples = max_samples
        self.strategy = strategy
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Forget the stream so far, and start with these rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first rows of the stream.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The store.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        self._check_parameters()
        X = check_training_rows(self, X, min_samples=1, stored=True)
        self.n_seen_ = 0
        self.rows_ = np.empty((0, X.shape[1]), dtype=X.dtype)
        self.positions_ = np.empty(0, dtype=np.intp)
        generator = random_generator(self)
        self._seed = int(generator.randint(np.iinfo(np.int32).max))
        self._drawn = np.empty(0, dtype=np.uint64)
        self._spacing = 0.0
        self._forget_radius()
        return self._take_in(X)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add the next rows of the stream.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The store.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        if not hasattr(self, "n_seen_"):
            return self.fit(X, y)
        self._check_parameters()
        return self._take_in(check_new_rows(self, X, self.rows_.dtype, stored=True))

    def _check_parameters(self) -> None:
        check_int(self, "max_samples", self.max_samples, 1)
        check_option(self, "strategy", self.strategy, _STRATEGIES)

    def _take_in(self, X: NDArray) -> Self:
        if self.strategy == "coreset":
            self._spread_over(X)
        else:
            self._hold(X, self._reservoir(len(X)) if self.strategy == "reservoir" else None)
        self.n_seen_ += len(X)
        return self

    def _hold(self, X: NDArray, chosen: NDArray[np.intp] | None) -> None:
        """Hold the rows at these positions of the stream; by default the last ones."""
        n = self.n_seen_ + len(X)
        if chosen is None:
            chosen = np.arange(max(0, n - self.max_samples, self._first_held()), n)
        old, new = chosen[chosen < self.n_seen_], chosen[chosen >= self.n_seen_]
        kept = np.searchsorted(self.positions_, old)
        self.rows_ = np.concatenate([self.rows_[kept], X[new - self.n_seen_]])
        self.positions_ = chosen

    def _first_held(self) -> int:
        """The first position from which on all rows so far are held."""
        return int(self.positions_[0]) if len(self.positions_) else self.n_seen_

    def _reservoir(self, n_new: int) -> NDArray[np.intp]:
        """The positions of the rows with the smallest drawn numbers."""
        n = self.n_seen_ + n_new
        positions = np.concatenate([self.positions_, np.arange(self.n_seen_, n)])
        drawn = np.concatenate([self._drawn, priorities(self.n_seen_, n, self._seed)])
        kept = np.arange(len(positions))
        if len(kept) > self.max_samples:
            kept = np.sort(np.argpartition(drawn, self.max_samples)[: self.max_samples])
        self._drawn = drawn[kept]
        return positions[kept]

    def _spread_over(self, X: NDArray) -> None:
        held = Coreset(self.max_samples, self.rows_, self.positions_, self._spacing)
        for part in slices(len(X), _BLOCK_VALUES, each=X.shape[1]):
            held.add(X[part], self.n_seen_ + part.start)
        self.rows_, self.positions_, self._spacing = held.rows, held.positions, held.spacing
        self.radius_ = held.radius

    def _forget_radius(self) -> None:
        if hasattr(self, "radius_"):
            del self.radius_
