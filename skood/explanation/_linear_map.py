"""The way back through linear steps, for differences, for slopes and for rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The attribute by which a transformer of scikit-learn multiplies, or divides, each column.
_MULTIPLIES = {"MinMaxScaler": "scale_"}
_DIVIDES = {"StandardScaler": "scale_", "RobustScaler": "scale_", "MaxAbsScaler": "scale_"}
_PROJECTS = ("PCA", "IncrementalPCA", "TruncatedSVD")


@dataclass(frozen=True, eq=False)
class Scaling:
    """Each column times a number. A constant in a column has no part in differences."""

    factors: NDArray[np.float64]
    inverse: Callable[[NDArray[Any]], NDArray[Any]]  # of rows, with the constants

    def rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From scaled rows to the rows."""
        return np.asarray(self.inverse(rows))

    def differences(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From scaled columns to the columns."""
        return rows / self.factors

    def slopes(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From scaled columns to the columns."""
        return rows * self.factors


@dataclass(frozen=True, eq=False)
class Selection:
    """Some of the columns; the others have no difference."""

    columns: NDArray[np.intp]
    n_columns: int

    def differences(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From chosen columns to all."""
        out = np.zeros((*rows.shape[:-1], self.n_columns))
        out[..., self.columns] = rows
        return out

    slopes = differences

    def rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From chosen columns to all, with NaN for the others."""
        out = np.full((*rows.shape[:-1], self.n_columns), np.nan)
        out[..., self.columns] = rows
        return out


@dataclass(frozen=True, eq=False)
class Product:
    """A product with a matrix, and the matrix that maps differences back.

    If the product loses directions, the way back gives the smallest possible difference: it has no
    part along directions that do not change the score.
    """

    forward: NDArray[np.float64]  # (n_inputs, n_outputs)
    inverse: NDArray[np.float64]  # (n_outputs, n_inputs)
    back: Callable[[NDArray[Any]], NDArray[Any]] | None = (
        None  # of rows, with the constants; None: unknown
    )
    is_affine: bool = True  # else differences are those of divided rows

    def rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From the products to rows; a component that a later step has dropped has its mean."""
        if self.back is None:
            return np.full((len(rows), len(self.forward)), np.nan)
        return np.asarray(self.back(np.nan_to_num(rows, nan=0.0)))

    def differences(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From the products to the columns."""
        return rows @ self.inverse

    def slopes(self, rows: NDArray[Any]) -> NDArray[Any]:
        """From the products to the columns."""
        return rows @ self.forward.T


Step = Scaling | Selection | Product


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Steps that are linear up to a constant, one after the other.

    Parameters
    ----------
    steps : tuple of steps
        As `linear_steps` finds them in transformers.
    """

    steps: tuple[Step, ...] = ()

    @classmethod
    def of_matrix(cls, matrix: Any) -> LinearMap:
        """Make the map ``x @ matrix`` of a matrix of shape (n_inputs, n_outputs).

        Parameters
        ----------
        matrix : array-like of shape (n_inputs, n_outputs)
            The matrix. Its pseudo-inverse is the way back.

        Returns
        -------
        LinearMap
            A map of one step.
        """
        forward = np.asarray(matrix, dtype=np.float64)
        inverse = np.linalg.pinv(forward).astype(np.float64)
        return cls((Product(forward, inverse, lambda rows: rows @ inverse),))

    @property
    def keeps_features(self) -> bool:
        """Whether each feature only changes its unit. Shares do not depend on units."""
        return all(isinstance(step, Scaling) for step in self.steps)

    @property
    def is_affine(self) -> bool:
        """Whether differences of outputs depend only on differences of rows."""
        return all(getattr(step, "is_affine", True) for step in self.steps)

    def then(self, *steps: Step) -> LinearMap:
        """The map with more steps after it."""
        return LinearMap((*self.steps, *steps))

    def rows(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Rows of the input features, as far as the steps keep them; else NaN.

        Parameters
        ----------
        rows : ndarray of shape (..., n_outputs)
            Rows of the output features.

        Returns
        -------
        ndarray of shape (..., n_inputs)
            The rows.
        """
        flat = rows.reshape(-1, rows.shape[-1])
        for step in reversed(self.steps):
            flat = step.rows(flat)
        return flat.reshape(*rows.shape[:-1], flat.shape[-1])

    def differences(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Differences of the input features.

        Parameters
        ----------
        rows : ndarray of shape (..., n_outputs)
            Differences of the output features.

        Returns
        -------
        ndarray of shape (..., n_inputs)
            The smallest differences that become these.
        """
        for step in reversed(self.steps):
            rows = step.differences(rows)
        return rows

    def shares(self, factors: Any) -> NDArray[np.float64]:
        """Shares of the input features, (m, n_inputs).

        Parameters
        ----------
        factors : skood.measures.ShareFactors
            Differences and slopes in the output features.

        Returns
        -------
        ndarray of shape (m, n_inputs)
            Their sum equals the sum of the shares of the output features.
        """
        differences, slopes = factors
        for step in reversed(self.steps):
            slopes = step.slopes(slopes)
        return np.einsum("itj,itj->ij", self.differences(differences), slopes)


def linear_steps(transformer: Any) -> tuple[Step, ...] | None:
    """The steps of a fitted transformer for differences of rows; None if it is not linear.

    Linear are scikit-learn's scalers, projections and selectors, a `FunctionTransformer` without a
    function, and transformers with a `_linear_map`, such as `PartialWhitener`.
    """
    matrices = getattr(transformer, "_linear_map", None)
    if matrices is not None:
        power = getattr(transformer, "length_power", 0.0)
        back = transformer.inverse_transform if power < 1 else None  # the lengths are lost
        return (Product(matrices[0], matrices[1], back, power == 0),)
    if hasattr(transformer, "get_support"):
        columns = np.flatnonzero(transformer.get_support())
        return (Selection(columns, transformer.n_features_in_),)
    if getattr(transformer, "feature_owners_", None) is not None:
        return None  # its input is text too
    if hasattr(transformer, "_scales_as"):
        return _of_scikit_learn(transformer, transformer._scales_as)
    if not type(transformer).__module__.startswith("sklearn."):
        return None
    return _of_scikit_learn(transformer, type(transformer).__name__)


def _of_scikit_learn(transformer: Any, name: str) -> tuple[Step, ...] | None:
    if getattr(transformer, "clip", False):
        return None
    if name in _MULTIPLIES:
        return (Scaling(getattr(transformer, _MULTIPLIES[name]), transformer.inverse_transform),)
    if name in _DIVIDES:
        scale = getattr(transformer, _DIVIDES[name], None)
        factors = np.ones(transformer.n_features_in_) if scale is None else 1.0 / np.asarray(scale)
        return (Scaling(factors, transformer.inverse_transform),)
    if name in _PROJECTS:
        return (_projection(transformer),)
    if name == "FunctionTransformer" and transformer.func is None:
        return ()
    return None


def _projection(transformer: Any) -> Product:
    """Principal components are orthonormal, so that their transpose is the way back."""
    components = np.asarray(transformer.components_, dtype=np.float64)
    scale = np.ones(len(components))
    if getattr(transformer, "whiten", False):
        # As in scikit-learn: a component without variance must not be divided by 0.
        smallest = np.finfo(transformer.explained_variance_.dtype).eps
        scale = np.maximum(np.sqrt(transformer.explained_variance_), smallest)
    return Product(
        components.T / scale, scale[:, np.newaxis] * components, transformer.inverse_transform
    )
