"""Whether the rows of a batch fall into bins as calibration rows do: exact, with ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_NEGLIGIBLE = 1e-15  # share of a sum that its further terms do not reach


def bin_p_values(batch: NDArray, calibration: NDArray, ordered: NDArray) -> NDArray[np.float64]:
    """A p-value for each row of two tables of counts, of shape (n_tests, n_bins).

    Given the number of all rows in a bin, the number of batch rows in it is hypergeometric
    (Fisher's exact test). If the bins are `ordered`, the same holds for the rows up to each bin.
    The result is the smallest of these two-sided p-values, times their number. The bins may be
    chosen by the rows of the fit, or by both samples together.
    """
    given = np.asarray(ordered, dtype=bool)[:, np.newaxis]
    hits = np.hstack([batch, np.where(given, batch.cumsum(axis=1), 0)]).astype(np.float64)
    filled = batch + calibration
    below = np.where(given & (filled > 0), filled.cumsum(axis=1), 0)  # an empty bin adds no event
    pooled = np.hstack([filled, below]).astype(np.float64)
    m = batch.sum(axis=1, keepdims=True).astype(np.float64)
    total = m + calibration.sum(axis=1, keepdims=True)
    possible = (pooled > 0) & (pooled < total)
    p_values = np.ones(hits.shape)
    m, total = (np.broadcast_to(one, hits.shape)[possible] for one in (m, total))
    p_values[possible] = share_p_values(hits[possible], pooled[possible], m, total)
    smallest: NDArray[np.float64] = p_values.min(axis=1, initial=1.0)
    return np.minimum(smallest * np.maximum(possible.sum(axis=1), 1), 1.0)


def share_p_values(k: NDArray, marked: NDArray, m: NDArray, total: NDArray) -> NDArray[np.float64]:
    """Two-sided p-values of k marked rows among m, which were drawn from `total` rows."""
    is_low = k * total < m * marked  # few marked rows are many of the others
    k, marked = np.where(is_low, m - k, k), np.where(is_low, total - marked, marked)
    return np.minimum(2 * _upper_tails(k, marked, m, total), 1.0)


def _upper_tails(k: NDArray, marked: NDArray, m: NDArray, total: NDArray) -> NDArray[np.float64]:
    """The probability of k or more marked rows, for k at the mean or above: terms only fall."""
    others = total - marked
    log_first = _log_choose(marked, k) + _log_choose(others, m - k) - _log_choose(total, m)
    sums, term = np.ones(len(k)), np.ones(len(k))
    while len(k) and np.any(term > _NEGLIGIBLE * sums):
        term = term * (marked - k) * (m - k) / ((k + 1) * (others - m + k + 1))
        sums += term
        k = k + 1
    return np.minimum(np.exp(log_first + np.log(sums)), 1.0)


def _log_choose(n: NDArray, k: NDArray) -> NDArray[np.float64]:
    chosen: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values adjusted for their number, by Holm (1979)."""
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
