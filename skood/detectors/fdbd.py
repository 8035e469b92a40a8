"""Scorer by the distance to decision boundaries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from .._validation import check_int, random_generator
from ..measures.fdbd import class_weight_distances, fdbd_score
from ..measures.lengths import row_norms
from ..measures.powers_of_two import power_of_two
from ..measures.row_moments import mean_row
from ..rows.hashes import row_hashes
from ._head_scorer import HeadScorer
from ._linear_head import LinearHead

_EPS = float(np.finfo(np.float64).eps)
_MOST_ROWS = 20_000  # for k-means


class FDBDScorer(HeadScorer):
    r"""Out-of-distribution scorer by the distance to decision boundaries (fDBD).

    Features of the training classes lie further from the decision boundaries of the network than
    other features at the same distance from the mean :math:`\mu` of the training features. With f
    the class predicted for z, of C classes with weights w and logits l, the score is

    .. math:: \frac{1}{C - 1} \sum_{c \ne f} \frac{|l_f(z) - l_c(z)|}{\|w_f - w_c\|}
        \Big/ \|z - \mu\|.

    It has no unit, and does not say how far a row is from the training rows.

    Parameters
    ----------
    head : pair of arrays, torch.nn.Linear, classifier or None, default=None
        The last linear layer of the classifier: ``(weight, bias)`` of shapes
        (n_classes, n_features) and (n_classes,), a torch layer, or a fitted linear classifier of
        scikit-learn, so that the logits are ``X @ weight.T + bias``. The single logit of a binary
        classifier becomes half of it for one class, and minus half for the other. None: a logistic
        regression fitted to the labels in y. Without labels, the classes are clusters of k-means,
        with boundaries half-way between their centres; this is not in the paper.
    n_clusters : int, default=10
        Number of clusters, without head and labels; at most the number of different rows. A single
        cluster has no boundary: the score is then minus the distance from the mean.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows, and the rows that k-means starts from.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        The mean of the training features.
    coef_ : ndarray of shape (n_classes, n_features)
        Weights of the logits.
    intercept_ : ndarray of shape (n_classes,)
        Their bias.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    Training rows are left out neither of the head nor of the mean: leaving them out of the mean
    would only multiply all their scores by (n - 1) / n.

    References
    ----------
    Liu and Qin (2024), Fast decision boundary based out-of-distribution detector: the closed form
    of the distance to a boundary, and the score fDBD, its mean over the other classes, regularised
    by the distance from the mean of the training features.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import FDBDScorer
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> y = np.repeat([0, 1], 150)
    >>> X[y == 1, 0] += 8.0
    >>> scorer = FDBDScorer().fit(X, y)
    >>> scorer.predict([[8.0, 0.0], [4.0, 3.0]])  # in a class, and on the boundary
    array([ 1, -1])
    """

    def __init__(
        self,
        head: Any = None,
        *,
        n_clusters: int = 10,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.head = head
        self.n_clusters = n_clusters
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_int(self, "n_clusters", self.n_clusters, 1)

    def _find_head(self, X: NDArray, y: NDArray | None) -> LinearHead | None:
        head = super()._find_head(X, y)
        return self._nearest_centre_head(X) if head is None else head

    def _nearest_centre_head(self, X: NDArray) -> LinearHead | None:
        """The linear classifier that predicts the nearest centre of k-means."""
        generator = random_generator(self)
        if len(X) > _MOST_ROWS:
            X = X[np.sort(generator.choice(len(X), _MOST_ROWS, replace=False))]
        n_clusters = min(self.n_clusters, len(np.unique(row_hashes(X, seed=0))))
        if n_clusters < 2:
            return None
        origin = X.mean(axis=0, dtype=np.float64)
        rows = np.subtract(X, origin, dtype=np.float64)
        unit = power_of_two(np.abs(rows).max())
        with threadpool_limits(1):  # threads add up in a changing order
            model = KMeans(n_clusters, n_init=1, random_state=generator).fit(rows / unit)
        centres = model.cluster_centers_ * unit
        # |z - c|^2 = |z|^2 - 2 (z c - |c|^2 / 2)
        return LinearHead(centres, -0.5 * np.einsum("ij,ij->i", centres, centres), origin)

    def _learn_rest(self, X: NDArray, y: NDArray | None) -> None:  # noqa: ARG002
        self.mean_ = mean_row(X)
        if self._head is not None:
            self._apart = class_weight_distances(self._head.weight)
        self._smallest = _EPS * float(row_norms(X - self.mean_).mean())

    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:  # noqa: ARG002
        from_mean = row_norms(np.subtract(X, self.mean_, dtype=np.float64))
        if self._head is None:
            return -from_mean
        # at the mean the ratio is undefined: it becomes very large
        from_mean = np.maximum(from_mean, self._smallest)
        return fdbd_score(self._head.logits(X), self._apart, from_mean)
