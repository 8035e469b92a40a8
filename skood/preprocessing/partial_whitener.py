"""Whitening to a power: between unchanged rows and uncorrelated columns of variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils.validation import check_array, check_is_fitted

from .._validation import check_float, check_new_rows, check_option, check_training_rows
from ..measures.blocks import slices
from ..measures.lengths import row_norms
from ..measures.row_moments import RULES, RowMoments, moments_of_rows, shrunk_covariance
from ..rows.sums import FitsBySums, SumsPlan

_ROWS = 64  # in each product


class PartialWhitener(FitsBySums, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Rotate rows to their principal axes and shrink each axis by a power of its variance.

    .. math:: z = \Lambda^{-p/2} V^\top (x - \mu), \qquad \Sigma = V \Lambda V^\top

    ``power=0`` keeps distances, ``power=1`` makes Euclidean distances Mahalanobis distances. In
    between, directions of small variance count more than in the rows, but their noise does not
    dominate. For embeddings this is often better than both ends.

    With a `length_power` a above 0, x stands for :math:`x / \|x\|^a`: ``length_power=1`` compares
    directions of rows only. The length of a network's features often says little about the origin
    of a row.

    Parameters
    ----------
    power : float, default=0.5
        The power p, in [0, 1].
    length_power : float, default=0.0
        Each row is first divided by this power a of its length, in [0, 1]. A row of zeros stays.
    covariance : {"ledoit_wolf", "oas", "empirical"}, default="ledoit_wolf"
        The estimate of the covariance :math:`\Sigma`. The first two shrink it towards a multiple of
        the identity, which is needed unless there are many more rows than columns.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        The mean of the training rows, divided by the power of their lengths.
    axes_ : ndarray of shape (n_features, n_features)
        The principal axes, one in each column, by falling variance.
    variances_ : ndarray of shape (n_features,)
        The variance of each axis.
    scales_ : ndarray of shape (n_features,)
        The factor of each axis. An axis without variance gets the factor of the smallest variance
        above rounding; if no column varies, all are 1.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    Mean and covariance come from sums over the rows in float64, about 8 d² bytes, to which
    `partial_fit` adds. The shrinkage of Ledoit and Wolf also needs the sum of the fourth powers of
    the rows' lengths, which is exact too.

    References
    ----------
    Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices,
    equation 14. Müller and Hein (2025), Mahalanobis++: improving OOD detection via feature
    normalization (``length_power=1``).

    Examples
    --------
    >>> import numpy as np
    >>> from skood import PartialWhitener
    >>> X = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 16.0]
    >>> PartialWhitener(0.5, covariance="empirical").fit_transform(X).std(axis=0).round(1)
    array([4., 1.])
    """

    def __init__(
        self,
        power: float = 0.5,
        *,
        length_power: float = 0.0,
        covariance: str = "ledoit_wolf",
    ) -> None:
        self.power = power
        self.length_power = length_power
        self.covariance = covariance

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn mean and principal axes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows, at least 2. Rows on disk (a memory map, a Zarr array, the result of
            `skood.open_rows`) are read block by block.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        self._check_parameters()
        X = check_training_rows(self, X, stored=True)
        self._moments = self._moments_of(X)
        return self._set_axes()

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add training rows: mean and axes equal those of `fit` on all rows so far.

        They are equal up to rounding. A row that was transformed before the call has other axes
        than a row after it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows, at least 2 in the first call.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        if not hasattr(self, "_moments"):
            return self.fit(X, y)
        self._check_parameters()
        X = check_new_rows(self, X, stored=True)
        self._moments = self._moments.merged(self._moments_of(X))
        return self._set_axes()

    def _plan_sums(self, head: Any, sizes: Sequence[int], y: Any) -> SumsPlan:  # noqa: ARG002
        self._check_parameters()
        check_training_rows(self, head, min_samples=1)

        def finish(moments: RowMoments) -> None:
            self._moments = moments
            self._set_axes()

        return SumsPlan(_moments_of_part, [(clone(self),)] * len(sizes), finish)

    def _check_parameters(self) -> None:
        check_float(self, "power", self.power, "[0, 1]")
        check_float(self, "length_power", self.length_power, "[0, 1]")
        check_option(self, "covariance", self.covariance, RULES)

    def _moments_of(self, X: NDArray[Any]) -> RowMoments:
        return moments_of_rows(X if self.length_power == 0 else _DividedRows(X, self.length_power))

    def _set_axes(self) -> Self:
        moments = self._moments
        unit = float(moments.scale[moments.varying].max()) if moments.varying.any() else 1.0
        scaled = moments.in_scale(np.full_like(moments.scale, unit))
        covariance, _ = shrunk_covariance(scaled, self.covariance)
        variances, axes = np.linalg.eigh(covariance)
        variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1]
        floor = len(variances) * np.finfo(np.float64).eps * variances[0]
        held = np.maximum(variances, floor) if floor > 0 else np.ones_like(variances)
        self.mean_ = moments.mean
        self.axes_ = _with_fixed_signs(axes)
        self.scales_ = held ** (-self.power / 2) * unit**-self.power
        self.variances_ = variances * unit**2
        self._n_features_out = len(variances)
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Map rows to the scaled axes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows on the scaled axes; float32 for float32 rows, else float64. A row is the same
            to the last bit in any batch.
        """
        check_is_fitted(self)
        X = check_new_rows(self, X, stored=True)
        out = np.empty(X.shape, dtype=X.dtype)
        # The BLAS rounds a row otherwise in a batch of another size, and a detector would not
        # recognise a training row. So each product has the same shape.
        block = np.zeros((_ROWS, X.shape[1]))
        for part in slices(len(X), _ROWS):
            rows = _divided(X[part], self.length_power)
            np.subtract(rows, self.mean_, out=block[: len(rows)])
            block[len(rows) :] = 0.0
            out[part] = ((block @ self.axes_) * self.scales_)[: len(rows)]
        return out

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Map rows on the scaled axes back to their columns.

        With ``length_power=1`` their lengths are lost: they come back with the length 1.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows as `transform` gives them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows in the unit of the training rows.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=[np.float64, np.float32])
        rows = (X / self.scales_) @ self.axes_.T + self.mean_
        if 0 < self.length_power < 1:  # a length l came out as l^(1 - a)
            rows = _divided(rows, -self.length_power / (1.0 - self.length_power))
        return rows.astype(X.dtype)

    @property
    def _linear_map(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Matrices that map differences of rows to the scaled axes, and back.

        The rows are already divided by a power of their length.
        """
        return self.axes_ * self.scales_, (self.axes_ / self.scales_).T

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class _DividedRows:
    """Rows divided by a power of their lengths, as they are read."""

    def __init__(self, rows: NDArray[Any], power: float) -> None:
        self.shape = rows.shape
        self._rows, self._power = rows, power

    def __getitem__(self, part: slice) -> NDArray[np.float64]:
        return _divided(self._rows[part], self._power)


def _divided(rows: NDArray[Any], power: float) -> NDArray[Any]:
    """Rows divided by a power of their lengths, in float64; unchanged for the power 0."""
    if power == 0:
        return rows
    lengths = row_norms(rows)
    return rows / np.where(lengths > 0, lengths, 1.0)[:, np.newaxis] ** power


def _with_fixed_signs(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes whose largest entry is positive: the sign of an eigenvector depends on the library."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[np.newaxis], axis=0)
    return axes * np.where(largest < 0, -1.0, 1.0)


def _moments_of_part(X: Any, whitener: PartialWhitener) -> RowMoments:
    whitener = clone(whitener)
    return whitener._moments_of(check_training_rows(whitener, X, min_samples=1))
