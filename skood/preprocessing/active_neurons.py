"""The columns of an activation trace that vary."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from .._validation import (
    check_int,
    check_option,
    check_training_rows,
    parameter_error,
    refuse_masked_cells,
)

_CRITERIA = ("mean_abs", "variance")


class ActiveNeuronSelector(SelectorMixin, BaseEstimator):
    """Keep the most active neurons of an activation trace.

    By default it drops only dead neurons, which have the same value in all training rows. The paper
    keeps only the few most active neurons to save time. On small codes that costs accuracy.

    Parameters
    ----------
    n_neurons : int or None, default=None
        Number of neurons to keep. None: all that are not dead.
    criterion : {"mean_abs", "variance"}, default="mean_abs"
        The activity of a neuron: the mean of its absolute value, or its variance.

    Attributes
    ----------
    activity_ : ndarray of shape (n_features,)
        The criterion of each neuron; 0 for dead ones.
    n_features_in_ : int
        Number of neurons.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    References
    ----------
    Ouyang, Echizen and Seo, OOD detection by statistical measures of activation traces, section
    III.A: the most active neurons.

    Examples
    --------
    >>> from skood import ActiveNeuronSelector
    >>> trace = [[0.0, 2.0, 0.1], [0.0, 3.0, 0.0], [0.0, 1.0, 0.2]]
    >>> ActiveNeuronSelector().fit(trace).get_support()
    array([False,  True,  True])
    >>> ActiveNeuronSelector(n_neurons=1).fit_transform(trace)
    array([[2.],
           [3.],
           [1.]])
    """

    def __init__(self, n_neurons: int | None = None, *, criterion: str = "mean_abs") -> None:
        self.n_neurons = n_neurons
        self.criterion = criterion

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn which neurons are active.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Activation traces of in-distribution samples.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If a parameter or X is not valid, or fewer neurons than `n_neurons` are alive.
        """
        check_int(self, "n_neurons", self.n_neurons, 1, or_none=True)
        check_option(self, "criterion", self.criterion, _CRITERIA)
        X = check_training_rows(self, X)
        alive = (X[0] != X).any(axis=0)
        n_alive = int(alive.sum())
        if n_alive == 0:
            raise ValueError(
                f"All {X.shape[1]} columns of X are constant: {type(self).__name__} finds no "
                "active neuron in them."
            )
        if self.n_neurons is not None and self.n_neurons > n_alive:
            allowed = f"at most {n_alive}, the number of neurons that are not constant, or None"
            raise parameter_error(self, "n_neurons", allowed, self.n_neurons)
        self.activity_ = np.where(alive, self._activity(X), 0.0)
        self._support = self._most_active(alive)
        return self

    def _activity(self, X: NDArray[Any]) -> NDArray[np.float64]:
        if self.criterion == "variance":
            return X.var(axis=0, dtype=np.float64)
        return np.abs(X).mean(axis=0, dtype=np.float64)

    def _most_active(self, alive: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if self.n_neurons is None:
            return alive
        # The most active first, and dead neurons last; equally active ones keep their order.
        order = np.lexsort((-self.activity_, ~alive))
        support = np.zeros(len(alive), dtype=bool)
        support[order[: self.n_neurons]] = True
        return support

    def transform(self, X: Any) -> NDArray[Any]:
        """Select the columns of the chosen neurons.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_neurons)
            These columns.
        """
        refuse_masked_cells(self, X)
        return super().transform(X)

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self._support

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
