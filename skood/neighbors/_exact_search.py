"""Exact nearest rows by blocks of a matrix product, refined in float64.

For a query q and a training row x, both minus the same centre, the nearest rows have the largest
closeness

    c(q, x) = q·x - ‖x‖²/2 = (‖q‖² - ‖q - x‖²) / 2,

one matrix product. Its rounding error is bounded, so

1. the search keeps a lower bound of each query's k-th largest closeness while it goes through the
   training rows,
2. every row whose closeness may reach that bound, the error added, is a candidate, and
3. the distances of the candidates are computed in float64 from the given rows, and sorted.

The candidates include the true k nearest rows for any error: the error decides how many candidates
there are, not what the answer is. Rows at equal distance are in the order of training. So the
answer for a query does not depend on the other queries, the blocks or the BLAS.
"""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.lengths import pair_distances
from ..rows import StoredRows, joined_rows, unit_rows
from ..rows.place import is_stored
from ..rows.threads import n_blas_threads, single_threaded_blas
from ._candidates import Candidates, candidates_of_one, nearest_of_ordered_pairs
from ._centred_blocks import CentredBlocks
from ._closeness import FEW_QUERIES, TRAINING_BLOCK, ClosenessReference, lengths_from
from ._product import Product, by_numpy, fast_product, prepare_thread
from ._reach import CandidatesWithin, PairsWithin

_QUERY_BLOCK = 1024
_LEAST_TO_SHARE = 192  # queries: each thread centres narrow rows itself, and does more in Python
_TOO_MANY = 4  # times as many candidates as neighbours: then a more precise product saves time
_STORED_BYTES = 1 << 25  # of rows on disk in memory at a time, for their distances
_MAX_PAIRS = 1 << 20  # candidates in memory, before they are cut to the k nearest of each query

Nearest = tuple[NDArray[np.intp], NDArray[np.float64]]


