"""Scorer by the length of the part of a feature outside the principal space."""

from __future__ import annotations

from numpy.typing import NDArray

from ._linear_head import LinearHead
from .vim import ViMScorer


class ResidualScorer(ViMScorer):
    r"""Out-of-distribution scorer by the length of a feature outside the principal space.

    The directions in which the training features vary most around the point o span the principal
    space P. The score is

    .. math:: -\|x^{P^\perp}\|.

    `ViMScorer` turns this length into one more logit of a classifier. This score needs neither a
    classifier nor labels.

    Parameters
    ----------
    head : pair of arrays, torch.nn.Linear, classifier or None, default=None
        The last linear layer of the classifier, as in `ViMScorer`. All its logits are 0 in the
        point o. None: the mean of the training features; labels in y are not used.
    n_components : int or "auto", default="auto"
        Dimensions of the principal space, as in `ViMScorer`.
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
    Training rows are not left out of the principal space, as in `ViMScorer`.

    References
    ----------
    Wang et al. (2022), ViM: out-of-distribution with virtual-logit matching, equation 4: the
    baseline Residual.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import ResidualScorer
    >>> X = np.random.default_rng(0).normal(size=(300, 4)) * [1.0, 1.0, 0.1, 0.1]
    >>> ResidualScorer().fit(X).predict([[3.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    array([ 1, -1])
    """

    @property
    def _score_is_distance(self) -> bool:
        return True

    def _find_head(self, X: NDArray, y: NDArray | None) -> LinearHead | None:  # noqa: ARG002
        return super()._find_head(X, None)
