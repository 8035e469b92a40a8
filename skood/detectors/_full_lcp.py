"""Full conformal ranks of LCP: new weights for training rows that have a new row as a neighbour.

One step of the search for the perplexity, from the weights without the new row, is nearly at its
end. It has a bound of its error, as has a sum in float32. So nearly all rows are known to stay
above or below the new row; only for the others the search runs to its end.

For a row, let E be the energies of its neighbours, w ∝ exp(-E), h the entropy of w minus the
target, V the variance of E under w, and u the logarithm of a factor of all E. Then dh/du = -V, and
d(log V)/du is at most 2 + R in size, with the range R of E: the third cumulant of E is at most R V.
So if (2 + R) |h|/V is at most 1/12, V stays above V/2 for |u| up to 2|h|/V, and the entropy reaches
the target within. The reconstruction moves by at most the root of V times that of the weighted mean
of the squared distances. So it moves by at most 3 |h|/√V times the largest distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..measures.blocks import slices
from ..measures.lcp import lcp_distance
from ..measures.lengths import row_norms
from ..measures.perplexity import perplexity_weights
from ..neighbors import Neighbors
from ._full_neighbors import Changes, FullByNeighbors

_GATHER_BYTES = 1 << 20  # of neighbours' rows at a time
_SHARED_BYTES = 1 << 28  # of neighbours' rows at a time, most of which are the same
_VALUES = 1 << 15  # of weights at a time: they and their reconstructions stay in the cache
_ROUNDING = 1e-9  # of an LCP, and of an entropy: more than that of the search and the sums
_EPS, _TINY = float(np.finfo(np.float32).eps), 1e-36  # relative and absolute errors of float32

Weighed = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Weights (m, k), and bounds of the error of the LCP by these weights (m,)."""


