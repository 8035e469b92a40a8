"""Full conformal ranks of LOF: a new row changes its neighbours, then two steps of theirs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._validation import check_new_rows
from ..measures.blocks import slices
from ..measures.lof import SMALLEST_REACHABILITY, local_outlier_factor, mean_reachability
from ..measures.true_places import flat_true
from ..neighbors import Neighbors
from ._full_conformal import RankCounts, ScoreRanks, counts_by_blocks, joined_counts, unit_of
from ._full_neighbors import NEW, NeighborLists

_CELLS = 1 << 20  # pairs of a new row and a training row whose reachability is in memory
_FACTORS = 1 << 20  # pairs of a row and a neighbour whose densities are compared at a time
_LEVELS = 32  # groups of training rows by their factor
_ROUNDING = 1e-10  # of a factor: more than the order of its sums can change


class _Lists(NamedTuple):
    """Changed lists of neighbours, each of a training row, or of the new row n, beside a new row.

    All arrays have one entry, or one row of k entries, for each list.
    """

    queries: NDArray[np.intp]
    rows: NDArray[np.intp]
    indices: NDArray[np.intp]
    lengths: NDArray[np.float64]

    def places(self, n: int) -> NDArray[np.intp]:
        """The places of the rows in a flat table with n + 1 columns."""
        return self.queries * (n + 1) + self.rows

    def around(self, n: int) -> NDArray[np.intp]:
        """The places of their neighbours."""
        return (self.queries * (n + 1))[:, np.newaxis] + self.indices

    def some(self, chosen: Any) -> _Lists:
        return _Lists(*(array[chosen] for array in self))

    def joined(self, other: _Lists) -> _Lists:
        pairs: Any = zip(self, other, strict=True)
        return _Lists(*map(np.concatenate, pairs))


class _Tables(NamedTuple):
    """Of each training row, and last of the new row, beside each of some new rows; flat."""

    k_distance: NDArray[np.float64]
    reach: NDArray[np.float64]
    growth: NDArray[np.float64]
    """The growth of the sum of the neighbours' 1 / reach; 0 except within `_open`."""
    mark: NDArray[np.bool_]
    """False but within `marked`; of a multiple of 8 values."""

    def marked(self, places: NDArray[np.intp], without: NDArray[np.intp]) -> NDArray[np.intp]:
        """These places, each once and in ascending order."""
        self.mark[places] = True
        self.mark[without] = False
        found = flat_true(self.mark)
        self.mark[found] = False
        return found


