"""The contract of an index: it holds training rows and finds the k nearest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._validation import (
    check_int,
    check_new_rows,
    check_option,
    check_training_rows,
    parameter_error,
)
from ..measures.blocks import slices
from ..measures.lengths import row_norms
from ..rows import StoredRows
from ..rows.place import is_stored
from ..rows.tensor_lookup import lookup_of
from ._neighbors import Neighbors

METRICS = ("euclidean", "cosine")
# Values of queries on disk that are read at a time.
_QUERY_VALUES = 1 << 20
_COMPARED_ROWS = 1 << 14


class NeighborIndex(ABC, BaseEstimator):
    """Base of the indexes; a subclass builds its structure in `_build`, and answers in `_search`.

    The cosine distance of two rows, one minus the cosine of their angle, is half the squared
    Euclidean distance of the rows divided by their lengths. So every index searches by Euclidean
    distances. For the cosine, `row_norms_` holds the lengths; otherwise it is None.
    """

    # Whether training rows on disk stay there; otherwise they are read into memory.
    _keeps_stored_rows = False

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Store the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows. An array of float32 or float64 in C order is not copied, so it must
            not be changed afterwards. An `ExactIndex` leaves rows on disk (a memory map, a Zarr
            array, rows opened by `skood.open_rows`) there.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted index.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        check_option(self, "metric", self.metric, METRICS)
        self._check_parameters()
        X = check_training_rows(self, X, min_samples=1, stored=self._keeps_stored_rows)
        return self._hold(X)

    def _hold(self, X: Any) -> Self:
        """Build the index over checked rows."""
        self.training_rows_ = X
        self.n_samples_fit_ = len(self.training_rows_)
        self.row_norms_ = self.norms(self.training_rows_)
        self._lookup = lookup_of(self.training_rows_)
        self._build()
        return self

    def query(self, Q: Any, k: int, *, exclude: NDArray[np.intp] | None = None) -> Neighbors:
        """Find the k nearest training rows of new rows.

        Parameters
        ----------
        Q : array-like of shape (m, n_features)
            The rows to search for.
        k : int
            Number of neighbours, at most the number of training rows.
        exclude : array-like of int of shape (m,), optional
            For each row, the position of a training row to leave out; -1 for none.

        Returns
        -------
        Neighbors
            ``(indices, distances)``, both of shape (m, k), nearest first.

        Raises
        ------
        ValueError
            If Q has another width than the training rows, or k is out of range.
        """
        check_is_fitted(self)
        Q = check_new_rows(self, Q, self.training_rows_.dtype, stored=True)
        if exclude is not None:
            exclude = self._check_exclude(exclude, len(Q))
        return self.answer(Q, k, exclude)

    def query_training(self, k: int, rows: NDArray[np.intp] | None = None) -> Neighbors:
        """Find the k nearest other training rows of training rows.

        Parameters
        ----------
        k : int
            Number of neighbours, less than the number of training rows.
        rows : array-like of int of shape (m,), optional
            Positions of the training rows to search for; all of them by default.

        Returns
        -------
        Neighbors
            ``(indices, distances)``, both of shape (m, k). A row is never its own neighbour. An
            equal row at another position is a neighbour at distance 0.
        """
        check_is_fitted(self)
        if rows is None:
            return self.answer(self.training_rows_, k, np.arange(self.n_samples_fit_))
        rows = np.asarray(rows, dtype=np.intp)
        return self.answer(self.training_rows_[rows], k, rows)

    def find_equal(self, Q: NDArray[Any], *, rounded: bool = False) -> NDArray[np.intp]:
        """Position of a training row that equals each row of Q in every feature, -1 for none.

        Parameters
        ----------
        Q : ndarray of shape (m, n_features)
            Rows of the training rows' type.
        rounded : bool, default=False
            Whether the rows were converted from another float type: then they are equal up to
            rounding.

        Returns
        -------
        ndarray of shape (m,)
            The position of the first such row.
        """
        return self._lookup.find(Q, rounded=rounded)

    def is_fitted_on(self, X: NDArray[Any]) -> bool:
        """Whether the index already holds exactly these training rows."""
        rows = getattr(self, "training_rows_", None)
        if rows is None or rows.dtype != X.dtype or rows.shape != X.shape:
            return False
        return rows is X or all(
            np.array_equal(rows[part], X[part]) for part in slices(len(X), _COMPARED_ROWS)
        )

    def answer(self, Q: NDArray[Any], k: int, exclude: NDArray[np.intp] | None) -> Neighbors:
        """Find neighbours as `query` does, for checked rows.

        Parameters
        ----------
        Q : ndarray of shape (m, n_features)
            Finite rows of the training rows' type.
        k : int
            Number of neighbours.
        exclude : ndarray of int of shape (m,) or None
            For each row, the position of a training row to leave out; -1 for none.

        Returns
        -------
        Neighbors
            ``(indices, distances)``, both of shape (m, k), nearest first.
        """
        left_out = exclude is not None and bool((exclude >= 0).any())
        check_int(f"{type(self).__name__}.query", "k", k, 1, self.n_samples_fit_ - left_out)
        if len(Q) == 0:
            return Neighbors(np.empty((0, k), dtype=np.intp), np.empty((0, k)))
        if is_stored(Q):
            return self._answer_stored(Q, k, exclude)
        indices, distances = self._search(Q, self.norms(Q), k, exclude if left_out else None)
        if self.row_norms_ is not None:
            distances = 0.5 * distances**2
        return Neighbors(indices, distances)

    def _answer_stored(self, Q: StoredRows, k: int, exclude: NDArray[np.intp] | None) -> Neighbors:
        step = max(1, _QUERY_VALUES // Q.shape[1])
        parts = [
            self.answer(block, k, None if exclude is None else exclude[start : start + step])
            for start, block in Q.blocks(step)
        ]
        return Neighbors(*map(np.concatenate, zip(*parts, strict=True)))

    def norms(self, rows: NDArray[Any]) -> NDArray[np.float64] | None:
        """Lengths by which rows are divided before the search; None except for the cosine."""
        if self.metric != "cosine":
            return None
        return self._checked_norms(row_norms(rows))

    def _checked_norms(self, norms: NDArray[np.float64]) -> NDArray[np.float64]:
        if not norms.all():
            zero = np.flatnonzero(norms == 0)
            raise ValueError(
                f"metric='cosine' of {type(self).__name__} needs rows that are not all zero. Got "
                f"{zero.size} row(s) of zeros, the first at position {zero[0]}; drop them or use "
                "metric='euclidean'."
            )
        return norms

    def _check_exclude(self, exclude: Any, m: int) -> NDArray[np.intp]:
        positions = np.asarray(exclude)
        valid = positions.shape == (m,) and positions.dtype.kind in "iu"
        if not valid or ((positions < -1) | (positions >= self.n_samples_fit_)).any():
            raise parameter_error(
                f"{type(self).__name__}.query",
                "exclude",
                f"an array of {m} positions in [-1, {self.n_samples_fit_})",
                exclude,
            )
        return positions.astype(np.intp)

    def _check_parameters(self) -> None:
        """Check the parameters that only this index has."""

    @abstractmethod
    def _build(self) -> None:
        """Build the structure over `training_rows_` (divided by `row_norms_` where given)."""

    @abstractmethod
    def _search(
        self,
        Q: NDArray[Any],
        q_norms: NDArray[np.float64] | None,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Indices and Euclidean distances, nearest first, without the excluded rows."""
