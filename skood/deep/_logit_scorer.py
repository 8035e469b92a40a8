"""Scorers by logits from an array or a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from .._validation import check_new_rows, check_training_rows, parameter_error
from ..detectors.output_kind import check_two_classes
from ._batches import Batches, row_batches
from ._evaluation_mode import evaluation_mode
from ._module_pass import ModulePass
from ._raw_input_scorer import Give, RawInputScorer

_BLOCK_VALUES = 1 << 18  # logits at a time: 2 MB in float64


class LogitScorer(RawInputScorer):
    """Scorer by the logits of one forward pass, or by precomputed logits."""

    def _open(self, X: Any, *, reset: bool) -> Batches:
        if self.module is not None:
            return super()._open(X, reset=reset)
        if isinstance(X, Dataset | DataLoader):
            allowed = f"a torch.nn.Module where X is a {type(X).__name__}"
            raise parameter_error(self, "module", allowed, None)
        if isinstance(X, torch.Tensor):
            X = _array(X)
        if reset:
            X = check_training_rows(self, X)
            self._dtype = X.dtype
        else:
            X = check_new_rows(self, X, getattr(self, "_dtype", None))
        check_two_classes(self, X)
        return row_batches(X, max(1, _BLOCK_VALUES // X.shape[1]))

    @contextmanager
    def _opened(self, n_full: int | None) -> Iterator[Give]:
        if self.module is None:
            yield np.asarray
            return
        passes = ModulePass(self, self.module)

        def give(batch: Any) -> NDArray[np.float64]:
            inputs, n_rows = passes.inputs(batch, n_full)
            return passes.read(passes.logits(inputs), n_rows)

        with torch.no_grad(), evaluation_mode(passes.module):
            yield give

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.module is not None
        return tags


def _array(logits: torch.Tensor) -> NDArray:
    wide = torch.float64 if logits.dtype == torch.float64 else torch.float32
    return logits.detach().to("cpu", wide).numpy()
