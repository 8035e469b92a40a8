"""Scorer by the distance from the feature space singularity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import OODDetectorMixin
from .._validation import without_ood_rows
from ._combination import fit_combination
from ._fssd_parameters import check_fssd_parameters
from ._singularity_layers import SingularityLayers
from ._singularity_stream import SingularityStream, take_in
from .extractor import extractor_tags
from .inputs import new_inputs, training_inputs
from .labels import split_by_label


class FSSDScorer(OODDetectorMixin, BaseEstimator):
    r"""Scorer by the distance from the feature space singularity (FSSD), over one layer or more.

    The singularity :math:`F^*` is the mean feature of noise inputs. In a trained network the
    features of out-of-distribution inputs gather near it, so that the distance

    .. math:: \mathrm{FSSD}_k(x) = \lVert F_k(x) - F^*_k \rVert

    in a layer k is larger for in-distribution inputs. **That holds in some layers only**: the sum
    over the layers of a LeNet was worse than chance, and weights learnt from one kind of
    out-of-distribution inputs failed on another (``benchmarks/results/table2-fmnist.md``). The
    default, ``combine="profile"``, compares a row's distances with those of training rows instead.

    Parameters
    ----------
    feature_extractor : transformer or None, default=None
        Makes the features from raw inputs, such as `skood.deep.TorchFeatureTransformer`. It is
        cloned and fitted. None: X holds the features.
    noise : {"uniform", "gaussian"}, default="uniform"
        The noise that is drawn if no singularity is given; whole numbers if X holds whole numbers.
        "gaussian" has the mean and standard deviation of the data, in rows of each column.
    noise_range : "auto" or tuple of (low, high), default="auto"
        The range of uniform noise. "auto": from the smallest to the largest value of the data, in
        rows of each column.
    n_noise : int, default=100
        Number of noise inputs.
    singularity : array-like of shape (n_features,) or None, default=None
        The singularity, if it is known. None: the mean feature of the noise.
    perturbation : float, default=0.0
        Size :math:`\epsilon` of the step that moves each input along the gradient of its distance,
        separately for each layer; in the unit of X. It needs a feature extractor with a method
        ``gradient(X, objective)``. 0: inputs are not moved.
    gradient : {"sign", "standardised"}, default="sign"
        The factor of :math:`\epsilon`: the sign of the gradient (algorithm 1), or the standardised
        gradient, with mean and standard deviation over the values of the sample (0 if these are
        equal).
    direction : {"ascend", "descend"}, default="ascend"
        Whether the step leads away from the singularity (algorithm 1) or towards it.
    combine : {"profile", "sum", "logistic"}, default="profile"
        The combination of the layers' distances to one score. "profile": minus the mean Euclidean
        distance to the nearest training rows, among the vectors of the logarithms of all layers'
        distances. "sum": their sum, weighed by `weights` (algorithm 1). "logistic": the decision
        function of a logistic regression on standardised distances, which separates in-distribution
        rows from the rows labelled -1 in the y of `fit`.
    weights : array-like of shape (n_layers,) or None, default=None
        Weights of the distances, for ``combine="sum"``. None: equal, of standardised distances.
    n_neighbors : int, default=10
        Number of nearest training rows, for ``combine="profile"``. With k training rows or fewer,
        all other rows are neighbours, with a warning.
    groups : dict, sequence or None, default=None
        The columns of each layer among the features, as in `LayerEnsemble`.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set threshold, weights and scales, drawn at random.
    random_state : int, RandomState instance or None, default=None
        Draws the noise and these rows. An int also replaces a random state of None in the clone of
        `feature_extractor` and in its parts.

    Attributes
    ----------
    singularity_ : ndarray of shape (n_features,)
        The singularity, over the concatenated layers.
    layer_names_ : list of str
        Names of the layers; ``"layer0"``, ``"layer1"``, ... for layers without names.
    layer_columns_ : dict of str to ndarray of int
        Positions of the columns of each layer among the features.
    feature_extractor_ : transformer
        The fitted feature extractor, if there is one.
    coef_ : ndarray of shape (n_layers,)
        Weight of each layer's distance in the score, for ``combine="sum"`` and ``"logistic"``.
    intercept_ : float
        The constant in the score ``layer_scores(X) @ coef_ + intercept_``.
    n_neighbors_ : int
        The number of neighbours used, for ``combine="profile"``.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold; in a profile, each with itself left out.
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
    The authors' code differs from their algorithm 1. For pixels in [-0.5, 0.5] it is
    ``noise_range=(-0.5, 0.5), gradient="standardised", direction="descend", combine="logistic"``,
    but standardises gradients over a batch, while here no score depends on other rows. In a
    profile, a distance of less than 1e-6 times the median of the training rows is raised to that.

    References
    ----------
    Huang et al. (2020), Feature space singularity for out-of-distribution detection, algorithm 1
    ("sum"); "logistic" is in the authors' code. The profile is not in the paper.

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
        """Find the singularity, learn the combination of the layers, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            In-distribution rows, at least 2. With ``combine="logistic"`` out-of-distribution rows
            too: only the weights learn from them.
        y : array-like of shape (n_samples,), optional
            With ``combine="logistic"``, +1 for in-distribution rows and -1 for others. Else class
            labels, which the feature extractor gets.
        noise_features : array-like of shape (n_noise, n_features), optional
            Features of noise inputs, whose mean is the singularity. None: noise of the shape of X
            is made, unless `singularity` is given. A Pipeline routes them here by
            ``set_fit_request(noise_features=True)``, and computes them from noise inputs with
            ``transform_input=["noise_features"]``.

        Returns
        -------
        self : object
            The fitted scorer.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if `perturbation` is above 0 and the feature
            extractor has no gradients, or if ``combine="logistic"`` and y does not hold +1 and -1,
            at least twice each.
        """
        check_fssd_parameters(self, noise_features)
        if self.combine != "logistic":
            X, y = without_ood_rows(self, X, y)
        self._forget("feature_extractor_", "n_features_in_", "feature_names_in_", "_dtype")
        self._forget("coef_", "intercept_", "n_neighbors_", "_stream")
        inputs = training_inputs(self, X)
        positions, training, outside = split_by_label(self, inputs, y)
        if outside is None:
            y = self._store_classes(y, len(inputs))
        else:
            self.classes_, y = np.array([-1, 1]), None
        self._layers = SingularityLayers.fit(self, training, y, noise_features)
        self._n_noise = 0 if noise_features is None else len(noise_features)
        self.layer_columns_, self.singularity_ = self._layers.layers, self._layers.singularity
        self.layer_names_ = list(self.layer_columns_)
        rows = self._draw_threshold_rows(len(training))
        self._set_threshold(positions[rows], fit_combination(self, training, rows, outside))
        return self

    def partial_fit(self, X: Any, y: Any = None, *, noise_features: Any = None) -> Self:
        """Add inputs and noise: the result equals that of one `fit` on all of them.

        Only the first call fits the feature extractor and draws noise. The scorer keeps the inputs
        that set the threshold, with ``combine="logistic"`` the inputs labelled -1, and with
        ``combine="profile"`` the distances of all inputs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            Inputs, at least 2 in the first call.
        y : array-like of shape (n_samples,), optional
            As in `fit`, in every call or in none. A later call may hold labels of one kind only.
        noise_features : array-like of shape (n_noise, n_features), optional
            Features of further noise inputs: the singularity is the mean of all so far. Only if the
            first call had some, and not with ``combine="profile"``.

        Returns
        -------
        self : object
            The fitted scorer.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, if only a later call has noise features, or if
            `fit` came first, which keeps no inputs for "sum" and "logistic".
        """
        if self.combine != "logistic":
            X, y = without_ood_rows(self, X, y)
        if not hasattr(self, "_layers"):
            self.fit(X, y, noise_features=noise_features)
            if self.combine != "profile":
                self._stream = SingularityStream.begin(self, X, y)
            return self
        check_fssd_parameters(self, noise_features)
        take_in(self, X, y, noise_features)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score rows by their distances from the singularity in all layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            The rows to score. In a profile, for a row that equals a training row, one equal copy is
            left out, as for the training rows themselves.

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
        """Distances of rows from the singularity in each layer, for any `combine`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or raw inputs of shape (n_samples, ...)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_layers)
            The distances (with `perturbation`, of moved inputs), in the order of `layer_names_` and
            in the unit of each layer's features: neither standardised nor logarithms.
        """
        check_is_fitted(self)
        return self._layers.distances(new_inputs(self, X))

    @property
    def _score_is_distance(self) -> bool:
        return self.combine == "profile"

    def __sklearn_tags__(self) -> Any:
        return extractor_tags(self, super().__sklearn_tags__())
