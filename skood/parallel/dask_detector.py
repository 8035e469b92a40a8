"""Any detector over Dask arrays and data frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._validation import adopt_columns, last_step, parameter_error
from ._cluster import SharedState
from ._false_discoveries import decide_together
from ._fit import fit_over_dask
from ._rows import is_array, is_frame
from ._score_blocks import call, map_rows
from ._score_shards import OverShards, over_shards

_OF_LAST_STEP = ("classes_", "offset_", "training_scores_", "training_indices_")


def _detector_has(method: str) -> Callable[[Any], bool]:
    def check(self: DaskOutlierDetector) -> bool:
        getattr(last_step(getattr(self, "detector_", self.detector)), method)
        return True

    return check


class DaskOutlierDetector(OutlierMixin, BaseEstimator):
    """Any detector over Dask arrays and data frames, chunk by chunk.

    Scores, decisions and p-values of a Dask collection are lazy Dask collections. The score of a
    row does not depend on the rows beside it, so they equal those of the rows in memory, for any
    chunks. For rows in memory they are arrays, computed at once.

    Parameters
    ----------
    detector : estimator
        A detector with `score_samples`, or a Pipeline that ends in one; it is not changed. A fitted
        detector can score at once; `fit` fits a clone of it.

    Attributes
    ----------
    detector_ : estimator
        The fitted detector, once `fit` was called.
    offset_ : float
        The threshold of the detector, if it has one. `training_scores_`, `training_indices_` and
        `classes_` are taken from the detector too.
    n_features_in_ : int
        Number of features, if the detector has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the detector has them.

    Notes
    -----
    **Scoring.** With a distributed client, the first result sends the fitted detector to the
    cluster, once. In a computation the detector travels to each worker once, for any number of
    chunks. Between computations Dask keeps one copy and may drop the others. A torch module in a
    Pipeline travels too, and takes each chunk in batches of its own ``batch_size``. If a worker is
    lost, Dask replaces it and scores its chunks again. Like everything that Dask persists, a result
    belongs to the client that was active when the result was made.

    If the training rows of a neighbour detector lie in a `ShardedIndex`, the graph combines each
    chunk with all shards. This also holds in Pipelines and below a `ConformalOutlierDetector`.

    **Fitting.** The kind of each step of a Pipeline decides how it is fitted:

    - neighbour detectors and `KernelDensityOutlierDetector` with ``algorithm=ShardedIndex(...)``:
      the rows stay on the workers;
    - `MahalanobisOutlierDetector` (not "mincovdet") and `PartialWhitener`: sums over each chunk,
      which are added up;
    - scikit-learn's ``StandardScaler``, ``MinMaxScaler`` and ``MaxAbsScaler``: their
      ``partial_fit``, chunk by chunk;
    - `TorchFeatureTransformer`, which learns only shapes: the first chunk;
    - **all others: all rows come into this process**, which fits the step, or raises an error if
      its memory cannot hold the rows.

    A Pipeline passes over the rows once or twice for each step: persist the rows if they fit.

    An `OutlierPipeline` and each member of an `OutlierEnsemble` are fitted in this way for each
    fold too. Rows that set a threshold come into this process part by part, and with
    ``locality > 0`` of `LCPOutlierDetector` all rows do.

    A `ConformalOutlierDetector` with ``control="fdr"`` decides over all rows of the collection
    together, so any prediction needs all p-values.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> from skood.parallel import DaskOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> detector = DaskOutlierDetector(KNNOutlierDetector().fit(X))
    >>> new = da.from_array(np.array([[0.0, 0.0], [6.0, 6.0], [0.5, 0.1]]), chunks=(1, 2))
    >>> detector.predict(new)
    dask.array<_of_chunk, shape=(3,), dtype=int64, chunksize=(1,), chunktype=numpy.ndarray>
    >>> detector.predict(new).compute()
    array([ 1, -1,  1])
    """

    def __init__(self, detector: Any) -> None:
        self.detector = detector

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a clone of the detector.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or whatever the detector takes
            In-distribution rows, (n_samples, n_features). Each chunk of an array must have a known
            number of rows.
        y : array-like of shape (n_samples,), optional
            Class labels. `fit` computes a Dask collection of labels.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If a parameter or X is not valid. An error about a partition names it.
        MemoryError
            If the memory of the workers, or of this process, cannot hold the rows.
        RuntimeError
            If the cluster has no workers.
        """
        self._check_detector()
        detector = clone(self.detector)
        if is_array(X) or is_frame(X):
            self.detector_ = fit_over_dask(detector, X, y)
        else:
            self.detector_ = detector.fit(X, y)
        adopt_columns(self, self.detector_)
        final = last_step(self.detector_)
        for name in _OF_LAST_STEP:
            if hasattr(final, name):
                setattr(self, name, getattr(final, name))
            elif hasattr(self, name):
                delattr(self, name)
        return self

    def score_samples(self, X: Any) -> Any:
        """Score rows by the detector.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or whatever the detector takes
            The rows to score.

        Returns
        -------
        dask.array.Array, dask.dataframe.Series or ndarray, of shape (n_samples,)
            Higher = more in-distribution. Like all results, it has the chunks of an array, or the
            index and divisions of a frame.

        Raises
        ------
        ValueError
            If a chunk of an array is empty, or has an unknown number of rows. During the
            computation, if a partition is not valid: the error names it.
        RuntimeError
            If the cluster has no workers.
        """
        return self._map(X, "score_samples")

    @available_if(_detector_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Score above the threshold.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or whatever the detector takes
            The rows to decide on.

        Returns
        -------
        dask.array.Array, dask.dataframe.Series or ndarray, of shape (n_samples,)
            Negative = out-of-distribution.
        """
        return self._map(X, "decision_function")

    @available_if(_detector_has("predict"))
    def predict(self, X: Any) -> Any:
        """Decide whether each row comes from the training distribution.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or whatever the detector takes
            The rows to decide on.

        Returns
        -------
        dask.array.Array, dask.dataframe.Series or ndarray, of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution.
        """
        final = last_step(self._fitted())
        control = getattr(final, "control", None)
        if control == "fdr-e" and (is_array(X) or is_frame(X)):
            raise ValueError(
                "DaskOutlierDetector can't decide by control='fdr-e' over the chunks of a "
                "collection. Use control='fdr', or predict the rows in memory."
            )
        if control == "fdr" and (is_array(X) or is_frame(X)):
            return decide_together(self._map(X, "p_values", random_ties=False), final.alpha)
        return self._map(X, "predict")

    @available_if(_detector_has("p_values"))
    def p_values(self, X: Any, *, random_ties: bool = True) -> Any:
        """Probability that an in-distribution row has this score or a lower one.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or whatever the detector takes
            The rows to test.
        random_ties : bool, default=True
            As in `ConformalOutlierDetector.p_values`.

        Returns
        -------
        dask.array.Array, dask.dataframe.Series or ndarray, of shape (n_samples,)
            Increasing with the score.
        """
        return self._map(X, "p_values", random_ties=random_ties)

    def _map(self, X: Any, method: str, **options: Any) -> Any:
        fitted = self._fitted()
        if not (is_array(X) or is_frame(X)):
            return call(fitted, method, X, options)
        travelling = self._travelling_with(fitted)
        if isinstance(travelling, OverShards):
            return travelling.map_rows(X, method, options)
        return map_rows(X, travelling.delayed(), method, options)

    def _fitted(self) -> Any:
        if hasattr(self, "detector_"):
            return self.detector_
        self._check_detector()
        check_is_fitted(self.detector)
        return self.detector

    def _travelling_with(self, fitted: Any) -> SharedState | OverShards:
        """The state to send to the workers; made once for each fitted detector."""
        known = getattr(self, "_travelling", None)
        if known is None or known[0] is not fitted:
            self._travelling = known = fitted, over_shards(fitted) or SharedState(fitted)
        return known[1]

    def _check_detector(self) -> None:
        value = self.detector
        if isinstance(value, type) or not hasattr(value, "score_samples"):
            raise parameter_error(self, "detector", "an estimator with `score_samples`", value)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_travelling", None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        try:
            self._fitted()
        except (ValueError, AttributeError):
            return False
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.detector, "__sklearn_tags__"):
            inner = get_tags(self.detector)
            tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        return tags
