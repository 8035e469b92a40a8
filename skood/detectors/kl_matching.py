"""Scorer by the divergence from the predictions that are typical of a class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..measures.blocks import slices
from ..measures.kl_matching import kl_matching_distance
from ._output_scorer import OutputScorer, probabilities

_BLOCK_VALUES = 1 << 20  # of probabilities at a time


class KLMatchingScorer(OutputScorer):
    r"""Out-of-distribution scorer by the templates of a classifier's predictions (KL matching).

    The template :math:`d_k` of a class is the mean probability vector of the training rows with
    that predicted class. The score of a row with the probabilities p is

    .. math:: -\min_k \sum_c p_c \log \frac{p_c}{d_{kc}}.

    It finds predictions that no class has, such as a tie of two classes that are never confused. A
    prediction that is more certain than usual also counts against a row.

    Parameters
    ----------
    outputs : {"logits", "probabilities"}, default="logits"
        Kind of the values in X. Softmax applies to logits only. Rows of the other kind raise an
        error.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Attributes
    ----------
    templates_ : ndarray of shape (n_templates, n_classes)
        The template of each class that is predicted for some training row.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray
        The sorted classes in y, if class labels were given. They have no other use.
    n_features_in_ : int
        Number of classes.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    The paper takes the templates from validation rows. A classifier is more certain of the rows
    that it was trained on, so call `fit` with other rows. They are not left out of their templates.

    References
    ----------
    Hendrycks et al. (2022), Scaling out-of-distribution detection for real-world settings: KL
    matching.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KLMatchingScorer
    >>> p = np.array([[0.7, 0.3, 0.0], [0.8, 0.2, 0.0], [0.0, 0.0, 1.0], [0.0, 0.1, 0.9]])
    >>> scorer = KLMatchingScorer("probabilities").fit(np.repeat(p, 9, axis=0))
    >>> scorer.templates_.round(3)
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.05, 0.95]])
    >>> scorer.predict([[0.75, 0.25, 0.0], [0.5, 0.0, 0.5]])
    array([ 1, -1])
    """

    def __init__(
        self,
        outputs: str = "logits",
        *,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.outputs = outputs
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    def _learn_rest(self, X: NDArray) -> None:
        d = X.shape[1]
        sums, counts = np.zeros((d, d)), np.zeros(d)
        for part in slices(len(X), _BLOCK_VALUES, each=d):
            p = probabilities(self._logits(X[part]))
            predicted = p.argmax(axis=1)
            np.add.at(sums, predicted, p)
            counts += np.bincount(predicted, minlength=d)
        some = counts > 0
        self.templates_ = sums[some] / counts[some, np.newaxis]

    def _measure(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return -kl_matching_distance(probabilities(logits), self.templates_)

    @property
    def _values_each(self) -> int:
        return len(self.templates_)
