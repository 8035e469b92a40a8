"""The parts of faiss that `FaissIndex` needs: import, threads, cells, rounding."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional

_ROUNDS = 8  # of moving the centres


def import_faiss() -> ModuleType:
    if sys.modules.get("faiss") is not None:
        return sys.modules["faiss"]
    with warnings.catch_warnings():
        # faiss warns of NumPy's older names and of its own types, which the user cannot change.
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_optional("faiss", "ann", needed_by="FaissIndex")


@contextmanager
def faiss_threads(faiss: ModuleType, number: int) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(number)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def empty_cells(faiss: ModuleType, centres: Any, n_cells: int, compress: bool, seed: int) -> Any:
    """Cells without rows; `train` computes `centres` unless it has done so."""
    if compress:
        one_byte = faiss.ScalarQuantizer.QT_8bit
        cells = faiss.IndexIVFScalarQuantizer(centres, centres.d, n_cells, one_byte)
    else:
        cells = faiss.IndexIVFFlat(centres, centres.d, n_cells)
    cells.cp.seed = seed
    cells.cp.niter = _ROUNDS
    cells.cp.min_points_per_centroid = 1  # with fewer, faiss writes to standard error
    return cells


def radius_of_the_rest(
    points: NDArray[np.float32], last: NDArray[np.float32]
) -> NDArray[np.float64]:
    """A distance from each point such that every nearer row has a computed square below `last`.

    faiss computes the square of the distance t of q and x as q² + x² - 2 q·x in float32. The error
    is at most e (q² + x²) ≤ e (3 q² + 2 t²).
    """
    e = 2 * (points.shape[1] + 16) * float(np.finfo(np.float32).eps)
    q_squared = np.einsum("ij,ij->i", points, points, dtype=np.float64)
    return np.sqrt(np.maximum(last.astype(np.float64) - 3 * e * q_squared, 0.0) / (1 + 2 * e))
