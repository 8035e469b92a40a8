"""The base of the approximate indexes: exact ranking of candidates, effort tuned for a recall."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._validation import (
    check_float,
    check_int,
    check_n_jobs,
    random_generator,
    working_memory_bytes,
)
from ..measures.blocks import slices
from ..measures.lengths import pair_distances
from ..rows.threads import n_threads
from ._exact_search import ExactSearch
from ._points import Points
from ._recall import RecallSample, least_effort
from .contract import NeighborIndex

_QUERY_BLOCK = 256

_Nearest = tuple[NDArray[np.intp], NDArray[np.float64]]


class Shortlist(NamedTuple):
    """Training rows that may be the nearest of m queries."""

    positions: NDArray[np.intp]
    """(m, c): positions of training rows, -1 where there are fewer."""
    beyond: NDArray[np.float64] | None = None
    """(m,): no other row is nearer, in the unit of the points; None if that is not known."""


class ApproximateIndex(NeighborIndex):
    """Base of the indexes that ask a library for candidates.

    A subclass builds the library's structure in `_build_structure`, gives the range of efforts in
    `_effort_range`, stores the chosen effort in `_set_effort`, and searches in `_shortlist`. With
    fewer rows than `exact_below` the exact search answers.
    """

    target_recall: float
    recall_at: int
    exact_below: int
    random_state: int | np.random.RandomState | None
    n_jobs: int | None

    def _check_parameters(self) -> None:
        check_float(self, "target_recall", self.target_recall, "(0, 1]")
        check_int(self, "recall_at", self.recall_at, 1)
        check_int(self, "exact_below", self.exact_below, 0)
        check_n_jobs(self)
        self._check_installed()

    def _build(self) -> None:
        n = self.n_samples_fit_
        self._exact = ExactSearch(self.training_rows_, self.row_norms_)
        self._all_exact = n < max(2, self.exact_below)
        self.recall_ = 1.0
        self._forget_structure()
        if self._all_exact:
            return
        self._points = Points(self.training_rows_, self.row_norms_)
        random_state = random_generator(self)
        k = min(self.recall_at, n - 1)
        sample = RecallSample(n, k, self._distances_to_exact, random_state)
        self._build_structure(random_state, sample)
        if self._effort_range(k) is not None:
            self._tune(sample)

    def _tune(self, sample: RecallSample) -> None:
        low, high = self._effort_range(sample.k) or (1, 1)

        def reaches(effort: int) -> bool:
            return sample.reaches(self.target_recall, self._distances_with(effort))

        effort = least_effort(low, high, reaches)
        self.recall_ = sample.recall(self._distances_with(effort))
        while self.recall_ < self.target_recall and effort < high:  # rare: `reaches` is careful
            effort = min(high, effort + effort // 4 + 1)
            self.recall_ = sample.recall(self._distances_with(effort))
        self._set_effort(effort)
        if self.recall_ < self.target_recall:
            warnings.warn(
                f"{type(self).__name__} finds {self.recall_:.4f} of the {sample.k} nearest "
                f"neighbours with its largest effort, less than target_recall="
                f"{self.target_recall}; ExactIndex finds all of them.",
                UserWarning,
                stacklevel=4,
            )

    def _distances_to_exact(self, rows: NDArray[np.intp], k: int) -> NDArray[np.float64]:
        """Distances of the k nearest other rows of training rows."""
        norms = None if self.row_norms_ is None else self.row_norms_[rows]
        return self._search_exactly(self.training_rows_[rows], norms, k, rows)[1]

    def _distances_with(
        self, effort: int
    ) -> Callable[[NDArray[np.intp], int], NDArray[np.float64]]:
        """A function like `_distances_to_exact`, for the approximate search with this effort."""

        def distances(rows: NDArray[np.intp], k: int) -> NDArray[np.float64]:
            norms = None if self.row_norms_ is None else self.row_norms_[rows]
            return self._search_with(effort, self.training_rows_[rows], norms, k, rows)[1]

        return distances

    def _search(
        self,
        Q: NDArray,
        q_norms: NDArray[np.float64] | None,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> _Nearest:
        if self._all_exact:
            return self._search_exactly(Q, q_norms, k, exclude)
        return self._search_with(None, Q, q_norms, k, exclude)

    def _search_exactly(
        self,
        Q: NDArray,
        q_norms: NDArray[np.float64] | None,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> _Nearest:
        return self._exact.search(
            Q,
            k,
            q_norms=q_norms,
            exclude=exclude,
            n_threads=n_threads(self.n_jobs),
            max_bytes=working_memory_bytes(),
        )

    def _search_with(
        self,
        effort: int | None,
        Q: NDArray,
        q_norms: NDArray[np.float64] | None,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> _Nearest:
        """Search with an effort; None is the effort that `fit` chose.

        The exact search answers the queries with too few candidates.
        """
        extra = max(8, k // 2)  # the library's rounding may swap rows around the k-th
        n_candidates = min(self.n_samples_fit_, k + (exclude is not None) + extra)
        indices = np.empty((len(Q), k), dtype=np.intp)
        distances = np.empty((len(Q), k))
        settled = np.empty(len(Q), dtype=bool)

        def search_part(part: slice) -> None:
            norms = None if q_norms is None else q_norms[part]
            points, safe = self._points.of(Q[part], norms)
            shortlist = self._shortlist(points, n_candidates, k, effort)
            left_out = None if exclude is None else exclude[part]
            ranked = self._rank(Q[part], norms, shortlist, k, left_out)
            indices[part], distances[part], enough = ranked
            settled[part] = safe & enough

        self._each(search_part, list(slices(len(Q), _QUERY_BLOCK)))
        rows = np.flatnonzero(~settled)
        if rows.size:
            norms = None if q_norms is None else q_norms[rows]
            left_out = None if exclude is None else exclude[rows]
            indices[rows], distances[rows] = self._search_exactly(Q[rows], norms, k, left_out)
        return indices, distances

    def _rank(
        self,
        Q: NDArray,
        q_norms: NDArray[np.float64] | None,
        shortlist: Shortlist,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
        """The k nearest candidates by true distance, and whether a query has enough of them."""
        positions = shortlist.positions
        valid = positions >= 0
        if exclude is not None:
            valid &= positions != exclude[:, np.newaxis]
        norms = None if q_norms is None or self.row_norms_ is None else (self.row_norms_, q_norms)
        pairs = positions[valid], np.nonzero(valid)[0]
        distances = np.full(valid.shape, np.inf)
        distances[valid] = pair_distances(self.training_rows_, Q, *pairs, norms)
        nearest = np.lexsort((positions, distances), axis=1)[:, :k]  # ties in order of training
        chosen = np.take_along_axis(distances, nearest, axis=1)
        enough = valid.sum(axis=1) >= k
        if shortlist.beyond is not None:
            all_fetched = positions.shape[1] == self.n_samples_fit_
            enough &= all_fetched | (chosen[:, -1] < shortlist.beyond * self._points.unit)
        return np.take_along_axis(positions, nearest, axis=1), chosen, enough

    def _each(self, work: Callable[[slice], None], parts: list[slice]) -> None:
        """Do the work for each block of queries."""
        for part in parts:
            work(part)

    @abstractmethod
    def _check_installed(self) -> None:
        """Raise ImportError if the library is missing."""

    @abstractmethod
    def _forget_structure(self) -> None:
        """Set the attributes to their values for the exact search."""

    @abstractmethod
    def _build_structure(self, random_state: np.random.RandomState, sample: RecallSample) -> None:
        """Build the library's structure over the points of the training rows."""

    @abstractmethod
    def _effort_range(self, k: int) -> tuple[int, int] | None:
        """Least and largest effort for k neighbours; None if the library's search is exact."""

    @abstractmethod
    def _set_effort(self, effort: int) -> None:
        """Store the chosen effort."""

    @abstractmethod
    def _shortlist(
        self, points: NDArray[np.float32], n_candidates: int, k: int, effort: int | None
    ) -> Shortlist:
        """The rows that the library finds for each point: the same alone and in any batch."""
