"""Clones of an estimator share its torch modules."""

from __future__ import annotations

from typing import Any

from torch import nn

from .._base import SharesParameters


class SharesModules(SharesParameters):
    """Mixin, placed before `BaseEstimator`: a clone shares the torch modules.

    Copies would take the memory of a network for each candidate of a search, and would miss later
    training of the user's network.
    """

    def _is_shared(self, name: str, value: Any) -> bool:  # noqa: ARG002
        if isinstance(value, list | tuple):
            return any(isinstance(item, nn.Module) for item in value)
        return isinstance(value, nn.Module)
