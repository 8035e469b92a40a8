"""Activation scaling: all activations of a sample grow with the share of the small ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._activation_shaper import ActivationShaper, scaled


class SCALETransformer(ActivationShaper):
    r"""Scale the activations of each sample by the share of its largest ones (SCALE).

    Each activation of a sample is multiplied by the factor below, with the sum :math:`Q` of all
    activations, and the sum :math:`Q_p` of all except the smallest `percentile` percent:

    .. math:: e^{Q / Q_p}.

    It is ASH-S without the removal, so a classifier's predictions stay the same. It suits
    activations that are not negative, as after a ReLU, and learns nothing from training samples. A
    scorer of penultimate features comes after it.

    Parameters
    ----------
    percentile : float, default=85.0
        Percentage of activations that do not count in :math:`Q_p`, in [0, 100), rounded to whole
        activations. At least one counts.

    Attributes
    ----------
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    If negative values make :math:`Q_p` 0 or less, activations do not change. Values too large for a
    float become the largest float.

    References
    ----------
    Xu et al. (2024), Scaling for training time and post-hoc out-of-distribution detection
    enhancement: SCALE.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import SCALETransformer
    >>> shaped = SCALETransformer(percentile=50.0).fit_transform([[1.0, 3.0, 0.0, 4.0]])
    >>> shaped / np.exp(8 / 7)
    array([[1., 3., 0., 4.]])
    """

    def __init__(self, percentile: float = 85.0) -> None:
        self.percentile = percentile

    def _shaped(self, X: NDArray, kept: NDArray[np.bool_]) -> NDArray:
        return scaled(X, kept)
