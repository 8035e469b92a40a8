"""Scorer by the simplified Hopfield energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.hopfield import simplified_hopfield_energy
from ..rows.fingerprints import RowFingerprints
from ._head_scorer import HeadScorer

_BLOCK_VALUES = 1 << 20  # of rows in float64 at a time


class SHEScorer(HeadScorer):
    r"""Out-of-distribution scorer by the simplified Hopfield energy (SHE).

    The pattern :math:`S_c` of a class is the mean of the training rows of that class that the
    classifier predicts correctly. The score is the inner product of a row z with the pattern of its
    predicted class,

    .. math:: z^\top S_c.

    It grows with the length of z. So it suits features that are large when the network recognises
    something, such as activations after a ReLU. It does not measure the distance from the training
    rows.

    Parameters
    ----------
    head : pair of arrays, torch.nn.Linear, classifier or None, default=None
        The last linear layer of the classifier: ``(weight, bias)`` of shapes
        (n_classes, n_features) and (n_classes,), a torch layer, or a fitted linear classifier of
        scikit-learn, so that the logits are ``X @ weight.T + bias``. The single logit of a binary
        classifier becomes half of it for one class, and minus half for the other. With a head but
        no labels in y, every prediction counts as correct. None: a logistic regression fitted to
        the labels. Without head and labels, the mean of all training rows is the only pattern.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Attributes
    ----------
    patterns_ : ndarray of shape (n_patterns, n_features)
        The pattern of each class that is predicted correctly for some training row. Other classes
        are never predicted for new rows: the largest of the remaining logits decides.
    coef_ : ndarray of shape (n_classes, n_features)
        Weights of the logits, if there are any.
    intercept_ : ndarray of shape (n_classes,)
        Their bias, if there are any.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold, each with itself left out of its
        pattern.
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
    A training row, and a row that equals one, is left out of its pattern if the pattern has other
    rows. It is not left out of a head that is fitted here.

    References
    ----------
    Zhang et al. (2023), Out-of-distribution detection based on in-distribution data patterns
    memorization with modern Hopfield energy: SHE, its simplified energy of one pattern a class.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import SHEScorer
    >>> X = np.abs(np.random.default_rng(0).normal(size=(300, 2))) + [[5.0, 0.0]]
    >>> X[150:] = X[150:, ::-1]
    >>> scorer = SHEScorer((np.eye(2), np.zeros(2))).fit(X, np.repeat([0, 1], 150))
    >>> scorer.patterns_.round()
    array([[6., 1.],
           [1., 6.]])
    >>> scorer.predict([[6.0, 1.0], [1.0, 2.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        head: Any = None,
        *,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.head = head
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def _learn_rest(self, X: NDArray, y: NDArray | None) -> None:
        codes = np.zeros(len(X), dtype=np.intp)
        if self._head is not None:
            codes = self._correct_classes(X, y)
        members = np.flatnonzero(codes >= 0)
        if not members.size:
            raise ValueError(
                f"The 'head' parameter of {type(self).__name__} must predict the label in y of "
                "some training row. Got a head that predicts none correctly. Are its classes in "
                "the order of the sorted labels?"
            )
        self._with_pattern, patterns = np.unique(codes[members], return_inverse=True)
        # the pattern of each training row; -1 for rows that are classified wrongly
        self._own_pattern = np.full(len(X), -1, dtype=np.intp)
        self._own_pattern[members] = patterns
        self._counts = np.bincount(patterns)
        self.patterns_ = np.stack(
            [_mean(X, members[patterns == c]) for c in range(len(self._counts))]
        )
        self._fingerprints = RowFingerprints(X)

    def _correct_classes(self, X: NDArray, y: NDArray | None) -> NDArray[np.intp]:
        """The predicted class of each training row, -1 if it is not the label."""
        assert self._head is not None  # noqa: S101  # for the type checker
        parts = slices(len(X), _BLOCK_VALUES, each=X.shape[1] + len(self._head.weight))
        predicted = np.concatenate([self._head.logits(X[part]).argmax(axis=1) for part in parts])
        if y is None:
            return predicted
        return np.where(predicted == self._head.codes(self, y, self.classes_), predicted, -1)

    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:
        predicted = np.zeros(len(X), dtype=np.intp)
        if self._head is not None:
            predicted = self._head.logits(X)[:, self._with_pattern].argmax(axis=1)
        equal = self._fingerprints.find(X, rounded=rounded)
        own_pattern = np.where(equal >= 0, self._own_pattern[equal], -1)
        left_out_of = np.where(own_pattern == predicted, self._counts[predicted], 0)
        return simplified_hopfield_energy(X, self.patterns_, predicted, left_out_of)


def _mean(X: NDArray, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    parts = slices(len(rows), _BLOCK_VALUES, each=X.shape[1])
    return sum(X[rows[part]].sum(axis=0, dtype=np.float64) for part in parts) / len(rows)
