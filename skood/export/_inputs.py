"""New rows as the detectors compare them, and what counts as a copy of a training row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..measures.kernel_density import kernel_centre
from ..measures.lengths import row_norms
from ..measures.powers_of_two import safe_unit
from ._graph import Value, where

# Squares of larger numbers, or of their differences, overflow.
LARGEST = 1e150
# A copy of a training row is nearer to it than this share of the distance to a further neighbour.
COPY_SHARE = 2.0**-8
_USUAL_EXPONENT = 249  # of values whose squares need no unit


def lengths(x: Value) -> Value:
    """The length of each row (m, 1), also where squares overflow or vanish."""
    largest = x.abs().largest(keep=True)
    unit = where(largest > 0.0, largest, 1.0)
    return (x / unit).squares(keep=True).sqrt() * unit


def of_length_one(x: Value) -> Value:
    """Rows divided by their lengths; NaN for a row of zeros."""
    return x / lengths(x)


def without_nan(x: Value) -> tuple[Value, Value]:
    """Which rows (m,) hold NaN or infinity, and the rows with zeros in place of these."""
    bad = (x * 0.0).sum(keep=True)
    bad = x.graph.op("IsNaN", bad, dtype=np.bool_)
    return bad.without_axis(1), where(bad, 0.0, x)


def bounded(x: Value) -> Value:
    """Values whose squares are finite."""
    return x.most(-LARGEST).least(LARGEST)


def unit_of(rows: NDArray) -> float:
    """A power of two in which the squares of training rows neither overflow nor vanish."""
    return safe_unit(float(np.abs(rows).max(initial=0.0)), _USUAL_EXPONENT)


def equality_limit(rows: NDArray, rounding: float) -> float:
    """The distance below which a new row is a copy of a training row.

    A step before the detector rounds otherwise in another program. `rounding` is a share of the
    usual distance from the centre of the training rows.
    """
    centre = kernel_centre(rows)
    some = rows[:: -(-len(rows) // 1024)]
    return rounding * float(np.median(row_norms(some - centre)))