class ExactSearch:
    """Training rows, C-contiguous float32 or float64, ready to be searched.

    They are divided by `norms`, their lengths, if these are given.
    """

    def __init__(self, X: NDArray, norms: NDArray[np.float64] | None = None) -> None:
        self.X = X
        self.norms = norms
        # Only rows that are divided by their lengths are in memory twice.
        rows = X if norms is None else unit_rows(X, norms)
        self.reference = ClosenessReference(rows, divided=norms is not None)

    def extended(self, X: NDArray, norms: NDArray[np.float64] | None) -> ExactSearch:
        """The search among the rows of X, whose first rows are the rows of this search."""
        other = copy.copy(self)
        other.X, other.norms, rows = X, norms, X
        if norms is not None:
            n = len(self.X)
            rows = joined_rows(self.reference.rows, unit_rows(X[n : len(X)], norms[n:]))
        other.reference = self.reference.extended(rows)
        return other

    def search(
        self,
        Q: NDArray,
        k: int,
        *,
        q_norms: NDArray[np.float64] | None = None,
        exclude: NDArray[np.intp] | None = None,
        within: PairsWithin | None = None,
        n_threads: int = 1,
        max_bytes: int = 1 << 30,
    ) -> Nearest:
        """Indices and distances of the k nearest rows of each row of Q.

        `exclude` has the position of a training row to leave out for each query, -1 for none.
        `within` collects the pairs within the radii of training rows. The blocks of the product
        take about `max_bytes` at most, in all threads together.
        """
        if len(Q) == 1:
            return self._search_block(Q, k, q_norms, exclude, None, by_numpy, within)
        if FEW_QUERIES < len(Q) < _LEAST_TO_SHARE and n_blas_threads() >= n_threads:
            n_threads = 1  # the BLAS divides the product among its threads
        most = min(_QUERY_BLOCK, max(1, max_bytes // (n_threads * TRAINING_BLOCK * 2 * Q.itemsize)))
        rounds = -(-len(Q) // (most * n_threads))  # of one block for each thread
        block = min(most, max(FEW_QUERIES + 1, -(-len(Q) // (rounds * n_threads))))
        parts = list(slices(len(Q), block))
        threads = min(n_threads, len(parts))
        shared: CentredBlocks | None = None
        product: Product = by_numpy
        if threads > 1:
            shared = self.reference.shared_blocks(threads)
            product = fast_product(len(Q) * len(self.X) * self.X.shape[1])

        def search_part(part: slice) -> Nearest:
            norms = None if q_norms is None else q_norms[part]
            left_out = None if exclude is None else exclude[part]
            how = shared, product, within, part.start
            return self._search_block(Q[part], k, norms, left_out, *how)

        if threads <= 1:
            answers = [search_part(part) for part in parts]
        else:
            with (
                single_threaded_blas(),
                ThreadPoolExecutor(
                    threads, initializer=prepare_thread, initargs=(product,)
                ) as pool,
            ):
                answers = list(pool.map(search_part, parts))
        indices, distances = zip(*answers, strict=True)
        return np.concatenate(indices), np.concatenate(distances)

    def _search_block(
        self,
        Q: NDArray,
        k: int,
        q_norms: NDArray[np.float64] | None,
        exclude: NDArray[np.intp] | None,
        shared: CentredBlocks | None,
        product: Product,
        within: PairsWithin | None,
        first: int = 0,
    ) -> Nearest:
        left_out = exclude is not None and bool((exclude >= 0).any())
        product_rows = Q if q_norms is None else unit_rows(Q, q_norms)
        search = _ProductSearch(self, Q, q_norms, k + left_out, shared, product, within, first)
        indices, distances = search.run(product_rows)
        if not left_out:
            return indices, distances
        keep = indices != np.asarray(exclude)[:, np.newaxis]
        keep[keep.all(axis=1), -1] = False  # the row left out is not among the nearest
        return indices[keep].reshape(-1, k), distances[keep].reshape(-1, k)


class _ProductSearch:
    """The search for a block of queries by the product."""

    def __init__(
        self,
        owner: ExactSearch,
        Q: NDArray,
        q_norms: NDArray[np.float64] | None,
        k: int,
        shared: CentredBlocks | None,
        product: Product,
        within: PairsWithin | None,
        first: int,
    ) -> None:
        self.owner = owner
        self.reference = owner.reference if within is None else within.reach.reference
        self.within, self.first = within, first
        self.shared = shared
        self.product = product
        self.Q = Q.astype(np.float64, copy=False)  # once, not for each distance
        self.norms = None if q_norms is None or owner.norms is None else (owner.norms, q_norms)
        self.k = k

    def run(self, product_rows: NDArray) -> Nearest:
        reference = self.reference
        lengths = lengths_from(reference.centre, reference.unit, product_rows)
        safe = lengths < reference.largest_safe_length()
        if safe.all():
            return self._by_product(product_rows, lengths, np.arange(len(self.Q)))
        indices = np.empty((len(self.Q), self.k), dtype=np.intp)
        distances = np.empty((len(self.Q), self.k))
        if safe.any():
            rows = np.flatnonzero(safe)
            nearest = self._by_product(product_rows[rows], lengths[rows], rows)
            indices[rows], distances[rows] = nearest
        for row in np.flatnonzero(~safe):
            indices[row], distances[row] = self._by_differences(int(row))
        return indices, distances

    def _by_product(
        self, product_rows: NDArray, lengths: NDArray[np.float64], rows: NDArray[np.intp]
    ) -> Nearest:
        reference = self.reference
        if len(rows) == 1 and reference.is_one_block():
            return self._by_one_product(product_rows, lengths, rows)
        candidates = self._candidates_of(product_rows)
        passed = dropped_at = 0  # training rows
        for block in reference.blocks(product_rows, lengths, candidates, self.shared, self.product):
            candidates.add(block)
            passed = block.start + block.excess.shape[1]
            if passed >= 2 * dropped_at:  # dropping more often costs more than it saves
                candidates.drop()
                dropped_at = passed
            if len(candidates) > _MAX_PAIRS:
                self._cut(candidates, rows)
        if dropped_at < passed:
            candidates.drop()
        if len(candidates) > _TOO_MANY * self.k * len(rows):
            reference.use_full_precision()
        return self._nearest(candidates, candidates.q_rows, candidates.x_rows, rows)

    def _by_one_product(
        self, product_row: NDArray, length: NDArray[np.float64], row: NDArray[np.intp]
    ) -> Nearest:
        """The result of `_by_product` for one query, if all training rows are in one block."""
        reference = self.reference
        candidates = self._candidates_of(product_row)
        (block,) = reference.blocks(product_row, length, candidates, None, self.product)
        x_rows = candidates_of_one(block, self.k)
        if isinstance(candidates, CandidatesWithin):
            candidates.add_reached(block)
        if len(x_rows) > _TOO_MANY * self.k:
            reference.use_full_precision()
        return self._nearest(candidates, np.zeros_like(x_rows), x_rows, row)

    def _candidates_of(self, product_rows: NDArray) -> Candidates:
        dtype = self.reference.dtype_for(len(product_rows))
        if self.within is None:
            return Candidates(len(product_rows), self.k, dtype)
        return CandidatesWithin(self.k, self.within.reach, product_rows, dtype)

    def _cut(self, candidates: Candidates, rows: NDArray[np.intp]) -> None:
        """Keep only the k nearest candidates: with many ties the bound drops too few."""
        candidates.drop()
        counts = np.bincount(candidates.q_rows, minlength=len(rows))
        if len(candidates) > _MAX_PAIRS // 2 and counts.min() >= self.k:
            self.reference.use_full_precision()
            # in the order of training
            x_rows = self.reference.rows_at(candidates.x_rows, len(rows))
            candidates.keep(np.argsort(x_rows, kind="stable"))
            x_rows = self.reference.rows_at(candidates.x_rows, len(rows))
            distances = self._distances(candidates.q_rows, x_rows, rows)
            nearest = nearest_of_ordered_pairs(candidates.q_rows, distances, len(rows), self.k)
            candidates.keep(np.sort(nearest, axis=None))

    def _by_differences(self, row: int) -> Nearest:
        """The nearest rows by all distances, for a query that is too far away for the product."""
        everything, q_row = np.arange(len(self.owner.X)), np.array([row])
        distances = self._distances(np.zeros_like(everything), everything, q_row)
        if self.within is not None:
            self.within.add(np.full_like(everything, self.first + row), everything, distances)
        chosen = nearest_of_ordered_pairs(np.zeros_like(everything), distances, 1, self.k)
        return chosen, distances[chosen]

    def _nearest(
        self,
        candidates: Candidates,
        q_rows: NDArray[np.intp],
        positions: NDArray[np.intp],
        rows: NDArray[np.intp],
    ) -> Nearest:
        x_rows = self.reference.rows_at(positions, len(rows))
        if self.within is None or not isinstance(candidates, CandidatesWithin):
            distances = self._distances(q_rows, x_rows, rows)
        else:
            # each distance once: of most pairs, each of the rows has the other nearby
            q_reached, reached = candidates.reached()
            n, pairs = len(self.owner.X), (q_reached, self.reference.rows_at(reached, len(rows)))
            keys = np.concatenate([2 * (q_rows * n + x_rows), 2 * (pairs[0] * n + pairs[1]) + 1])
            keys.sort()
            q_rows, x_rows = np.divmod(keys >> 1, n)
            is_new = np.append(True, keys[1:] >> 1 > keys[:-1] >> 1)
            some = self._distances(q_rows[is_new], x_rows[is_new], rows)
            distances = some.take(np.cumsum(is_new) - 1)
            is_reached = (keys & 1).astype(bool)
            q_reached = self.first + rows.take(q_rows[is_reached])
            self.within.add(q_reached, x_rows[is_reached], distances[is_reached])
            q_rows, x_rows, distances = (a[~is_reached] for a in (q_rows, x_rows, distances))
        chosen = nearest_of_ordered_pairs(q_rows, distances, len(rows), self.k)
        return x_rows[chosen], distances[chosen]

    def _distances(
        self, q_rows: NDArray[np.intp], x_rows: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        if is_stored(self.owner.X):
            return self._distances_of_stored(self.owner.X, x_rows, rows[q_rows])
        return pair_distances(self.owner.X, self.Q, x_rows, rows[q_rows], self.norms)

    def _distances_of_stored(
        self, X: StoredRows, x_rows: NDArray[np.intp], q_rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Distances from rows on disk, each of which is read once, in the order of the file."""
        distances = np.empty(len(x_rows))
        order = np.argsort(x_rows, kind="stable")
        for chunk in slices(len(order), _STORED_BYTES, each=X.shape[1] * X.itemsize):
            part = order[chunk]
            needed, place = np.unique(x_rows[part], return_inverse=True)
            norms = None if self.norms is None else (self.norms[0][needed], self.norms[1])
            distances[part] = pair_distances(X[needed], self.Q, place, q_rows[part], norms)
        return distances
