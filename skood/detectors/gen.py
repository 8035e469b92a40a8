"""Scorer by the generalised entropy of a classifier's probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._validation import check_float, check_int
from ..measures.gen import generalized_entropy
from ._output_scorer import OutputScorer


class GENScorer(OutputScorer):
    r"""Out-of-distribution scorer by the generalised entropy of a classifier's output (GEN).

    The score is minus the generalised entropy of the M largest class probabilities,

    .. math:: -\sum_{j=1}^{M} p_j^\gamma (1 - p_j)^\gamma.

    A small power :math:`\gamma` makes it sensitive to small deviations from a certain prediction,
    which hardly change the largest probability and the entropy. The rows of logits may come from
    `TorchFeatureTransformer` or from any other package.

    Parameters
    ----------
    outputs : {"logits", "probabilities"}, default="logits"
        Kind of the values in X. Softmax applies to logits only. Rows of the other kind raise an
        error.
    gamma : float, default=0.1
        The power, in (0, 1).
    n_largest : int, default=100
        The number M of probabilities, at most the number of classes.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Attributes
    ----------
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of classes.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    References
    ----------
    Liu, Lochman and Zach (2023), GEN: pushing the limits of softmax-based out-of-distribution
    detection: the generalised entropy, cut off after the M largest probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import GENScorer
    >>> logits = np.random.default_rng(0).normal(size=(200, 3)) + np.array([6.0, 0.0, 0.0])
    >>> GENScorer().fit(logits).predict([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]])
    array([-1,  1])
    """

    def __init__(
        self,
        outputs: str = "logits",
        *,
        gamma: float = 0.1,
        n_largest: int = 100,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.outputs = outputs
        self.gamma = gamma
        self.n_largest = n_largest
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_float(self, "gamma", self.gamma, "(0, 1)")
        check_int(self, "n_largest", self.n_largest, 1)

    def _measure(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return -generalized_entropy(logits, gamma=self.gamma, n_largest=self.n_largest)
