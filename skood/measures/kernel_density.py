"""Logarithm of a Gaussian kernel density.

With all rows centred and divided by the bandwidth h, the exponent of the kernel of a row q at a
training row x is

    -‖q - x‖²/2 = (q·x - ‖x‖²/2) - ‖q‖²/2,

where the part in brackets is one matrix product. Its rounding error, of the order of eps ‖q‖², adds
to the logarithm of the density. A far row has exponents of the order of ‖q‖², and the error does
not matter. It matters for a row that is far from the centre and near a training row: the exponents
that may count are computed again by differences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .blocks import slices

BLOCKS = (512, 2048)
_TOLERANCE = 1e-7  # largest error of the product, absolute up to 1 and relative beyond
_CENTRE_ROWS = 1024
_NEGLIGIBLE = 80.0  # terms smaller than the largest by more than e^-80 don't reach the last digit
_LOWEST_EXPONENT = -200.0


def log_kernel_density(
    X: ArrayLike,
    training_rows: ArrayLike,
    bandwidth: float,
    *,
    exclude: ArrayLike | None = None,
    centre: NDArray[np.float64] | None = None,
    blocks: tuple[int, int] = BLOCKS,
) -> NDArray[np.float64]:
    r"""Logarithm of the mean Gaussian kernel over all training rows.

    .. math:: \log \frac1n \sum_{i=1}^n (2\pi h^2)^{-d/2} e^{-\|x - x_i\|^2 / 2h^2}

    Parameters
    ----------
    X : array-like of shape (m, d)
        The rows.
    training_rows : array-like of shape (n, d)
        The training rows, in the unit of `X`. An object with a shape, a type and slices that are
        arrays is read block by block.
    bandwidth : float
        Width h of the kernel in the same unit, above 0.
    exclude : array-like of int of shape (m,), optional
        For each row, the position of a training row to leave out; -1 for none.
    centre : ndarray of shape (d,), optional
        A row amid the training rows, which is subtracted from all rows; `kernel_centre` by default.
    blocks : tuple of two ints, default=(512, 2048)
        Numbers of rows and of training rows that are compared at a time; they bound the memory.

    Returns
    -------
    ndarray of shape (m,)
        The log density, in the unit to the power of minus d; higher = denser. It is at least the
        lowest float.

    Raises
    ------
    ValueError
        If `bandwidth` is not above 0, or there are no training rows for a row.

    References
    ----------
    Silverman (1986), Density estimation for statistics and data analysis, equation 4.1.

    Examples
    --------
    >>> from skood.measures import log_kernel_density
    >>> log_kernel_density([[0.0]], [[-1.0], [1.0]], bandwidth=1.0)
    array([-1.41893853])
    >>> log_kernel_density([[1.0]], [[-1.0], [1.0]], bandwidth=1.0, exclude=[1])
    array([-2.91893853])
    """
    X = np.asarray(X)
    # What reads its rows when they are sliced must not be read as a whole.
    sliced = hasattr(training_rows, "shape") and hasattr(training_rows, "dtype")
    rows: Any = training_rows if sliced else np.asarray(training_rows)
    exclude = np.full(len(X), -1) if exclude is None else np.asarray(exclude)
    counts = len(rows) - (exclude >= 0)
    if not 0 < bandwidth < np.inf:
        raise ValueError(
            "The 'bandwidth' parameter of log_kernel_density must be a float in (0, inf). "
            f"Got {bandwidth!r} instead."
        )
    if not (counts > 0).all():
        raise ValueError(
            "The 'training_rows' parameter of log_kernel_density must hold at least one row that "
            f"is not left out. Got {len(rows)} row(s) instead."
        )
    log_sum = log_kernel_sum(X, rows, bandwidth, exclude, centre, blocks)
    return log_density_of_sum(log_sum, counts, X.shape[1], bandwidth)


def log_kernel_sum(
    X: NDArray[Any],
    rows: Any,
    bandwidth: float,
    exclude: NDArray[np.intp],
    centre: NDArray[np.float64] | None = None,
    blocks: tuple[int, int] = BLOCKS,
    *,
    tolerance: float = _TOLERANCE,
    large: LargeKernels | None = None,
) -> NDArray[np.float64]:
    """Logarithm of the sum of the kernels, whose height is 1; arguments are not checked.

    It is -inf where the row left out is the only training row. Its error is at most `tolerance`,
    absolute up to 1 and relative beyond. `large` collects the pairs whose kernel counts.
    """
    centre = kernel_centre(rows) if centre is None else centre
    log_sum = np.empty(len(X))
    # The result shows where an exponent overflowed. Set here: each thread has its own error state.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for part in slices(len(X), blocks[0]):
            block = _QueryBlock(X[part], exclude[part], centre, bandwidth)
            found = None if large is None else (large, np.arange(part.start, part.stop))
            log_sum[part] = block.log_kernel_sum(rows, blocks[1], tolerance, found)
    return log_sum


def log_density_of_sum(
    log_sum: NDArray[np.float64], counts: NDArray[np.intp], d: int, bandwidth: float
) -> NDArray[np.float64]:
    """The log density of a sum of kernels over `counts` rows of d features, at least -max."""
    scale = d * (np.log(bandwidth) + 0.5 * np.log(2.0 * np.pi))
    return np.maximum(log_sum - np.log(counts) - scale, np.finfo(np.float64).min)


def kernel_centre(rows: NDArray[Any]) -> NDArray[np.float64]:
    """A row amid the training rows that a few far rows do not move.

    It is the median of each column, over about a thousand rows at most.
    """
    return np.median(rows[:: -(-len(rows) // _CENTRE_ROWS)].astype(np.float64), axis=0)


class LargeKernels:
    """Pairs whose kernel is a share of the sum, or was one of the sum over the rows before.

    Parameters
    ----------
    share : float
        The least share, in (0, 1).
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self._parts: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def add(
        self, q_rows: NDArray[Any], start: int, terms: NDArray[Any], sums: NDArray[Any]
    ) -> None:
        """Add pairs of a block with the training rows from `start` on."""
        is_large = terms >= (self.share * sums)[:, np.newaxis]
        places, columns = np.divmod(np.flatnonzero(is_large), terms.shape[1])
        self._parts.append((q_rows[places], start + columns))

    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions of rows and of training rows; a pair may be there twice."""
        q_rows, x_rows = map(np.concatenate, zip(*self._parts, strict=True))
        return q_rows, x_rows


_Found = tuple[LargeKernels, NDArray[np.intp]]  # and the positions of a block's rows


class _QueryBlock:
    """A block of rows that is compared with all training rows."""

    def __init__(
        self,
        Q: NDArray[Any],
        exclude: NDArray[np.intp],
        centre: NDArray[np.float64],
        bandwidth: float,
    ) -> None:
        self.Q = Q
        self.exclude = exclude
        self.centre = centre
        self.bandwidth = bandwidth
        # One more column subtracts the half squares within the product itself.
        self.left = np.ones((len(Q), Q.shape[1] + 1))
        self.half_squares = self._centre(Q, self.left)

    def log_kernel_sum(
        self, rows: NDArray[Any], size: int, tolerance: float, found: _Found | None
    ) -> NDArray[np.float64]:
        """Logarithm of the sum of the kernels, not normalised; `size` training rows at a time."""
        log_sum = self._sum(rows, size, found).value() - self.half_squares
        # Bounds the error of all terms that count: a training row is no further from the centre
        # than the row's distance from the centre plus the distance between both.
        relative = (rows.shape[1] + 8) * np.finfo(np.float64).eps
        error = relative * (3 * self.half_squares + 4 * (np.abs(log_sum) + _NEGLIGIBLE))
        trusted = error <= tolerance * np.maximum(1.0, np.abs(log_sum))
        again = np.flatnonzero(~(trusted & np.isfinite(log_sum)))
        if again.size:
            block = _QueryBlock(self.Q[again], self.exclude[again], self.centre, self.bandwidth)
            floor = log_sum - np.log(len(rows)) - _NEGLIGIBLE - 2 * error + self.half_squares
            found = None if found is None else (found[0], found[1][again])
            log_sum[again] = block._sum(rows, size, found, floor[again]).value()
        return log_sum

    def _sum(
        self,
        rows: NDArray[Any],
        size: int,
        found: _Found | None,
        floor: NDArray[np.float64] | None = None,
    ) -> _LogSum:
        """Sum over the exponents from the product, without the rows' half squares.

        With `floor` the full exponents are summed. They are computed by differences for the pairs
        that the product puts above the floor.
        """
        m, width = self.left.shape
        right = np.empty((min(size, len(rows)), width))
        out = np.empty(m * len(right))
        total = _LogSum(m)
        for part in slices(len(rows), size):
            block = rows[part]
            b = len(block)
            np.negative(self._centre(block, right), out=right[:b, -1])
            exponents = out[: m * b].reshape(m, b)
            np.matmul(self.left, right[:b].T, out=exponents)
            if floor is not None:
                self._refine(exponents, block, floor)
            inside = np.flatnonzero((self.exclude >= part.start) & (self.exclude < part.stop))
            # not subtracted from the sum: where it is most of the sum, the rest would be lost
            exponents[inside, self.exclude[inside] - part.start] = -np.inf
            some, terms = total.add(exponents)
            if found is not None and len(terms):
                found[0].add(found[1][some], part.start, terms, total.sum[some])
        return total

    def _refine(
        self, exponents: NDArray[np.float64], block: NDArray[Any], floor: NDArray[np.float64]
    ) -> None:
        for i in range(len(exponents)):
            near = np.flatnonzero(~(exponents[i] < floor[i]))  # NaN counts as near
            differences = np.subtract(block[near], self.Q[i], dtype=np.float64)
            differences /= self.bandwidth
            exponents[i] = -np.inf
            exponents[i, near] = -0.5 * np.einsum("ij,ij->i", differences, differences)

    def _centre(self, rows: NDArray[Any], out: NDArray[np.float64]) -> NDArray[np.float64]:
        """Centred rows in units of the bandwidth, into all but the last column; half squares."""
        centred = out[: len(rows), :-1]
        np.subtract(rows, self.centre, out=centred, dtype=np.float64)
        centred *= 1.0 / self.bandwidth
        return 0.5 * np.einsum("ij,ij->i", centred, centred)


class _LogSum:
    """Logarithms of m sums of exponentials that come block by block."""

    def __init__(self, m: int) -> None:
        self.shift = np.full(m, -np.inf)  # the largest exponent so far
        self.sum = np.zeros(m)  # of the exponentials divided by that of the shift

    def add(
        self, exponents: NDArray[np.float64]
    ) -> tuple[slice | NDArray[np.intp], NDArray[np.float64]]:
        """Add a block of shape (m, b), which is overwritten; which sums grew, and their terms."""
        largest = exponents.max(axis=1)
        changed = np.flatnonzero(~(largest < self.shift - _NEGLIGIBLE))
        if len(changed) > len(largest) // 2:  # picking out the rows would cost more than it saves
            rows: slice | NDArray[np.intp] = slice(None)
        elif len(changed):
            rows, exponents = changed, exponents[changed]
        else:
            return changed, exponents[:0]
        new = np.maximum(self.shift[rows], largest[rows])
        finite = np.where(new == -np.inf, 0.0, new)  # inf - inf is no number
        self.sum[rows] *= np.exp(self.shift[rows] - finite)
        self.shift[rows] = new
        exponents -= finite[:, np.newaxis]
        # an exponential that vanishes takes many times as long as an ordinary one
        np.maximum(exponents, _LOWEST_EXPONENT, out=exponents)
        np.exp(exponents, out=exponents)
        self.sum[rows] += exponents.sum(axis=1)
        return rows, exponents

    def value(self) -> NDArray[np.float64]:
        return self.shift + np.log(self.sum)