class FullByLOF:
    """Full conformal ranks of LOF.

    A new row is at the position n. It changes the neighbours of a few training rows, the mean
    reachability of these and of rows that have one of them as a neighbour, and the factors of all
    rows that have one of the latter as a neighbour. A factor is a mean of ratios of reachabilities.
    So the largest change of a reachability bounds its change, and only factors that may come to the
    other side of the new row's are computed.

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
        before = self._k_distance, self._reach, np.zeros(len(rows))
        self._before = tuple(np.append(values, 0.0) for values in before)
        n, of_row = len(indices), indices.ravel()
        # who has a row as a neighbour, row by row, and for each by the level of their factor
        order = np.argsort(self.training_scores)[::-1]
        self._ordered = -self.training_scores[order]
        level = np.empty(n, dtype=np.intp)
        level[order] = np.arange(n) * _LEVELS // n
        cells = of_row * _LEVELS + np.repeat(level, self.lists.k)
        self._followers = np.argsort(cells, kind="stable") // self.lists.k
        self._starts = _starts(cells, n * _LEVELS)
        # those of them that are nearer to it than its k-th neighbour: its k-distance counts there
        nearer = np.flatnonzero(self._lengths.ravel() < self._k_distance[of_row])
        self._mutual = nearer[np.argsort(of_row[nearer], kind="stable")]
        self._mutual_starts = _starts(of_row[nearer], n)

    def counts(self, X: Any, codes: NDArray[np.intp] | None = None) -> RankCounts:
        """Ranks of new rows, as `FullByNeighbors.counts` gives them."""
        X = check_new_rows(self.detector, X, self.detector.index_.training_rows_.dtype)
        unit = unit_of(self.detector, self.training_scores)
        ranks = ScoreRanks(self.training_scores, codes, unit)
        n = len(self.training_scores)

        def count(block: NDArray) -> RankCounts:
            of_new, changes = self.lists.changes(block)
            neighbors, queries = self.lists.with_new(changes), changes.queries
            indices = np.where(neighbors.indices == NEW, n, neighbors.indices)
            changed = _Lists(queries, changes.rows, indices, self._lengths_of(neighbors))
            last = np.full(len(block), n)
            new = _Lists(np.arange(len(block)), last, of_new.indices, self._lengths_of(of_new))
            by_slices = list(slices(len(block), _CELLS, each=n))
            most = by_slices[0].stop
            mark = np.zeros(-(-most * (n + 1) // 8) * 8, dtype=bool)
            k_distance, reach, growth = (np.tile(before, most) for before in self._before)
            tables = _Tables(k_distance, reach, growth, mark)
            parts = []
            for part in by_slices:
                some = slice(*np.searchsorted(queries, [part.start, part.stop]))
                lists = changed.some(some).joined(new.some(part))
                lists = lists._replace(queries=lists.queries - part.start)
                parts.append(self._counts_beside(ranks, lists, tables))
            return joined_counts(parts)

        return counts_by_blocks(count, X, self.lists.most_rows, self.detector.n_jobs)

    def _counts_beside(self, ranks: ScoreRanks, changed: _Lists, tables: _Tables) -> RankCounts:
        """Counts for new rows, whose own lists are the last ones of `changed`."""
        m, n, reach = int(changed.queries[-1]) + 1, len(self.training_scores), tables.reach
        places, around = changed.places(n), changed.around(n)
        tables.k_distance[places] = changed.lengths[:, -1]
        moved = self._move(changed, tables)
        reach[places] = mean_reachability(changed.lengths, tables.k_distance.take(around))
        scores = -local_outlier_factor(reach.take(places), reach.take(around))
        own, near = scores[-m:], np.append(places, moved)
        odd = np.arange(m)
        if self._reach.all():
            odd = np.unique(near[reach.take(near) == 0] // (n + 1))
        further = self._open(places[:-m], moved, tables, ranks.limits(own))
        queries, rows = np.divmod(further, n + 1)
        pairs: list[Any] = [
            np.append(changed.queries[:-m], queries),
            np.append(changed.rows[:-m], rows),
            np.append(scores[:-m], self._scores_at(further, rows, reach)),
        ]
        for i in odd:
            kept = np.flatnonzero(pairs[0] != i)
            plain = self._plain_scores(changed.some(changed.queries == i))
            own[i], others = plain[-1], (np.full(n, i), np.arange(n), plain[:-1])
            pairs = [np.append(a[kept], b) for a, b in zip(pairs, others, strict=True)]
        for table, before in zip(tables[:2], self._before, strict=False):
            table[near] = before[near % (n + 1)]
        return ranks.counts(own, *pairs)

    def _move(self, changed: _Lists, tables: _Tables) -> NDArray[np.intp]:
        """Change the reachability of rows that have a neighbour with another k-distance.

        Return their places, without those in `changed`.
        """
        n = len(self.training_scores)
        places = changed.places(n)[changed.rows < n]
        rows = places % (n + 1)
        starts = self._mutual_starts[rows], self._mutual_starts[rows + 1]
        at, entries = _expanded(*starts, self._mutual)
        now = np.maximum(self._lengths.ravel().take(entries), tables.k_distance.take(places)[at])
        fall = now - self._k_distance[rows][at]
        falls = np.flatnonzero(fall < 0)
        of_falls = (places - rows)[at[falls]] + entries[falls] // self.lists.k
        np.add.at(tables.reach, of_falls, fall[falls] / self.lists.k)
        moved = tables.marked(of_falls, places)
        # a difference of nearly equal sums has lost digits
        small = moved[tables.reach.take(moved) < 0.5 * self._reach[moved % (n + 1)]]
        rows = small % (n + 1)
        around = (small - rows)[:, np.newaxis] + self.lists.indices.take(rows, axis=0)
        k_distances = tables.k_distance.take(around)
        tables.reach[small] = mean_reachability(self._lengths.take(rows, axis=0), k_distances)
        return moved

    def _open(
        self,
        changed: NDArray[np.intp],
        moved: NDArray[np.intp],
        tables: _Tables,
        limits: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> NDArray[np.intp]:
        """Places of the rows with unchanged neighbours whose factor may pass the limits."""
        m, n = len(limits[0]), len(self.training_scores)
        near, low, high = np.append(changed, moved), -limits[1], -limits[0]
        queries, rows = np.divmod(near, n + 1)
        most, least = np.full(m, 1 + _ROUNDING), np.full(m, 1 - _ROUNDING)

        def some(at: NDArray[np.intp], before: NDArray, now: tuple[NDArray, NDArray]) -> NDArray:
            """Places whose factor may be on the other side; `now` are its bounds."""
            above = np.minimum(before, now[0]) > high[at // (n + 1)]
            below = np.maximum(before, now[1]) < low[at // (n + 1)]
            return at[~(above | below)]

        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inverse = 1.0 / tables.reach.take(near)
            ratios = self._reach[rows] * inverse
            np.maximum.at(most, queries, ratios * (1 + _ROUNDING))
            np.minimum.at(least, queries, ratios * (1 - _ROUNDING))
            at, followers = self._followers_within(rows, queries, low / most, high / least)
            places = (near - rows)[at] + followers
            np.add.at(tables.growth, places, (inverse - 1.0 / self._reach[rows])[at])
            before = -self.training_scores.take(followers)
            after = before + tables.growth.take(places) * self._reach[followers] / self.lists.k
            tables.growth[places] = 0.0
            slack = _ROUNDING * (before + after)
            further = tables.marked(some(places, before, (after - slack, after + slack)), near)
            before, of = -self.training_scores[rows[len(changed) :]], queries[len(changed) :]
            now = before / ratios[len(changed) :]
            return np.append(further, some(moved, before, (now * least[of], now * most[of])))

    def _followers_within(
        self, rows: NDArray[np.intp], queries: NDArray[np.intp], low: NDArray, high: NDArray
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The rows that have these rows as a neighbour, and the places of the latter in `rows`.

        Rows whose level of factors is outside of the query's limits are left out.
        """
        n = len(self.training_scores)
        first = np.searchsorted(self._ordered, low, side="left")
        last = np.searchsorted(self._ordered, high, side="right") - 1
        first, stop = first * _LEVELS // n, last * _LEVELS // n + 1
        cells = rows * _LEVELS
        starts, stops = self._starts[cells + first[queries]], self._starts[cells + stop[queries]]
        return _expanded(starts, stops, self._followers)

    def _scores_at(
        self, places: NDArray[np.intp], rows: NDArray[np.intp], reach: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scores of these training rows with unchanged neighbours, at these places."""
        scores = np.empty(len(places))
        for part in slices(len(places), _FACTORS, each=self.lists.k):
            indices = self.lists.indices.take(rows[part], axis=0)
            around = (places - rows)[part][:, np.newaxis] + indices
            scores[part] = -local_outlier_factor(reach.take(places[part]), reach.take(around))
        return scores

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


def _starts(cells: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """The start and end of the entries of each of n cells, in the order of cells."""
    return np.append(0, np.cumsum(np.bincount(cells, minlength=n)))


def _expanded(
    starts: NDArray[np.intp], stops: NDArray[np.intp], entries: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The entries of all these ranges, and the range of each entry."""
    sizes = stops - starts
    at = np.repeat(np.arange(len(starts)), sizes)
    first = np.cumsum(sizes) - sizes
    return at, entries[(starts - first)[at] + np.arange(len(at))]
