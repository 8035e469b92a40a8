"""Decisions at a false discovery rate, over all rows of a Dask collection together."""

from __future__ import annotations

from typing import Any

import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from ..calibration.p_values import benjamini_hochberg
from ._score_blocks import OUTPUTS, series, series_of

_DTYPE, _ = OUTPUTS["predict"]


def decide_together(p_values: Any, alpha: float) -> Any:
    """Predictions, -1 if the procedure of Benjamini and Hochberg over all p-values rejects.

    Any prediction needs all p-values.
    """
    largest = delayed(_largest_rejected, pure=False)(p_values, alpha)
    if hasattr(p_values, "divisions"):
        decide = delayed(_decided_series, pure=True)
        nodes = [decide(part, largest) for part in p_values.to_delayed()]
        return series_of(nodes, p_values, "predict")
    return p_values.map_blocks(_decided, largest, dtype=_DTYPE, meta=np.empty(0, dtype=_DTYPE))


def _largest_rejected(p_values: Any, alpha: float) -> float:
    values = np.asarray(p_values)
    rejected = benjamini_hochberg(values, alpha)
    return float(values[rejected].max()) if rejected.any() else -np.inf


def _decided(p_values: Any, largest: float) -> NDArray[np.int64]:
    return np.where(np.asarray(p_values) <= largest, -1, 1).astype(_DTYPE)


def _decided_series(p_values: Any, largest: float) -> Any:
    return series(_decided(p_values, largest), p_values, "predict")