class FullByLCP(FullByNeighbors):
    """Full conformal ranks of LCP without locality.

    Parameters
    ----------
    detector : LCPOutlierDetector
        Fitted.
    """

    def __init__(self, detector: Any) -> None:
        super().__init__(detector)
        n, k = self.lists.distances.shape
        distances = detector._row_distances(self.lists.before)
        self._sigma = np.concatenate(
            [
                perplexity_weights(distances[part], detector.perplexity).sigma
                for part in slices(n, _VALUES, each=k)
            ]
        )
        self._nearest = distances[:, 0].copy()
        # sums of the weights of the neighbours that stay, by powers of their energies
        self._sums = np.empty((4, n))
        kept = detector._row_distances(self.lists)[:, :-1]
        for part in slices(n, _VALUES, each=k):
            with np.errstate(all="ignore"):
                energies = self._energies(kept[part], np.arange(part.start, part.stop))
                terms = np.exp(-energies)
                for sums in self._sums:
                    sums[part] = terms.sum(axis=1)
                    terms *= energies

    def _scores_beside(
        self, changed: Changes, X: NDArray, limits: tuple[NDArray, NDArray]
    ) -> NDArray[np.float64]:
        detector, (low, high) = self.detector, limits
        neighbors, new = self.lists.with_new(changed), detector._unit_rows(X)
        distances, m = detector._row_distances(neighbors), len(changed.rows)
        news = detector._row_distances(changed)
        scores, is_open = np.empty(m), np.ones(m, dtype=bool)
        for weigh in (self._nearly_weighed, self._weighed):
            some = np.flatnonzero(is_open)
            few = len(some) * distances.shape[1] <= len(self.lists.distances)
            if few or detector.variance_weight > 0:
                break
            for part in slices(len(some), _SHARED_BYTES, each=8 * X.shape[1] * self.lists.k):
                pairs = some[part]
                rows = changed.rows[pairs]
                weights, error = weigh(rows, distances[pairs], news[pairs])
                around = Neighbors(neighbors.indices[pairs], distances[pairs])
                queries = changed.queries[pairs]
                lcp, rounding = self._by_product(rows, queries, around, weights, X)
                scores[pairs] = -lcp
                error = error + rounding + _ROUNDING * lcp
                above, below = -lcp - error > high[queries], -lcp + error < low[queries]
                is_open[pairs] = ~(above | below)
        some = np.flatnonzero(is_open)
        for part in slices(len(some), _GATHER_BYTES, each=8 * X.shape[1] * self.lists.k):
            pairs = some[part]
            indices = neighbors.indices[pairs]
            around = detector._neighbor_rows(np.maximum(indices, 0))
            at, column = np.nonzero(indices < 0)
            around[at, column] = new[changed.queries[pairs][at]]
            stored = detector._neighbor_rows(changed.rows[pairs, np.newaxis])[:, 0]
            weights, _ = self._weighed(changed.rows[pairs], distances[pairs], news[pairs])
            spread = detector.variance_weight
            scores[pairs] = -lcp_distance(stored, around, weights, variance_weight=spread)
        return scores

    def _weighed(
        self,
        rows: NDArray[np.intp],  # noqa: ARG002
        distances: NDArray[np.float64],
        news: NDArray[np.float64],  # noqa: ARG002
    ) -> Weighed:
        """The weights of the search."""
        weights = np.empty(distances.shape)
        for part in slices(len(distances), _VALUES, each=distances.shape[1]):
            found = perplexity_weights(distances[part], self.detector.perplexity)
            weights[part] = found.weights
        return weights, np.zeros(len(distances))

    def _nearly_weighed(
        self,
        rows: NDArray[np.intp],
        distances: NDArray[np.float64],
        news: NDArray[np.float64],
    ) -> Weighed:
        """Weights after one step of the search from the weights without the new row."""
        weights, error = np.empty(distances.shape), np.empty(len(distances))
        for part in slices(len(distances), _VALUES, each=distances.shape[1]):
            with np.errstate(all="ignore"):  # what is not finite bounds nothing: it stays open
                found = self._after_one_step(rows[part], distances[part], news[part])
            weights[part], error[part] = found
        return weights, error

    def _after_one_step(
        self,
        rows: NDArray[np.intp],
        distances: NDArray[np.float64],
        news: NDArray[np.float64],
    ) -> Weighed:
        energies = self._energies(distances, rows)
        # where `with_new` has put the new row: its energy joins the sums
        new = self._energies(news[:, np.newaxis], rows)[:, 0]
        term = np.exp(-new)
        total, *moments = (sums[rows] + term * new**j for j, sums in enumerate(self._sums))
        first, second, third = (moment / total for moment in moments)
        variance = second - first**2
        excess = np.log(total) + first - np.log(self.detector.perplexity)
        curvature = third - first * (3.0 * second - 2.0 * first**2) - 2.0 * variance
        newton = -excess / variance
        factor = np.exp(-newton / (1.0 + 0.5 * newton * curvature / variance))
        energies *= factor[:, np.newaxis]
        weights = np.exp(-energies)
        total = weights.sum(axis=1)
        weights /= total[:, np.newaxis]
        first = np.einsum("ij,ij->i", weights, energies)
        variance = np.einsum("ij,ij,ij->i", weights, energies, energies) - first**2
        excess = np.abs(np.log(total) + first - np.log(self.detector.perplexity)) + _ROUNDING
        span = energies[:, -1] - np.minimum(factor * new, 0.0)  # the furthest is the last
        is_near = (2.0 + span) * excess <= variance / 6.0
        moved = 3.0 * excess / np.sqrt(variance) * distances[:, -1]
        return weights, np.where(is_near, moved, np.inf)

    def _energies(
        self, distances: NDArray[np.float64], rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Exponents of the weights without the new row; 0 for the nearest neighbour then."""
        nearest, sigma = self._nearest[rows, np.newaxis], self._sigma[rows, np.newaxis]
        energies = distances - nearest
        energies /= sigma
        energies *= 0.5 * (distances + nearest) / sigma
        return energies

    def _by_product(
        self,
        rows: NDArray[np.intp],
        queries: NDArray[np.intp],
        neighbors: Neighbors,
        weights: NDArray[np.float64],
        X: NDArray,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """LCP by a product with a sparse matrix of weights, and a bound of its rounding error.

        A training row is the neighbour of many rows: a product reads it faster than `lcp_distance`.
        """
        indices, distances = neighbors
        is_used = np.zeros(len(self.lists.indices), dtype=bool)
        is_used[rows] = is_used[indices] = True
        used, place = np.flatnonzero(is_used), np.cumsum(is_used, dtype=np.int32) - 1
        vectors, sizes, unit = self.lists.index.in_float32(used, X)
        (m, k), of_rows = indices.shape, place[rows]
        columns = np.empty((m, k + 1), dtype=np.int32)
        columns[:, :k], columns[:, k] = place[indices], of_rows
        at, column = np.nonzero(indices < 0)
        columns[at, column] = len(used) + queries[at]
        cells = np.full((m, k + 1), -1.0, dtype=np.float32)
        cells[:, :k] = weights
        starts = np.arange(0, cells.size + 1, k + 1)
        mixing = csr_matrix((cells.ravel(), columns.ravel(), starts), (m, len(vectors)))
        with np.errstate(all="ignore"):  # what is not finite has no bound
            lcp = unit * row_norms(mixing @ vectors)
            # no neighbour is larger than the row and the distance together
            total = 2.0 * sizes[of_rows] + distances[:, -1] / unit
            return lcp, unit * ((k + 8) * _EPS * total + _TINY)
