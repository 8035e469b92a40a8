"""Scorer by the nearness to the weights of the predicted class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_float, parameter_error
from ..measures.blocks import slices
from ..measures.nci import class_proximity
from ..measures.powers_of_two import power_of_two
from ..measures.row_moments import mean_row
from ._head_scorer import HeadScorer

_BLOCK_VALUES = 1 << 20  # of rows in float64 at a time


class NCIScorer(HeadScorer):
    r"""Out-of-distribution scorer inspired by neural collapse (NCI).

    In a trained network the features of a class gather along the weights of the class, far from the
    origin. So the score of z, with the predicted class f and its weights :math:`w_f`, is

    .. math:: \frac{(z - \mu)^\top w_f}{\|z - \mu\|} + \alpha \|z\|_1

    with the mean :math:`\mu` of the training features. It does not say how far a row is from the
    training rows.

    Parameters
    ----------
    head : pair of arrays, torch.nn.Linear, classifier or None, default=None
        The last linear layer of the classifier: ``(weight, bias)`` of shapes
        (n_classes, n_features) and (n_classes,), a torch layer, or a fitted linear classifier of
        scikit-learn, so that the logits are ``X @ weight.T + bias``. The single logit of a binary
        classifier becomes half of it for one class, and minus half for the other. None: a logistic
        regression fitted to the labels in y. Without labels there are no weights, and the score is
        :math:`\|z\|_1`.
    alpha : float or "auto", default="auto"
        The weight of the length, at least 0. The paper chooses it on out-of-distribution samples.
        "auto", which is not in the paper, needs none: it gives both summands the same standard
        deviation over the training features.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Attributes
    ----------
    alpha_ : float
        The weight of the length, if there are logits.
    mean_ : ndarray of shape (n_features,)
        The mean of the training features.
    coef_ : ndarray of shape (n_classes, n_features)
        Weights of the logits, if there are any.
    intercept_ : ndarray of shape (n_classes,)
        Their bias, if there are any.
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
    Training rows are left out neither of the mean nor of the head.

    References
    ----------
    Liu and Qin (2025), Detecting out-of-distribution through the lens of neural collapse: the score
    NCI, pScore and the filter by the feature's length, with the norm of the authors' code.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import NCIScorer
    >>> X = np.abs(np.random.default_rng(0).normal(size=(300, 2))) + [[5.0, 0.0]]
    >>> X[150:] = X[150:, ::-1]
    >>> scorer = NCIScorer((np.eye(2), np.zeros(2))).fit(X)
    >>> scorer.predict([[6.0, 1.0], [1.0, 0.9]])
    array([ 1, -1])
    """

    def __init__(
        self,
        head: Any = None,
        *,
        alpha: float | str = "auto",
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.head = head
        self.alpha = alpha
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not isinstance(self.alpha, str):
            check_float(self, "alpha", self.alpha, "[0, inf)")
        elif self.alpha != "auto":
            raise parameter_error(self, "alpha", "'auto' or a float in [0, inf)", self.alpha)

    def _learn_rest(self, X: NDArray, y: NDArray | None) -> None:  # noqa: ARG002
        self.mean_ = mean_row(X)
        self._forget("alpha_")
        if self._head is not None:
            self.alpha_ = self._equal_spread(X) if isinstance(self.alpha, str) else self.alpha

    def _equal_spread(self, X: NDArray) -> float:
        """The weight by which lengths vary as much as proximities over the training rows."""
        parts = slices(len(X), _BLOCK_VALUES, each=X.shape[1] + self._values_each)
        proximities, lengths = np.hstack([(self._proximities(X[p]), _lengths(X[p])) for p in parts])
        unit = float(power_of_two(lengths.max()))  # squares of values in it can't overflow
        spread = float((lengths / unit).std()) * unit
        return float(proximities.std()) / spread if spread > 0 else 0.0

    def _proximities(self, X: NDArray) -> NDArray[np.float64]:
        assert self._head is not None  # noqa: S101  # for the type checker
        weights = self._head.weight[self._head.logits(X).argmax(axis=1)]
        return class_proximity(np.subtract(X, self.mean_, dtype=np.float64), weights)

    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:  # noqa: ARG002
        if self._head is None:
            return _lengths(X)
        return self._proximities(X) + self.alpha_ * _lengths(X)


def _lengths(X: NDArray) -> NDArray[np.float64]:
    return np.abs(X).sum(axis=1, dtype=np.float64)
