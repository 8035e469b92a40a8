"""Parameters that a clone shares with its original."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, Self


class SharesParameters(ABC):
    """Mixin, placed before `BaseEstimator`: a clone has some of the parameters, not copies of them.

    `sklearn.base.clone` deep-copies what is no estimator, and takes the fit from what is one.
    """

    @abstractmethod
    def _is_shared(self, name: str, value: Any) -> bool:
        """Whether clones share this parameter."""

    def __sklearn_clone__(self) -> Self:
        # ignored types: `BaseEstimator`, which has both methods, comes after the mixin
        shared = {
            name: value
            for name, value in self.get_params(deep=False).items()  # type: ignore[attr-defined]
            if self._is_shared(name, value)
        }
        without = copy.copy(self)
        for name in shared:
            setattr(without, name, _Uncopied())
        # scikit-learn's own cloning does the rest: output containers, metadata requests, ...
        clone = super(SharesParameters, without).__sklearn_clone__()  # type: ignore[misc]
        for name, value in shared.items():
            setattr(clone, name, copy.copy(value) if isinstance(value, list) else value)
        return clone


class _Uncopied:
    """Takes a parameter's place while the others are cloned."""

    def __sklearn_clone__(self) -> Any:
        return self
