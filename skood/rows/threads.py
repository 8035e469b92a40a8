"""How many threads a search may use, and one thread of BLAS or torch in each of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import joblib
from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    # Looking through the loaded libraries takes milliseconds: once a process.
    return ThreadpoolController().select(user_api="blas")


def n_blas_threads() -> int:
    """Threads that BLAS would use here: the user's, joblib's or the system's setting."""
    return max((lib.num_threads for lib in _controller().lib_controllers), default=1)


def n_threads(n_jobs: int | None) -> int:
    """Threads for the parameter `n_jobs`.

    None follows the BLAS. -1 takes all processors that the process may use, whatever backend of
    joblib is active: threads run in this process, and not where that backend starts its workers.
    """
    if n_jobs is None:
        return n_blas_threads()
    return _n_processors(_n_in_affinity()) if n_jobs == -1 else n_jobs


def _n_in_affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


@cache
def _n_processors(n_in_affinity: int) -> int:  # noqa: ARG001
    # joblib asks the affinity mask, the control group and the user's settings, which takes as long
    # as the search of a row: once for each size of the mask, the one that changes in a process.
    return joblib.cpu_count()


class _SingleThreadedBlas:
    """Counts who needs one BLAS thread, so that two searches at a time restore the user's number.

    The number is the process's, not the thread's: had each search saved and restored it by itself,
    the second one would save the 1 of the first and leave it behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._users == 0:
                self._limit = _controller().limit(limits=1)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._limit.restore_original_limits()


single_threaded_blas = _SingleThreadedBlas()

_torch_lock = threading.Lock()


def one_torch_thread(torch: Any) -> None:
    """From now on, what torch does in this thread is done by this thread alone.

    torch keeps a number for each of its threads, and one for those to come. This sets both, so the
    latter is put back at once, in a thread that ends with that.
    """
    with _torch_lock:
        for_threads_to_come = torch.get_num_threads()  # which this new one has been given
        torch.set_num_threads(1)
        other = threading.Thread(target=torch.set_num_threads, args=(for_threads_to_come,))
        other.start()
        other.join()
