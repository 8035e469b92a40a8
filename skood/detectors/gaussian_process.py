"""Scorer by the posterior standard deviation of a Gaussian process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._validation import check_float
from ..measures.blocks import slices
from ..measures.gaussian_process import gaussian_process_deviation, gaussian_process_factor
from ..measures.powers_of_two import power_of_two
from ..rows.fingerprints import RowFingerprints
from ._row_scorer import RowScorer

_BLOCK_VALUES = 1 << 20  # of rows in float64 at a time


class GaussianProcessScorer(RowScorer):
    r"""Out-of-distribution scorer by the uncertainty of a Gaussian process on the features.

    The kernel is the inner product of the features. The score is minus the posterior standard
    deviation of the process over the training rows :math:`\Phi`, whose square is

    .. math:: \sigma^2 x^\top \left(\Phi^\top \Phi + \sigma^2 I\right)^{-1} x.

    It is small in the directions in which training rows are many and large. On the features of
    `skood.deep.TangentFeatureTransformer`, this is the process with the neural tangent kernel: the
    prior of the linearised network over its random weights.

    Parameters
    ----------
    noise : float, default=0.01
        Variance of the noise, as a share of the mean squared length of the training rows, above 0.
        A large noise makes the score minus the length of the row; a small one looks at the
        directions that training rows hardly have.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Attributes
    ----------
    noise_variance_ : float
        The variance of the noise, in squared units of X.
    offset_ : float
        The threshold: rows with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training rows that set the threshold, each with itself left out.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these rows.
    classes_ : ndarray
        The sorted classes in y, if class labels were given. The score does not use them.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    Features are not centred: a row of zeros has no uncertainty. Add a constant column for a process
    with a random bias.

    A training row, and a new row that equals one, is left out of the training rows in closed form.
    A fit takes n d² operations and keeps d² numbers for d features, and no training rows. A score
    takes d² operations.

    References
    ----------
    Rasmussen and Williams (2006), Gaussian processes for machine learning, equations 2.11 and 2.26.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import GaussianProcessScorer
    >>> X = np.random.default_rng(0).normal(size=(300, 3)) * [1.0, 1.0, 0.01]
    >>> GaussianProcessScorer().fit(X).predict([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        *,
        noise: float = 0.01,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.noise = noise
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    @property
    def _score_is_distance(self) -> bool:
        return True

    def _check_parameters(self) -> None:
        check_float(self, "noise", self.noise, "(0, inf)")
        super()._check_parameters()

    def _learn(self, X: NDArray, y: NDArray | None) -> None:  # noqa: ARG002
        self._unit = float(power_of_two(np.abs(X).max()))
        gram = np.zeros((X.shape[1], X.shape[1]))
        for part in slices(len(X), _BLOCK_VALUES, each=X.shape[1]):
            rows = X[part].astype(np.float64) / self._unit
            gram += rows.T @ rows
        mean_square = float(np.trace(gram)) / len(X) or 1.0  # 1: all rows are zero
        self._noise = self.noise * mean_square
        self._factor = gaussian_process_factor(gram, self._noise)
        self.noise_variance_ = self._noise * self._unit**2
        self._fingerprints = RowFingerprints(X)

    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:
        rows = X.astype(np.float64) / self._unit
        known = self._fingerprints.find(X, rounded=rounded) >= 0
        return -self._unit * gaussian_process_deviation(rows, self._factor, self._noise, known)
