"""Scorer by the Mahalanobis distances in the layers of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import check_option, without_ood_rows
from ..detectors import MahalanobisOutlierDetector
from ..detectors.class_gaussians import COVARIANCES
from ..layers.extractor import (
    blocks_of,
    check_extractor,
    extract,
    extractor_tags,
    fit_layers,
    opened,
)
from ..layers.groups import side_by_side
from ..layers.inputs import RawInputs, new_inputs, training_inputs
from ..layers.labels import split_by_label
from ..layers.layer_scale import LayerScale
from ..layers.perturbation import Perturbation, check_perturbation
from ..layers.weights import logistic_weights, weighed_sum
from ._nearest_class import NearestClass

_COMBINE = ("sum", "logistic")
_LARGEST = float(np.finfo(np.float64).max)


class MahalanobisLayerScorer(OODDetectorMixin, BaseEstimator):
    r"""Out-of-distribution scorer by the Mahalanobis distances in the layers of a network.

    The features of each layer l are modelled as normal, with a mean for each class and one
    covariance for all classes. The score of a layer is the confidence

    .. math:: M_l(x) = -\min_c\, (F_l(x) - \mu_{l,c})^\top \Sigma_l^{-1} (F_l(x) - \mu_{l,c}),

    minus the squared distance from the nearest class (equation 2 of the paper). `layer_scores`
    gives it. A `perturbation` first moves inputs a step towards the nearest class, separately for
    each layer (algorithm 1),

    .. math:: \tilde x_l = x + \epsilon\, \mathrm{sign}(\nabla_x M_l(x)),

    which raises the confidence of in-distribution inputs more than of other inputs. The score of a
    row is the weighted sum over the layers of :math:`-\log(-M_l(\tilde x_l))`. The mean and
    standard deviation of training rows standardise it, as in `LayerEnsemble`.

    Parameters
    ----------
    feature_extractor : transformer or None, default=None
        Makes the features from raw inputs of any shape, such as `TorchFeatureTransformer`. `fit`
        clones and fits it. None: X holds the features.
    groups : dict, sequence or None, default=None
        The columns of each layer: a dict of names to slices, lists of column positions, masks, or
        lists of column names; a sequence of these; or a sequence of the layers' widths. None: the
        `feature_groups_` of the feature extractor, or else one layer for each ``<layer>`` of
        columns that are named ``<layer>__<i>``, or else all columns as one layer.
    covariance : {"ledoit_wolf", "empirical", "oas", "mincovdet"}, default="ledoit_wolf"
        The estimate of the covariance, as in `MahalanobisOutlierDetector`. The paper's is
        "empirical".
    perturbation : float, default=0.0
        The step :math:`\epsilon` of each input value, in the unit of the inputs. 0 moves nothing. A
        step needs a feature extractor with a method ``gradient(X, objective)``.
    combine : {"sum", "logistic"}, default="sum"
        "sum" weighs all layers equally and needs no out-of-distribution rows. "logistic" learns the
        weights as in the paper: a logistic regression separates in-distribution rows from rows that
        the y of `fit` labels -1. The score is its decision function. The weights suit the kind of
        rows labelled -1, and may miss other kinds.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the mean and scale of each layer, the weights and
        the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows, and the first subsets of "mincovdet". An int also replaces a random state
        of None in the clone of `feature_extractor` and in its parts.

    Attributes
    ----------
    layer_names_ : list of str
        Names of the layers; ``"layer0"``, ``"layer1"``, ... for layers without names.
    layer_columns_ : dict of str to ndarray of int
        Positions of the columns of each layer among the features.
    detectors_ : dict of str to MahalanobisOutlierDetector
        The means and the covariance of each layer: its `location_` and `covariance_`.
    feature_extractor_ : transformer
        The fitted feature extractor, if there is one.
    coef_ : ndarray of shape (n_layers,)
        Weight of each layer's standardised logarithm.
    intercept_ : float
        The constant in the sum; 0 for ``combine="sum"``.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the in-distribution training rows that set the threshold, each with itself left
        out of the means and covariances.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows in X.
    classes_ : ndarray
        The sorted classes in y, if class labels were given, including -1 if y has it.
    n_features_in_ : int
        Number of columns, if X has two axes.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    The step follows the means and covariances of all training rows. The score of a moved training
    row leaves out this row. The same holds for a new row with equal features in a layer.

    A perturbation costs two forward passes and a backward one for each layer. Inputs go through the
    network in blocks, so that memory does not grow with their number.

    The paper weighs the confidences, and has no sum without weights. Squared distances are skewed:
    a few training rows would set the scale of a layer. This scorer therefore takes logarithms.

    References
    ----------
    Lee et al. (2018), A simple unified framework for detecting out-of-distribution samples and
    adversarial attacks, equations 1 and 2 and algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch import nn
    >>> from skood.deep import MahalanobisLayerScorer, TorchFeatureTransformer
    >>> net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    >>> with torch.no_grad():
    ...     _ = net[0].weight.copy_(torch.eye(4)), net[0].bias.zero_()
    >>> X = np.random.default_rng(0).normal(size=(200, 4)) * [1.0, 1.0, 0.1, 0.1]
    >>> y = np.repeat([0, 1], 100)
    >>> X[y == 1, 2] += 2.0
    >>> layers = TorchFeatureTransformer(net, ["0", "1"], device="cpu")
    >>> scorer = MahalanobisLayerScorer(layers, perturbation=0.01).fit(X, y)
    >>> scorer.predict([[0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 1.0, 0.0]])  # in a class, and between two
    array([ 1, -1])
    >>> scorer.layer_scores([[0.0, 0.0, 1.0, 0.0]]).shape
    (1, 2)
    """

    def __init__(
        self,
        feature_extractor: Any = None,
        *,
        groups: Mapping[str, Any] | Sequence[Any] | None = None,
        covariance: str = "ledoit_wolf",
        perturbation: float = 0.0,
        combine: str = "sum",
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.feature_extractor = feature_extractor
        self.groups = groups
        self.covariance = covariance
        self.perturbation = perturbation
        self.combine = combine
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate means and covariances, weigh the layers, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            In-distribution rows, at least 2. With ``combine="logistic"`` also out-of-distribution
            rows, from which only the weights are learned.
        y : array-like of shape (n_samples,), optional
            Class labels of the rows. Without labels, all rows form one class. For
            ``combine="logistic"`` the labels are whole numbers, with -1 for out-of-distribution
            rows. +1 for all other rows makes these one class.

        Returns
        -------
        self : object
            The fitted scorer.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if `perturbation` is above 0 and the feature
            extractor has no gradients, or if ``combine="logistic"`` and y does not have -1 and
            other labels at least twice each.
        """
        self._check_parameters()
        if self.combine != "logistic":
            X, y = without_ood_rows(self, X, y)
        self._forget("feature_extractor_", "n_features_in_", "feature_names_in_", "_dtype")
        inputs = training_inputs(self, X)
        positions, training, outside = split_by_label(self, inputs, y, class_labels=True)
        y = self._store_classes(y, len(inputs))
        self._fit_detectors(training, y if outside is None else np.asarray(y)[positions])
        rows = self._draw_threshold_rows(len(training))
        scores = self._fit_combination(training, rows, outside)
        self._set_threshold(positions[rows], scores)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by their distances from the nearest class in all layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            The rows to score. If a row has the features of a training row in a layer, its score
            there leaves out one equal copy, as the scores of training rows do.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid, has another number of columns, or other column names.
        """
        return self._combined(self._standardised(self.layer_scores(X)))

    def layer_scores(self, X: Any) -> NDArray[np.float64]:
        """Confidence of rows in each layer, for any `combine`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_layers)
            Minus the squared Mahalanobis distances from the nearest class, in the order of
            `layer_names_`; not standardised, no logarithms. With `perturbation`, those of the
            perturbed inputs.

        Raises
        ------
        ValueError
            If X is not valid, has another number of columns, or other column names.
        """
        check_is_fitted(self)
        return self._confidences(new_inputs(self, X))

    def _check_parameters(self) -> None:
        check_option(self, "covariance", self.covariance, COVARIANCES)
        check_option(self, "combine", self.combine, _COMBINE)
        check_extractor(self)
        check_perturbation(self)
        self._check_threshold_parameters()

    def _fit_detectors(self, inputs: RawInputs, y: NDArray | None) -> None:
        self._extractor, self.layer_columns_, self._n_features = fit_layers(self, inputs, y)
        self.layer_names_ = list(self.layer_columns_)
        self._columns = [side_by_side(columns) for columns in self.layer_columns_.values()]
        features = extract(self._extractor, inputs)
        detector = MahalanobisOutlierDetector(
            covariance=self.covariance,
            contamination=self.contamination,
            threshold_samples=self.threshold_samples,
            random_state=self.random_state,
        )
        self.detectors_ = {
            name: clone(detector).fit(features[:, columns], y)
            for name, columns in zip(self.layer_names_, self._columns, strict=True)
        }

    def _fit_combination(
        self, inputs: RawInputs, rows: NDArray[np.intp], outside: RawInputs | None
    ) -> NDArray[np.float64]:
        """Learn the scale and weight of each layer, and score the rows that set the threshold."""
        confidences = self._confidences(inputs, rows)
        self._scales = [LayerScale.fit(column, is_distance=True) for column in confidences.T]
        values = self._standardised(confidences)
        self.coef_, self.intercept_ = np.ones(values.shape[1]), 0.0
        if outside is not None:
            outside_values = self._standardised(self._confidences(outside))
            self.coef_, self.intercept_ = logistic_weights(values, outside_values)
        return self._combined(values)

    def _confidences(
        self, inputs: RawInputs, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Confidence of the inputs (or some rows of them) in each layer, (n, n_layers)."""
        n = len(inputs) if rows is None else len(rows)
        confidences = np.empty((n, len(self.layer_names_)))
        blocks = blocks_of(self._extractor, inputs, rows, self._n_features)
        with opened(self._extractor) as extractor:
            for part, block in blocks:
                for i, distances in enumerate(self._distances(extractor, block)):
                    with np.errstate(over="ignore"):
                        confidences[part, i] = -np.minimum(distances * distances, _LARGEST)
        return confidences

    def _distances(self, extractor: Any, inputs: RawInputs) -> Iterator[NDArray[np.float64]]:
        """Distances from the nearest class, layer by layer."""
        features = extract(extractor, inputs)
        step = Perturbation(self.perturbation, "sign")
        for columns, detector in zip(self._columns, self.detectors_.values(), strict=True):
            unmoved = np.ascontiguousarray(features[:, columns])
            rounded = inputs.rounded or unmoved.dtype != detector._dtype
            if not self.perturbation:
                yield -detector._score(unmoved, rounded)
                continue
            objective = NearestClass(detector._gaussians, columns)
            moved = extract(extractor, step.moved(extractor, inputs, objective))
            moved = np.ascontiguousarray(moved[:, columns])
            yield -detector._scorer.of_moved(unmoved, moved, rounded)

    def _standardised(self, confidences: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = zip(self._scales, confidences.T, strict=True)
        return np.column_stack([scale.standardise(column) for scale, column in columns])

    def _combined(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return weighed_sum(values, self.coef_, self.intercept_)

    def __sklearn_tags__(self) -> Any:
        return extractor_tags(self, super().__sklearn_tags__())
