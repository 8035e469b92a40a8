"""The number of threads of a search, and one thread of BLAS or torch in each of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import joblib
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

T = TypeVar("T")


@cache
def _controller() -> ThreadpoolController:
    # Looking through the loaded libraries takes milliseconds, so it is done once in a process.
    return ThreadpoolController().select(user_api="blas")


def n_blas_threads() -> int:
    """Number of threads of the BLAS, as the user, joblib or the system has set it."""
    return max((lib.num_threads for lib in _controller().lib_controllers), default=1)


def n_threads(n_jobs: int | None) -> int:
    """Number of threads for the parameter `n_jobs`.

    None means as many as the BLAS uses. -1 means all processors that the process may use. The
    active backend of joblib does not count, since threads run in this process and not in its
    workers.
    """
    if n_jobs is None:
        return n_blas_threads()
    return _n_processors(_n_in_affinity()) if n_jobs == -1 else n_jobs


def _n_in_affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


@cache
def _n_processors(n_in_affinity: int) -> int:  # noqa: ARG001
    # joblib reads the affinity mask, the control group and the user's settings, which takes as long
    # as searching a row. So it is asked once for each size of the mask, which a process can change.
    return joblib.cpu_count()


class _SingleThreadedBlas:
    """Counts the searches that need one BLAS thread; the last one restores the user's number.

    The number belongs to the process. If each search saved and restored it, the second would save
    the 1 of the first and restore that.
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
    """From now on, torch uses one thread for its work in this thread.

    torch keeps a number for each thread, and a number for new threads. Setting one sets both. So a
    thread that ends at once puts the number for new threads back.
    """
    with _torch_lock:
        for_threads_to_come = torch.get_num_threads()  # which this new thread got
        torch.set_num_threads(1)
        other = threading.Thread(target=torch.set_num_threads, args=(for_threads_to_come,))
        other.start()
        other.join()


def in_threads(function: Callable[..., T], tasks: Iterable[tuple], n_jobs: int | None) -> list[T]:
    """The result of each task, `n_threads` at a time; a task has the arguments of the function."""
    if n_jobs in (None, 1):
        return [function(*task) for task in tasks]
    run = Parallel(n_jobs=n_jobs, prefer="threads")
    return list(run(delayed(function)(*task) for task in tasks))
