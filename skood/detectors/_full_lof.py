"""Full conformal ranks of LOF: a new row changes its neighbours, theirs, and theirs again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_new_rows
from ..measures import local_outlier_factor, mean_reachability
from ..measures.lof import SMALLEST_REACHABILITY
from ..neighbors import Neighbors
from ._full_conformal import RankCounts, ScoreRanks, unit_of
from ._full_neighbors import NEW, NeighborLists


class FullByLOF:
    """Full conformal ranks of LOF.

    Parameters
    ----------
    detector : LOFOutlierDetector
        Fitted.
    """

    def __init__(self, detector: Any) -> None:
        self.detector = detector
        self.lists = NeighborLists(detector)
        before, rows = self.lists.before, detector.index_.training_rows_
        self.training_scores, _ = detector._score(rows, before)
        n = len(self.training_scores)
        # the new row is the last: its place is n
        self._indices = np.vstack([self.lists.indices, np.zeros_like(self.lists.indices[:1])])
        self._distances = np.vstack([self._lengths(self.lists), np.zeros((1, self.lists.k))])
        self._k_distance = np.append(self._distances[:-1, -1], 0.0)
        self._reach = np.append(detector.training_reachability_, 0.0)
        order = np.argsort(self.lists.indices.ravel(), kind="stable")
        self._followers = order // self.lists.k  # who has a row as neighbour, row by row
        self._starts = np.concatenate(
            [[0], np.cumsum(np.bincount(self.lists.indices.ravel(), minlength=n))]
        )

    def counts(self, X: Any, codes: NDArray[np.intp] | None = None) -> RankCounts:
        """Ranks of new rows, as `FullByNeighbors.counts` gives them."""
        X = check_new_rows(self.detector, X, self.detector.index_.training_rows_.dtype)
        ranks = ScoreRanks(
            self.training_scores, codes, unit_of(self.detector, self.training_scores)
        )
        of_new = self.lists.new_rows(X)
        lengths = self._lengths(of_new)
        parts = []
        for part, queries, rows, neighbors in self.lists.changed(X):
            changed_lengths = self._lengths(neighbors)
            ends = np.searchsorted(queries, np.arange(part.stop - part.start + 1))
            for number in range(part.stop - part.start):
                some = slice(ends[number], ends[number + 1])
                i = part.start + number
                lists = (
                    np.append(rows[some], len(self.training_scores)),
                    np.vstack([neighbors.indices[some], of_new.indices[i]]),
                    np.vstack([changed_lengths[some], lengths[i]]),
                )
                parts.append(self._counts_beside(ranks, *lists))
        lower = np.concatenate([counts.lower for counts in parts])
        return RankCounts(lower, np.concatenate([c.ties for c in parts]), ranks.sizes)

    def _counts_beside(
        self,
        ranks: ScoreRanks,
        rows: NDArray[np.intp],
        indices: NDArray[np.intp],
        distances: NDArray[np.float64],
    ) -> RankCounts:
        """Counts for one new row, by the rows whose neighbours change and their neighbours."""
        n = len(self.training_scores)
        near = np.union1d(rows, self._following(rows[:-1]))
        saved = self._indices[rows], self._distances[rows], self._k_distance[rows]
        saved_reach = self._reach[near]
        self._indices[rows] = np.where(indices == NEW, n, indices)
        self._distances[rows], self._k_distance[rows] = distances, distances[:, -1]
        around = self._k_distance[self._indices[near]]
        self._reach[near] = mean_reachability(self._distances[near], around)
        affected, scores = self._scores_beside(near)
        self._indices[rows], self._distances[rows], self._k_distance[rows] = saved
        self._reach[near] = saved_reach
        queries = np.zeros(len(affected) - 1, dtype=np.intp)
        return ranks.counts(scores[-1:], queries, affected[:-1], scores[:-1])

    def _scores_beside(
        self, near: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Rows whose score may change, the new one last, and their scores."""
        zero, n = SMALLEST_REACHABILITY, len(self.training_scores)
        if self._reach.all():
            affected = np.union1d(near, self._following(near[:-1]))
        else:  # the replacement of zeros is a median over all rows
            affected = np.arange(n + 1)
            nonzero = self._reach[self._reach > 0]
            zero = 1e-3 * float(np.median(nonzero)) if nonzero.size else zero
        around = self._reach[self._indices[affected]]
        factor = local_outlier_factor(self._reach[affected], around, zero_reachability=zero)
        return affected, -factor

    def _following(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Training rows that have one of these as a neighbour, some of them repeatedly."""
        starts, stops = self._starts[rows], self._starts[rows + 1]
        sizes = stops - starts
        offsets = np.repeat(starts - np.cumsum(sizes) + sizes, sizes)
        return self._followers[offsets + np.arange(sizes.sum())]

    def _lengths(self, neighbors: Any) -> NDArray[np.float64]:
        return self.detector._distances(Neighbors(neighbors.indices, neighbors.distances))
