"""Lengths of rows to the last digits of float64, also where squares overflow or vanish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import slices

_PAIR_BYTES = 1 << 18  # of differences at a time: stays in the second-level cache
_SMALLEST_SQUARE = 1e-280  # below this a square may have lost digits to the smallest float


def row_norms(X: NDArray[Any]) -> NDArray[np.float64]:
    """Length of each row in float64. X may be anything with a shape whose slices are arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.measures.lengths import row_norms
    >>> row_norms(np.array([[3e-200, 4e-200], [3.0, 4.0]]))
    array([5.e-200, 5.e+000])
    """
    return _lengths(lambda part: X[part].astype(np.float64, copy=False), *X.shape)


def pair_distances(
    X: NDArray[Any],
    Q: NDArray[Any],
    x_rows: NDArray[np.intp],
    q_rows: NDArray[np.intp],
    norms: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """Euclidean distance of ``X[x_rows[i]]`` and ``Q[q_rows[i]]`` for each i, in float64.

    With `norms` (of the rows of X and of Q) the rows are divided by their length first. The
    distance of a pair does not depend on the other pairs of the call, to the last bit.
    """

    def differences(part: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        x_part, q_part = x_rows[part], q_rows[part]
        x, q = X.take(x_part, axis=0), Q.take(q_part, axis=0)  # faster than indexing
        if norms is None:
            difference = x.astype(np.float64)
            difference -= q
        else:
            difference = x / norms[0][x_part, np.newaxis]
            difference -= q / norms[1][q_part, np.newaxis]
        return difference

    return _lengths(differences, len(x_rows), X.shape[1])


def scaled_lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length over the last axis, each vector divided by its largest value before it is squared.

    This is slower than the root of the sum of squares, and may differ from it in the last digit.
    """
    largest = np.abs(vectors).max(axis=-1, initial=0.0)
    unit = np.where(largest > 0, largest, 1.0)
    scaled = vectors / unit[..., np.newaxis]
    # Row by row, so that a length does not depend on the other rows to the last bit.
    return unit * np.sqrt(np.einsum("...j,...j->...", scaled, scaled))


def _lengths(
    vectors: Callable[[slice | NDArray[np.intp]], NDArray[np.float64]], n: int, d: int
) -> NDArray[np.float64]:
    """Lengths of n vectors of d values; ``vectors(part)`` makes a few of them at a time."""
    lengths = np.empty(n)
    for part in slices(n, _PAIR_BYTES, each=8 * d):
        block = vectors(part)
        with np.errstate(over="ignore", under="ignore"):
            lengths[part] = np.einsum("ij,ij->i", block, block)
    lost = np.flatnonzero(~((lengths > _SMALLEST_SQUARE) & (lengths < np.inf)))
    np.sqrt(lengths, out=lengths)
    for part in slices(len(lost), _PAIR_BYTES, each=8 * d):
        lengths[lost[part]] = scaled_lengths(vectors(lost[part]))
    return lengths
