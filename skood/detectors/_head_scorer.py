"""The base of the scorers of penultimate features and the layer after them."""

from __future__ import annotations

from abc import abstractmethod

from numpy.typing import NDArray

from ._linear_head import LinearHead, SharesHead
from ._row_scorer import RowScorer


class HeadScorer(SharesHead, RowScorer):
    """Base of the scorers by features and their logits from a linear layer."""

    def _learn(self, X: NDArray, y: NDArray | None) -> None:
        self._head = self._find_head(X, y)
        self._forget("coef_", "intercept_")
        if self._head is not None:
            self.coef_, self.intercept_ = self._head.weight, self._head.intercept
        self._learn_rest(X, y)

    def _find_head(self, X: NDArray, y: NDArray | None) -> LinearHead | None:
        """The given head, or a head fitted to labels; None without both."""
        if self.head is not None:
            return LinearHead.given(self, self.head, X.shape[1])
        return None if y is None else LinearHead.fitted(X, y, self.classes_)

    @abstractmethod
    def _learn_rest(self, X: NDArray, y: NDArray | None) -> None:
        """Learn everything except the head; y holds labels of two classes or more."""

    @property
    def _values_each(self) -> int:
        return 0 if self._head is None else len(self._head.weight)
