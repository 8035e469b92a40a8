"""Several detectors or Pipelines, with one joint score."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    BaseComposition,
    adopt_columns,
    check_int,
    check_n_jobs,
    check_option,
    last_step,
    random_generator,
)
from ..explanation import Explanation
from ..layers.weights import SwappedCells, check_weights, structure_weights
from ..rows.threads import in_threads
from ._calibration_rows import OverFolds, learns_from_labels
from ._combined_scores import COMBINE, combined
from ._ensemble_checks import check_members
from ._ensemble_members import EnsembleMember, each_warning_once, explained, values_of
from .cross_fit import FoldRows, RowsInReach
from .folds import folds_of


def _explains(ensemble: OutlierEnsemble) -> bool:
    return all(hasattr(last_step(estimator), "explain") for _, estimator in ensemble.estimators)


def _swapped_scores(member: EnsembleMember, swap: SwappedCells, X: Any) -> NDArray[np.float64]:
    return member.scores(swap.of(X))


class OutlierEnsemble(OverFolds, OODDetectorMixin, BaseComposition):
    r"""Several out-of-distribution detectors, with one joint score.

    No measure and no scaling is best for all data: standardised columns keep the distances of heavy
    tails, quantiles ignore them, and whitening shows rows that correlations hide. An ensemble needs
    no out-of-distribution rows. It standardises the score :math:`s_m` of each member by the
    member's out-of-fold scores of the training rows,

    .. math:: z_m(x) = \frac{v_m(x) - \mu_m}{\sigma_m}, \qquad
        v_m(x) = -\log(\epsilon_m - s_m(x)),

    if :math:`-s_m` is a distance, as in `LayerEnsemble`; logarithms and scores of other packages
    are standardised unchanged. Scores of rows that a member has seen would be too high, above all
    after a whitening. So each member is also fitted once for each fold, and the threshold comes
    from the combined out-of-fold scores.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        Detectors with `score_samples`, higher for in-distribution rows, or Pipelines that end in
        one; not changed. Each gets all columns. The ensemble takes the steps of an
        `OutlierPipeline`, and sets the threshold itself.
    combine : {"max", "sum", "softmax", "p_value"}, default="max"
        "max": the score of the member with the most evidence against the row, :math:`\min_m w_m
        z_m`. "sum": :math:`\sum_m w_m z_m`. "softmax": between both, :math:`-\log \sum_m w_m
        e^{-z_m}`. "p_value": the logarithm of the Cauchy combination of p-values, which are ranks
        of scores among the member's out-of-fold scores; all rows that score below all training rows
        have the same p-value.
    weights : array-like of shape (n_estimators,), "auto" or None, default=None
        Positive weights :math:`w_m`. "auto": the weight is twice the AUROC minus 1, at least 0.01,
        with which a member separates training rows from training rows with a fifth of their cells
        swapped; X must be an array of two dimensions or a data frame. None: 1 for each.
    n_folds : int or None, default=None
        Number of folds. None: 10 for fewer than 2,000 rows, else 5.
    threshold_samples : int or None, default=10_000
        Largest number of training rows with out-of-fold scores, drawn at random. None: all rows.
    contamination : float, default=0.05
        Share of the out-of-fold scores that lies below the threshold, in (0, 0.5].
    random_state : int, RandomState instance or None, default=None
        Draws the folds and these rows.
    n_jobs : int or None, default=None
        Number of members at a time, in threads. None means 1, -1 one for each processor that the
        process may use.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted members. Their own thresholds come from their out-of-fold scores.
    named_estimators_ : Bunch
        The fitted members by name.
    weights_ : ndarray of shape (n_estimators,)
        The weights used.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Out-of-fold scores of the training rows that set the threshold.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of features, if the first member has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the first member has them.

    See Also
    --------
    LayerEnsemble : The same detector on each of several groups of columns.

    Notes
    -----
    `fit` takes as long as the fits of all members, times the number of folds plus two. As the last
    step of an `OutlierPipeline`, the ensemble shares the transformers and folds of the Pipeline,
    whose `n_folds` and `threshold_samples` apply.

    References
    ----------
    Kriegel et al. (2011), Interpreting and unifying outlier scores, section 3: scores brought to
    one scale. Liu and Xie (2020), Cauchy combination test, equation 3, for "p_value".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skood import LCPOutlierDetector, OutlierEnsemble, PartialWhitener
    >>> from skood import make_outlier_pipeline
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 1)) + 0.05 * rng.normal(size=(300, 2))  # correlated columns
    >>> plain = make_outlier_pipeline(StandardScaler(), LCPOutlierDetector())
    >>> white = make_outlier_pipeline(PartialWhitener(1.0), LCPOutlierDetector())
    >>> ensemble = OutlierEnsemble([("plain", plain), ("white", white)], random_state=0).fit(X)
    >>> ensemble.predict([[0.5, 0.5], [0.5, 0.0], [4.0, 4.0]])
    array([ 1, -1, -1])
    >>> ensemble.member_scores([[0.5, 0.0]]).round()  # the second member decides
    array([[-3., -4.]])
    """

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        *,
        combine: str = "max",
        weights: Sequence[float] | str | None = None,
        n_folds: int | None = None,
        threshold_samples: int | None = 10_000,
        contamination: float = 0.05,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimators = estimators
        self.combine = combine
        self.weights = weights
        self.n_folds = n_folds
        self.threshold_samples = threshold_samples
        self.contamination = contamination
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Fit all members to all rows, and set scales and threshold by out-of-fold scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the members take
            In-distribution rows, at least 3.
        y : array-like of shape (n_samples,), default=None
            Class labels, which the members get. Each class is divided evenly among the folds. If
            all labels are +1 or -1, the rows of +1 are the training rows.
        groups : array-like of shape (n_samples,), default=None
            Rows with the same entry, such as the frames of one video, stay in one fold.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, or if the scores of training rows are not
            finite.
        """
        self._check_parameters()
        inside, X, y, groups = self._training_rows(X, y, groups)
        self._fit(RowsInReach(X, y, {}), len(inside), y, groups)
        self.training_indices_ = inside[self.training_indices_]
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
            The fitted ensemble.
        """
        self._check_parameters()
        self._fit(rows, n_samples, y, None)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by all members together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the members take
            The rows to score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid for a member.
        """
        check_is_fitted(self)
        return self._combined(self._scores(X))

    def member_scores(self, X: Any) -> NDArray[np.float64]:
        """Score rows by each member.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the members take
            The rows to score.

        Returns
        -------
        ndarray of shape (n_samples, n_estimators)
            The standardised scores: higher = more in-distribution, 0 for the mean of the training
            rows, in their standard deviations.

        Raises
        ------
        ValueError
            If X is not valid for a member.
        """
        check_is_fitted(self)
        return values_of(self._members, self._scores(X), "sum")

    @available_if(_explains)
    def explain(self, X: Any) -> Explanation:
        """Explain scores: the shares of each member and of its features.

        With "max" the deciding member has the whole share. The features of a member divide its
        share in proportion to their shares in the member's own score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the members take
            The rows to explain.

        Returns
        -------
        Explanation
            ``scores == -shares.sum(axis=1)``. ``by_group()`` has the shares of the members, and
            `layers` explains the score of each with its neighbours; `neighbors` and `expected` are
            those of the first. If two members have different features, the members take the place
            of the features.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        check_is_fitted(self)
        return explained(self._members, X, self.combine, self.weights_)

    @property
    def estimators_(self) -> list[Any]:
        """The fitted members."""
        return [member.estimator for member in self._members]

    @property
    def named_estimators_(self) -> Bunch:
        """The fitted members by name."""
        return Bunch(**{member.name: member.estimator for member in self._members})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, with the parameters of members as ``name__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Whether the members and their parameters are included.

        Returns
        -------
        dict
            Values by name.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, members by their names, and their parameters.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : object
            This ensemble.
        """
        self._set_params("estimators", **params)
        return self

    def _fit(self, rows: FoldRows, n_samples: int, y: Any, groups: Any) -> None:
        kept = self._threshold_positions(n_samples, y)
        labels = self._store_classes(y, n_samples)
        folds = folds_of(n_samples, labels, groups, self.n_folds, random_generator(self))
        self._set_threshold(kept, self._fit_members(rows, folds, kept, np.arange(n_samples)))

    def _fit_members(
        self,
        rows: FoldRows,
        folds: Sequence[NDArray[np.intp]],
        kept: NDArray[np.intp],
        fit_rows: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """Fit the members to `fit_rows`; the out-of-fold scores of the rows `kept`."""
        tasks = [(name, clone(one), rows, folds, kept, fit_rows) for name, one in self.estimators]
        with each_warning_once():
            fitted = in_threads(EnsembleMember.fit, tasks, self.n_jobs)
        self._members = [member for member, _ in fitted]
        self.weights_ = self._weights(rows, kept, [scores for _, scores in fitted])
        adopt_columns(self, self.estimators_[0])
        return self._combined([scores for _, scores in fitted])

    def _fit_last(
        self,
        rows: FoldRows,
        folds: Sequence[NDArray[np.intp]],
        kept: NDArray[np.intp],
        fit_rows: NDArray[np.intp],
        y: Any,
    ) -> NDArray[np.float64]:
        """Fit as the last step of an `OutlierPipeline`, which draws the folds."""
        self._check_parameters()
        self._store_classes(y, sum(map(len, folds)))
        return self._fit_members(rows, folds, kept, fit_rows)

    def _weights(
        self, rows: FoldRows, kept: NDArray[np.intp], scores: list[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        if not isinstance(self.weights, str):
            given = np.ones(len(scores)) if self.weights is None else self.weights
            return np.array(given, dtype=np.float64)
        swap = SwappedCells(random_generator(self).randint(2**31))
        measured, some = rows.final_inputs.measured, swap.some(kept)
        changed = [measured(partial(_swapped_scores, one, swap), some) for one in self._members]
        return structure_weights(np.column_stack(scores), np.column_stack(changed))

    def _scores(self, X: Any) -> list[NDArray[np.float64]]:
        tasks = [(member, X) for member in self._members]
        return in_threads(EnsembleMember.scores, tasks, self.n_jobs)

    def _combined(self, scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return combined(self.combine, values_of(self._members, scores, self.combine), self.weights_)

    def _check_parameters(self) -> None:
        check_members(self)
        check_option(self, "combine", self.combine, COMBINE)
        if isinstance(self.weights, str):
            check_option(self, "weights", self.weights, ("auto",))
        elif self.weights is not None:
            check_weights(self, "weights", self.weights, len(self.estimators), "estimator")
        check_int(self, "n_folds", self.n_folds, 2, or_none=True)
        check_n_jobs(self)
        self._check_threshold_parameters()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        try:
            tags.input_tags = get_tags(self.estimators[0][1]).input_tags
            required = [learns_from_labels(estimator) for _, estimator in self.estimators]
            tags.target_tags.required = any(required)
        except (AttributeError, IndexError, TypeError, ValueError):
            pass  # `fit` says what is wrong
        return tags
