"""Full conformal ranks of LOF: a new row changes its neighbours, theirs, and theirs again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .._validation import check_new_rows
from ..measures.blocks import slices
from ..measures.lof import SMALLEST_REACHABILITY, local_outlier_factor, mean_reachability
from ..neighbors import Neighbors
from ._full_conformal import RankCounts, ScoreRanks, counts_by_blocks, joined_counts, unit_of
from ._full_neighbors import NEW, NeighborLists

_CELLS = 1 << 19  # pairs of a new row and a training row whose reachability is in memory
_ROUNDING = 1e-10  # of a factor that was changed by terms: more than it can have


class _Lists(NamedTuple):
    """Changed lists of neighbours, each of a training row, or of the new row n, beside a new row.

    All arrays have one entry, or one row of k entries, for each list.
    """

    queries: NDArray[np.intp]
    rows: NDArray[np.intp]
    indices: NDArray[np.intp]
    lengths: NDArray[np.float64]

    def places(self, n: int) -> NDArray[np.intp]:
        """Where the rows are in a flat table with n + 1 columns."""
        return self.queries * (n + 1) + self.rows

    def around(self, n: int) -> NDArray[np.intp]:
        """Where their neighbours are."""
        return (self.queries * (n + 1))[:, np.newaxis] + self.indices

    def some(self, chosen: Any) -> _Lists:
        return _Lists(*(array[chosen] for array in self))

    def joined(self, other: _Lists) -> _Lists:
        pairs: Any = zip(self, other, strict=True)
        return _Lists(*map(np.concatenate, pairs))


class FullByLOF:
    """Full conformal ranks of LOF.

    A new row is at the position n. It changes the neighbours of a few training rows, the mean
    reachability of these and of rows that have one of them as a neighbour, and the factors of all
    rows that have one of those as a neighbour: most of them by a few terms of their sum.

    Parameters
    ----------
    detector : LOFOutlierDetector
        Fitted.
    """

    def __init__(self, detector: Any) -> None:
        self.detector = detector
        self.lists = NeighborLists(detector)
        rows, indices = detector.index_.training_rows_, self.lists.indices
        self.training_scores, _ = detector._score(rows, self.lists.before)
        self._lengths = self._lengths_of(self.lists)
        self._k_distance = self._lengths[:, -1]
        self._reach = detector.training_reachability_
        # who has a row as a neighbour, row by row, and how fast its factor grows with 1 / reach
        order = np.argsort(indices.ravel(), kind="stable")
        self._followers = order // self.lists.k
        self._slopes = self._reach[self._followers] / self.lists.k
        self._starts = _starts(indices.ravel(), len(indices))
        # those of them that are nearer to it than its k-th neighbour: its k-distance counts there
        of_row = indices.ravel()[order]
        nearer = np.flatnonzero(self._lengths.ravel()[order] < self._k_distance[of_row])
        self._mutual, self._mutual_starts = order[nearer], _starts(of_row[nearer], len(indices))

    def counts(self, X: Any, codes: NDArray[np.intp] | None = None) -> RankCounts:
        """Ranks of new rows, as `FullByNeighbors.counts` gives them."""
        X = check_new_rows(self.detector, X, self.detector.index_.training_rows_.dtype)
        unit = unit_of(self.detector, self.training_scores)
        ranks = ScoreRanks(self.training_scores, codes, unit)
        n = len(self.training_scores)
        slopes = csr_matrix((self._slopes, self._followers, self._starts), (n, n))

        def count(block: NDArray) -> RankCounts:
            of_new, queries, rows, neighbors = self.lists.changes(block)
            indices = np.where(neighbors.indices == NEW, n, neighbors.indices)
            changed = _Lists(queries, rows, indices, self._lengths_of(neighbors))
            last = np.full(len(block), n)
            new = _Lists(np.arange(len(block)), last, of_new.indices, self._lengths_of(of_new))
            parts = []
            for part in slices(len(block), _CELLS, each=n):
                some = slice(*np.searchsorted(queries, [part.start, part.stop]))
                lists = changed.some(some).joined(new.some(part))
                lists = lists._replace(queries=lists.queries - part.start)
                parts.append(self._counts_beside(ranks, lists, slopes))
            return joined_counts(parts)

        return counts_by_blocks(count, X, self.lists.most_rows, self.detector.n_jobs)

    def _counts_beside(self, ranks: ScoreRanks, changed: _Lists, slopes: csr_matrix) -> RankCounts:
        """Counts for new rows, whose own lists are the last ones of `changed`."""
        m, n = int(changed.queries[-1]) + 1, len(self.training_scores)
        k_distance = np.tile(np.append(self._k_distance, 0.0), m)
        k_distance[changed.places(n)] = changed.lengths[:, -1]
        near = changed.joined(self._with_other_reach(changed, k_distance))
        reach = np.tile(np.append(self._reach, np.inf), m)
        of_near = mean_reachability(near.lengths, k_distance.take(near.around(n)))
        reach[near.places(n)] = of_near
        odd = np.unique(near.queries[of_near == 0]) if self._reach.all() else np.arange(m)
        scores = -local_outlier_factor(of_near, reach.take(near.around(n)))
        own, old = scores[near.rows == n], np.flatnonzero(near.rows < n)
        further = self._further(near.some(old), reach, slopes, ranks.limits(own))
        of_further = reach.take(further.places(n)), reach.take(further.around(n))
        pairs: list[Any] = [
            np.append(near.queries[old], further.queries),
            np.append(near.rows[old], further.rows),
            np.append(scores[old], -local_outlier_factor(*of_further)),
        ]
        for i in odd:
            kept = np.flatnonzero(pairs[0] != i)
            plain = self._plain_scores(changed.some(changed.queries == i))
            own[i], others = plain[-1], (np.full(n, i), np.arange(n), plain[:-1])
            pairs = [np.append(a[kept], b) for a, b in zip(pairs, others, strict=True)]
        return ranks.counts(own, *pairs)

    def _with_other_reach(self, changed: _Lists, k_distance: NDArray[np.float64]) -> _Lists:
        """Lists, themselves unchanged, of rows that have a neighbour with another k-distance."""
        n = len(self.training_scores)
        changed = changed.some(np.flatnonzero(changed.rows < n))
        at, entries = _expanded(self._mutual_starts, self._mutual, changed.rows)
        now = k_distance.take(changed.places(n))[at]
        before = self._k_distance[changed.rows[at]]
        moves = np.maximum(self._lengths.ravel().take(entries), now) < before
        moved = np.zeros(len(k_distance), dtype=bool)
        rows = entries[moves] // self.lists.k
        moved[changed.queries[at[moves]] * (n + 1) + rows] = True
        moved[changed.places(n)] = False
        return self._lists_of(*np.divmod(np.flatnonzero(moved), n + 1))

    def _further(
        self,
        near: _Lists,
        reach: NDArray[np.float64],
        slopes: csr_matrix,
        limits: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> _Lists:
        """Lists of rows further out, one of whose neighbours is near, and whose rank may change."""
        n = len(self.training_scores)
        m = len(reach) // (n + 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            gained = 1.0 / reach.take(near.places(n)) - 1.0 / self._reach[near.rows]
            growth = csr_matrix((gained, (near.queries, near.rows)), (m, n)) @ slopes
            before = self.training_scores.take(growth.indices)
            after = before - growth.data
            low, high = (np.repeat(limit, np.diff(growth.indptr)) for limit in limits)
            slack = _ROUNDING * before
            above = np.minimum(before, after) + slack > high
            stays = (np.maximum(before, after) - slack < low) | above
        open_pairs = np.flatnonzero(~stays)
        queries = np.searchsorted(growth.indptr, open_pairs, side="right") - 1
        rows = growth.indices[open_pairs].astype(np.intp)
        is_near = np.zeros(len(reach), dtype=bool)
        is_near[near.places(n)] = True
        kept = ~is_near[queries * (n + 1) + rows]
        return self._lists_of(queries[kept], rows[kept])

    def _lists_of(self, queries: NDArray[np.intp], rows: NDArray[np.intp]) -> _Lists:
        indices, lengths = self.lists.indices.take(rows, axis=0), self._lengths.take(rows, axis=0)
        return _Lists(queries, rows, indices, lengths)

    def _plain_scores(self, changed: _Lists) -> NDArray[np.float64]:
        """All scores beside one new row, its own the last: a zero is replaced by their median."""
        indices = np.vstack([self.lists.indices, self.lists.indices[:1]])
        lengths = np.vstack([self._lengths, self._lengths[:1]])
        indices[changed.rows], lengths[changed.rows] = changed.indices, changed.lengths
        reach = mean_reachability(lengths, lengths[:, -1][indices])
        nonzero = reach[reach > 0]
        zero = 1e-3 * float(np.median(nonzero)) if nonzero.size else SMALLEST_REACHABILITY
        return -local_outlier_factor(reach, reach[indices], zero_reachability=zero)

    def _lengths_of(self, neighbors: Any) -> NDArray[np.float64]:
        return self.detector._distances(Neighbors(neighbors.indices, neighbors.distances))


def _starts(rows: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """Where the entries of each row start and end, once they are in the order of rows."""
    return np.append(0, np.cumsum(np.bincount(rows, minlength=n)))


def _expanded(
    starts: NDArray[np.intp], entries: NDArray[np.intp], rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Entries of all these rows, and the place in `rows` that each is of."""
    sizes = starts[rows + 1] - starts[rows]
    at = np.repeat(np.arange(len(rows)), sizes)
    first = np.cumsum(sizes) - sizes
    return at, entries[(starts[rows] - first)[at] + np.arange(len(at))]
