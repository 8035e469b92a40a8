"""Clones of an estimator share its torch modules."""

from __future__ import annotations

import copy
from typing import Any, Self

from torch import nn


class SharesModules:
    """Mixin, placed before `BaseEstimator`: a clone has the same torch modules, not copies.

    `sklearn.base.clone` deep-copies what is no estimator. A copied network would cost its memory
    once for each candidate of a search, and no longer be the one that the user trains on.
    """

    def __sklearn_clone__(self) -> Self:
        modules = {
            name: value
            for name, value in self.get_params(deep=False).items()  # type: ignore[attr-defined]
            if _holds_modules(value)
        }
        without = copy.copy(self)
        for name in modules:
            setattr(without, name, _Uncopied())
        # scikit-learn's own cloning does the rest: output containers, metadata requests, ...
        clone = super(SharesModules, without).__sklearn_clone__()  # type: ignore[misc]
        for name, module in modules.items():
            setattr(clone, name, copy.copy(module) if isinstance(module, list) else module)
        return clone


def _holds_modules(value: Any) -> bool:
    """Whether a parameter is a module, or a list or tuple of them."""
    if isinstance(value, list | tuple):
        return any(isinstance(item, nn.Module) for item in value)
    return isinstance(value, nn.Module)


class _Uncopied:
    """Takes a module's place while the other parameters are cloned."""

    def __sklearn_clone__(self) -> Any:
        return self
