"""Scorer by virtual-logit matching."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_int, parameter_error
from ..measures.blocks import slices
from ..measures.powers_of_two import power_of_two
from ..measures.row_moments import mean_row
from ..measures.vim import residual_norm, vim_score
from ._head_scorer import HeadScorer

_EPS = float(np.finfo(np.float64).eps)
_BLOCK_VALUES = 1 << 20  # of rows in float64 at a time
# From this number of features on, the principal space has these dimensions, as in the paper.
_PAPER_DIMENSIONS = ((1501, 1000), (768, 512))


class ViMScorer(HeadScorer):
    r"""Out-of-distribution scorer by virtual-logit matching (ViM).

    The directions in which the training features vary most, around the point o where all logits are
    0, span the principal space P. The length of a feature x outside P, times the factor
    :math:`\alpha`, is a virtual logit that competes with the logits of the classes. The score is

    .. math:: \ln \sum_c e^{l_c(x)} - \alpha \|x^{P^\perp}\|, \qquad
        \alpha = \frac{\sum_i \max_c l_c(x_i)}{\sum_i \|x_i^{P^\perp}\|}

    over the training features :math:`x_i`. With the paper's softmax probability p of the virtual
    logit, the score is :math:`\ln((1 - p) / p)`, so it orders rows the other way.

    Parameters
    ----------
    head : pair of arrays, torch.nn.Linear, classifier or None, default=None
        The last linear layer of the classifier: ``(weight, bias)`` of shapes
        (n_classes, n_features) and (n_classes,), a torch layer, or a fitted linear classifier of
        scikit-learn, so that the logits are ``X @ weight.T + bias``. The single logit of a binary
        classifier becomes half of it for one class, and minus half for the other. None: a logistic
        regression fitted to the labels in y. Without labels there are no logits, and the score is
        :math:`-\|x^{P^\perp}\|` around the mean, as in `ResidualScorer`.
    n_components : int or "auto", default="auto"
        Dimensions of the principal space, fewer than the features. "auto": as in the paper, 1000
        for more than 1500 features and 512 for 768 or more; for fewer features, which the paper
        does not consider, half of the features that are not constant. At most half of the number of
        training rows.
    contamination : float, default=0.05
        Share of the training rows that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training rows that set the threshold, drawn at random. None: all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Attributes
    ----------
    n_components_ : int
        Dimensions of the principal space.
    origin_ : ndarray of shape (n_features,)
        The point o.
    scale_ : float
        The factor alpha, if there are logits.
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
    Training rows are left out neither of the principal space nor of the head: with many more rows
    than features a single row hardly changes them.

    References
    ----------
    Wang et al. (2022), ViM: out-of-distribution with virtual-logit matching, equations 4 (principal
    space and residual) and 6 (alpha).

    Examples
    --------
    >>> import numpy as np
    >>> from skood import ViMScorer
    >>> X = np.random.default_rng(0).normal(size=(300, 4)) * [1.0, 1.0, 0.1, 0.1]
    >>> head = np.eye(2, 4) * 3.0, np.zeros(2)  # two classes, by the first two features
    >>> ViMScorer(head).fit(X).predict([[1.0, -1.0, 0.0, 0.0], [1.0, -1.0, 1.0, 1.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        head: Any = None,
        *,
        n_components: int | str = "auto",
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.head = head
        self.n_components = n_components
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state

    @property
    def _score_is_distance(self) -> bool:
        return getattr(self, "_head", None) is None

    def _learn_rest(self, X: NDArray, y: NDArray | None) -> None:  # noqa: ARG002
        self.origin_ = self._find_origin(X)
        unit, directions, n_varying = self._directions(X)
        self.n_components_ = self._dimensions(len(X), X.shape[1], n_varying)
        # A view would be copied and pickled in another layout, and its products round otherwise.
        self._complement = np.ascontiguousarray(directions[:, self.n_components_ :])
        self._forget("scale_")
        if not self._score_is_distance:
            self.scale_ = self._matching_scale(X, unit)

    def _find_origin(self, X: NDArray) -> NDArray[np.float64]:
        if self._head is None:
            return mean_row(X)
        return self._head.origin - np.linalg.pinv(self._head.weight) @ self._head.bias

    def _directions(self, X: NDArray) -> tuple[float, NDArray[np.float64], int]:
        """Unit of the features, their principal directions, widest first, and how many vary."""
        largest = max(float(np.abs(part).max()) for part in self._relative_rows(X))
        unit = float(power_of_two(largest))  # squares of values in it can't overflow
        moments = sum((part / unit).T @ (part / unit) for part in self._relative_rows(X))
        _, vectors = np.linalg.eigh(moments)
        return unit, vectors[:, ::-1], int((X[0] != X).any(axis=0).sum())

    def _relative_rows(self, X: NDArray) -> Any:
        """Rows in float64 relative to the origin, a block at a time."""
        for part in slices(len(X), _BLOCK_VALUES, each=X.shape[1]):
            yield np.subtract(X[part], self.origin_, dtype=np.float64)

    def _dimensions(self, n: int, d: int, n_varying: int) -> int:
        value = self.n_components
        if isinstance(value, str) and value == "auto":
            for least, dimensions in _PAPER_DIMENSIONS:
                if n_varying >= least:
                    return min(dimensions, n // 2)
            return min(n_varying // 2, n // 2)
        try:
            check_int(self, "n_components", value, 1, d - 1)
        except ValueError as error:
            allowed = f"'auto' or an int in [1, n_features - 1], where n_features={d}"
            raise parameter_error(self, "n_components", allowed, value) from error
        return int(value)

    def _matching_scale(self, X: NDArray, unit: float) -> float:
        assert self._head is not None  # noqa: S101  # for the type checker
        parts = [X[part] for part in slices(len(X), _BLOCK_VALUES, each=X.shape[1])]
        logit = sum(float(self._head.logits(part).max(axis=1).sum()) for part in parts) / len(X)
        residual = sum(float(self._residuals(part).sum()) for part in parts) / len(X)
        if logit <= 0:
            raise ValueError(
                f"The 'head' parameter of {type(self).__name__} must give logits whose largest is "
                "above 0 on average over the training rows: residuals are scaled to match them. "
                f"Got an average of {logit:.3g} instead."
            )
        # If all training rows lie in the space, a row outside is far, and its score finite.
        return logit / max(residual, _EPS * unit)

    def _residuals(self, X: NDArray) -> NDArray[np.float64]:
        return residual_norm(X, self.origin_, self._complement)

    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:  # noqa: ARG002
        residuals = self._residuals(X)
        if self._score_is_distance or self._head is None:
            return -residuals
        return vim_score(self._head.logits(X), residuals, self.scale_)
