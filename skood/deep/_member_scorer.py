"""Scorers by the class probabilities of several networks, or of several draws of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from .._validation import check_option
from ..measures.ensemble_uncertainty import (
    max_mean_probability,
    mutual_information,
    predictive_entropy,
)
from ._raw_input_scorer import RawInputScorer

# Each has the sign that gives higher scores for more certain members.
_MEASURES = {
    "max_softmax": (1.0, max_mean_probability),
    "entropy": (-1.0, predictive_entropy),
    "mutual_information": (-1.0, mutual_information),
}


class MemberScorer(RawInputScorer):
    """Scorer whose outputs have shape (n_members, n_samples, n_classes)."""

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_option(self, "measure", self.measure, tuple(_MEASURES))

    def _measure(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        sign, measured = _MEASURES[self.measure]
        probabilities = outputs if self.outputs == "probabilities" else softmax(outputs, axis=-1)
        return sign * measured(probabilities)
