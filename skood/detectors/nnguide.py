"""Scorer by the confidence of a classifier, guided by the nearest training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_int
from ..measures.blocks import slices
from ..measures.lengths import row_norms
from ..measures.logits import energy
from ..measures.nnguide import nnguide_score
from ..neighbors.index_choice import feasible_n_neighbors
from ..rows.lookup import RowLookup
from ..rows.rounded import restored
from ._head_scorer import HeadScorer

_BANK_ROWS, _QUERY_ROWS = 4096, 1024  # compared at a time


class NNGuideScorer(HeadScorer):
    r"""Out-of-distribution scorer by a classifier's confidence and its neighbours (NNGuide).

    A network may be confident far from all training features. So the score multiplies the energy of
    its logits by the energy of the training features in the same direction,

    .. math:: S(z)\, \frac1k \sum_{i \in \mathrm{kNN}(z)} S(z_i) \cos(z_i, z), \qquad
        S(z) = \ln \sum_c e^{l_c(z)},

    where the k nearest training features are those with the largest products
    :math:`S(z_i) \cos(z_i, z)`.

    Parameters
    ----------
    head : pair of arrays, torch.nn.Linear, classifier or None, default=None
        The last linear layer of the classifier: ``(weight, bias)`` of shapes
        (n_classes, n_features) and (n_classes,), a torch layer, or a fitted linear classifier of
        scikit-learn, so that the logits are ``X @ weight.T + bias``. The single logit of a binary
        classifier becomes half of it for one class, and minus half for the other. None: a logistic
        regression fitted to the labels in y. Without labels there are no logits and S is 1: the
        score is the mean cosine with the k nearest training features, the guidance alone.
    n_neighbors : int, default=10
        Number of neighbours k. With k training rows or fewer, all other rows are neighbours, with a
        warning.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Attributes
    ----------
    n_neighbors_ : int
        The number of neighbours used.
    coef_ : ndarray of shape (n_classes, n_features)
        Weights of the logits, if there are any.
    intercept_ : ndarray of shape (n_classes,)
        Their bias, if there are any.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold, each with itself left out of its
        neighbours.
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
    For a row that equals a training row, one equal copy is left out, as for the training rows
    themselves. A row of zeros has no direction: its cosines are 0.

    References
    ----------
    Park, Jung and Teoh (2023), Nearest neighbor guidance for out-of-distribution detection: the
    score S(x) G(x) with the energy as S. All training features are its bank.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import NNGuideScorer
    >>> X = np.abs(np.random.default_rng(0).normal(size=(300, 3))) * [1.0, 1.0, 0.1]
    >>> head = np.eye(2, 3) * 5.0, np.zeros(2)
    >>> NNGuideScorer(head).fit(X).predict([[1.0, 0.5, 0.0], [1.0, 0.5, 9.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        head: Any = None,
        *,
        n_neighbors: int = 10,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.head = head
        self.n_neighbors = n_neighbors
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_int(self, "n_neighbors", self.n_neighbors, 1)

    def _learn_rest(self, X: NDArray, y: NDArray | None) -> None:  # noqa: ARG002
        self.n_neighbors_ = feasible_n_neighbors(self, len(X))
        self._lookup = RowLookup(X)
        self._lengths = _lengths(X)
        self._confidences = self._confidence(X)

    def _confidence(self, X: NDArray) -> NDArray[np.float64]:
        """Minus the free energy of the logits; 1 without logits."""
        if self._head is None:
            return np.ones(len(X))
        parts = slices(len(X), 4 * _BANK_ROWS)
        return np.concatenate([-energy(self._head.logits(X[part])) for part in parts])

    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:
        exclude = self._lookup.find(X, rounded=rounded)
        X = restored(X, self._lookup.X, exclude) if rounded else X
        parts = slices(len(X), _QUERY_ROWS)
        guidances = np.concatenate([self._guidances(X[part], exclude[part]) for part in parts])
        return nnguide_score(self._confidence(X), guidances)

    def _guidances(self, Q: NDArray, exclude: NDArray[np.intp]) -> NDArray[np.float64]:
        """The k largest products of confidence and cosine, each row's equal copy left out."""
        bank, k = self._lookup.X, self.n_neighbors_
        directions = Q / _lengths(Q)[:, np.newaxis]
        best = np.full((len(Q), k), -np.inf)
        for part in slices(len(bank), _BANK_ROWS):
            rows = bank[part] / self._lengths[part, np.newaxis]
            products = (directions @ rows.T) * self._confidences[part]
            inside = np.flatnonzero((exclude >= part.start) & (exclude < part.stop))
            products[inside, exclude[inside] - part.start] = -np.inf
            candidates = np.hstack([best, products])
            best = np.partition(candidates, candidates.shape[1] - k, axis=1)[:, -k:]
        # sorted: equal rows have equal sums
        return np.sort(best, axis=1)


def _lengths(X: NDArray) -> NDArray[np.float64]:
    """Lengths of rows, 1 for a row of zeros."""
    lengths = row_norms(X)
    return np.where(lengths > 0, lengths, 1.0)
