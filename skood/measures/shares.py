"""Shares of the features in a distance.

A distance is the length of a difference u: a row minus its reconstruction, or minus a neighbour.
Twice the difference is twice the distance, so by Euler's theorem the distance is the sum over the
features j of u_j times the slope of the distance in u_j. These products are the features' shares.
They do not depend on the units of the features. The shares in a Euclidean distance are u_j² / ‖u‖:
the distance, divided in the proportion of the squares.

The two factors are kept apart, since they go opposite ways through a linear map z = x A. A
difference u in x is u A in z, and a slope g in z is A g in x. The sum of the products is the same
in both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .lengths import scaled_lengths


class ShareFactors(NamedTuple):
    """Differences of rows from other points, and slopes of the distance in these differences.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures import ShareFactors
    >>> ShareFactors(np.array([[[3.0, 4.0]]]), np.array([[[0.6, 0.8]]])).shares()
    array([[1.8, 3.2]])
    """

    differences: NDArray[np.float64]
    """(m, t, d): for each row t differences."""
    slopes: NDArray[np.float64]
    """(m, t, d): slopes of the distance in the features of each difference."""

    def shares(self) -> NDArray[np.float64]:
        """Share of each feature, (m, d): the products, summed over the t differences."""
        return np.einsum("itj,itj->ij", self.differences, self.slopes)

    def times(self, factor: NDArray[np.float64]) -> ShareFactors:
        """Factors of the distance times `factor`, (m,)."""
        return ShareFactors(self.differences, self.slopes * factor[:, np.newaxis, np.newaxis])


def share_factors(differences: ArrayLike, parts: ArrayLike) -> ShareFactors:
    """Divide parts of a distance among the features, in the proportion of squared differences.

    Parameters
    ----------
    differences : array-like of shape (m, t, d)
        For each row t differences, for example from its t neighbours.
    parts : array-like of shape (m, t)
        The part of the distance that each difference adds. A difference of length 0 is not divided.

    Returns
    -------
    ShareFactors
        Their shares sum to the sum of the parts.

    Examples
    --------
    >>> from skood.measures import share_factors
    >>> share_factors([[[3.0, 4.0], [0.0, 2.0]]], [[5.0, 2.0]]).shares()  # distances 5 and 2
    array([[1.8, 5.2]])
    """
    differences = np.asarray(differences, dtype=np.float64)
    lengths = scaled_lengths(differences)
    divisors = np.where(lengths > 0, lengths, 1.0)
    with np.errstate(over="ignore", under="ignore"):
        # in this order squares neither overflow nor vanish
        slopes = differences / divisors[..., np.newaxis]
        slopes *= (np.asarray(parts, dtype=np.float64) / divisors)[..., np.newaxis]
    return ShareFactors(differences, slopes)


def lcp_share_factors(
    differences: ArrayLike, weights: ArrayLike, *, variance_weight: float = 0.0
) -> ShareFactors:
    r"""Divide the distance of rows from their reconstruction among the features.

    With the residual :math:`r = x - \hat x` the share of feature j is
    :math:`r_j^2 / \mathrm{LCP}(x)`. The neighbours' spread adds
    :math:`\beta \sum_i w_i (x_i - \hat x)_j^2 / \mathrm{LCP}(x)` to it.

    Parameters
    ----------
    differences : array-like of shape (m, k, d)
        Each row minus its k neighbours.
    weights : array-like of shape (m, k)
        The weights of the neighbours; each row sums to 1.
    variance_weight : float, default=0.0
        Share β of the neighbours' spread that is added under the root.

    Returns
    -------
    ShareFactors
        Their shares sum to `lcp_distance`.

    Examples
    --------
    >>> from skood.measures import lcp_share_factors
    >>> lcp_share_factors([[[1.0, 3.0], [7.0, 5.0]]], [[0.5, 0.5]]).shares()  # residual 4, 4
    array([[2.82842712, 2.82842712]])
    """
    differences = np.asarray(differences, dtype=np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    terms = np.matmul(weights[:, np.newaxis, :], differences)
    if variance_weight > 0:
        spread = differences - terms
        spread *= np.sqrt(variance_weight * weights)[..., np.newaxis]
        terms = np.concatenate([terms, spread], axis=1)
    lengths = scaled_lengths(terms)
    total = scaled_lengths(lengths)
    shares_of_terms = lengths / np.where(total > 0, total, 1.0)[:, np.newaxis]
    return share_factors(terms, lengths * shares_of_terms)
