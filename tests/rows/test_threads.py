"""How many threads `n_jobs` stands for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from skood.rows.threads import n_blas_threads, n_threads

PINNED = """
import os
from skood.rows.threads import n_threads
everywhere = os.sched_getaffinity(0)
before = n_threads(-1)
os.sched_setaffinity(0, {min(everywhere)})
print(n_threads(-1), n_threads(3))
os.sched_setaffinity(0, everywhere)
print(n_threads(-1) == before <= len(everywhere))
"""


def _run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout.split()


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="the system pins no process to processors"
)
def test_minus_one_asks_for_the_processors_that_the_process_may_use():
    assert _run(PINNED) == ["1", "3", "True"]


def test_minus_one_keeps_to_the_limit_that_the_user_sets_for_joblib():
    code = "from skood.rows.threads import n_threads; print(n_threads(-1))"
    assert _run(code, LOKY_MAX_CPU_COUNT="1") == ["1"]


def test_none_follows_the_blas():
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        assert n_threads(None) == n_blas_threads() == 1
    assert n_threads(5) == 5
