"""One score from the values of the layers: each layer's value times a weight, added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from .._validation import parameter_error

_MAX_ITERATIONS = 1000
_FURTHEST = 1e6  # standard deviations; the solver does not converge on much larger values
_EPS = float(np.finfo(np.float64).eps)
_SWAPPED = 0.2  # of the cells
_MOST_SWAPPED = 1000  # rows
_LEAST_WEIGHT = 0.01  # no score is lost, and its logarithm is finite


def check_weights(owner: object, name: str, value: Any, n: int, part: str) -> None:
    """Raise unless `value` holds a positive number for each of n parts, named `part`."""
    numbers = (float, int, np.floating, np.integer)
    values = list(value) if np.iterable(value) and not isinstance(value, str) else []
    if len(values) != n or not all(
        isinstance(w, numbers) and not isinstance(w, bool) and 0 < w < np.inf for w in values
    ):
        allowed = f"{n} positive numbers, one for each {part}, 'auto' or None"
        raise parameter_error(owner, name, allowed, value)


@dataclass(frozen=True)
class WeighedSum:
    """The distances in the layers times one weight for each layer, and a number."""

    coef: NDArray[np.float64]
    intercept: float

    @classmethod
    def of_standardised(
        cls, distances: NDArray[np.float64], outside: NDArray[np.float64] | None
    ) -> Self:
        """Weights of distances for equal weights of standardised ones.

        With the distances of out-of-distribution inputs, a logistic regression sets the weights.
        """
        mean, scale = _mean_and_scale(distances)
        weights, intercept = np.ones_like(mean), 0.0
        if outside is not None:
            strange = (outside - mean) / scale
            weights, intercept = logistic_weights((distances - mean) / scale, strange)
        return cls(weights / scale, intercept - float((mean / scale * weights).sum()))

    def scores(self, distances: NDArray[np.float64], inputs: Any = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Higher = more in-distribution."""
        return weighed_sum(distances, self.coef, self.intercept)


def weighed_sum(
    values: NDArray[np.float64], weights: NDArray[np.float64], intercept: float
) -> NDArray[np.float64]:
    """Each column times its weight, and a number: ``values @ weights + intercept``.

    A matrix product rounds a row differently in another batch; this adds up column by column.
    """
    total = np.full(len(values), intercept)
    for weight, column in zip(weights, values.T, strict=True):
        total += weight * column
    return total


@dataclass(frozen=True)
class SwappedCells:
    """Training rows with a fifth of the cells swapped; every value is a normal one.

    A detector that has learnt how columns depend on each other finds them strange. With columns of
    noise no detector does.
    """

    seed: int

    def some(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        """The positions whose rows are changed: at most 1,000, ascending."""
        rng = np.random.default_rng(self.seed)
        return np.sort(rng.permutation(positions)[:_MOST_SWAPPED])

    def of(self, X: Any) -> Any:
        """The rows of an array or a data frame, with swapped cells."""
        rng = np.random.default_rng(self.seed)
        donors = rng.permutation(len(X))
        if hasattr(X, "iloc"):
            kept, changed = rng.random(X.shape) >= _SWAPPED, X.copy()
            for column in range(X.shape[1]):
                values = X.iloc[:, column]
                donated = values.iloc[donors].set_axis(values.index)
                changed.isetitem(column, values.where(kept[:, column], donated))
            return changed
        rows = np.asarray(X[: len(X)])
        if rows.ndim != 2:
            raise ValueError(
                "weights='auto' needs rows in an array of two dimensions or in a data frame. "
                f"Got {type(X).__name__} instead."
            )
        return np.where(rng.random(rows.shape) < _SWAPPED, rows[donors], rows)


def structure_weights(
    inside: NDArray[np.float64], swapped: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How well each column of scores separates training rows from rows with swapped cells.

    From 0.01, by chance, to 1: twice the AUROC minus 1.
    """
    weights = []
    for known, strange in zip(inside.T, np.sort(swapped, axis=0).T, strict=True):
        below, up_to = (np.searchsorted(strange, known, side) for side in ("left", "right"))
        weights.append((below + up_to).mean() / len(strange) - 1.0)
    return np.clip(weights, _LEAST_WEIGHT, 1.0)


def logistic_weights(
    inside: NDArray[np.float64], outside: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Coefficients of the layers and intercept, positive towards in-distribution.

    Both arrays hold standardised values, one column for each layer.
    """
    model = LogisticRegression(class_weight="balanced", max_iter=_MAX_ITERATIONS)
    labels = np.repeat([1, -1], [len(inside), len(outside)])
    values = np.clip(np.vstack([inside, outside]), -_FURTHEST, _FURTHEST)
    model.fit(values, labels)
    return model.coef_[0], float(model.intercept_[0])


def _mean_and_scale(
    distances: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and scale of each layer's distances in training, (n_layers,) each."""
    mean, scale = distances.mean(axis=0), distances.std(axis=0)
    # The spread of equal values is rounding, and no scale.
    constant = scale <= 8 * _EPS * np.abs(distances).max(axis=0)
    return mean, np.where(constant, 1.0, scale)


def divided_evidence(
    evidence: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The evidence of a layer against rows, divided among its features by their shares.

    Negative shares count as 0. A negative number is divided equally: no feature stands out.
    """
    largest = shares.max(axis=1, keepdims=True)
    fractions = np.maximum(shares / np.where(largest > 0, largest, 1.0), 0.0)
    equal = (largest[:, 0] <= 0) | (evidence <= 0)
    fractions[equal] = 1.0
    fractions /= fractions.sum(axis=1, keepdims=True)
    return evidence[:, np.newaxis] * fractions
