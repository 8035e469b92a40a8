"""The base of the scorers of a classifier's logits or class probabilities, as arrays."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ._row_scorer import RowScorer
from .output_kind import (
    check_logits,
    check_outputs_parameter,
    check_probabilities,
    check_two_classes,
)

_SMALLEST = float(np.finfo(np.float64).tiny)


class OutputScorer(RowScorer):
    """Base of the scorers by the softmax of logits, or by probabilities."""

    outputs: str

    def _check_parameters(self) -> None:
        check_outputs_parameter(self)
        super()._check_parameters()

    def _learn(self, X: NDArray, y: NDArray | None) -> None:  # noqa: ARG002
        check_two_classes(self, X)
        if self.outputs == "logits":
            check_logits(self, X)
        self._learn_rest(X)

    def _learn_rest(self, X: NDArray) -> None:
        """Learn from rows of the kind that `outputs` names."""

    def _logits(self, X: NDArray) -> NDArray[np.float64]:
        """Logits, or numbers that the softmax turns into the probabilities given."""
        if self.outputs == "logits":
            return X.astype(np.float64, copy=False)
        check_probabilities(self, X)
        return np.log(np.maximum(X, _SMALLEST, dtype=np.float64))

    def _score(self, X: NDArray, rounded: bool) -> NDArray[np.float64]:  # noqa: ARG002
        return self._measure(self._logits(X))

    @abstractmethod
    def _measure(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """The score of each row."""


def probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The softmax of logits."""
    with np.errstate(over="ignore"):  # a difference beyond the largest float is a probability of 0
        return softmax(logits, axis=1)
