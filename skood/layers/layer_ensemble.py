"""One detector for each layer, and the sum of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    adopt_columns,
    check_extracted,
    check_methods,
    check_n_jobs,
    check_new_rows,
    check_option,
    check_training_rows,
    parameter_error,
    random_generator,
    select_rows,
    without_ood_rows,
)
from ..explanation import Explanation, LinearMap
from ._layer_detectors import LayerDetectors
from ._layer_explanation import explain_layers
from ._seeded_clone import seeded_clone
from .extractor import check_extractor, extractor_tags, fit_extractor
from .groups import find_layers
from .labels import is_in_distribution
from .weights import (
    SwappedCells,
    check_weights,
    logistic_weights,
    structure_weights,
    weighed_sum,
)

_COMBINE = ("sum", "logistic")


class LayerEnsemble(OODDetectorMixin, BaseEstimator):
    r"""One out-of-distribution detector for each layer of a network, and the sum of their scores.

    A layer is a group of columns: the activations of one layer of a network, or any columns that
    belong together. Each layer gets a clone of `detector`. The score is the sum of the standardised
    logarithms of the layers' scores,

    .. math:: \mathrm{score}(x) = \sum_l \frac{v_l(x) - \mu_l}{\sigma_l}, \qquad
        v_l(x) = -\log(s_l(x) + \epsilon_l),

    with mean :math:`\mu_l` and standard deviation :math:`\sigma_l` over training rows, each with
    itself left out. That needs no out-of-distribution rows. The score :math:`-s_l` is minus a
    distance or a ratio of distances for kNN, LOF, LCP (with ``locality=0``) and the Mahalanobis
    distance (but not ``relative=True``), also at the end of a Pipeline; :math:`\epsilon_l` is 1e-3
    times the median of the training rows' :math:`s_l` that are not 0. Logarithms (kernel density,
    LCP with ``locality > 0``) and scores of other packages' detectors are standardised unchanged:
    there :math:`v_l` is the score.

    Parameters
    ----------
    detector : estimator
        A detector with `score_samples`, higher for in-distribution rows, or a Pipeline that ends in
        one; not changed. scikit-learn's detectors count a training row among its own neighbours.
    feature_extractor : transformer or None, default=None
        Makes the features from raw inputs, such as `skood.deep.TorchFeatureTransformer`. It is
        cloned and fitted. None: X holds the features.
    groups : dict, sequence or None, default=None
        The columns of each layer. A dict of names to slices, lists of column positions, masks, or
        lists of column names; a sequence of these; or a sequence of the layers' widths. Columns may
        be in several layers or in none. None: the `feature_groups_` of the feature extractor, or
        else one layer for each ``<layer>`` of columns that are named ``<layer>__<i>``, or else all
        columns as one layer.
    combine : {"sum", "logistic"}, default="sum"
        "logistic" weighs the layers by a logistic regression that separates in-distribution rows
        from rows labelled -1 in the y of `fit`; the score is its decision function. The weights
        suit the kind of rows labelled -1, and may miss other kinds.
    weights : array-like of shape (n_layers,), "auto" or None, default=None
        Positive weights of the layers for ``combine="sum"``. "auto": the weight is twice the AUROC
        minus 1, at least 0.01, with which a layer separates training rows from training rows with a
        fifth of their cells swapped. A layer of noise gets hardly any weight. None: 1 for each.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the mean and scale of each layer, the weights and
        the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows. An int also replaces a random state of None in the clones of `detector`
        and `feature_extractor` and in their parts.
    n_jobs : int or None, default=None
        Number of layers at a time, in threads. None means 1, -1 one for each processor that the
        process may use. The detectors have an `n_jobs` of their own.

    Attributes
    ----------
    layer_names_ : list of str
        Names of the layers; ``"layer0"``, ``"layer1"``, ... for layers without names.
    layer_columns_ : dict of str to ndarray of int
        Positions of the columns of each layer among the features.
    detectors_ : dict of str to estimator
        The fitted detector of each layer.
    feature_extractor_ : transformer
        The fitted feature extractor, if there is one.
    coef_ : ndarray of shape (n_layers,)
        Weight of each standardised layer score, for ``combine="logistic"`` and with `weights`.
    intercept_ : float
        The constant in the score, for ``combine="logistic"``.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the in-distribution training rows that set the threshold, each with itself left
        out.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows in X.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of features; with a feature extractor, if that has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    References
    ----------
    Lee et al. (2018), A simple unified framework for detecting out-of-distribution samples and
    adversarial attacks, section 2.2: a score for each layer, weighed by a logistic regression. The
    sum of standardised logarithms is not in the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector, LayerEnsemble
    >>> X = np.random.default_rng(0).normal(size=(200, 5)) * [1.0, 1.0, 100.0, 100.0, 100.0]
    >>> ensemble = LayerEnsemble(KNNOutlierDetector(), groups={"first": [0, 1], "last": [2, 3, 4]})
    >>> ensemble.fit(X).predict([[0.0, 0.0, 0.0, 0.0, 0.0], [5.0, 5.0, 0.0, 0.0, 0.0]])
    array([ 1, -1])
    >>> ensemble.layer_scores([[5.0, 5.0, 0.0, 0.0, 0.0]]).round() + 0.0
    array([[-7.,  1.]])
    """

    weights: Any = None  # estimators saved before have none

    def __init__(
        self,
        detector: Any,
        *,
        feature_extractor: Any = None,
        groups: Mapping[str, Any] | Sequence[Any] | None = None,
        combine: str = "sum",
        weights: Sequence[float] | str | None = None,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.detector = detector
        self.feature_extractor = feature_extractor
        self.groups = groups
        self.combine = combine
        self.weights = weights
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a detector to each layer, find the scale of its scores, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs
            In-distribution rows, at least 2; with a feature extractor, the inputs that it takes.
            With ``combine="logistic"`` out-of-distribution rows too: only the weights learn from
            them.
        y : array-like of shape (n_samples,), optional
            With ``combine="logistic"``, +1 for in-distribution rows and -1 for others. Else class
            labels, which the feature extractor and the detectors get.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if the scores of training rows are not finite,
            or if ``combine="logistic"`` and y does not hold +1 and -1, at least twice each.
        """
        self._check_parameters()
        self._forget("feature_extractor_", "n_features_in_", "feature_names_in_")
        if self.combine != "logistic":
            X, y = without_ood_rows(self, X, y)
        if self.feature_extractor is None:
            X = check_training_rows(self, X)
        if self.combine == "logistic":
            return self._fit_logistic(X, y)
        features = self._fit_extractor(X, y)
        y = self._store_classes(y, len(features))
        rows, values = self._fit_layers(features, y)
        self._forget("coef_", "intercept_")
        if self.weights is not None:
            self.coef_ = self._weights(features, rows, values)
        self._set_threshold(rows, self._combined(values))
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows in all layers together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs
            The rows to score. If the features of a row in a layer equal those of a training row,
            one equal copy is left out there, as for the training rows themselves.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution: the weighted sum of the `layer_scores`, or the decision
            function of the logistic regression on them.

        Raises
        ------
        ValueError
            If X is not valid, has another number of features, or other column names.
        """
        return self._combined(self.layer_scores(X))

    def layer_scores(self, X: Any) -> NDArray[np.float64]:
        """Score rows in each layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs
            The rows to score.

        Returns
        -------
        ndarray of shape (n_samples, n_layers)
            The standardised logarithms, in the order of `layer_names_`: higher = more
            in-distribution, 0 for the mean of the training rows, in their standard deviations.
        """
        check_is_fitted(self)
        return self._fitted.values(self._features(X), self.n_jobs)

    def explain(self, X: Any, *, linear_map: LinearMap | None = None) -> Explanation:
        """Explain scores: the shares of each layer and of its features.

        The share of a layer is minus its weighted entry in `layer_scores`, the number of standard
        deviations by which the row is stranger than the mean training row. It is negative for a row
        that is more typical. The layer's features divide it in proportion to their shares in the
        layer's own score, negative ones taken as 0. They divide a negative share equally: there no
        feature stands out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs
            The rows to explain.
        linear_map : LinearMap or None, default=None
            The map from the original features to X: the shares are then those of the original
            features. `skood.explain` finds it in a Pipeline.

        Returns
        -------
        Explanation
            ``scores == base - shares.sum(axis=1)``, with `intercept_` as base for
            ``combine="logistic"``, else 0. ``by_group()`` has the shares of the layers, and
            `layers` explains the score of each with its neighbours. If the Pipeline of a layer has
            a transformer that is not linear, the layers take the place of the features.

        Raises
        ------
        ValueError
            If X is not valid, or `detector` has no explanation.
        """
        check_is_fitted(self)
        features = self._features(X)
        weights = getattr(self, "coef_", np.ones(len(self.layer_names_)))
        parts, values = explain_layers(self._fitted, features, weights, self._names, linear_map)
        base = np.full(len(features), getattr(self, "intercept_", 0.0))
        return Explanation(scores=self._combined(values), base=base, **parts)

    def _check_parameters(self) -> None:
        check_methods(self, "detector", ("fit", "score_samples"), kind="a detector")
        check_extractor(self)
        check_option(self, "combine", self.combine, _COMBINE)
        if isinstance(self.weights, str):
            check_option(self, "weights", self.weights, ("auto",))
        if self.weights is not None and self.combine == "logistic":
            raise parameter_error(self, "weights", "None for combine='logistic'", self.weights)
        check_n_jobs(self)
        self._check_threshold_parameters()

    def _fit_logistic(self, X: Any, y: Any) -> Self:
        inside = is_in_distribution(self, X, y)
        positions = np.flatnonzero(inside)
        features = self._fit_extractor(select_rows(X, positions), None)
        rows, values = self._fit_layers(features, None)
        outside = self._extract(select_rows(X, np.flatnonzero(~inside)))
        strange = self._fitted.values(outside, self.n_jobs)
        self.coef_, self.intercept_ = logistic_weights(values, strange)
        self.classes_ = np.array([-1, 1])
        self._set_threshold(positions[rows], self._combined(values))
        return self

    def _fit_extractor(self, X: Any, y: Any) -> NDArray:
        """The features of the training rows; sets the columns of each layer."""
        extractor, groups, names = fit_extractor(self, X, y)
        if extractor is not None:
            adopt_columns(self, extractor)
        features = self._extract(X)
        self._names = None if names is None else np.asarray(names, dtype=object)
        self.layer_columns_ = find_layers(self, groups, names, features.shape[1])
        self.layer_names_ = list(self.layer_columns_)
        return features

    def _features(self, X: Any) -> NDArray:
        """The features of new rows."""
        if not hasattr(self, "feature_extractor_"):
            X = check_new_rows(self, X)  # in its own float type, which the detectors compare
        return self._extract(X)

    def _extract(self, X: Any) -> NDArray:
        extractor = getattr(self, "feature_extractor_", None)
        return X if extractor is None else check_extracted(extractor.transform(X))

    def _fit_layers(
        self, features: NDArray, y: Any
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The rows that set the threshold, and their standardised values in each layer."""
        rows = self._draw_threshold_rows(len(features))
        self._fitted, values = LayerDetectors.fit(
            seeded_clone(self.detector, self.random_state),
            self.layer_columns_,
            features,
            y,
            rows,
            self.n_jobs,
        )
        self.detectors_ = self._fitted.detectors
        return rows, values

    def _weights(
        self, features: NDArray, rows: NDArray[np.intp], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if not isinstance(self.weights, str):
            check_weights(self, "weights", self.weights, values.shape[1], "layer")
            return np.array(self.weights, dtype=np.float64)
        swap = SwappedCells(random_generator(self).randint(2**31))
        changed = swap.of(features[swap.some(rows)])
        return structure_weights(values, self._fitted.values(changed, self.n_jobs))

    def _combined(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = getattr(self, "coef_", np.ones(values.shape[1]))
        return weighed_sum(values, weights, getattr(self, "intercept_", 0.0))

    def __sklearn_tags__(self) -> Any:
        return extractor_tags(self, super().__sklearn_tags__())
