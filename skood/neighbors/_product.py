"""The product of queries and training rows, by NumPy's BLAS or by torch's.

Which of them is faster depends on the processor. The product only finds candidates, its rounding
error added, so the choice changes no answer. torch is never loaded for the product: loading takes
seconds, and the faster product saves milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rows.threads import one_torch_thread, single_threaded_blas
from ._torch_precision import is_full_precision

Product = Callable[[NDArray, NDArray, NDArray], Any]
"""``product(left, right, out)`` writes left @ right.T to out; all three are C-contiguous."""

_WORTH_IT = 1 << 33  # multiplications: about 0.1 s, much longer than the choice takes
_TRIAL_SHAPE, _TRIALS = (512, 1024, 256), 5  # about 3 ms each
_CLEARLY = 0.95  # of NumPy's time


def by_numpy(left: NDArray, right: NDArray, out: NDArray) -> None:
    """The product by NumPy."""
    np.matmul(left, right.T, out=out)


def by_torch(left: NDArray, right: NDArray, out: NDArray) -> None:
    """The product by torch, which must be loaded."""
    torch = sys.modules["torch"]
    torch.mm(torch.from_numpy(left), torch.from_numpy(right).T, out=torch.from_numpy(out))


def fast_product(n_multiplications: int) -> Product:
    """The faster product for this many multiplications, for threads of a pool."""
    if n_multiplications < _WORTH_IT or sys.modules.get("torch") is None:
        return by_numpy
    import torch  # waits if another thread is loading it

    # In another build, a thread has no thread number of its own, or the rounding is not known.
    by_openmp = "backend: OpenMP" in torch.__config__.parallel_info()
    is_known_build = by_openmp and torch.backends.mkl.is_available()
    if is_known_build and is_full_precision(torch) and _torch_is_faster():
        return by_torch
    return by_numpy


def prepare_thread(product: Product) -> None:
    """Prepare a thread of the pool for the product; called once in each thread."""
    if product is by_torch:
        one_torch_thread(sys.modules["torch"])


@cache
def _torch_is_faster() -> bool:
    """Whether torch's product is faster on this machine, by a trial in one thread."""
    with (
        single_threaded_blas(),
        ThreadPoolExecutor(1, initializer=prepare_thread, initargs=(by_torch,)) as pool,
    ):
        return pool.submit(_trial).result()


def _trial() -> bool:
    m, n, d = _TRIAL_SHAPE
    left, right = np.ones((m, d), np.float32), np.ones((n, d), np.float32)
    out = np.empty((m, n), np.float32)
    least = {by_numpy: np.inf, by_torch: np.inf}
    for _ in range(_TRIALS):
        for product in least:
            start = time.perf_counter()
            product(left, right, out)
            least[product] = min(least[product], time.perf_counter() - start)
    return least[by_torch] < _CLEARLY * least[by_numpy]
