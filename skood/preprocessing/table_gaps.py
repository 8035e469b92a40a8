"""Missing cells at the distance that unknown values have on average."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ..rows.hashes import row_hashes

_WEAK = 0.1  # a correlation that says little, however many rows show it
_ERROR = 0.005  # chance that gaps at random look informative, over all columns
_STEPS = 1024.0  # rows whose values differ by less than a step have the same signs
_BITS = 64


class GapColumns:
    r"""The scaled columns of a table with gaps, and one more column for each feature.

    A gap is the mean of the known values, and :math:`\pm\sigma` in the feature's own column, where
    known values have 0; :math:`\sigma` is their standard deviation. So the squared distance between
    a gap and a known value x is :math:`(x - \mu)^2 + \sigma^2`, the expected squared difference
    from a random value. The sign comes from a hash of the row's other values: the squared distance
    of two gaps is :math:`2\sigma^2` on average, as for two values. If gaps depend on other columns,
    all have the same sign: then rows with a gap are alike.

    Attributes
    ----------
    means : ndarray of shape (n_numbers,)
        The values in place of missing numbers.
    heights : ndarray of shape (n_features,)
        :math:`\sigma` of the features of numbers, then of those of categories.
    informative : ndarray of bool, shape (n_features,)
        Whether gaps of a feature depend on other columns.
    """

    def fit(
        self,
        numbers: NDArray[np.float64],
        categories: NDArray[np.float64],
        spreads: NDArray[np.float64],
        gaps: NDArray[np.bool_],
        owners: NDArray[np.intp],
    ) -> Self:
        """Learn from training rows.

        `numbers` has NaN in its gaps. `categories`, the columns of all categories, has the means of
        known rows there, and `spreads` the spread of each of these features. `gaps` has a column
        for each feature, numbers first. `owners` are the features of the columns of numbers.
        """
        known = ~np.isnan(numbers)
        counts = np.maximum(known.sum(axis=0), 1)
        self.means = np.where(known, numbers, 0.0).sum(axis=0) / counts
        squares = np.where(known, numbers - self.means, 0.0) ** 2
        variances = np.bincount(owners, squares.sum(axis=0) / counts)
        self.heights = np.append(np.sqrt(variances), spreads)
        self.informative = _informative(gaps, np.hstack([self.filled(numbers), categories]))
        return self

    def filled(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """The numbers, with means in their gaps."""
        return np.where(np.isnan(numbers), self.means, numbers)

    def columns(
        self,
        numbers: NDArray[np.float64],
        sizes: NDArray[np.float64],
        gaps: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """The column of each feature: of filled `numbers`, and of one number for each category."""
        out = np.where(gaps, self.heights, 0.0)
        rows = np.flatnonzero(gaps[:, ~self.informative].any(axis=1))
        if len(rows):
            signs = _signs(np.hstack([numbers, sizes])[rows], gaps.shape[1])
            out[rows] *= np.where(self.informative, 1.0, signs)
        return out


def _informative(gaps: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the gaps of a column correlate with values, or with gaps of other columns."""
    n, n_features = gaps.shape
    both = np.hstack([_standardised(gaps.astype(np.float64)), _standardised(values)])
    correlations = np.abs(both[:, :n_features].T @ both) / n
    np.fill_diagonal(correlations, 0.0)
    few = norm.isf(_ERROR / both.shape[1]) / np.sqrt(n)
    return correlations.max(axis=1) > max(_WEAK, few)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = values - values.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0))
    return np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 1e-9)


def _signs(values: NDArray[np.float64], n_signs: int) -> NDArray[np.float64]:
    """1 or -1, pseudo-random, but the same for the same values in a row."""
    steps = np.rint(np.clip(values, -1e12, 1e12) * _STEPS)
    hashes = [row_hashes(steps, seed) for seed in range(-(-n_signs // _BITS))]
    places = np.arange(n_signs)
    bits = np.stack(hashes)[places // _BITS] >> (places % _BITS).astype(np.uint64)[:, np.newaxis]
    return np.where(bits.T & np.uint64(1), 1.0, -1.0)
