"""Activation shaping: most activations of a sample are removed, the others adjusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._validation import check_option
from ._activation_shaper import ActivationShaper, scaled

_VARIANTS = ("s", "p", "b")


class ASHTransformer(ActivationShaper):
    r"""Remove the smaller activations of each sample, and adjust the others (ASH).

    The smallest activations of a sample, `percentile` percent of them, become 0. With the sum
    :math:`s_1` of all activations, and :math:`s_2` of the n that stay, these are

    - multiplied by :math:`e^{s_1 / s_2}` (ASH-S),
    - left as they are (ASH-P), or
    - all set to :math:`s_1 / n` (ASH-B).

    It suits activations that are not negative, as after a ReLU, and learns nothing from training
    samples. A scorer of penultimate features comes after it.

    Parameters
    ----------
    variant : {"s", "p", "b"}, default="s"
        The rule for the activations that stay.
    percentile : float, default=90.0
        Percentage of activations to remove, in [0, 100), rounded to whole activations. At least one
        stays; of equal ones the first.

    Attributes
    ----------
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    If negative values make :math:`s_2` 0 or less, ASH-S does not change the activations. Values too
    large for a float become the largest float.

    References
    ----------
    Djurisic et al. (2023), Extremely simple activation shaping for out-of-distribution detection,
    algorithms 1 (ASH-P), 2 (ASH-B) and 3 (ASH-S).

    Examples
    --------
    >>> from skood import ASHTransformer
    >>> X = [[1.0, 3.0, 0.0, 4.0]]
    >>> ASHTransformer("p", percentile=50.0).fit_transform(X)
    array([[0., 3., 0., 4.]])
    >>> ASHTransformer("b", percentile=50.0).fit_transform(X)
    array([[0., 4., 0., 4.]])
    """

    def __init__(self, variant: str = "s", *, percentile: float = 90.0) -> None:
        self.variant = variant
        self.percentile = percentile

    def _check_parameters(self) -> None:
        check_option(self, "variant", self.variant, _VARIANTS)
        super()._check_parameters()

    def _shaped(self, X: NDArray, kept: NDArray[np.bool_]) -> NDArray:
        values = X
        if self.variant == "b":
            values = (X.sum(axis=1, dtype=np.float64) / kept.sum(axis=1))[:, np.newaxis]
        elif self.variant == "s":
            values = scaled(X, kept)
        return np.where(kept, values, 0)
