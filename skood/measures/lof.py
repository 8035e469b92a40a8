"""Local outlier factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Replaces a reachability of 0 where the unit is not known. Ratios to it are finite for distances of
# up to 1e150, and it is below all distances that are likely to occur.
SMALLEST_REACHABILITY = 1e-150


def mean_reachability(distances: ArrayLike, neighbor_k_distance: ArrayLike) -> NDArray[np.float64]:
    r"""Mean reachability distance of each row from its k neighbours.

    .. math:: r(x) = \frac1k \sum_{o \in N_k(x)} \max(\text{k-distance}(o), \|x - o\|)

    Its inverse is the local reachability density.

    Parameters
    ----------
    distances : array-like of shape (m, k)
        Distances of m rows to their k neighbours.
    neighbor_k_distance : array-like of shape (m, k)
        Distance of each of these neighbours to its k-th neighbour, itself left out.

    Returns
    -------
    ndarray of shape (m,)
        In the unit of `distances`.

    References
    ----------
    Breunig, Kriegel, Ng and Sander (2000), LOF: identifying density-based local outliers,
    definitions 5 and 6.

    Examples
    --------
    >>> from skood.measures import mean_reachability
    >>> mean_reachability([[1.0, 3.0]], [[2.0, 2.0]])
    array([2.5])
    """
    reach = np.maximum(distances, neighbor_k_distance, dtype=np.float64)
    # divided before the sum: the mean of huge distances is finite where their sum is not
    reach /= reach.shape[1]
    return reach.sum(axis=1)


def local_outlier_factor(
    reachability: ArrayLike,
    neighbor_reachability: ArrayLike,
    *,
    zero_reachability: float = SMALLEST_REACHABILITY,
) -> NDArray[np.float64]:
    r"""Mean ratio of the density around the k neighbours of a row to the density around the row.

    .. math:: \mathrm{LOF}(x) = \frac1k \sum_{o \in N_k(x)} \frac{r(x)}{r(o)}

    with the mean reachability distances r (see `mean_reachability`).

    Parameters
    ----------
    reachability : array-like of shape (m,)
        Mean reachability distance of m rows.
    neighbor_reachability : array-like of shape (m, k)
        Mean reachability distance of the k neighbours of each row.
    zero_reachability : float, default=1e-150
        Replaces the mean reachability distance of a neighbour where that is 0: the neighbour has k
        equal copies. The ratio to such a neighbour is at least 1.

    Returns
    -------
    ndarray of shape (m,)
        Around 1 for a row amid rows of equal density; larger = more of an outlier. Always finite.

    References
    ----------
    Breunig, Kriegel, Ng and Sander (2000), LOF: identifying density-based local outliers,
    definition 7. The paper leaves densities around copies infinite.

    Examples
    --------
    >>> from skood.measures import local_outlier_factor
    >>> local_outlier_factor([6.0], [[2.0, 3.0]])
    array([2.5])
    >>> local_outlier_factor([0.0, 6.0], [[0.0], [0.0]], zero_reachability=0.5)
    array([ 1., 12.])
    """
    of_row = np.asarray(reachability, dtype=np.float64)[:, np.newaxis]
    others = np.asarray(neighbor_reachability, dtype=np.float64)
    zero = others == 0
    # Compared with a heap of copies, a row has at least `zero_reachability`: a row very near the
    # heap is never a better member of it than the copies.
    of_row = np.where(zero, np.maximum(of_row, zero_reachability), of_row)
    with np.errstate(over="ignore"):
        ratios = of_row / np.where(zero, zero_reachability, others)
        return np.minimum(ratios.mean(axis=1), np.finfo(np.float64).max)
