"""Checks of the parameters of an `FSSDScorer`."""

from __future__ import annotations

from typing import Any

from .._validation import check_int, check_option, parameter_error
from .extractor import check_extractor
from .noise import check_noise
from .perturbation import check_perturbation

_GRADIENTS = ("sign", "standardised")
_DIRECTIONS = ("ascend", "descend")
_COMBINE = ("profile", "sum", "logistic")


def check_fssd_parameters(scorer: Any, noise_features: Any) -> None:
    """Raise unless the scorer's parameters are valid and fit the `noise_features` of `fit`."""
    check_option(scorer, "gradient", scorer.gradient, _GRADIENTS)
    check_option(scorer, "direction", scorer.direction, _DIRECTIONS)
    check_option(scorer, "combine", scorer.combine, _COMBINE)
    check_int(scorer, "n_neighbors", scorer.n_neighbors, 1)
    check_extractor(scorer)
    check_perturbation(scorer)
    check_noise(scorer)
    if scorer.weights is not None and scorer.combine != "sum":
        raise parameter_error(scorer, "weights", "None unless combine='sum'", scorer.weights)
    if scorer.singularity is not None and noise_features is not None:
        allowed = "None if fit gets 'noise_features'"
        raise parameter_error(scorer, "singularity", allowed, scorer.singularity)
    scorer._check_threshold_parameters()
