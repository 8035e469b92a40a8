"""A Pipeline whose threshold comes from rows that no step of it has seen."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    check_float,
    check_int,
    count_rows,
    last_step,
    parameter_error,
    random_generator,
    select_fit_params,
)
from ..explanation import Explanation, explain
from ..measures.threshold import contamination_threshold
from ..measures.ties import below_ties
from ._calibration_rows import OverFolds, check_steps, learns_from_labels, settled
from ._float_types import KeepsFloatType
from ._odd_rows import odd_rows
from ._rows_behind import RowsBehindSteps, without_last
from ._ruled_columns import warn_of_ruled_columns
from .cross_fit import CrossFitted, FoldRows, ReferenceOf, RowsInReach, cross_fit, learning_step
from .folds import folds_of

_FEWEST_SCORES = 500  # that set a threshold after batches, if there are as many


def _takes_more(pipeline: OutlierPipeline) -> bool:
    return not pipeline.trim and all(
        isinstance(step, FrozenEstimator) or hasattr(step, "partial_fit")
        for _, _, step in pipeline._iter()
    )


class OutlierPipeline(KeepsFloatType, OverFolds, OODDetectorMixin, Pipeline):
    """A Pipeline of transformers and a detector, with a threshold that holds for new rows.

    A step that learns from the training rows makes them look more typical than new rows. A
    whitening of 100 rows with 768 columns, for instance, puts all 100 rows at one distance from
    each other, and new rows further away. So a threshold on training scores flags far more new rows
    than it promises. Here the threshold comes from out-of-fold scores: for each fold, a clone of
    the whole Pipeline is fitted to the other rows and scores the fold. The final fit takes all
    rows.

    Parameters
    ----------
    steps : list of (str, estimator) tuples
        As in scikit-learn's Pipeline: transformers, then a detector with `score_samples`.
    n_folds : int or None, default=None
        Number of folds. None: 10 for fewer than 2,000 rows, else 5. The steps are fitted once for
        each fold, once without two folds, and once to all rows: with 5 folds seven times in place
        of once.
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows. It
        bounds the cost of scoring; the fits of the folds take all other rows.
    contamination : float or None, default=None
        Share of the out-of-fold scores that lies below the threshold, in (0, 0.5]. None: the
        `contamination` of the last step.
    trim : float, default=0.0
        Share of the training rows that all fits leave out, in [0, 0.5]: the least typical by the
        inputs of the last step, as in `TrimmedOutlierDetector`. The other steps are fitted once
        more for it.
    random_state : int, RandomState instance or None, default=None
        Draws the folds and these rows.
    memory : str or object with the joblib.Memory interface, default=None
        As in scikit-learn's Pipeline.
    verbose : bool, default=False
        As in scikit-learn's Pipeline.

    Attributes
    ----------
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Out-of-fold scores of the training rows that set the threshold.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    trimmed_indices_ : ndarray of shape (n_trimmed,)
        Positions of the rows left out by `trim`, ascending.
    n_samples_fit_ : int
        Number of rows given to `fit` and `partial_fit`.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of features, if the first step has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the first step has them.

    Notes
    -----
    The fit of a fold has fewer rows than the final fit, so its scores differ slightly. From 4 folds
    on, one more fit without two folds measures the difference, which is added to the scores.

    The last step gets the threshold too: ``pipeline[-1].offset_`` is the threshold of the Pipeline.
    For an `LCPOutlierDetector` with ``locality > 0``, the LCP of the neighbours comes from fits
    without them, and for an out-of-fold score also without the row: then the last step is fitted
    once more for each pair of folds, and scores differ from those of a plain Pipeline. If all
    labels in y are +1 or -1, only the rows of +1 are training rows, unless the last step needs the
    others. A slice, such as ``pipeline[:-1]``, is a plain Pipeline.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector, OutlierPipeline, PartialWhitener
    >>> steps = [("whiten", PartialWhitener(1.0)), ("detect", KNNOutlierDetector())]
    >>> rng = np.random.default_rng(0)
    >>> X, new = rng.normal(size=(100, 768)), rng.normal(size=(1000, 768))
    >>> detector = OutlierPipeline(steps, random_state=0).fit(X)
    >>> bool(0.03 < (detector.predict(new) == -1).mean() < 0.07)
    True
    >>> from sklearn.pipeline import Pipeline
    >>> bool((Pipeline(steps).fit(X).predict(new) == -1).mean() > 0.9)  # 0.05 is promised
    True
    """

    transform_input = None  # read by scikit-learn's Pipeline, and no parameter of this one

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        n_folds: int | None = None,
        threshold_samples: int | None = 10_000,
        contamination: float | None = None,
        trim: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
        memory: Any = None,
        verbose: bool = False,
    ) -> None:
        self.steps = steps
        self.n_folds = n_folds
        self.threshold_samples = threshold_samples
        self.contamination = contamination
        self.trim = trim
        self.random_state = random_state
        self.memory = memory
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, groups: Any = None, **params: Any) -> Self:
        """Fit all steps to all rows, and set the threshold by out-of-fold scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the first step takes
            In-distribution rows, at least 3. Rows on disk stay there where the steps read them
            block by block.
        y : array-like of shape (n_samples,), default=None
            Class labels. Each class is divided evenly among the folds. If all labels are +1 or -1,
            the rows of +1 are the training rows.
        groups : array-like of shape (n_samples,), default=None
            Rows with the same entry, such as the frames of one video, stay in one fold.
        **params : dict
            Arguments for the `fit` of steps, as scikit-learn's Pipeline takes them.

        Returns
        -------
        self : object
            The fitted Pipeline.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid.
        """
        self._check_parameters()
        given, n_given = X, count_rows(X)
        inside, X, y, groups = self._training_rows(X, y, groups)
        if len(inside) < n_given:
            params = select_fit_params(given, params, inside)
        rows, odd = RowsInReach(X, y, params), np.empty(0, dtype=np.intp)
        if self.trim:
            odd = odd_rows(self, X, y, params)
        kept = np.setdiff1d(np.arange(len(inside)), odd, assume_unique=True)
        X_kept, y_kept, params = rows.arguments(kept) if len(odd) else (X, y, params)
        self._fit_steps(X_kept, y_kept, params)
        warn_of_ruled_columns(self, X_kept)
        self._cross_fit(rows, inside, y, groups, kept)
        self.trimmed_indices_ = inside[odd]
        self.n_samples_fit_ = n_given
        return self

    def fit_over(self, rows: FoldRows, n_samples: int, y: Any = None) -> Self:
        """Fit to rows that this process need not hold, as `DaskOutlierDetector` does.

        Parameters
        ----------
        rows : FoldRows
            The rows, all of them training rows.
        n_samples : int
            Their number.
        y : array-like of shape (n_samples,), default=None
            Class labels.

        Returns
        -------
        self : object
            The fitted Pipeline.
        """
        self._check_parameters()
        everything = np.arange(n_samples)
        rows.fitted(self._fitted_alone(), everything)
        self._cross_fit(rows, everything, y, None, everything)
        self.trimmed_indices_ = everything[:0]
        self.n_samples_fit_ = n_samples
        return self

    @available_if(_takes_more)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Score a batch of new training rows, then learn it.

        The batch is scored before any step has seen it, and its scores help to set the threshold.
        The newest scores are kept: those of the newer half of all rows, at least 500, and at most
        `threshold_samples`. Then the `partial_fit` of each step learns the batch. Earlier rows keep
        the features that the steps gave them at their time. The first batch is a `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the first step takes
            In-distribution rows. A later batch must not hold rows of the groups of an earlier
            batch: their scores would be too high.
        y : array-like of shape (n_samples,), default=None
            Class labels, in every call or in none.

        Returns
        -------
        self : object
            The fitted Pipeline.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid.
        """
        if not hasattr(self, "n_samples_fit_"):
            return self.fit(X, y)
        self._check_parameters()
        n_given = count_rows(X)
        inside, X, y, _ = self._training_rows(X, y, None)
        scores = np.concatenate([self.training_scores_, self.score_samples(X)])
        rows = np.concatenate([self.training_indices_, self.n_samples_fit_ + inside])
        reference = self._reference
        if reference is not None:
            reference = np.concatenate([reference, ReferenceOf(self)(X)])
        self._take_in(X, y)
        self.n_samples_fit_ += n_given
        n_kept = max(int(np.sum(rows >= self.n_samples_fit_ / 2)), _FEWEST_SCORES)
        # fits on fewer rows have given lower scores
        newest = slice(-min(n_kept, self.threshold_samples or n_kept), None)
        self._adopt(CrossFitted(scores[newest], rows[newest], [], reference, 0.0), rows[newest])
        return self

    @available_if(lambda self: hasattr(last_step(self), "explain"))
    def explain(self, X: Any) -> Explanation:
        """Explain scores, as `skood.explain` does.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the first step takes
            The rows to explain.

        Returns
        -------
        Explanation
            Scores, shares, names of the features, neighbours.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        check_is_fitted(self)
        return explain(self, X)

    def __getitem__(self, ind: Any) -> Any:
        if isinstance(ind, slice):
            return Pipeline(self.steps, memory=self.memory, verbose=self.verbose)[ind]
        return super().__getitem__(ind)

    def _check_parameters(self) -> None:
        check_steps(self)
        check_int(self, "n_folds", self.n_folds, 2, or_none=True)
        check_int(self, "threshold_samples", self.threshold_samples, 2, or_none=True)
        check_float(self, "trim", self.trim, "[0, 0.5]")
        random_generator(self)
        if self.contamination is not None:
            check_float(self, "contamination", self.contamination, "(0, 0.5]")
        if isinstance(self._contamination(), (str, type(None))):
            allowed = "a float in (0, 0.5], since the last step has none"
            raise parameter_error(self, "contamination", allowed, self.contamination)

    def _fits_members(self) -> bool:
        """Whether the last step is an ensemble, whose members share the folds of the Pipeline."""
        return hasattr(self.steps[-1][1], "_fit_last")

    def _fitted_alone(self) -> Pipeline:
        """The steps that are fitted to all rows before the folds."""
        return without_last(self) if self._fits_members() else Pipeline(self.steps)

    def _fit_steps(self, X: Any, y: Any, params: dict[str, Any]) -> None:
        """Fit the steps to all training rows, except an ensemble at the end."""
        if not self._fits_members():
            super().fit(X, y, **params)
            return
        if params:
            raise ValueError(
                "OutlierPipeline takes no arguments for the fit of its steps where the last step "
                f"is an ensemble. Got {', '.join(params)} instead."
            )
        self._remember_float_type(X)
        self.steps = [*without_last(self).fit(X, y).steps[:-1], self.steps[-1]]

    def _contamination(self) -> Any:
        own, last = self.contamination, self.steps[-1][1]
        if own is None and isinstance(last, OutlierPipeline):
            own = last._contamination()
        return getattr(last_step(self), "contamination", None) if own is None else own

    def _take_in(self, X: Any, y: Any) -> None:
        """Let each step learn from more rows."""
        steps = [step for _, _, step in self._iter()]
        for step in steps[:-1]:
            X = (step if isinstance(step, FrozenEstimator) else step.partial_fit(X, y)).transform(X)
        if not isinstance(steps[-1], FrozenEstimator):
            with warnings.catch_warnings():  # the Pipeline has the scores of all rows
                warnings.filterwarnings("ignore", r"\w+ was fitted by fit, which keeps no rows")
                steps[-1].partial_fit(X, y)

    def _cross_fit(
        self,
        rows: FoldRows,
        inside: NDArray[np.intp],
        y: Any,
        groups: Any,
        fit_rows: NDArray[np.intp],
    ) -> None:
        """Set the threshold by out-of-fold scores of the training rows."""
        n_samples = len(inside)
        kept = self._threshold_positions(n_samples, y)
        folds = folds_of(n_samples, y, groups, self.n_folds, random_generator(self))
        if self._fits_members():
            self._reference: NDArray[np.float64] | None = None
            behind = RowsBehindSteps(rows, self, fit_rows)
            scores = self.steps[-1][1]._fit_last(behind, folds, kept, fit_rows, y)
            self._set_threshold(inside[kept], scores)
            return
        with warnings.catch_warnings():
            # the fit on all rows has warned, and of its own rows
            warnings.simplefilter("ignore", UserWarning)
            found = cross_fit(
                self._plain(), rows, folds, score_rows=kept, fit_rows=fit_rows, measure_drift=True
            )
        self._adopt(found, inside[found.rows])

    def _plain(self) -> Pipeline:
        """The same steps without a threshold of the whole, also where the last is a Pipeline."""
        *transformers, (name, last) = settled(self.steps)
        if isinstance(last, OutlierPipeline) and not last.trim:
            last = last._plain()
        return Pipeline([*transformers, (name, last)], memory=self.memory)

    def _adopt(self, found: CrossFitted, rows: NDArray[np.intp]) -> None:
        """Take the threshold, and the reference of the last step, from the fits of the folds."""
        self._reference = found.reference
        if found.reference is not None:
            learning_step(self).replace_reference(found.reference)
        self._set_threshold(rows, found.scores + found.drift)

    def _set_threshold(self, rows: NDArray[np.intp], scores: NDArray[np.float64]) -> None:
        """Set the threshold here and in the last step."""
        self.training_indices_ = rows
        self.training_scores_ = scores
        self.offset_ = below_ties(contamination_threshold(scores, self._contamination()), scores)
        last = learning_step(self)
        if isinstance(last, OODDetectorMixin):
            last.training_indices_, last.training_scores_ = rows, scores
            last.offset_ = self.offset_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = bool(self.steps) and learns_from_labels(self)
        return tags
