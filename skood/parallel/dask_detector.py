"""Any detector over Dask arrays and data frames."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._validation import parameter_error
from ._cluster import SharedState
from ._fit import fit_over_dask
from ._rows import is_array, is_frame
from ._score_blocks import map_rows
from ._score_shards import OverShards, over_shards


def _has(method: str) -> Any:
    def check(self: DaskOutlierDetector) -> bool:
        getattr(getattr(self, "detector_", self.detector), method)
        return True

    return check


class DaskOutlierDetector(OutlierMixin, BaseEstimator):
    """Any detector over Dask arrays and data frames, chunk by chunk.

    Scores, decisions and p-values of a Dask collection are lazy Dask collections. As the score of a
    row does not depend on the rows beside it, they are those of the rows in memory, whatever the
    chunks are. The fitted detector travels to each worker once.

    Parameters
    ----------
    detector : estimator
        A detector, or a Pipeline that ends in one, fitted or not; it is not changed. One that is
        fitted can score at once. `fit` fits a clone.

    Attributes
    ----------
    detector_ : estimator
        The fitted detector, once `fit` was called.
    """

    def __init__(self, detector: Any) -> None:
        self.detector = detector

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a clone of the detector.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or whatever the detector takes
            In-distribution rows, (n_samples, n_features).
        y : array-like of shape (n_samples,), optional
            Class labels.

        Returns
        -------
        self : object
            The fitted detector.
        """
        self._check_detector()
        if is_array(X) or is_frame(X):
            self.detector_ = fit_over_dask(clone(self.detector), X, y)
        else:
            self.detector_ = clone(self.detector).fit(X, y)
        return self

    def score_samples(self, X: Any) -> Any:
        """Score rows."""
        return self._map(X, "score_samples")

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Score above the threshold."""
        return self._map(X, "decision_function")

    @available_if(_has("predict"))
    def predict(self, X: Any) -> Any:
        """Decide whether each row comes from the training distribution."""
        return self._map(X, "predict")

    @available_if(_has("p_values"))
    def p_values(self, X: Any, *, random_ties: bool = True) -> Any:
        """Probability of a score that low or lower, for an in-distribution row."""
        return self._map(X, "p_values", random_ties=random_ties)

    def _map(self, X: Any, method: str, **options: Any) -> Any:
        fitted = self._fitted()
        if not (is_array(X) or is_frame(X)):
            return getattr(fitted, method)(X, **options)
        shared = self._shared(fitted)
        if isinstance(shared, OverShards):
            return shared.map_rows(X, method, options)
        return map_rows(X, shared.delayed(), method, options)

    def _fitted(self) -> Any:
        if hasattr(self, "detector_"):
            return self.detector_
        self._check_detector()
        check_is_fitted(self.detector)
        return self.detector

    def _shared(self, fitted: Any) -> SharedState | OverShards:
        """What travels to the workers; made once, unless the detector is another now."""
        known = getattr(self, "_travelling", None)
        if known is None or known[0] is not fitted:
            self._travelling = known = fitted, over_shards(fitted) or SharedState(fitted)
        return known[1]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_travelling", None)
        return state

    def _check_detector(self) -> None:
        if isinstance(self.detector, type) or not hasattr(self.detector, "score_samples"):
            raise parameter_error(
                self, "detector", "an estimator with `score_samples`", self.detector
            )
