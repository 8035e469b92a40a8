"""Scorer by the distance from the feature space singularity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import (
    check_extracted,
    check_float,
    check_int,
    check_option,
    parameter_error,
)
from ..neighbors.index_choice import feasible_n_neighbors
from . import extractor_tags, is_in_distribution, logistic_weights
from ._layer_combination import LayerProfile, WeighedSum, mean_and_scale
from ._noise import NOISES, draw_noise
from ._perturbation import DIRECTIONS, GRADIENTS, Perturbation
from ._singularity_layers import SingularityLayers
from ._singularity_stream import SingularityStream, add_to_profile
from .layer_inputs import check_extractor, extract, fit_layers, new_inputs, training_inputs
from .raw_inputs import RawInputs

_COMBINE = ("profile", "sum", "logistic")


class FSSDScorer(OODDetectorMixin, BaseEstimator):
    r"""Scorer by the distance from the feature space singularity (FSSD), over one layer or more.

    The singularity :math:`F^*` is the mean feature of noise inputs. In a trained network the
    features of out-of-distribution inputs gather near it, so that the distance

    .. math:: \mathrm{FSSD}_k(x) = \lVert F_k(x) - F^*_k \rVert

    in a layer k is larger for in-distribution inputs. **That holds of some layers only.** Equal
    weights without out-of-distribution labels can be worse than chance: the early layers of a LeNet
    put MNIST further from :math:`F^*` than Fashion-MNIST, which it was trained on, and the sum then
    has an AUROC of 23 % (mean of five nets). And weights that are learnt from one kind of
    out-of-distribution inputs can fail on another: those fitted on MNIST gave 15 % on grey CIFAR-10
    (``benchmarks/results/table2-fmnist.md``). So the
    default, ``combine="profile"``, asks instead whether the distances in all layers together are as
    those of training rows are.

    Parameters
    ----------
    feature_extractor : transformer or None, default=None
        Makes the features from raw inputs of any shape, such as
        `skood.deep.TorchFeatureTransformer`. It is cloned and fitted. None: X holds the features.
    noise : {"uniform", "gaussian"}, default="uniform"
        The noise that is made where no singularity is given: of the shape of a sample of X, of
        whole numbers where X holds such. "gaussian" has the mean and standard deviation of the
        data; of rows with columns, of each column.
    noise_range : "auto" or tuple of (low, high), default="auto"
        Where uniform noise lies. "auto" is between the least and the largest value of the data; of
        rows with columns, of each column.
    n_noise : int, default=100
        Number of noise inputs.
    singularity : array-like of shape (n_features,) or None, default=None
        The singularity, where it is known. None: the mean feature of the noise.
    perturbation : float, default=0.0
        Size :math:`\epsilon` of the step by which each input is moved, anew for each layer, along
        the gradient of its distance in that layer, before that distance is taken; in the unit of X.
        It needs a feature extractor with a method ``gradient(X, objective)``, as
        `skood.deep.TorchFeatureTransformer` has. 0: inputs are not moved, and no gradient is taken.
    gradient : {"sign", "standardised"}, default="sign"
        What a step is :math:`\epsilon` times of: the sign of the gradient (algorithm 1 of the
        paper), or the gradient less its mean, divided by its standard deviation, both over the
        values of the one sample; 0 where they are all equal.
    direction : {"ascend", "descend"}, default="ascend"
        Whether the step leads away from the singularity (algorithm 1) or towards it.
    combine : {"profile", "sum", "logistic"}, default="profile"
        How the layers' distances become one score. "profile": minus the mean Euclidean distance to
        the nearest training rows, among the vectors of the logarithms of all layers' distances.
        "sum": their sum, weighed by `weights`, higher for rows further from the singularity
        (algorithm 1). "logistic": the decision function of a logistic regression that tells
        in-distribution rows from those labelled -1 in the y of `fit`, on standardised distances.
    weights : array-like of shape (n_layers,) or None, default=None
        The weights :math:`\alpha_k` of the distances, for ``combine="sum"``. None: equal ones, of
        the distances standardised by those of training rows.
    n_neighbors : int, default=10
        Number of nearest training rows, for ``combine="profile"``. If there are at most as many
        training rows, one less than these is used, with a warning.
    groups : dict, sequence or None, default=None
        The columns of each layer among the features, in the forms that `LayerEnsemble` takes. None:
        the `feature_groups_` of the feature extractor, or else one layer for each ``<layer>`` of
        columns that are named ``<layer>__<i>``, or else all columns as one layer.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        At most so many training rows, drawn at random, set the threshold, and the weights and
        scales of "sum" and "logistic". None: all of them.
    random_state : int, RandomState instance or None, default=None
        Draws the noise and these rows. An int also becomes the random state of the clone of
        `feature_extractor`, and of its parts, wherever that is None.

    Attributes
    ----------
    singularity_ : ndarray of shape (n_features,)
        The singularity, over the concatenated layers.
    layer_names_ : list of str
        Names of the layers; ``"layer0"``, ``"layer1"``, ... where they have none.
    layer_columns_ : dict of str to ndarray of int
        Positions of the columns of each layer among the features.
    feature_extractor_ : transformer
        The fitted feature extractor, if there is one.
    coef_ : ndarray of shape (n_layers,)
        Weight of each layer's distance in the score, for ``combine="sum"`` and ``"logistic"``.
    intercept_ : float
        What is added to their sum: the score is ``layer_scores(X) @ coef_ + intercept_``.
    n_neighbors_ : int
        The number of neighbours used, for ``combine="profile"``.
    offset_ : float
        The threshold: rows with a score below are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the in-distribution training rows that set the threshold; of a profile, each with
        itself left out.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows in X.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of columns, if X has two axes.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    The authors' code differs from their algorithm 1. Where a network gets pixels in [-0.5, 0.5],
    ``noise_range=(-0.5, 0.5), gradient="standardised", direction="descend", combine="logistic"`` is
    that code, save that it takes the mean and deviation of a gradient over a whole batch. Here a
    row's score never depends on the rows beside it.

    A distance of 0 has no logarithm: in a profile, one below 1e-6 times the median of the training
    rows counts as that.

    References
    ----------
    Huang et al. (2020), Feature space singularity for out-of-distribution detection, algorithm 1
    ("sum"); "logistic" is what their code does. The profile is not in the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import FSSDScorer
    >>> X = np.random.default_rng(0).normal(10.0, 1.0, size=(200, 5))
    >>> scorer = FSSDScorer(singularity=np.zeros(5)).fit(X)
    >>> scorer.predict([[10.0] * 5, [1.0] * 5])
    array([ 1, -1])
    >>> scorer.layer_scores([[3.0, 4.0, 0.0, 0.0, 0.0]])
    array([[5.]])
    """

    def __init__(
        self,
        feature_extractor: Any = None,
        *,
        noise: str = "uniform",
        noise_range: str | tuple[float, float] = "auto",
        n_noise: int = 100,
        singularity: ArrayLike | None = None,
        perturbation: float = 0.0,
        gradient: str = "sign",
        direction: str = "ascend",
        combine: str = "profile",
        weights: ArrayLike | None = None,
        n_neighbors: int = 10,
        groups: Mapping[str, Any] | Sequence[Any] | None = None,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.feature_extractor = feature_extractor
        self.noise = noise
        self.noise_range = noise_range
        self.n_noise = n_noise
        self.singularity = singularity
        self.perturbation = perturbation
        self.gradient = gradient
        self.direction = direction
        self.combine = combine
        self.weights = weights
        self.n_neighbors = n_neighbors
        self.groups = groups
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, noise_features: Any = None) -> Self:
        """Find the singularity, learn how the layers are combined, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            In-distribution rows, at least 2. With ``combine="logistic"`` out-of-distribution rows
            too: nothing but the weights learns from them.
        y : array-like of shape (n_samples,), optional
            With ``combine="logistic"``, +1 for in-distribution rows and -1 for others. Else class
            labels, which the feature extractor is given.
        noise_features : array-like of shape (n_noise, n_features), optional
            Features of noise inputs, whose mean is the singularity. In a Pipeline they are routed
            here by ``set_fit_request(noise_features=True)``; noise inputs become such features by
            the steps before where the Pipeline has ``transform_input=["noise_features"]``. Without
            them and `singularity`, noise of the shape of X is made.

        Returns
        -------
        self : object
            The fitted scorer.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if the feature extractor has no gradients and
            `perturbation` is above 0, or if ``combine="logistic"`` and y does not hold +1 and -1,
            at least twice each.
        """
        self._check_parameters(noise_features)
        self._n_noise = 0
        self._forget("feature_extractor_", "n_features_in_", "feature_names_in_", "_dtype")
        self._forget("coef_", "intercept_", "n_neighbors_", "_stream")
        inputs = training_inputs(self, X)
        inside = outside = None
        if self.combine == "logistic":
            is_inside = is_in_distribution(self, inputs.values, y)
            inside, outside = np.flatnonzero(is_inside), np.flatnonzero(~is_inside)
            self.classes_, y = np.array([-1, 1]), None
        else:
            y = self._store_classes(y, len(inputs))
        training = inputs if inside is None else inputs[inside]
        self._fit_layers(training, y, noise_features)
        rows = self._draw_threshold_rows(len(training))
        scores = self._fit_combination(training, rows, None if outside is None else inputs[outside])
        self._set_threshold(rows if inside is None else inside[rows], scores)
        return self

    def partial_fit(self, X: Any, y: Any = None, *, noise_features: Any = None) -> Self:
        """Take in more inputs, and more noise: all is as in one fit on all of them.

        The singularity is the mean of all `noise_features` so far. Kept are the inputs that set the
        threshold, with ``combine="logistic"`` those labelled -1, and with ``combine="profile"`` the
        distances of all inputs. The feature extractor is fitted in the first call alone, and noise
        that is made, where there are neither `noise_features` nor a `singularity`, is made then.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            Inputs, at least 2 in the first call.
        y : array-like of shape (n_samples,), optional
            As in `fit`; in every call or in none. With ``combine="logistic"`` a later call may hold
            inputs of one kind only.
        noise_features : array-like of shape (n_noise, n_features), optional
            Features of further noise inputs. Only where the first call was given such, and not with
            ``combine="profile"``, which would need all inputs again.

        Returns
        -------
        self : object
            The fitted scorer.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if noise features come too late, or if the
            scorer was begun by `fit`, which keeps no inputs for "sum" and "logistic".
        """
        if not hasattr(self, "_layers"):
            self.fit(X, y, noise_features=noise_features)
            if self.combine != "profile":
                self._stream = SingularityStream.begin(self, X, y)
            return self
        self._check_parameters(noise_features)
        noise = None
        if noise_features is not None:
            noise = self._checked_noise(noise_features, len(self.singularity_))
            if self.combine == "profile" or not self._n_noise:
                raise ValueError(
                    "The 'noise_features' parameter of FSSDScorer.partial_fit must be None after "
                    "the first call, unless that was given some and combine is not 'profile', "
                    f"which needs all inputs again. Got {len(noise)} noise features instead."
                )
        if self.combine == "profile":
            add_to_profile(self, X, y)
            return self
        if not hasattr(self, "_stream"):
            raise ValueError(
                f"{type(self).__name__} with combine={self.combine!r} was fitted by fit, which "
                "keeps no inputs to go on from. Begin with partial_fit."
            )
        self._stream.go_on(self, X, y, noise)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by their distances from the singularity in all layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            The rows to score. With ``combine="profile"`` a row that equals a training row is scored
            with one equal copy left out, as the training rows are.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid, has another number of columns, or other column names.
        """
        check_is_fitted(self)
        inputs = new_inputs(self, X)
        return self._combination.scores(self._layers.distances(inputs), inputs)

    def layer_scores(self, X: Any) -> NDArray[np.float64]:
        """Distances of rows from the singularity in each layer, whatever `combine` is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_layers)
            The distances (of perturbed inputs, with `perturbation`), in the order of `layer_names_`
            and in the unit of each layer's features; not standardised, no logarithms.
        """
        check_is_fitted(self)
        return self._layers.distances(new_inputs(self, X))

    @property
    def _score_is_distance(self) -> bool:
        return self.combine == "profile"

    def _check_parameters(self, noise_features: Any) -> None:
        for name, options in (
            ("noise", NOISES),
            ("gradient", GRADIENTS),
            ("direction", DIRECTIONS),
            ("combine", _COMBINE),
        ):
            check_option(self, name, getattr(self, name), options)
        check_int(self, "n_noise", self.n_noise, 1)
        check_int(self, "n_neighbors", self.n_neighbors, 1)
        check_float(self, "perturbation", self.perturbation, "[0, inf)")
        check_extractor(self)
        self._check_noise_range()
        if self.weights is not None and self.combine != "sum":
            raise parameter_error(self, "weights", "None unless combine='sum'", self.weights)
        if self.singularity is not None and noise_features is not None:
            allowed = "None where 'noise_features' are given to fit"
            raise parameter_error(self, "singularity", allowed, self.singularity)
        self._check_threshold_parameters()

    def _check_noise_range(self) -> None:
        bounds: Any = self.noise_range
        if isinstance(bounds, str) and bounds == "auto":
            return
        if self.noise != "uniform":
            raise parameter_error(self, "noise_range", "'auto' unless noise='uniform'", bounds)
        pair = isinstance(bounds, (tuple, list)) and len(bounds) == 2
        pair = pair and all(isinstance(b, Real) and np.isfinite(float(b)) for b in bounds)
        if not pair or bounds[0] > bounds[1]:
            allowed = "'auto' or two finite numbers (low, high) with low <= high"
            raise parameter_error(self, "noise_range", allowed, bounds)

    def _fit_layers(self, inputs: RawInputs, y: Any, noise_features: Any) -> None:
        """Fit the extractor; find the layers' columns and the singularity."""
        extractor, self.layer_columns_, n_features = fit_layers(self, inputs, y)
        self.layer_names_ = list(self.layer_columns_)
        self.singularity_ = self._find_singularity(inputs, extractor, n_features, noise_features)
        step = self.perturbation if self.direction == "ascend" else -self.perturbation
        perturbation = Perturbation(step, self.gradient) if step else None
        self._layers = SingularityLayers(
            extractor, self.layer_columns_, self.singularity_, perturbation
        )

    def _find_singularity(
        self, inputs: RawInputs, extractor: Any, n_features: int, noise_features: Any
    ) -> NDArray[np.float64]:
        if self.singularity is not None:
            allowed = f"an array of shape ({n_features},), one finite value for each feature"
            return self._numbers("singularity", n_features, allowed)
        if noise_features is None:
            noise = draw_noise(
                inputs, self.noise, self.noise_range, self.n_noise, self.random_state
            )
            features = extract(extractor, noise)
        else:
            features = self._checked_noise(noise_features, n_features)
            self._n_noise = len(features)
        return features.mean(axis=0, dtype=np.float64)

    def _checked_noise(self, noise_features: Any, n_features: int) -> NDArray:
        features = check_extracted(noise_features, "noise_features")
        if features.shape[1] != n_features:
            raise ValueError(
                f"noise_features must have {n_features} columns, as many as there are features. "
                f"Got {features.shape[1]} instead."
            )
        return features

    def _numbers(self, name: str, length: int, allowed: str) -> NDArray[np.float64]:
        """A copy of a parameter that is an array of so many numbers."""
        value = getattr(self, name)
        try:
            numbers = np.array(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise parameter_error(self, name, allowed, value) from error
        if numbers.shape != (length,) or not np.isfinite(numbers).all():
            raise parameter_error(self, name, allowed, value)
        return numbers

    def _fit_combination(
        self, inputs: RawInputs, rows: NDArray[np.intp], outside: RawInputs | None
    ) -> NDArray[np.float64]:
        """Learn how the layers are combined; the scores of the rows that set the threshold."""
        self._combination: LayerProfile | WeighedSum
        if self.combine == "profile":
            self.n_neighbors_ = feasible_n_neighbors(self, len(inputs))
            distances = self._layers.distances(inputs)
            self._combination = LayerProfile.fit(distances, inputs, self.n_neighbors_)
            return self._combination.training_scores(rows)
        distances = self._layers.distances(inputs, rows)
        self.coef_, self.intercept_ = self._fit_weights(distances, outside)
        self._combination = WeighedSum(self.coef_, self.intercept_)
        return self._combination.scores(distances)

    def _fit_weights(
        self, distances: NDArray[np.float64], outside: RawInputs | None
    ) -> tuple[NDArray[np.float64], float]:
        """Weights of the distances themselves, and the intercept."""
        if self.weights is not None:
            n_layers = distances.shape[1]
            allowed = f"an array of shape ({n_layers},), one finite number for each layer, or None"
            return self._numbers("weights", n_layers, allowed), 0.0
        mean, scale = mean_and_scale(distances)
        weights, intercept = np.ones_like(mean), 0.0
        if outside is not None:
            strange = (self._layers.distances(outside) - mean) / scale
            weights, intercept = logistic_weights((distances - mean) / scale, strange)
        coef = weights / scale
        return coef, intercept - float((mean / scale * weights).sum())

    def __sklearn_tags__(self) -> Any:
        return extractor_tags(self, super().__sklearn_tags__())
